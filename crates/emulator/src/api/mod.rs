//! The control API: authentication, and routing by path and HTTP method.

mod backends;
mod builds;
mod call;
mod cloud_run;
mod error;
mod filter;
mod firestore_admin;
mod indexes;
mod lists;
mod logging;
mod monitoring;
mod operations;
mod rollouts;
mod rules;
pub(crate) mod schema;
mod secret_manager;
mod services;
mod traffic;

use std::sync::Arc;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use self::call::Call;
use self::error::ApiError;
use self::schema::Document;
use super::firestore::Databases;
use super::platform::Platform;
use super::storage::Storage;
use pointsman_core::hash::Hash;

/// Maximum request body, in bytes. Source archives are the largest bodies, and Google accepts no larger archive.
const MOST_BYTES: usize = 123_289_600;

/// State shared by all requests.
#[derive(Clone)]
pub(super) struct Api {
    pub(super) platform: Arc<Platform>,
    pub(super) databases: Arc<Databases>,
    pub(super) storage: Storage,
    /// Hash of the access token. Comparing hashes takes the same time for every input.
    pub(super) token: Hash,
    /// Whether to accept the firebase CLI's fixed token `owner` too.
    pub(super) owner_allowed: bool,
    /// The log entries of running builds.
    pub(crate) seen: Arc<logging::Seen>,
}

type Answer = Result<Value, ApiError>;

/// Answers one request. Reads the body only after authentication, and at most `MOST_BYTES` of it.
pub(super) async fn handle(State(api): State<Api>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if let Err(error) = loopback_host(&head.headers) {
        return error.into_response();
    }
    // The discovery document needs no token. A body sent with the request stays unread.
    if head.uri.path() == "/$discovery/rest" {
        return match Document::of_query(head.uri.query().unwrap_or_default()) {
            Some(document) => Json(api.own_discovery(document)).into_response(),
            None => ApiError::no_such_url().into_response(),
        };
    }
    if let Err(error) = api.authenticate(&head.headers) {
        return error.into_response();
    }
    let Ok(body) = to_bytes(body, MOST_BYTES).await else {
        return ApiError::too_large().into_response();
    };
    let (method, uri) = (&head.method, &head.uri);
    if Databases::owns(uri) && !firestore_admin::owns(uri) {
        return api.databases.handle(method, uri, &body);
    }
    if uri.path().starts_with(super::storage::PREFIX) {
        return api.storage.handle(method, uri, &body);
    }
    match api.route(method, uri, &body).await {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => error.into_response(),
    }
}

impl Api {
    async fn route(&self, method: &Method, uri: &Uri, body: &[u8]) -> Answer {
        if uri.path() == "/pointsman/status" {
            return Ok(self.platform.status());
        }
        if let Some(build) = uri.path().strip_prefix("/pointsman/log/") {
            return Ok(self.log(build, uri.query().unwrap_or_default()));
        }
        let call = Call::read(method, uri, body)?;
        if uri.path() == logging::LIST && method == Method::POST {
            return self.log_entries(&call);
        }
        if uri.path().starts_with(call::MONITORING) {
            return self.time_series(&call);
        }
        if uri.path().starts_with(call::CLOUD_RUN) {
            return self.cloud_run(&call).await;
        }
        if firestore_admin::owns(uri) {
            return self.firestore_admin(&call);
        }
        if rules::owns(uri) {
            return self.rules(&call);
        }
        if secret_manager::owns(&call) {
            return self.secret_manager(&call);
        }
        self.dispatch(&call).await
    }

    async fn dispatch(&self, call: &Call) -> Answer {
        let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let get = call.method == Method::GET;
        match (call.method.as_str(), path.as_slice()) {
            ("GET", ["projects", project, "locations"]) => Ok(json!({
                "locations": [location(project, "us-central1")],
            })),
            ("GET", ["projects", project, "locations", id]) => Ok(location(project, id)),
            (_, ["projects", _, "locations", _, "operations", ..]) => {
                self.operation(call, path.get(5))
            }
            (_, ["projects", _, "locations", _, "backends"]) => match call.method.as_str() {
                "GET" => self.list_backends(call),
                "POST" => self.create_backend(call).await,
                _ => Err(ApiError::no_such_url()),
            },
            (_, ["projects", _, "locations", _, "backends", _]) => match call.method.as_str() {
                "GET" => self.read(&call.name),
                "PATCH" => self.patch_backend(call).await,
                "DELETE" => self.delete_backend(call).await,
                _ => Err(ApiError::no_such_url()),
            },
            (_, ["projects", _, "locations", _, "backends", _, "traffic"]) => {
                match call.method.as_str() {
                    "GET" => self.read(&call.name),
                    "PATCH" => self.patch_traffic(call),
                    _ => Err(ApiError::no_such_url()),
                }
            }
            ("GET" | "POST", ["projects", _, "locations", _, "backends", _, "builds"]) => {
                if get {
                    self.list_builds(call)
                } else {
                    self.create_build(call)
                }
            }
            ("DELETE", ["projects", _, "locations", _, "backends", _, "builds", _]) => {
                self.delete_build(call).await
            }
            ("POST", ["projects", _, "locations", _, "backends", _, "builds", build])
                if build.ends_with(":stop") =>
            {
                self.stop_build(call).await
            }
            ("GET" | "POST", ["projects", _, "locations", _, "backends", _, "rollouts"]) => {
                if get {
                    self.list_rollouts(call)
                } else {
                    self.create_rollout(call)
                }
            }
            ("GET", ["projects", _, "locations", _, "backends", _, "builds" | "rollouts", _]) => {
                self.read(&call.name)
            }
            (_, ["projects", _, "locations", _, "backends", _, "domains", ..]) => {
                Err(ApiError::unimplemented("domains"))
            }
            _ => Err(ApiError::no_such_url()),
        }
    }

    fn read(&self, name: &str) -> Answer {
        self.platform.registry().get(name)?.ok_or_else(|| ApiError::not_found(name))
    }

    /// The content of a file in the emulator's folder that changes what an API reports; empty without it. Reads the file
    /// for each call, so that changes take effect immediately.
    fn told(&self, file: &str) -> Answer {
        match std::fs::read_to_string(self.platform.folder.join(file)) {
            Ok(text) => serde_json::from_str(&text)
                .map_err(|error| ApiError::precondition(format!("{file}: {error}"))),
            Err(_) => Ok(json!({})),
        }
    }

    fn authenticate(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let sent = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let token = sent.and_then(|v| v.strip_prefix("Bearer ")).map(str::trim);
        let Some(token) = token else {
            return Err(ApiError::unauthenticated(sent.is_some()));
        };
        let known = Hash::of(token.as_bytes()) == self.token;
        if known || (self.owner_allowed && token == "owner") {
            return Ok(());
        }
        Err(ApiError::unauthenticated(true))
    }

    /// Whole lines of a build's log, from a byte offset. Google's API has no such method: it keeps logs in Cloud
    /// Logging.
    fn log(&self, build: &str, query: &str) -> Value {
        let from = query.split('&').find_map(|q| q.strip_prefix("from=")?.parse().ok());
        let (lines, next) = super::log::lines_from(&self.platform.log_of(build), from.unwrap_or(0));
        json!({ "lines": lines, "next": next })
    }

    /// Google's discovery document with this emulator's URL as its root, so that Google's own client libraries can
    /// be built from it.
    fn own_discovery(&self, document: Document) -> Value {
        let mut document = document.json().clone();
        for key in ["rootUrl", "baseUrl", "mtlsRootUrl"] {
            document[key] = json!(format!("{}/", self.platform.url));
        }
        document
    }
}

fn location(project: &str, id: &str) -> Value {
    json!({"name": format!("projects/{project}/locations/{id}"), "locationId": id})
}

/// Accepts only a `Host` header with a loopback name. A web page of another origin can make a browser call the
/// emulator under the page's own name (DNS rebinding), but cannot make it send a loopback name.
fn loopback_host(headers: &HeaderMap) -> Result<(), ApiError> {
    let mut sent = headers.get_all(header::HOST).iter();
    // With two `Host` headers, we cannot know which one the client used.
    let (Some(host), None) = (sent.next(), sent.next()) else {
        return Err(ApiError::foreign_host());
    };
    let host = host.to_str().unwrap_or_default();
    // Match the whole value: address parsers do not count text after a closing bracket as part of the name.
    let port = |rest: &str| {
        rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
    };
    let names = ["localhost", "127.0.0.1", "[::1]"];
    if names.iter().any(|name| host.strip_prefix(name).is_some_and(port)) {
        return Ok(());
    }
    Err(ApiError::foreign_host())
}
