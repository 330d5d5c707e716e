//! Unhealthy services on loopback, each with one fault.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// The fault of a service.
#[derive(Debug, Clone)]
pub(crate) enum Sick {
    /// Healthy, with this JSON.
    No(&'static str),
    /// Answers with this raw status line, headers and body.
    Says(&'static str),
    /// Healthy until this is set.
    Unless(Arc<AtomicBool>),
    /// Alternates between good and bad answers.
    Flaps,
    /// Answers after this delay.
    Slow(Duration),
    /// Reads the request and never answers.
    Silent,
    /// Starts its answer and hangs.
    HangsMidBody,
    /// Reads the request and resets the connection.
    Resets,
}

/// A service with a fault, on `port`.
pub(crate) struct Service {
    pub(crate) port: u16,
}

const OK: &str = "{\"status\":\"ok\"}";

impl Service {
    pub(crate) fn new(sick: Sick) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let count = Arc::new(AtomicUsize::new(0));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (sick, nth) = (sick.clone(), count.fetch_add(1, Ordering::SeqCst));
                std::thread::spawn(move || answer(&sick, nth, stream));
            }
        });
        Self { port }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/api/health", self.port)
    }
}

fn answer(sick: &Sick, nth: usize, mut stream: TcpStream) {
    let mut asked = [0; 2048];
    let read = stream.read(&mut asked).unwrap_or(0);
    if read == 0 {
        return;
    }
    let whole = |status: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    let text = match sick {
        Sick::No(body) => whole("200 OK", body),
        Sick::Says(text) => (*text).to_owned(),
        Sick::Unless(sick) if !sick.load(Ordering::SeqCst) => whole("200 OK", OK),
        Sick::Unless(_) => whole("503 Service Unavailable", "no quota"),
        Sick::Flaps if nth.is_multiple_of(2) => whole("200 OK", OK),
        Sick::Flaps => whole("503 Service Unavailable", "warming up"),
        Sick::Slow(length) => {
            std::thread::park_timeout(*length);
            whole("200 OK", OK)
        }
        Sick::Silent => {
            // Block until the client gives up.
            let _ = stream.read(&mut asked);
            return;
        }
        Sick::HangsMidBody => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"sta");
            let _ = stream.read(&mut asked);
            return;
        }
        Sick::Resets => {
            // Close with unread input, so that the kernel sends a reset.
            return drop(stream);
        }
    };
    let _ = stream.write_all(text.as_bytes());
}
