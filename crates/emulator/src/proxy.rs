//! The traffic proxy of one backend or service. A switch swaps one pointer: a request in flight keeps its upstream until its
//! body or its WebSocket ends, and every later request uses the new one.
//!
//! Interim responses of a build (103 Early Hints) are lost: hyper's server cannot forward them.

#![expect(
    clippy::disallowed_methods,
    reason = "the emulator is a real platform and runs in real time"
)]

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use axum::http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::forward::{ProxyBody, forward, refused};
use super::listener::{accept, converse};
use super::meter::Meter;
use super::upstream::Connections;
use pointsman_core::time::Timestamp;

/// A build's process, as an upstream. Each has its own connections, to keep requests off connections to the old build
/// after a switch. Each worker has its own too, so that a request never changes threads.
struct Upstream {
    build: String,
    port: u16,
    connections: Vec<Arc<Connections>>,
    meter: Arc<Meter>,
}

/// The builds with traffic, and their shares.
struct Active {
    /// Each with the sum of the shares up to it.
    upstreams: Vec<(u32, Arc<Upstream>)>,
    requests: AtomicU32,
}

impl Active {
    /// The upstream of the next request. Of a hundred in a row, each build gets as many as its share.
    fn next(&self) -> &Arc<Upstream> {
        let (_, first) = &self.upstreams[0];
        if self.upstreams.len() == 1 {
            return first;
        }
        let count = self.requests.fetch_add(1, Ordering::Relaxed);
        // A step without a common factor with 100 visits every number once, far from the one before.
        let at = count.wrapping_mul(61) % 100;
        self.upstreams.iter().find(|(until, _)| at < *until).map_or(first, |(_, upstream)| upstream)
    }
}

/// The proxy of one backend, shared by all workers.
pub(super) struct Proxy {
    workers: usize,
    active: ArcSwapOption<Active>,
    /// Previous upstreams that may still have open requests.
    former: Mutex<HashMap<String, Weak<Upstream>>>,
    /// What each build answered, also after it lost its traffic.
    meters: Mutex<HashMap<String, Arc<Meter>>>,
}

impl Proxy {
    pub(super) fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self {
            workers,
            active: ArcSwapOption::empty(),
            former: Mutex::default(),
            meters: Mutex::default(),
        })
    }

    /// The measurements of a build, if it ever had traffic here.
    pub(super) fn meter(&self, build: &str) -> Option<Arc<Meter>> {
        self.meters.lock().unwrap_or_else(PoisonError::into_inner).get(build).cloned()
    }

    /// Gives builds on local ports their shares, in per cent. Idempotent.
    pub(super) fn share(&self, shares: &[(String, u16, u32)]) {
        let before = self.active.load_full();
        let known = || before.iter().flat_map(|active| active.upstreams.iter().map(|(_, up)| up));
        let mut sum = 0;
        let mut upstreams = Vec::new();
        for (build, port, percent) in shares {
            sum += percent;
            let same = known().find(|up| up.build == *build && up.port == *port).cloned();
            upstreams.push((sum, same.unwrap_or_else(|| self.upstream(build, *port))));
        }
        let unchanged = before.as_ref().is_some_and(|active| {
            let pairs = active.upstreams.iter().zip(&upstreams);
            active.upstreams.len() == upstreams.len()
                && pairs.into_iter().all(|(a, b)| a.0 == b.0 && Arc::ptr_eq(&a.1, &b.1))
        });
        if unchanged || upstreams.is_empty() {
            return;
        }
        let kept = |up: &Arc<Upstream>| upstreams.iter().any(|(_, new)| new.build == up.build);
        let left: Vec<_> = known().filter(|up| !kept(up)).map(Arc::downgrade).collect();
        let mut former = self.former.lock().unwrap_or_else(PoisonError::into_inner);
        former.retain(|_, old| old.strong_count() > 0);
        former.extend(left.into_iter().filter_map(|old| Some((old.upgrade()?.build.clone(), old))));
        drop(former);
        let active = Active { upstreams, requests: AtomicU32::new(0) };
        self.active.store(Some(Arc::new(active)));
    }

    fn upstream(&self, build: &str, port: u16) -> Arc<Upstream> {
        let connections = (0..self.workers).map(|_| Connections::to(port)).collect();
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        let meter = meters.entry(build.to_owned()).or_default().clone();
        drop(meters);
        Arc::new(Upstream { build: build.to_owned(), port, connections, meter })
    }

    /// Waits until a build without traffic has no open requests, at most `within`.
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
    ) -> Result<Response<ProxyBody<Upstream>>, Infallible> {
        let upstream = self.active.load().as_ref().map(|active| active.next().clone());
        let Some(upstream) = upstream else {
            let why = "no build has traffic here yet";
            return Ok(refused(StatusCode::SERVICE_UNAVAILABLE, why));
        };
        let began = Instant::now();
        let answer = forward(request, peer, &upstream.connections[worker], upstream.clone()).await;
        upstream.meter.record(Timestamp::now(), answer.status().as_u16(), began.elapsed());
        Ok(answer)
    }

    /// Serves one listener on one worker until the task is aborted.
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

/// One thread per processor, each with its own runtime, so that one thread reads, forwards and answers a request.
/// On a shared runtime, the two connections of a request wake each other across threads, which cost half the
/// throughput (`benches/proxy/`).
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

    /// Serves a listener on every worker; any free worker accepts the connection.
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

/// Listens on a loopback port. Fails if the port is in use on `::1` too: `localhost` resolves to both, so a program
/// that listens only on `::1` would answer some customers.
pub(super) fn listen(port: u16) -> io::Result<StdListener> {
    let other = TcpSocket::new_v6().and_then(|socket| {
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port)))
    });
    // Ignore other errors: a machine without IPv6 has no such address.
    if let Err(error) = other
        && error.kind() == io::ErrorKind::AddrInUse
    {
        return Err(error);
    }
    // Allow reuse of the address: a restart must not wait for old connections.
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], port)))?;
    socket.listen(1024)?.into_std()
}
