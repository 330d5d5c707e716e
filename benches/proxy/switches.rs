//! Traffic moves back and forth under load: requests, streams of lines and `WebSocket`s.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::figure::{Goal, judged, seen};
use super::sandbox::{Sandbox, get};
use super::switches_under_load::{Load, back_and_forth};

const SWITCHES: usize = 20;
/// Streams, and `WebSocket`s, that are open at the same time.
const LONG: usize = 25;

/// What long answers saw: how many ended whole, and how many did not.
#[derive(Default)]
struct Seen {
    whole: AtomicUsize,
    broken: AtomicUsize,
}

impl Seen {
    fn count(&self, whole: bool) {
        let counter = if whole { &self.whole } else { &self.broken };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Ten lines over a second, all of one release.
fn stream(port: u16) -> bool {
    let (status, body) = get(port, "/stream");
    let whole = (0..10).all(|n| body.contains(&format!("{n} 1.")));
    status == 200 && whole && !(body.contains(" 1.0.0 ") && body.contains(" 1.1.0 "))
}

/// A WebSocket over a second, whose every message comes back.
fn web_socket(port: u16) -> std::io::Result<bool> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(Duration::from_secs(20)))?;
    socket.write_all(
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    for _ in 0..20 {
        // A masked text frame of four bytes, with a mask of zeros.
        socket.write_all(&[0x81, 0x84, 0, 0, 0, 0, b'p', b'i', b'n', b'g'])?;
        let mut answer = [0; 6];
        socket.read_exact(&mut answer)?;
        if &answer[2..] != b"ping" {
            return Ok(false);
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    Ok(head.starts_with(b"HTTP/1.1 101"))
}

/// Repeats a conversation on many threads until the switches are over.
fn repeated(
    over: &Arc<AtomicBool>,
    one: impl Fn() -> bool + Send + Sync + 'static,
) -> (Arc<Seen>, Vec<std::thread::JoinHandle<()>>) {
    let (seen, one) = (Arc::new(Seen::default()), Arc::new(one));
    let threads = (0..LONG).map(|_| {
        let (over, seen, one) = (over.clone(), seen.clone(), one.clone());
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                seen.count(one());
            }
        })
    });
    let threads = threads.collect();
    (seen, threads)
}

/// Twenty rollbacks back and forth, and what was lost.
pub(super) fn under_load(sandbox: &Sandbox) {
    let load = Load::start(sandbox);
    let over = Arc::new(AtomicBool::new(false));
    let port = sandbox.app;
    let (streams, mut threads) = repeated(&over, move || stream(port));
    let (sockets, more) = repeated(&over, move || web_socket(port).unwrap_or(false));
    threads.extend(more);
    back_and_forth(sandbox, SWITCHES);
    over.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
    let (bad, requests) = load.stop();
    let what = format!("requests over {SWITCHES} switches");
    judged(&what, f64::from(requests), "", Goal::AtLeast(200_000.0), "");
    judged("requests lost", f64::from(bad), "", Goal::AtMost(0.0), "");
    let as_number =
        |count: &AtomicUsize| f64::from(u32::try_from(count.load(Ordering::Relaxed)).unwrap());
    for (what, counted) in [("streams", &streams), ("WebSockets", &sockets)] {
        seen(&format!("{what} over the switches"), as_number(&counted.whole), "", "");
        judged(&format!("{what} broken"), as_number(&counted.broken), "", Goal::AtMost(0.0), "");
    }
}
