//! The service in `examples/toto/`. It reports its own release, and some releases misbehave so that operators can
//! rehearse. The release's label selects the behaviour.

#![expect(
    clippy::disallowed_methods,
    reason = "a service: the environment is its contract with the platform"
)]

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocket};
use axum::extract::{Path, Request, State, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get};
use serde_json::json;

use pointsman_core::ports::clock::Clock;

/// Time that a leaky release stays healthy after its first request through the proxy.
const LEAK_AFTER: Duration = Duration::from_secs(15);
/// Lifetime of a crashing release.
const CRASH_AFTER: Duration = Duration::from_secs(5);
/// Response time of a slow release.
const SLOW_BY: Duration = Duration::from_secs(3);

struct Service {
    name: String,
    release: String,
    revision: String,
    clock: Arc<dyn Clock>,
    asked: AtomicU64,
    /// Monotonic milliseconds of the first request through the proxy, plus one; 0 before it.
    first_public: AtomicU64,
}

impl Service {
    fn is(&self, misbehaviour: &str) -> bool {
        self.release.contains(misbehaviour)
    }

    /// The error to answer this request with, if the release misbehaves now.
    fn trouble(&self, public: bool) -> Option<String> {
        let now = u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX);
        if public {
            let _ = self.first_public.compare_exchange(
                0,
                now + 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
        let first = self.first_public.load(Ordering::Relaxed);
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        if self.is("broken") {
            return Some("users.roles is missing: this release needs a migration".to_owned());
        }
        if self.is("flaky") && asked % 2 == 1 {
            return Some("connection pool exhausted".to_owned());
        }
        let leaking = first > 0 && u128::from(now + 1 - first) >= LEAK_AFTER.as_millis();
        (self.is("leaky") && leaking).then(|| "out of memory: heap limit reached".to_owned())
    }
}

/// Serves on `PORT` until killed. Reads its identity from `K_SERVICE`, `K_REVISION` and `POINTSMAN_RELEASE`.
pub async fn run(clock: Arc<dyn Clock>) -> io::Result<()> {
    let env = |name: &str| std::env::var(name).unwrap_or_default();
    let port: u16 =
        env("PORT").parse().map_err(|_| io::Error::other("PORT is not set to a port"))?;
    let service = Arc::new(Service {
        name: env("K_SERVICE"),
        release: env("POINTSMAN_RELEASE"),
        revision: env("K_REVISION"),
        clock,
        asked: AtomicU64::new(0),
        first_public: AtomicU64::new(0),
    });
    say("INFO", &format!("{} {} listens on {port}", service.name, service.release));
    if service.is("crash") {
        tokio::spawn(async {
            tokio::time::sleep(CRASH_AFTER).await;
            say("FATAL", "assertion failed: session store is not empty");
            std::process::exit(1);
        });
    }
    let router = Router::new()
        .route("/", get(home))
        .route("/api/health", get(health))
        .route("/assets/{file}", get(asset))
        .route("/ws", any(|upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(echo) }))
        .route("/stream", get(stream))
        .route("/echo", any(|request: Request| async { request.into_body() }))
        .layer(from_fn_with_state(service.clone(), misbehave))
        .with_state(service);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, router).await
}

/// Prints a log line as services do: to stdout, flushed immediately.
fn say(level: &str, message: &str) {
    let mut out = io::stdout().lock();
    // A failed log write must not stop the service.
    let _ = writeln!(out, "{level} {message}").and_then(|()| out.flush());
}

async fn misbehave(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    if service.is("slow") {
        tokio::time::sleep(SLOW_BY).await;
    }
    let public = request.headers().contains_key("x-forwarded-for");
    match service.trouble(public) {
        None => next.run(request).await,
        Some(why) => {
            say("ERROR", &format!("{} 503: {why}", request.uri().path()));
            let body = json!({
                "status": "error", "error": why,
                "version": service.release, "revision": service.revision,
            });
            (StatusCode::SERVICE_UNAVAILABLE, axum::Json(body)).into_response()
        }
    }
}

async fn home(State(service): State<Arc<Service>>) -> Html<String> {
    let Service { name, release, revision, .. } = &*service;
    Html(format!(
        "<!doctype html>\n<title>{name}</title>\n<h1>{name} {release}</h1>\n<p>{revision}\n\
         <script src=\"/assets/{release}.js\"></script>\n"
    ))
}

/// Serves the script of this release only, as bundlers name one file per release.
async fn asset(State(service): State<Arc<Service>>, Path(file): Path<String>) -> Response {
    if file == format!("{}.js", service.release) {
        let script = format!("document.title += ' {}';\n", service.release);
        return ([("content-type", "text/javascript")], script).into_response();
    }
    StatusCode::NOT_FOUND.into_response()
}

async fn health(State(service): State<Arc<Service>>) -> Response {
    axum::Json(json!({
        "status": "ok", "version": service.release, "revision": service.revision,
    }))
    .into_response()
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let answer = matches!(message, Message::Text(_) | Message::Binary(_));
        if answer && socket.send(message).await.is_err() {
            return;
        }
    }
}

/// Ten lines, one every 100 ms.
async fn stream(State(service): State<Arc<Service>>) -> Body {
    let lines = futures_util::stream::unfold((0_u32, service), |(n, service)| async move {
        if n == 10 {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let line = Bytes::from(format!("{n} {} {}\n", service.release, service.revision));
        Some((Ok::<_, Infallible>(line), (n + 1, service)))
    });
    Body::from_stream(lines)
}
