//! Compares the traffic proxy with nginx as a proxy and with the bare service, in one run, as ratios; and measures how
//! long a rollback takes to move traffic. Needs wrk and nginx.
//!
//! `cargo bench --bench proxy`

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench is a program for a terminal"
)]

#[path = "../tests/it/sandbox.rs"]
#[expect(dead_code, clippy::panic, reason = "the tests use all of it, and fail by it")]
mod sandbox;

use std::process::{Child, Command, Stdio};

use sandbox::{Sandbox, free_port, get, wait_until};
use serde_json::Value;

const ROUNDS: usize = 5;
const SECONDS: u32 = 4;

/// One measurement: requests per second, and the 99th percentile in milliseconds.
#[derive(Clone, Copy)]
struct DoraMetrics {
    rate: f64,
    p99: f64,
}

fn measure(port: u16) -> DoraMetrics {
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
    DoraMetrics { rate: after("Requests/sec:").parse().unwrap(), p99: milliseconds(&after("99%")) }
}

fn milliseconds(text: &str) -> f64 {
    for (unit, factor) in [("us", 0.001), ("ms", 1.0), ("s", 1000.0)] {
        if let Some(number) = text.strip_suffix(unit) {
            return number.parse::<f64>().unwrap() * factor;
        }
    }
    f64::NAN
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Starts nginx in a usual proxy set-up: two workers, persistent connections to the service.
fn nginx(sandbox: &Sandbox, upstream: u16) -> (Child, u16) {
    let port = free_port();
    let folder = sandbox.folder.path();
    let config = folder.join("nginx.conf");
    let text = format!(
        "daemon off; worker_processes 2; pid {0}/nginx.pid; error_log {0}/nginx.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {0}; proxy_temp_path {0}; fastcgi_temp_path {0};
  uwsgi_temp_path {0}; scgi_temp_path {0};
  upstream service {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
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

fn main() {
    if ["wrk", "nginx"].iter().any(|p| Command::new(p).arg("-v").output().is_err()) {
        println!("skipped: wrk and nginx are needed (apt-get install wrk nginx-light)");
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    sandbox.deploy("1.1.0").exits(0);
    rollback_time(&sandbox);
    let status = sandbox.emulator();
    let services = status["services"].as_array().unwrap();
    let app = services.iter().find(|s| s["service"] == "toto-app").unwrap();
    let live = app["slots"].as_array().unwrap().iter().find(|s| s["live"] == true).unwrap();
    let bare = u16::try_from(live["port"].as_u64().unwrap()).unwrap();
    let (mut child, nginx_port) = nginx(&sandbox, bare);
    let mut all: Vec<(DoraMetrics, DoraMetrics, DoraMetrics)> = Vec::new();
    for _ in 0..ROUNDS {
        all.push((measure(bare), measure(sandbox.app), measure(nginx_port)));
    }
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    child.wait().unwrap();
    let of = |pick: &dyn Fn(&(DoraMetrics, DoraMetrics, DoraMetrics)) -> f64| {
        median(all.iter().map(pick).collect())
    };
    println!(
        "bare service      {:>9.0} requests/s   p99 {:>7.2} ms",
        of(&|f| f.0.rate),
        of(&|f| f.0.p99)
    );
    println!(
        "our proxy         {:>9.0} requests/s   p99 {:>7.2} ms",
        of(&|f| f.1.rate),
        of(&|f| f.1.p99)
    );
    println!(
        "nginx             {:>9.0} requests/s   p99 {:>7.2} ms",
        of(&|f| f.2.rate),
        of(&|f| f.2.p99)
    );
    println!(
        "ours : nginx      throughput {:.2}   p99 {:.2}   (goal: 1.00 and 0.50)",
        of(&|f| f.1.rate / f.2.rate),
        of(&|f| f.1.p99 / f.2.p99)
    );
    println!(
        "ours : bare       throughput {:.2}   p99 {:.2}",
        of(&|f| f.1.rate / f.0.rate),
        of(&|f| f.1.p99 / f.0.p99)
    );
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
        times.push(moved["elapsed_ms"].as_u64().unwrap());
    }
    times.sort_unstable();
    println!(
        "rollback          traffic moved after {} ms (median of {}; limit 1000)",
        times[times.len() / 2],
        times.len()
    );
}
