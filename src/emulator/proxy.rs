//! The traffic proxy of one backend. A switch swaps one pointer: a request in flight keeps the
//! upstream it began with to the end of its body or its WebSocket, every later one gets the new.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderName, Request, Response, StatusCode, header};
use axum_reverse_proxy::{HostBehaviour, ProxyPolicy, ReverseProxy, TunnelGuard};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;

/// A build's process as the proxy sees it. Each has connections of its own, so none to the old one
/// is used after a switch.
struct Upstream {
    build: String,
    proxy: ReverseProxy<HttpConnector>,
}

/// The proxy of one backend.
pub(super) struct Proxy {
    active: ArcSwapOption<Upstream>,
    /// Upstreams that were active and may still hold requests.
    former: Mutex<HashMap<String, Weak<Upstream>>>,
}

/// Headers that only we may set, or that are for this hop alone (stack.md §2.4, gaps).
const STRIPPED: [HeaderName; 3] = [
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("http2-settings"),
    header::PROXY_AUTHORIZATION,
];

impl Proxy {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { active: ArcSwapOption::empty(), former: Mutex::default() })
    }

    /// Gives all traffic to a build on a port of this machine. Doing it twice changes nothing.
    pub(super) fn point_to(&self, build: &str, port: u16) {
        let target = format!("http://127.0.0.1:{port}");
        let same = |up: &Arc<Upstream>| up.build == build && up.proxy.target() == target;
        if self.active.load().as_ref().is_some_and(same) {
            return;
        }
        let policy = ProxyPolicy::new()
            .with_host_behaviour(HostBehaviour::Preserve)
            .with_public_scheme("http");
        let proxy = ReverseProxy::new("/", target).with_policy(policy);
        let next = Arc::new(Upstream { build: build.to_owned(), proxy });
        if let Some(old) = self.active.swap(Some(next)) {
            let mut former = self.former.lock().unwrap_or_else(PoisonError::into_inner);
            former.retain(|_, old| old.strong_count() > 0);
            former.insert(old.build.clone(), Arc::downgrade(&old));
        }
    }

    /// Waits until no request is left at a build that has no traffic any more, or the time is up.
    pub(super) async fn drained(&self, build: &str, within: Duration) {
        let left = {
            let former = self.former.lock().unwrap_or_else(PoisonError::into_inner);
            former.get(build).cloned()
        };
        let Some(left) = left else { return };
        let wait = async {
            while left.strong_count() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let _ = tokio::time::timeout(within, wait).await;
    }

    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Response<Body>, Infallible> {
        let Some(upstream) = self.active.load_full() else {
            let mut answer = Response::new(Body::from("no build has traffic here yet\n"));
            *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            return Ok(answer);
        };
        let mut request = request.map(Body::new);
        for name in &STRIPPED {
            request.headers_mut().remove(name);
        }
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(TunnelGuard::new(upstream.clone()));
        upstream.proxy.proxy_request(request).await
    }

    /// Serves one listener until it is dropped.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener) {
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "the proxy cannot accept");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            };
            let _ = stream.set_nodelay(true);
            let proxy = self.clone();
            tokio::spawn(async move {
                let service = hyper::service::service_fn(move |r| proxy.clone().handle(r, peer));
                let builder = auto::Builder::new(TokioExecutor::new());
                let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
                if let Err(error) = served.await {
                    tracing::debug!(%error, "a connection ended badly");
                }
            });
        }
    }
}

/// Listens on a loopback port.
pub(super) async fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).await
}
