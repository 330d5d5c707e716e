//! The documents of an emulator that does not run, served inside this process while a reader needs
//! them. Nothing is started and nothing is written: a plan is made for people who start nothing.

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

/// What is sent with `POST` and changes nothing. A commit is refused, even of no write.
const READS: [&str; 4] = ["batchGet", "runQuery", "runAggregationQuery", "listCollectionIds"];

/// They are served until this is dropped.
#[derive(Debug)]
pub struct Resting {
    /// The address on this machine.
    pub url: String,
    /// The token that every question must carry.
    pub token: String,
    _served: AbortOnDropHandle<()>,
}

#[derive(Clone)]
struct Served {
    databases: Arc<Databases>,
    token: Arc<str>,
}

impl Resting {
    /// Opens the documents of a folder. Where the emulator never ran there are none.
    pub async fn open(folder: &Path, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let databases = Databases::resting(folder, clock).map_err(io::Error::other)?;
        let token = uuid::Uuid::new_v4().simple().to_string();
        let served = Served { databases: Arc::new(databases), token: token.as_str().into() };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
        let router = Router::new().fallback(answer).with_state(served);
        let serving = tokio::spawn(async move {
            // It ends when its handle is dropped.
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
