//! A server on loopback that gives scripted answers and records its requests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// A complete request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// Header names are in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn is(&self, method: &str, part: &str) -> bool {
        self.method == method && self.path.contains(part)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// A field of the form in the body.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.body.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// Sends the request to another port and returns the raw answer.
    pub(crate) fn forward(&self, port: u16) -> Vec<u8> {
        let mut text =
            format!("{} {} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            if !["host", "connection"].contains(&name.as_str()) {
                let _ = write!(text, "{name}: {value}\r\n");
            }
        }
        text.push_str("connection: close\r\n\r\n");
        text.push_str(&self.body);
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return Vec::new() };
        let _ = stream.write_all(text.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    }
}

/// The reaction to a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Answer with a status, header lines and a body.
    Says(u16, String, String),
    /// Answer with these bytes.
    Raw(Vec<u8>),
    /// Never answer.
    Hangs,
    /// Close the connection without an answer.
    Cut,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::Says(status, "content-type: application/json\r\n".to_owned(), body.to_string())
    }
}

type Answers = dyn Fn(&Asked, usize) -> Reply + Send + Sync;

/// The server. It runs until the test process ends.
pub(crate) struct StandIn {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl StandIn {
    /// Starts a server. `answers` gets each request and the number of earlier ones.
    pub(crate) fn new(answers: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (all, answers): (_, Arc<Answers>) = (asked.clone(), Arc::new(answers));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (all, answers) = (all.clone(), answers.clone());
                std::thread::spawn(move || serve(stream, &all, answers.as_ref()));
            }
        });
        Self { port, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The number of requests with this method whose path contains `part`.
    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        self.asked().iter().filter(|asked| asked.is(method, part)).count()
    }
}

fn serve(mut stream: TcpStream, all: &Mutex<Vec<Asked>>, answers: &Answers) {
    let Some(asked) = read(&mut stream) else { return };
    let before = {
        let mut all = all.lock().unwrap();
        all.push(asked.clone());
        all.len() - 1
    };
    let bytes = match answers(&asked, before) {
        Reply::Says(status, headers, body) => {
            let length = body.len();
            format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
                .into_bytes()
        }
        Reply::Raw(bytes) => bytes,
        Reply::Cut => return,
        Reply::Hangs => {
            // Block until the client gives up.
            let _ = stream.read(&mut [0; 16]);
            return;
        }
    };
    let _ = stream.write_all(&bytes);
}

fn read(stream: &mut TcpStream) -> Option<Asked> {
    let (mut text, mut chunk) = (Vec::new(), [0; 8192]);
    loop {
        let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
        text.extend_from_slice(&chunk[..read]);
        let whole = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = whole.split_once("\r\n\r\n") else { continue };
        let mut lines = head.lines();
        let mut first = lines.next()?.split(' ').map(str::to_owned);
        let headers: BTreeMap<_, _> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let length: usize = headers.get("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
        // Compare byte counts of the raw input, because an archive is not valid UTF-8.
        if text.len() >= head.len() + 4 + length {
            let (method, path) = (first.next()?, first.next()?);
            return Some(Asked { method, path, headers, body: body.to_owned() });
        }
    }
}
