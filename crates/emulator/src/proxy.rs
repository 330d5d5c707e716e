//! The traffic proxy of one backend. A switch swaps one pointer: a request in flight keeps the
//! upstream it began with to the end of its body or its WebSocket, every later one gets the new.
//!
//! What a build says before its answer (103 Early Hints) is lost: hyper's server has no way to send it on.

#![expect(
    clippy::disallowed_methods,
    reason = "the emulator is a platform of its own and lives in real time"
)]

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::door::{accept, converse};
use arc_swap::ArcSwapOption;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use axum_reverse_proxy::{HostBehaviour, ProxyPolicy, ReverseProxy, TunnelGuard};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// A build's process as the proxy sees it. Each has connections of its own, so none to the old one
/// is used after a switch; and each worker has its own, so that no request changes threads.
struct Upstream {
    build: String,
    proxies: Vec<ReverseProxy<HttpConnector>>,
}

/// The proxy of one backend.
pub(super) struct Proxy {
    workers: usize,
    active: ArcSwapOption<Upstream>,
    /// Upstreams that were active and may still hold requests.
    former: Mutex<HashMap<String, Weak<Upstream>>>,
}

/// Headers that only we may set, or that are for this hop alone (stack.md §2.4, gaps).
const STRIPPED: [HeaderName; 4] = [
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("http2-settings"),
    header::PROXY_AUTHORIZATION,
];

impl Proxy {
    pub(super) fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self { workers, active: ArcSwapOption::empty(), former: Mutex::default() })
    }

    /// Gives all traffic to a build on a port of this machine. Doing it twice changes nothing.
    pub(super) fn point_to(&self, build: &str, port: u16) {
        let target = format!("http://127.0.0.1:{port}");
        let same = |up: &Arc<Upstream>| {
            up.build == build && up.proxies.iter().all(|p| p.target() == target)
        };
        if self.active.load().as_ref().is_some_and(same) {
            return;
        }
        let policy = ProxyPolicy::new()
            .with_host_behaviour(HostBehaviour::Preserve)
            .with_public_scheme("http");
        let proxy = |_| ReverseProxy::new("/", target.clone()).with_policy(policy.clone());
        let proxies = (0..self.workers).map(proxy).collect();
        let next = Arc::new(Upstream { build: build.to_owned(), proxies });
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
        worker: usize,
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
        keep_end_to_end(request.headers_mut());
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(TunnelGuard::new(upstream.clone()));
        upstream.proxies[worker].proxy_request(request).await
    }

    /// Serves one listener on one worker until it is dropped.
    async fn serve(self: Arc<Self>, listener: TcpListener, worker: usize) {
        loop {
            let (stream, peer) = accept(&listener).await;
            let proxy = self.clone();
            tokio::spawn(async move {
                let handle = |request| proxy.clone().handle(request, peer, worker);
                converse(stream, service_fn(handle)).await;
            });
        }
    }
}

/// `Connection` names headers for this hop alone. A client that names one of the message itself (`Host`) would have
/// it taken from the service.
fn keep_end_to_end(headers: &mut HeaderMap) {
    const HOP: [&str; 4] = ["close", "keep-alive", "upgrade", "te"];
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| HOP.contains(&name.as_str()))
        .collect();
    if let Ok(value) = HeaderValue::from_str(&named.join(", "))
        && headers.remove(header::CONNECTION).is_some()
        && !named.is_empty()
    {
        headers.insert(header::CONNECTION, value);
    }
}

/// One thread per processor, each with a runtime of its own: a request is read, sent on and answered
/// on one thread. On a shared runtime the two connections of a request wake each other across
/// threads, which cost half the throughput (`benches/proxy.rs`).
pub(super) struct Workers(Vec<Handle>);

impl Workers {
    pub(super) fn start() -> io::Result<Self> {
        let count = std::thread::available_parallelism().map_or(2, usize::from);
        let handles = (0..count).map(|n| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let handle = runtime.handle().clone();
            let thread = std::thread::Builder::new().name(format!("proxy-{n}"));
            thread.spawn(move || runtime.block_on(std::future::pending::<()>()))?;
            Ok(handle)
        });
        handles.collect::<io::Result<_>>().map(Self)
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Serves a listener on every worker; whichever is free accepts.
    pub(super) fn serve(
        &self,
        proxy: &Arc<Proxy>,
        listener: &StdListener,
    ) -> io::Result<Vec<AbortHandle>> {
        let start = |(worker, handle): (usize, &Handle)| {
            let listener = listener.try_clone()?;
            let proxy = proxy.clone();
            let task = handle.spawn(async move {
                match TcpListener::from_std(listener) {
                    Ok(listener) => proxy.serve(listener, worker).await,
                    Err(error) => tracing::error!(%error, "a worker cannot listen"),
                }
            });
            Ok(task.abort_handle())
        };
        self.0.iter().enumerate().map(start).collect()
    }
}

/// Listens on a loopback port. `localhost` is `::1` too: a program that listens only there would answer some customers.
pub(super) fn listen(port: u16) -> io::Result<StdListener> {
    let other = TcpSocket::new_v6().and_then(|socket| {
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port)))
    });
    // A machine without IPv6 has no such address.
    if let Err(error) = other
        && error.kind() == io::ErrorKind::AddrInUse
    {
        return Err(error);
    }
    // Through tokio, which sets the address for reuse: a restart must not wait for old connections.
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], port)))?;
    socket.listen(1024)?.into_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_takes_no_header_of_the_message_from_the_service() {
        let left = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONNECTION, HeaderValue::from_static(value));
            keep_end_to_end(&mut headers);
            headers.get(header::CONNECTION).map(|v| v.to_str().unwrap_or_default().to_owned())
        };
        assert_eq!(left("Host"), None);
        assert_eq!(left("Upgrade, Host, X-Forwarded-For").as_deref(), Some("upgrade"));
        assert_eq!(left("close").as_deref(), Some("close"));
    }
}
