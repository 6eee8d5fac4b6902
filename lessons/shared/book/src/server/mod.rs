//! The book, live: pages with states, verdicts, pictures and the notebook, for one person on this machine.
//!
//! It listens on the loopback interface only. Requests with another `Host` or a foreign `Origin` are refused, and
//! whatever shows or changes something of the learner's asks for the secret in the address that was printed.

mod api;
mod bench;
mod course_state;
mod drawing;
mod files;
mod guard;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::net::TcpListener;

use crate::site::Site;
use course_state::CourseState;

/// What every request can reach.
pub struct App {
    pages: PathBuf,
    /// What a request must know to see or change what is the learner's.
    secret: String,
    port: u16,
    state: Arc<CourseState>,
    microscopes: bench::Microscopes,
}

impl App {
    /// The repository.
    fn root(&self) -> &std::path::Path {
        self.state.checkout().root()
    }
}

/// The port that is tried first.
const USUAL_PORT: u16 = 4321;

/// How the book is served.
pub struct Options {
    /// The repository.
    pub root: PathBuf,
    /// A port of one's own; without it the usual one, or a free one if that is taken.
    pub port: Option<u16>,
    /// Whether the browser is opened.
    pub open: bool,
}

/// Makes the pages and serves them until Ctrl-C.
///
/// **Errors** if the pages cannot be made or the port cannot be had.
pub fn serve(options: Options) -> Result<()> {
    let pages = options.root.join("target/book");
    Site {
        root: options.root.clone(),
        out: pages.clone(),
    }
    .build()?;
    let runtime = tokio::runtime::Runtime::new().context("the server does not start")?;
    runtime.block_on(async move {
        let listener = listen(options.port).await?;
        let port = listener.local_addr()?.port();
        let secret = guard::secret(&options.root);
        let state = CourseState::start()?;
        let app = Arc::new(App {
            pages,
            secret,
            port,
            state,
            microscopes: bench::Microscopes::new(&options.root),
        });
        let address = format!("http://127.0.0.1:{port}/?key={}", app.secret);
        say(&format!("The course: {address}"));
        say("Ctrl-C ends it. The pages belong to this machine only.");
        if options.open && open::that_detached(&address).is_err() {
            say("No browser could be opened: copy the address into one.");
        }
        axum::serve(listener, router(Arc::clone(&app)))
            .with_graceful_shutdown(ended(app))
            .await?;
        Ok(())
    })
}

/// Prints a line; a reader that has gone, as `head` does, ends nothing.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

async fn ended(app: Arc<App>) {
    let _ = tokio::signal::ctrl_c().await;
    app.state.stop();
    app.microscopes.stop();
}

async fn listen(wanted: Option<u16>) -> Result<TcpListener> {
    let on = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match wanted {
        Some(port) => TcpListener::bind(on(port))
            .await
            .with_context(|| format!("port {port} cannot be had")),
        None => match TcpListener::bind(on(USUAL_PORT)).await {
            Ok(listener) => Ok(listener),
            Err(_) => TcpListener::bind(on(0))
                .await
                .context("no port of the loopback interface is free"),
        },
    }
}

fn router(app: Arc<App>) -> Router {
    let api = Router::new()
        .route("/api/events", get(api::events))
        .route("/api/state", get(api::state))
        .route("/api/grade", post(api::grade))
        .route("/api/hint", post(api::hint))
        .route("/api/quiz", post(api::quiz))
        .route("/api/open", post(api::open))
        .route("/api/diff", post(api::diff))
        .route("/api/draw", post(api::draw))
        .route("/api/cancel", post(api::cancel))
        .route("/api/picture/{lesson}/{name}", get(api::picture))
        .route("/api/learnings", get(api::read_learnings).put(api::write_learnings))
        .route("/api/bench", get(bench::choices))
        .route("/api/bench/scene/{index}", get(bench::scene))
        .route("/api/bench/look", post(bench::look))
        .route("/api/bench/map/{instrument}", post(bench::map))
        .route("/api/bench/card", post(bench::card))
        .route("/microscope/{network}/{file}", get(bench::page))
        .layer(DefaultBodyLimit::max(bench::LARGEST_REQUEST))
        .layer(from_fn_with_state(Arc::clone(&app), guard::knows_the_secret));
    Router::new()
        .merge(api)
        .fallback(get(files::page))
        .layer(from_fn_with_state(Arc::clone(&app), guard::is_local))
        .with_state(app)
}
