//! Compares the traffic proxy with nginx as a proxy and with the bare service, in one run, as ratios: small answers,
//! bodies of a gigabyte, and small answers beside 10,000 idle connections. Then switches traffic under load, and counts what
//! was lost. Needs wrk, nginx and curl.
//!
//! `cargo bench --bench proxy`

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench is a program for a terminal"
)]

#[path = "../figure/mod.rs"]
mod figure;
#[path = "../figure/resident.rs"]
mod resident;
#[path = "../../tests/it/sandbox.rs"]
#[expect(dead_code, clippy::panic, reason = "the tests use all of it, and fail by it")]
mod sandbox;
mod switches;
#[path = "../../tests/it/switches_under_load.rs"]
mod switches_under_load;

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use figure::{Goal, judged, median, seen};
use resident::resident_mb;
use sandbox::{Sandbox, free_port, get, wait_until};
use serde_json::Value;

const ROUNDS: usize = 5;
const SECONDS: u32 = 4;
const IDLE: usize = 10_000;
const GIGABYTE: u64 = 1 << 30;

/// One measurement: requests per second, and the 99th percentile in milliseconds.
#[derive(Clone, Copy)]
struct Answers {
    rate: f64,
    p99: f64,
}

fn answers(port: u16) -> Answers {
    let output = Command::new("wrk")
        .args(["-t2", "-c64", &format!("-d{SECONDS}s"), "--latency"])
        .arg(format!("http://127.0.0.1:{port}/"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("Non-2xx"), "{text}");
    let after = |word: &str| {
        let line = text.lines().find(|l| l.trim_start().starts_with(word)).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    };
    Answers { rate: after("Requests/sec:").parse().unwrap(), p99: milliseconds(&after("99%")) }
}

fn milliseconds(text: &str) -> f64 {
    for (unit, factor) in [("us", 0.001), ("ms", 1.0), ("s", 1000.0)] {
        if let Some(number) = text.strip_suffix(unit) {
            return number.parse::<f64>().unwrap() * factor;
        }
    }
    f64::NAN
}

/// Starts nginx in a usual proxy set-up: two workers, persistent connections to the service.
fn nginx(sandbox: &Sandbox, upstream: u16) -> (Child, u16) {
    let port = free_port();
    let folder = sandbox.folder.path();
    let config = folder.join("nginx.conf");
    let text = format!(
        "daemon off; worker_processes 2; worker_rlimit_nofile 20000; pid {0}/nginx.pid; error_log {0}/nginx.log;
events {{ worker_connections 15000; }}
http {{
  access_log off; client_body_temp_path {0}; proxy_temp_path {0}; fastcgi_temp_path {0};
  uwsgi_temp_path {0}; scgi_temp_path {0}; client_max_body_size 0; keepalive_timeout 300s;
  upstream service {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{ proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection ''; }}
  }}
}}
",
        folder.display()
    );
    std::fs::write(&config, text).unwrap();
    let child = Command::new("nginx").arg("-c").arg(&config).stderr(Stdio::null()).spawn().unwrap();
    wait_until("nginx answers", || get(port, "/").0 == 200);
    (child, port)
}

/// The ports of the bare service, of our proxy and of nginx.
struct Ports {
    bare: u16,
    ours: u16,
    nginx: u16,
}

fn small_answers(ports: &Ports, beside: &str) {
    let all: Vec<_> = (0..ROUNDS)
        .map(|_| (answers(ports.bare), answers(ports.ours), answers(ports.nginx)))
        .collect();
    let of =
        |pick: &dyn Fn(&(Answers, Answers, Answers)) -> f64| median(all.iter().map(pick).collect());
    let rates = format!(
        "{} : {} requests/s, median of {ROUNDS}",
        figure::number(of(&|f| f.1.rate)),
        figure::number(of(&|f| f.2.rate))
    );
    let times = format!("{:.2} ms : {:.2} ms", of(&|f| f.1.p99), of(&|f| f.2.p99));
    let what = format!("requests per second beside nginx{beside}");
    judged(&what, of(&|f| f.1.rate / f.2.rate), "×", Goal::AtLeast(1.0), &rates);
    let what = format!("p99 beside nginx{beside}");
    judged(&what, of(&|f| f.1.p99 / f.2.p99), "×", Goal::AtMost(1.0), &times);
    let rates = format!("bare: {} requests/s", figure::number(of(&|f| f.0.rate)));
    let what = format!("requests per second beside the bare service{beside}");
    seen(&what, of(&|f| f.1.rate / f.0.rate), "×", &rates);
}

/// Seconds that a body of a gigabyte takes to the service and back.
fn echoed(port: u16) -> f64 {
    let mut zeros = Command::new("head")
        .args(["-c", &GIGABYTE.to_string(), "/dev/zero"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told = Command::new("curl")
        .args([
            "-sS",
            "--fail",
            "-T",
            "-",
            "-o",
            "/dev/null",
            "-w",
            "%{size_download} %{time_total}",
        ])
        .arg(format!("http://127.0.0.1:{port}/echo"))
        .stdin(zeros.stdout.take().unwrap())
        .output()
        .unwrap();
    zeros.wait().unwrap();
    let text = String::from_utf8(told.stdout).unwrap();
    let (size, seconds) = text.split_once(' ').unwrap();
    assert_eq!(size, GIGABYTE.to_string(), "{}", String::from_utf8_lossy(&told.stderr));
    seconds.parse().unwrap()
}

fn large_bodies(ports: &Ports) {
    let all: Vec<_> = (0..3).map(|_| [ports.ours, ports.bare].map(echoed)).collect();
    let [ours, bare] = [0, 1].map(|at| median(all.iter().map(|of| of[at]).collect()));
    let of = format!("{ours:.2} s : {bare:.2} s, median of 3");
    // nginx does not read an answer while it sends the request, so it never ends this one.
    seen("1 GiB there and back beside the bare service", ours / bare, "×", &of);
}

/// Opens connections that ask once and then stay.
fn idle(port: u16) -> Vec<TcpStream> {
    use std::io::{Read as _, Write as _};
    let one = |_| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = [0; 1024];
        assert!(stream.read(&mut answer).unwrap() > 0);
        stream
    };
    (0..IDLE).map(one).collect()
}

fn main() {
    let peers = [("wrk", "-v"), ("nginx", "-v"), ("curl", "--version")];
    if peers.iter().any(|(peer, asked)| Command::new(peer).arg(asked).output().is_err()) {
        println!("skipped: wrk, nginx and curl are needed (apt-get install wrk nginx-light curl)");
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    sandbox.deploy("1.1.0").exits(0);
    rollback_time(&sandbox);
    switches::under_load(&sandbox);
    let status = sandbox.emulator();
    let services = status["services"].as_array().unwrap();
    let app = services.iter().find(|s| s["service"] == "toto-app").unwrap();
    let live = app["slots"].as_array().unwrap().iter().find(|s| s["live"] == true).unwrap();
    let bare = u16::try_from(live["port"].as_u64().unwrap()).unwrap();
    let (mut child, port) = nginx(&sandbox, bare);
    let ports = Ports { bare, ours: sandbox.app, nginx: port };
    small_answers(&ports, "");
    large_bodies(&ports);
    let pid = u32::try_from(status["pid"].as_u64().unwrap()).unwrap();
    let before = resident_mb(pid);
    // On ours alone: a process may open 20,000 files here.
    let open = idle(ports.ours);
    let each = (resident_mb(pid) - before) * 1024.0 / f64::from(u32::try_from(IDLE).unwrap());
    seen("memory of an idle connection", each, "KiB", "");
    small_answers(&ports, ", with 10,000 idle connections to ours");
    drop(open);
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    child.wait().unwrap();
}

/// Measures rollbacks from the run's first fact, written right after the confirmation, until the traffic of the last
/// service is read back. Uses the journal's monotonic times.
fn rollback_time(sandbox: &Sandbox) {
    let mut times = Vec::new();
    for n in 0..6 {
        let to = if n % 2 == 0 { "1.0.0" } else { "1.1.0" };
        let arguments =
            ["rollback", "development", "--to", to, "--yes", "--override", "bad=bench", "--json"];
        let run = sandbox.run(&arguments).exits(0).json()["run"].as_u64().unwrap().to_string();
        let events = sandbox.run(&["events", &run, "--json"]).out;
        let facts: Vec<Value> = events.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let moved = facts.iter().rev().find(|f| f["kind"] == "traffic-observed").unwrap();
        times.push(moved["elapsed_ms"].as_f64().unwrap());
    }
    let what = "a rollback of two services, until all traffic is back";
    judged(what, median(times), "ms", Goal::AtMost(1000.0), "median of 6");
}
