//! Serves the documents of a stopped emulator from this process, while a reader needs them. It starts no emulator
//! and writes no documents: making a plan must not start anything.

use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::firestore::{Databases, MOST_BYTES};
use pointsman_core::ports::clock::Clock;

/// Verbs that use `POST` and only read. A commit is refused, even one without writes.
const READS: [&str; 4] = ["batchGet", "runQuery", "runAggregationQuery", "listCollectionIds"];

/// Serves a stopped emulator's documents until dropped.
#[derive(Debug)]
pub struct Resting {
    /// The local URL: `http://127.0.0.1:PORT`.
    pub url: String,
    /// The bearer token that every request must carry.
    pub token: String,
    _served: AbortOnDropHandle<()>,
}

#[derive(Clone)]
struct Served {
    databases: Arc<Databases>,
    token: Arc<str>,
}

impl Resting {
    /// Opens the documents of a folder. If the emulator never ran there, there are none.
    pub async fn open(folder: &Path, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let databases = Databases::resting(folder, clock).map_err(io::Error::other)?;
        let token = uuid::Uuid::new_v4().simple().to_string();
        let served = Served { databases: Arc::new(databases), token: token.as_str().into() };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
        let router = Router::new().fallback(answer).with_state(served);
        let serving = tokio::spawn(async move {
            // Dropping the handle stops the server.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, token, _served: AbortOnDropHandle::new(serving) })
    }
}

async fn answer(State(served): State<Served>, request: Request) -> Response {
    let sent = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let known = sent.and_then(|v| v.strip_prefix("Bearer ")) == Some(&*served.token);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let verb = uri.path().rsplit_once(':').map(|(_, verb)| verb);
    let reads = verb.is_some_and(|verb| READS.contains(&verb));
    if !known || !(method == Method::GET || reads) {
        return StatusCode::FORBIDDEN.into_response();
    }
    match axum::body::to_bytes(request.into_body(), MOST_BYTES).await {
        Ok(body) => served.databases.handle(&method, &uri, &body),
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    }
}
