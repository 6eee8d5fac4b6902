//! The pages that were made, and nothing else of the disk.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::{App, guard};

/// A page, style, script or picture of the book.
pub async fn page(State(app): State<Arc<App>>, request: Request) -> Response {
    let uri = request.uri();
    if let Some(key) = uri
        .query()
        .and_then(|query| query.split('&').find_map(|part| part.strip_prefix("key=")))
    {
        if key != app.secret {
            return (StatusCode::FORBIDDEN, "This key is not the one of this server.").into_response();
        }
        // Path only: a redirect to `//elsewhere` would leave this site.
        let target = format!("/{}", uri.path().trim_start_matches('/'));
        let cookie = format!("{}; Path=/; HttpOnly; SameSite=Strict", guard::cookie(&app));
        return ([(header::SET_COOKIE, cookie)], Redirect::to(&target)).into_response();
    }
    let Some(file) = inside(&app.pages, uri.path()) else {
        return not_found(&app).await;
    };
    let Ok(bytes) = tokio::fs::read(&file).await else {
        return not_found(&app).await;
    };
    let kind = mime_guess::from_path(&file).first_or_octet_stream();
    if kind.essence_str() == "text/html" {
        // Without the key a page says that it is not live, and stays text.
        let meta = if guard::has_cookie(request.headers(), &app) {
            format!("<head><meta name=\"course-token\" content=\"{}\">", app.secret)
        } else {
            "<head><meta name=\"course-locked\">".into()
        };
        let html = String::from_utf8_lossy(&bytes).replacen("<head>", &meta, 1);
        return ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response();
    }
    let kind = match kind.type_().as_str() {
        "text" => format!("{kind}; charset=utf-8"),
        _ if file.extension().is_some_and(|extension| extension == "rs") => "text/plain; charset=utf-8".into(),
        _ => kind.to_string(),
    };
    ([(header::CONTENT_TYPE, kind)], bytes).into_response()
}

async fn not_found(app: &App) -> Response {
    let text = tokio::fs::read_to_string(app.pages.join("404.html"))
        .await
        .unwrap_or_default();
    (StatusCode::NOT_FOUND, axum::response::Html(text)).into_response()
}

/// The file of a request's path below `folder`; `None` for whatever does not lie there, links included.
pub fn inside(folder: &Path, path: &str) -> Option<PathBuf> {
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8().ok()?;
    let relative = PathBuf::from(decoded.trim_start_matches('/'));
    let is_plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    if !is_plain || decoded.contains(['\\', '\0', ':']) {
        return None;
    }
    let mut file = folder.join(relative);
    if file.is_dir() {
        file.push("index.html");
    }
    let file = file.canonicalize().ok()?;
    file.starts_with(folder.canonicalize().ok()?).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_below_the_folder_are_served() {
        let place = tempfile::tempdir().unwrap();
        let pages = place.path().join("pages");
        std::fs::create_dir_all(pages.join("lessons")).unwrap();
        std::fs::write(pages.join("index.html"), "start").unwrap();
        std::fs::write(pages.join("lessons/index.html"), "lessons").unwrap();
        std::fs::write(place.path().join("secret"), "no").unwrap();
        assert!(inside(&pages, "/").unwrap().ends_with("pages/index.html"));
        assert!(inside(&pages, "/lessons/").unwrap().ends_with("lessons/index.html"));
        for bad in [
            "/../secret",
            "/%2e%2e/secret",
            "/lessons/../../secret",
            "//etc/passwd/..",
            "/..%5csecret",
            "/%00",
            "/C:/x",
        ] {
            assert_eq!(inside(&pages, bad), None, "{bad}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(place.path().join("secret"), pages.join("link")).unwrap();
            assert_eq!(inside(&pages, "/link"), None);
        }
    }
}
