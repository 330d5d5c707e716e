//! Persistent connections to one build. hyper-util's pooled client is made for many hosts: its shared maps, and a task for
//! each response, cost a proxy to one port a tenth of its throughput (`benches/proxy/`).

#![expect(
    clippy::disallowed_methods,
    reason = "the emulator is a real platform and runs in real time"
)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Idle timeout of a connection. It is below Node's 5 s: a request sent while Node closes the connection would be
/// lost.
const IDLE_CONNECTION: Duration = Duration::from_secs(4);

/// The connections of one worker to a build on a local port.
pub(super) struct Connections {
    pub(super) port: u16,
    /// The one that was used last is at the end.
    idle: Mutex<VecDeque<(Instant, SendRequest<Incoming>)>>,
}

impl Connections {
    pub(super) fn to(port: u16) -> Arc<Self> {
        Arc::new(Self { port, idle: Mutex::default() })
    }

    /// Sends a request. A build may close an idle connection at any time: a request that was not written is sent on a
    /// new one, and any other is not repeated.
    pub(super) async fn send(
        self: &Arc<Self>,
        mut request: Request<Incoming>,
    ) -> std::io::Result<(Response<Incoming>, Lent)> {
        while let Some(mut sender) = self.take() {
            match sender.try_send_request(request).await {
                Ok(answer) => return Ok((answer, self.lend(sender))),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(std::io::Error::other(error.into_error())),
                },
            }
        }
        let mut sender = self.connect().await?;
        let answer = sender.send_request(request).await.map_err(std::io::Error::other)?;
        Ok((answer, self.lend(sender)))
    }

    async fn connect(&self) -> std::io::Result<SendRequest<Incoming>> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "a connection to a build ended badly");
            }
        });
        Ok(sender)
    }

    /// An idle connection that can be used at once.
    fn take(&self) -> Option<SendRequest<Incoming>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((since, sender)) = idle.pop_back() {
            if since.elapsed() < IDLE_CONNECTION && sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    fn keep(&self, sender: SendRequest<Incoming>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while idle.front().is_some_and(|(since, _)| since.elapsed() > IDLE_CONNECTION) {
            idle.pop_front();
        }
        idle.push_back((Instant::now(), sender));
    }

    fn lend(self: &Arc<Self>, sender: SendRequest<Incoming>) -> Lent {
        Lent { sender: Some(sender), of: self.clone() }
    }
}

/// A connection until its response ends. Dropped, it is kept for the next request.
pub(super) struct Lent {
    sender: Option<SendRequest<Incoming>>,
    of: Arc<Connections>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(mut sender) = self.sender.take() else { return };
        if sender.is_ready() {
            return self.of.keep(sender);
        }
        // Its request may not be read to the end yet, or the build closes it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current()
            && !sender.is_closed()
        {
            let of = Arc::downgrade(&self.of);
            runtime.spawn(async move {
                if sender.ready().await.is_ok()
                    && let Some(of) = of.upgrade()
                {
                    of.keep(sender);
                }
            });
        }
    }
}
