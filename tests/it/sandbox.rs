//! Runs the real binary in a separate folder with its own config, state and ports, and leaves no processes behind.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Maximum wait in a test, generous enough for slow machines.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) struct Sandbox {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) app: u16,
    pub(crate) bo: u16,
}

/// A free port that no other test of this process got. It is outside the ranges that the system uses for outgoing
/// connections of parallel tests, and that the emulator uses for builds.
pub(crate) fn free_port() -> u16 {
    const PORTS: u16 = 8_000;
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
        let own = u16::try_from(std::process::id() % 80).unwrap_or_default();
        AtomicU16::new(own * 100)
    });
    loop {
        let port = 12_000 + NEXT.fetch_add(1, Ordering::Relaxed) % PORTS;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The exit code and output of a command.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Runs a command to its end.
    pub(crate) fn by(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        Self {
            code: status.code().unwrap_or(-1),
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}{}", self.out, self.err))
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }
}

impl Sandbox {
    /// `check` refuses the config for this reason, with its place.
    pub(crate) fn refuses_config(&self, why: &str) {
        let said = self.run(&["check"]);
        let all = format!("{}{}", said.out, said.err);
        assert_ne!(said.code, 0, "{why}");
        assert!(all.contains(why) && all.contains("config.yaml:"), "{all}");
    }

    /// A sandbox with short waits. They do not change the decisions of the engine.
    pub(crate) fn new() -> Self {
        Self::with_deploy(
            "health: { attempts: 8, interval: 100ms, timeout: 2s, consecutive: 3 }\n    \
             attest: { consecutive: 3, interval: 20ms, within: 20s }\n    \
             soak: { for: 300ms, interval: 100ms, failures: 2 }",
        )
    }

    pub(crate) fn with_deploy(deploy: &str) -> Self {
        let sandbox =
            Self { folder: tempfile::tempdir().unwrap(), app: free_port(), bo: free_port() };
        sandbox.write_config(deploy, "{ kind: list, labels: [\"1.0.0\"] }");
        sandbox
    }

    pub(crate) fn write_config(&self, deploy: &str, releases: &str) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/toto");
        let mut text = "version: 1\nprojects:\n  toto-f9d2f: { environment: production, region: us-central1 }\nservices:\n".to_owned();
        for name in ["toto-app", "toto-bo"] {
            let folder = root.join(name);
            let _ = writeln!(
                text,
                "  {name}: {{ root: {}, backend: {name}, health: {{ path: /api/health, version: /version, revision: /revision }} }}",
                folder.display()
            );
        }
        let _ = write!(
            text,
            "environments:
  development:
    protection: open
    platform: {{ kind: app-hosting, endpoint: emulator, project: demo-toto, location: us-central1 }}
    services: {{ toto-app: {{ url: 'http://localhost:{}' }}, toto-bo: {{ url: 'http://localhost:{}' }} }}
  production:
    protection: typed
    promote_from: development
    platform: {{ kind: app-hosting, location: us-central1, project: toto-f9d2f }}
    services: {{ toto-app: {{ url: 'https://app.invalid' }} }}
deploy:
    order: [toto-bo, toto-app]
    {deploy}
releases: {releases}
",
            self.app, self.bo
        );
        std::fs::write(self.folder.path().join("config.yaml"), text).unwrap();
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
        command
            .arg("--config")
            .arg(self.folder.path().join("config.yaml"))
            .arg("--state-dir")
            .arg(self.state())
            .args(arguments)
            .env("USER", "ana")
            .env("POINTSMAN_MACHINE", "laptop-1")
            .env_remove("CLOUDSDK_AUTH_ACCESS_TOKEN")
            .env_remove("GOOGLE_APPLICATION_CREDENTIALS")
            .env("CLOUDSDK_CONFIG", self.folder.path().join("gcloud"))
            .env("NO_GCE_CHECK", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        Said::by(&mut self.command(arguments))
    }

    pub(crate) fn deploy(&self, release: &str) -> Said {
        self.run(&["deploy", "development", "--release", release, "--yes", "--json"])
    }

    /// The version and revision of the service that answers on a port, or the HTTP status.
    pub(crate) fn who(port: u16) -> Result<(String, String), u16> {
        let (status, body) = get(port, "/api/health");
        if status != 200 {
            return Err(status);
        }
        let json: Value = serde_json::from_str(&body).unwrap();
        let word = |key: &str| json[key].as_str().unwrap().to_owned();
        Ok((word("version"), word("revision")))
    }

    pub(crate) fn emulator(&self) -> Value {
        self.run(&["emulator", "status", "--json"]).exits(0).json()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.run(&["emulator", "stop"]);
        // Services of an emulator that was killed with SIGKILL may still run.
        let _ = Command::new("pkill").arg("-9").arg("-f").arg(self.folder.path()).status();
    }
}

/// A plain HTTP/1.1 GET. The status is 0 if the port does not answer.
pub(crate) fn get(port: u16, path: &str) -> (u16, String) {
    request(
        port,
        &format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"),
    )
}

pub(crate) fn request(port: u16, text: &str) -> (u16, String) {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return (0, String::new()) };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or(("", ""));
    (status, body.to_owned())
}

/// Waits until a condition holds.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(10));
    }
}
