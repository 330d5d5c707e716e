//! Measures what grows: services, environments, and runs in the store. What only looks must take about as long for
//! fifty as for one, and nothing on the way to the first frame may grow with the store.
//!
//! `cargo bench --bench scale`

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench is a program for a terminal"
)]

mod figure;
#[path = "../tests/it/sandbox.rs"]
#[expect(dead_code, clippy::panic, reason = "the tests use all of it, and fail by it")]
mod sandbox;
#[path = "scale/store.rs"]
mod store;
#[path = "../tests/it/terminal.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod terminal;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use figure::{Goal, judged, median, seen};
use sandbox::{Sandbox, free_port};
use serde_json::Value;
use terminal::Terminal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How far away the platform is: each request reaches it after this time. A usual answer of App Hosting's API takes
/// longer.
const DISTANCE: Duration = Duration::from_millis(150);
const ROUNDS: usize = 5;
/// Services of the largest environment, and of each of several environments.
const MOST: usize = 50;
const EACH: usize = 10;
const ENVIRONMENTS: usize = 6;

/// Forwards connections to a port on this machine, and holds back each request for `DISTANCE`.
async fn far_away(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let _ = server.set_nodelay(true);
                let _ = client.set_nodelay(true);
                let ((mut asks, mut answered), (mut answers, mut to)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(async move {
                    let mut chunk = vec![0; 1 << 16];
                    while let Ok(length @ 1..) = asks.read(&mut chunk).await {
                        tokio::time::sleep(DISTANCE).await;
                        if to.write_all(&chunk[..length]).await.is_err() {
                            break;
                        }
                    }
                });
                let _ = tokio::io::copy(&mut answers, &mut answered).await;
            });
        }
    });
    own
}

/// A config with this many environments of this many services each, at an endpoint. Environment `e0` has the first ports.
fn config(ports: &[u16], environments: usize, services: usize, endpoint: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/toto/toto-app");
    let mut text = "version: 1\nservices:\n".to_owned();
    for n in 0..services {
        let _ = writeln!(
            text,
            "  svc-{n}: {{ root: {root}, backend: svc-{n}, health: {{ path: /api/health, version: /version, revision: /revision }} }}"
        );
    }
    text.push_str("environments:\n");
    for e in 0..environments {
        let _ = writeln!(
            text,
            "  e{e}:\n    protection: open\n    platform: {{ kind: app-hosting, {endpoint}, project: demo-e{e}, location: us-central1 }}\n    services:"
        );
        for n in 0..services {
            let port = ports[e * services + n];
            let _ = writeln!(text, "      svc-{n}: {{ url: 'http://localhost:{port}' }}");
        }
    }
    text.push_str(
        "deploy:\n  health: { attempts: 20, interval: 100ms, timeout: 5s, consecutive: 1 }\n  \
         attest: { consecutive: 1, interval: 20ms, within: 30s }\n  \
         soak: { for: 100ms, interval: 50ms, failures: 2 }\nreleases: { kind: list, labels: [\"1.0.0\"] }\n",
    );
    text
}

/// Services that run on the emulator, and its port as seen from far away.
struct Fleet {
    sandbox: Sandbox,
    ports: Vec<u16>,
    endpoint: String,
}

impl Fleet {
    async fn start(environments: usize, services: usize) -> Self {
        let sandbox = Sandbox::new();
        let ports: Vec<u16> = (0..environments * services).map(|_| free_port()).collect();
        let fleet = Self { sandbox, ports, endpoint: String::new() };
        fleet.write(environments, services, "endpoint: emulator");
        for release in ["1.0.0", "1.1.0"] {
            for e in 0..environments {
                fleet.deploy(e, release);
            }
        }
        let url = fleet.sandbox.emulator()["url"].as_str().unwrap().to_owned();
        let port = far_away(url.rsplit_once(':').unwrap().1.parse().unwrap()).await;
        let token = fleet.sandbox.state().join("emulator/token");
        let endpoint =
            format!("endpoint: \"http://127.0.0.1:{port}\", token_file: \"{}\"", token.display());
        Self { endpoint, ..fleet }
    }

    fn write(&self, environments: usize, services: usize, endpoint: &str) {
        let text = config(&self.ports, environments, services, endpoint);
        std::fs::write(self.sandbox.folder.path().join("config.yaml"), text).unwrap();
    }

    fn deploy(&self, e: usize, release: &str) {
        let environment = format!("e{e}");
        let _ = self.sandbox.run(&["deploy", &environment, "--release", release, "--yes"]).exits(0);
    }

    /// Seconds of `status` for the first services of the first environments, from far away.
    fn status(&self, environments: usize, services: usize) -> f64 {
        self.write(environments, services, &self.endpoint);
        median(
            (0..ROUNDS)
                .map(|_| {
                    let began = Instant::now();
                    let said = self.sandbox.run(&["status", "--json"]).exits(0);
                    assert!(said.out.matches("\"1.1.0\"").count() >= environments * services);
                    began.elapsed().as_secs_f64()
                })
                .collect(),
        )
    }

    /// Seconds of the preflight step of a rollback of the first services, from far away.
    fn preflight(&self, services: usize) -> f64 {
        self.write(1, services, &self.endpoint);
        let mut took = Vec::new();
        for release in ["1.0.0", "1.1.0"] {
            let over = ["--override", "bad=bench"];
            let run = ["rollback", "e0", "--to", release, "--yes", "--json"];
            let said = self.sandbox.run(&[&run[..], &over].concat()).exits(0);
            let number = said.json()["run"].as_u64().unwrap().to_string();
            let events = self.sandbox.run(&["events", &number, "--json"]).out;
            let facts: Vec<Value> =
                events.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
            let at = |kind: &str| {
                let found = facts.iter().find(|f| f["step"] == "preflight" && f["kind"] == kind);
                found.unwrap()["elapsed_ms"].as_f64().unwrap()
            };
            took.push((at("step-finished") - at("step-started")) / 1000.0);
        }
        median(took)
    }

    /// Milliseconds from exec to a screen that shows all of it, and of a key on it.
    fn screen(&self, services: usize) -> (f64, f64) {
        self.write(1, services, &self.endpoint);
        let (mut first, mut key) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (took, mut terminal) = first_frame(&self.sandbox);
            first.push(took);
            terminal.wants("1.1.0");
            for (pressed, shows) in [("7", "▶ 7 History"), ("1", "▶ 1 Environments")] {
                let began = Instant::now();
                terminal.press(pressed);
                key.push(shown(&terminal, shows, began));
            }
            terminal.kill();
        }
        (median(first), median(key))
    }
}

/// Milliseconds until a text is on the screen. `Terminal::wants` looks too rarely to measure it.
fn shown(terminal: &Terminal, text: &str, began: Instant) -> f64 {
    while !terminal.text().contains(text) {
        std::thread::park_timeout(Duration::from_micros(200));
    }
    began.elapsed().as_secs_f64() * 1000.0
}

/// Milliseconds from exec to the first frame, and the terminal that shows it.
fn first_frame(sandbox: &Sandbox) -> (f64, Terminal) {
    let began = Instant::now();
    let terminal = Terminal::open(sandbox, 45, 160);
    (shown(&terminal, "2 Deploy", began), terminal)
}

fn of(large: f64, small: f64, unit: &str) -> String {
    format!("{large:.2} {unit} : {small:.2} {unit}, median of {ROUNDS}")
}

#[tokio::main]
async fn main() {
    let fleet = Fleet::start(1, MOST).await;
    let one = fleet.status(1, 1);
    for services in [10, MOST] {
        let many = fleet.status(1, services);
        let what = format!("`status` of {services} services beside one");
        judged(&what, many / one, "×", Goal::AtMost(1.5), &of(many, one, "s"));
    }
    let one = fleet.preflight(1);
    for services in [10, MOST] {
        let many = fleet.preflight(services);
        let what = format!("preflight of {services} services beside one");
        judged(&what, many / one, "×", Goal::AtMost(1.5), &of(many, one, "s"));
    }
    let ((first, key), (first_of_many, key_of_many)) = (fleet.screen(1), fleet.screen(MOST));
    let what = format!("first frame with {MOST} services beside one");
    judged(&what, first_of_many / first, "×", Goal::AtMost(1.5), &of(first_of_many, first, "ms"));
    seen(
        &format!("key to screen with {MOST} services"),
        key_of_many,
        "ms",
        &of(key_of_many, key, "ms"),
    );
    drop(fleet);

    let fleet = Fleet::start(ENVIRONMENTS, EACH).await;
    let (one, many) = (fleet.status(1, EACH), fleet.status(ENVIRONMENTS, EACH));
    let what = format!("`status` of {ENVIRONMENTS} environments of {EACH} beside one");
    judged(&what, many / one, "×", Goal::AtMost(1.5), &of(many, one, "s"));
    drop(fleet);

    store::measure();
}
