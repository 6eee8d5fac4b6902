//! Who may ask: this machine's browser, on a page of this server, with the secret of the address.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::App;

/// Refuses requests whose `Host` or `Origin` is another site's: that is how a page of another site, or a name that
/// was made to point here, would come in.
pub async fn is_local(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if !is_ours(request.headers(), app.port) {
        return (StatusCode::FORBIDDEN, "This server answers its own pages only.").into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let policy = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
        img-src 'self' data:; frame-ancestors 'none'; base-uri 'self'; form-action 'self'";
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        headers.insert(name, value.parse().expect("a valid header"));
    }
    response
}

fn is_ours(headers: &HeaderMap, port: u16) -> bool {
    let of = |name| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let ours = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    let host = of(header::HOST).is_some_and(|host| ours.iter().any(|our| our == host));
    let origin = of(header::ORIGIN).is_none_or(|origin| ours.iter().any(|our| origin == format!("http://{our}")));
    host && origin
}

/// Lets through who has the secret: reading by the cookie that the address set, changing by a header as well, which
/// no other site's form can send.
pub async fn knows_the_secret(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if may(request.headers(), request.method(), &app) {
        return next.run(request).await;
    }
    let problem = "Open the address that `cargo run -p book` printed: it holds the key to your own pages.";
    (
        StatusCode::FORBIDDEN,
        axum::Json(serde_json::json!({ "problem": problem })),
    )
        .into_response()
}

fn may(headers: &HeaderMap, method: &Method, app: &App) -> bool {
    let has_header = headers
        .get("x-course-token")
        .is_some_and(|token| token.as_bytes() == app.secret.as_bytes());
    has_header || (matches!(*method, Method::GET | Method::HEAD) && has_cookie(headers, app))
}

/// Whether the browser has the cookie that opening the printed address sets.
pub fn has_cookie(headers: &HeaderMap, app: &App) -> bool {
    let wanted = cookie(app);
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|value| value.split(';'))
        .any(|one| one.trim() == wanted)
}

/// Name and value of the cookie. The port is in the name: browsers share cookies between ports.
pub fn cookie(app: &App) -> String {
    format!("course-{}={}", app.port, app.secret)
}

/// The checkout's secret: the same at each start, so that pages which stay open go on working. If it cannot be kept, a
/// new one.
pub fn secret(root: &Path) -> String {
    let folder = course::state::State::of(root).folder().to_path_buf();
    let file = folder.join("page.key");
    if let Ok(known) = fs::read_to_string(&file)
        && known.len() == 32
        && known.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return known;
    }
    let new = format!("{:032x}", rand::random::<u128>());
    let _ = fs::create_dir_all(&folder).and_then(|()| write_private(&file, &new));
    new
}

#[cfg(unix)]
fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)?
        .write_all(text.as_bytes())
}

#[cfg(not(unix))]
fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    fs::write(file, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &str, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_this_servers_own_pages_are_answered() {
        assert!(is_ours(&headers("127.0.0.1:4321", None), 4321));
        assert!(is_ours(&headers("localhost:4321", Some("http://localhost:4321")), 4321));
        assert!(!is_ours(&HeaderMap::new(), 4321));
        for (host, origin) in [
            ("course.example:4321", None),
            ("127.0.0.1:4322", None),
            ("127.0.0.1:4321", Some("http://course.example")),
            ("127.0.0.1:4321", Some("https://127.0.0.1:4321")),
            ("127.0.0.1:4321", Some("null")),
        ] {
            assert!(!is_ours(&headers(host, origin), 4321), "{host} {origin:?}");
        }
    }
}
