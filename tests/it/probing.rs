//! Probe answers and the states that follow from them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pointsman::adapters::clock::SystemClock;
use pointsman::adapters::probe::MachineProber;
use pointsman::domain::health::{Revision, Wanted};
use pointsman::domain::ids::BuildId;
use pointsman::domain::probe::{Answer, Check, Expect, Fault, Measurement};
use pointsman::ports::prober::Prober as _;
use serde_json::Value;

use super::sandbox::{Sandbox, free_port, wait_until};
use super::sick::{Service, Sick};

const TIMEOUT: Duration = Duration::from_millis(400);

fn measured(check: &Check, controls: &[String]) -> Measurement {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let prober = MachineProber::new(Arc::new(SystemClock::start())).unwrap();
        prober.measure(check, TIMEOUT, controls).await
    })
}

fn http(url: String, expect: Expect) -> Check {
    Check::Http { url, expect: Box::new(expect), fresh: true }
}

fn label(sick: &Sick, expect: Expect) -> (Fault, String) {
    let service = Service::new(sick.clone());
    match measured(&http(service.url(), expect), &[]).answer {
        Answer::Bad(fault, said) => (fault, said),
        other => panic!("{sick:?}: {other:?}"),
    }
}

#[test]
fn each_network_failure_has_its_own_label() {
    let plain = Expect::default;
    let login = "HTTP/1.1 302 Found\r\nlocation: https://login.example/?next=secret\r\n\r\n";
    let cases = [
        (
            Sick::Says("HTTP/1.1 503 Unavailable\r\n\r\nno JWT_SECRET"),
            Fault::Status,
            "HTTP 503: no JWT",
        ),
        (Sick::Says(login), Fault::Redirect, "sends to https://login.example/"),
        (Sick::Slow(TIMEOUT * 3), Fault::NoAnswer, "no answer within 400ms"),
        (Sick::Silent, Fault::NoAnswer, "no answer within 400ms"),
        (Sick::HangsMidBody, Fault::Hung, "began and did not end"),
        (Sick::Resets, Fault::Reset, "the connection broke"),
        (Sick::Says("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"sta"), Fault::Hung, "broke"),
        (Sick::Says("SSH-2.0-OpenSSH_9.2\r\n"), Fault::Reset, "the connection broke"),
    ];
    for (sick, fault, part) in cases {
        let (heard, said) = label(&sick, plain());
        assert_eq!(heard, fault, "{sick:?}: {said}");
        assert!(said.contains(part), "{sick:?}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
    let closed = http(format!("http://127.0.0.1:{}/", free_port()), plain());
    assert!(matches!(measured(&closed, &[]).answer, Answer::Bad(Fault::Refused, _)));
    let wanted = Wanted {
        versions: Vec::new(),
        build: BuildId::new("b-2").unwrap(),
        version_told: false,
        revision: Some(Revision::exact("b-2")),
        shared: Vec::new(),
    };
    let who = Expect { revision: Some("/revision".into()), wanted: Some(wanted), ..plain() };
    let (heard, said) = label(&Sick::No(r#"{"revision":"b-1"}"#), who);
    assert_eq!(heard, Fault::OtherBuild, "{said}");
    assert!(said.contains("b-1") && said.contains("b-2"), "{said}");
}

#[test]
fn probe_output_contains_no_secret() {
    let key = concat!("sk_", "live_0123456789abcdef");
    let text: &'static str =
        Box::leak(format!("HTTP/1.1 500 Oh\r\n\r\napi_key={key}").into_boxed_str());
    let (_, said) = label(&Sick::Says(text), Expect::default());
    assert!(said.contains("HTTP 500") && !said.contains(key), "{said}");
    let check =
        http(format!("https://ana:hunter22@app.example/health?key={key}"), Expect::default());
    assert_eq!(check.to_string(), "https://app.example/health");
}

#[test]
fn probe_phases_are_timed() {
    let service = Service::new(Sick::Slow(Duration::from_millis(60)));
    let heard = measured(&http(service.url(), Expect::default()), &[]);
    assert_eq!(heard.answer, Answer::Good);
    let timing = heard.timing;
    let (connect, first) = (timing.connect.unwrap(), timing.first_byte.unwrap());
    assert!(timing.tls.is_none() && first >= Duration::from_millis(60), "{timing:?}");
    assert!(connect + first <= timing.total, "{timing:?}");
}

#[test]
fn probes_without_network_are_blind() {
    let nobody = format!("tcp://127.0.0.1:{}", free_port());
    let service = Service::new(Sick::No("{}"));
    let there = format!("tcp://127.0.0.1:{}", service.port);
    let gone = http(format!("http://127.0.0.1:{}/", free_port()), Expect::default());
    let blind = measured(&gone, std::slice::from_ref(&nobody)).answer;
    assert!(matches!(&blind, Answer::Blind(why) if why.contains("none of 1 control")), "{blind:?}");
    let down = measured(&gone, &[nobody.clone(), there]).answer;
    assert!(matches!(down, Answer::Bad(Fault::Refused, _)), "{down:?}");
    // An answer counts even if the control targets do not answer.
    let sick = Service::new(Sick::Says("HTTP/1.1 500 Oh\r\n\r\n"));
    let heard = measured(&http(sick.url(), Expect::default()), &[nobody]).answer;
    assert!(matches!(heard, Answer::Bad(Fault::Status, _)), "{heard:?}");
    let named = http("http://no-such-host.invalid/".into(), Expect::default());
    let lost = measured(&named, &["tcp://neither.invalid:443".into()]).answer;
    assert!(matches!(lost, Answer::Blind(_)), "no name at all is found: {lost:?}");
}

#[test]
fn tcp_and_command_probes_work() {
    let service = Service::new(Sick::No("{}"));
    let tcp = |port: u16| Check::Tcp(format!("127.0.0.1:{port}"));
    assert_eq!(measured(&tcp(service.port), &[]).answer, Answer::Good);
    assert!(matches!(measured(&tcp(free_port()), &[]).answer, Answer::Bad(Fault::Refused, _)));
    let run = |argv: &[&str]| {
        let argv = argv.iter().map(|a| (*a).to_owned()).collect();
        measured(&Check::Command { argv, folder: None }, &[]).answer
    };
    assert_eq!(run(&["true"]), Answer::Good);
    let failed = run(&["sh", "-c", "echo no quota >&2; exit 3"]);
    assert!(
        matches!(&failed, Answer::Bad(Fault::Command, why) if why.contains("no quota")),
        "{failed:?}"
    );
    let held = run(&["sh", "-c", "sleep 60 & exit 0"]);
    assert_eq!(held, Answer::Good, "whom it leaves behind holds no answer up");
    let chatter = run(&["sh", "-c", "head -c 3000000 /dev/zero; echo; echo last; exit 1"]);
    assert!(
        matches!(&chatter, Answer::Bad(Fault::Command, why) if why.ends_with("last")),
        "{chatter:?}"
    );
    assert!(matches!(run(&["sleep", "60"]), Answer::Bad(Fault::NoAnswer, _)));
    assert!(matches!(run(&["no-such-program-here"]), Answer::Blind(_)), "it observed nothing");
}

/// A sandbox whose development environment has these additional probes.
fn watching(probes: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let file = sandbox.folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace(
        "  production:",
        &format!("    watch: {{ rise: 2, timeout: 400ms }}\n    probes:\n{probes}\n  production:"),
    );
    std::fs::write(&file, text).unwrap();
    sandbox
}

fn states(health: &Value) -> BTreeMap<String, (String, String)> {
    let probes = health["probes"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    probes.iter().map(|p| (text(&p["name"]), (text(&p["state"]), text(&p["fault"])))).collect()
}

#[test]
fn health_exit_code_is_the_worst_state() {
    let (good, bad) = (Service::new(Sick::No("{\"status\":\"ok\"}")), Service::new(Sick::Flaps));
    let sick = Service::new(Sick::Says(
        "HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n{\"status\":\"sick\"}",
    ));
    let sandbox = watching(&format!(
        "      - {{ name: good, url: '{}', expect: {{ json: {{ /status: ok }} }} }}\n      \
         - {{ name: turns, url: '{}' }}\n      \
         - {{ name: sick, url: '{}', expect: {{ json: {{ /status: ok }} }} }}\n      \
         - {{ name: port, tcp: '127.0.0.1:{}' }}",
        good.url(),
        bad.url(),
        sick.url(),
        good.port
    ));
    let said = sandbox.run(&["health", "development", "--json"]).exits(1).json();
    let states = states(&said);
    let of = |name: &str| (states[name].0.as_str(), states[name].1.as_str());
    assert_eq!(of("good"), ("ok", "-"), "{said}");
    assert_eq!(of("sick"), ("down", "content"), "{said}");
    assert_eq!(of("port"), ("ok", "-"), "{said}");
    assert_eq!(of("turns").0, "off", "two answers that differ say nothing yet: {said}");
    assert!(!states.contains_key("toto-app"), "the emulator is not running: {said}");
    let text = sandbox.run(&["health", "development"]).exits(1).out;
    assert!(text.contains("/status is \"sick\", not \"ok\""), "{text}");
}

#[test]
fn certificates_are_checked() {
    let sandbox = Sandbox::new();
    let folder = sandbox.folder.path();
    let day = |days: i64| {
        let second = jiff::Timestamp::now().as_second() + days * 86_400;
        let day = jiff::Timestamp::from_second(second).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        let (month, of_month) = (day.month().unsigned_abs(), day.day().unsigned_abs());
        rcgen::date_time_ymd(i32::from(day.year()), month, of_month)
    };
    let authority = |name: &str| {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        (rcgen::Issuer::new(params, key), pem)
    };
    let issued = |issuer: &rcgen::Issuer<'_, rcgen::KeyPair>, name: &str, days: i64| {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (day(-30), day(days));
        let key = rcgen::KeyPair::generate().unwrap();
        serve_tls(&params.signed_by(&key, issuer).unwrap(), &key)
    };
    let ((ours, trusted_pem), (theirs, _)) = (authority("ours"), authority("theirs"));
    let trusted = folder.join("trusted.pem");
    std::fs::write(&trusted, trusted_pem).unwrap();
    let probe = |name: &str, port: u16| {
        format!("      - {{ name: {name}, url: 'https://localhost:{port}/' }}")
    };
    let lines = [
        probe("soon", issued(&ours, "localhost", 7)),
        probe("over", issued(&ours, "localhost", -2)),
        probe("foreign", issued(&theirs, "localhost", 300)),
        probe("named", issued(&ours, "app.example", 300)),
    ];
    let sandbox = watching(&lines.join("\n"));
    let said = sandbox
        .command(&["health", "development", "--json"])
        .env("SSL_CERT_FILE", &trusted)
        .output()
        .unwrap();
    let said: Value = serde_json::from_slice(&said.stdout).unwrap();
    let states = states(&said);
    assert_eq!(states["soon"], ("degraded".into(), "-".into()), "{said}");
    let why = |at: usize| said["probes"][at]["why"].as_str().unwrap().to_owned();
    assert!(why(0).contains("certificate ends in 6 d"), "{}", why(0));
    for name in ["over", "foreign", "named"] {
        assert_eq!(states[name], ("down".into(), "certificate".into()), "{said}");
    }
    assert!(why(1).contains("its certificate ended on 20"), "{}", why(1));
    assert!(why(2).contains("is not trusted here"), "{}", why(2));
    assert!(why(3).contains("for another name"), "{}", why(3));
}

/// Starts a TLS server that runs until the test ends. Returns its port.
fn serve_tls(certificate: &rcgen::Certificate, key: &rcgen::KeyPair) -> u16 {
    use std::io::{Read as _, Write as _};
    let _ = rustls::crypto::ring::default_provider().install_default();
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = config.clone();
            std::thread::spawn(move || {
                let connection = rustls::ServerConnection::new(config).unwrap();
                let mut tls = rustls::StreamOwned::new(connection, stream);
                let mut asked = [0; 1024];
                if tls.read(&mut asked).is_ok() {
                    let _ = tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
                    let _ = tls.flush();
                }
            });
        }
    });
    port
}

#[test]
fn probe_config_errors_have_places() {
    let sandbox = watching(
        "      - { name: both, url: 'http://x', tcp: 'x:1' }\n      \
         - { name: toto-app, tcp: 'x:1' }\n      \
         - { name: web, url: 'ftp://x', expect: { status: [99], json: { status: ok } } }\n      \
         - { name: web, tcp: 'x', interval: 1ms, expect: { status: [200] } }",
    );
    let said = sandbox.run(&["check"]).exits(2);
    for part in [
        "exactly one of url, tcp and command",
        "toto-app is a service",
        "\"ftp://x\" is no http address",
        "99 is no HTTP status",
        "\"status\" is no JSON pointer",
        "two probes called web",
        "\"x\" is no host:port",
        "only a web address has an answer to expect",
        "an interval below 200ms is a load test",
    ] {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
}

#[test]
fn mute_requires_an_end_and_a_reason() {
    let good = Service::new(Sick::No("{}"));
    let sandbox = watching(&format!("      - {{ name: stripe, url: '{}' }}", good.url()));
    let said = sandbox.run(&["health", "development", "--mute", "stripe"]).exits(2);
    assert!(said.err.contains("a length and a reason"), "{}", said.err);
    let mute = ["health", "development", "--mute", "stripe", "--for", "30m", "--reason", "theirs"];
    sandbox.run(&mute).exits(0);
    let said = sandbox.run(&["health", "development", "--json"]).exits(0).json();
    assert_eq!(said["probes"][0]["muted_because"], "theirs (ana@laptop-1 (local))", "{said}");
    sandbox.run(&["health", "development", "--unmute", "stripe"]).exits(0);
    let said = sandbox.run(&["health", "development", "--json"]).exits(0).json();
    assert_eq!(said["probes"][0]["muted_until"], Value::Null);
    let said = sandbox.run(&["health", "development", "--unmute", "strype"]).exits(2);
    assert!(said.err.contains("name one of stripe"), "{}", said.err);
}

/// A running `health --watch --json`, read line by line.
struct Watching {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Watching {
    fn of(sandbox: &Sandbox) -> Self {
        let mut child =
            sandbox.command(&["health", "development", "--watch", "--json"]).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next change: from, to, and why.
    fn next(&mut self) -> (String, String, String) {
        let line = self.lines.next().unwrap().unwrap();
        let change: Value = serde_json::from_str(&line).unwrap();
        let text = |key: &str| change[key].as_str().unwrap().to_owned();
        (text("from"), text("to"), text("why"))
    }

    fn end(mut self) -> i32 {
        signal(self.child.id(), "TERM");
        self.child.wait().unwrap().code().unwrap()
    }
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// A sandbox with these probes, each sent five times per second.
fn quick(probes: &str, more: &str) -> Sandbox {
    let sandbox = watching(probes);
    let file = sandbox.folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let quick = format!("    {more}\n    watch: {{ interval: 200ms, rise: 2, timeout: 400ms }}");
    std::fs::write(&file, text.replace("    watch: { rise: 2, timeout: 400ms }", &quick)).unwrap();
    sandbox
}

#[test]
fn probe_changes_are_reported_and_survive_a_restart() {
    let sick = Arc::new(AtomicBool::new(false));
    let service = Service::new(Sick::Unless(sick.clone()));
    let sandbox = quick(&format!("      - {{ name: api, url: '{}' }}", service.url()), "");
    let mut watch = Watching::of(&sandbox);
    let (from, to, _) = watch.next();
    assert_eq!((from.as_str(), to.as_str()), ("off", "ok"));
    sick.store(true, Ordering::SeqCst);
    let (from, to, why) = watch.next();
    assert_eq!((from.as_str(), to.as_str()), ("ok", "down"));
    assert!(why.contains("2 fails in a row: HTTP 503: no quota"), "{why}");
    assert_eq!(watch.end(), 1);

    // The next process starts with the last state, marked as old.
    let mut watch = Watching::of(&sandbox);
    sick.store(false, Ordering::SeqCst);
    let mut seen = Vec::new();
    while seen.last().is_none_or(|to| to != "ok") {
        let (from, to, _) = watch.next();
        assert!(seen.is_empty() || from != "off");
        assert_ne!(from, "off", "it was down at the last look");
        seen.push(to);
    }
    assert_eq!(watch.end(), 0);
}

/// A port that accepts connections until this is dropped.
struct Door(Arc<AtomicBool>);

impl Door {
    fn at(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let open = Arc::new(AtomicBool::new(true));
        let is_open = open.clone();
        std::thread::spawn(move || {
            while is_open.load(Ordering::SeqCst) {
                while listener.accept().is_ok() {}
                std::thread::park_timeout(Duration::from_millis(5));
            }
        });
        Self(open)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

#[test]
fn local_network_loss_is_stale_and_target_loss_is_down() {
    let (control, target) = (free_port(), free_port());
    let sandbox = quick(
        &format!("      - {{ name: api, tcp: '127.0.0.1:{target}' }}"),
        &format!("control: ['tcp://127.0.0.1:{control}']"),
    );
    let (ours, theirs) = (Door::at(control), Door::at(target));
    let mut watch = Watching::of(&sandbox);
    assert_eq!(watch.next().1, "ok");
    drop((ours, theirs));
    let (_, to, why) = watch.next();
    assert_eq!(to, "stale", "{why}");
    assert!(why.contains("none of 1 control probes answers"), "{why}");
    let _ours = Door::at(control);
    // The first answer ends the stale state; the second one decides.
    let turns = [watch.next(), watch.next()];
    let turns = turns.each_ref().map(|(from, to, _)| (from.as_str(), to.as_str()));
    assert_eq!(turns, [("stale", "off"), ("off", "down")]);
    assert_eq!(watch.end(), 1);
}

/// A sandbox with a control target, and a deploy of 1.1.0 that is soaking.
fn soaking() -> (Sandbox, u16, Door, Child) {
    let sandbox = Sandbox::with_deploy(
        "health: { attempts: 8, interval: 100ms, timeout: 500ms, consecutive: 3 }\n    \
         attest: { consecutive: 3, interval: 20ms, within: 20s }\n    \
         soak: { for: 2s, interval: 100ms, failures: 2 }",
    );
    let control = free_port();
    let file = sandbox.folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let named = format!("    control: ['tcp://127.0.0.1:{control}']\n  production:");
    std::fs::write(&file, text.replace("  production:", &named)).unwrap();
    let door = Door::at(control);
    sandbox.deploy("1.0.0").exits(0);
    let run = sandbox
        .command(&["deploy", "development", "--release", "1.1.0", "--yes", "--json"])
        .spawn()
        .unwrap();
    wait_until("it soaks", || soaks(&sandbox, "2"));
    (sandbox, control, door, run)
}

/// Whether the soak of a run has started.
fn soaks(sandbox: &Sandbox, run: &str) -> bool {
    let facts = sandbox.run(&["events", run]).out;
    facts.lines().any(|line| line.contains("soak") && line.contains("started"))
}

fn said(run: Child) -> (i32, Value) {
    let ended = run.wait_with_output().unwrap();
    let json = serde_json::from_slice(&ended.stdout).unwrap_or(Value::Null);
    (ended.status.code().unwrap(), json)
}

#[test]
fn blind_probes_never_roll_back() {
    let (sandbox, control, door, run) = soaking();
    let emulator = u32::try_from(sandbox.emulator()["pid"].as_u64().unwrap()).unwrap();
    drop(door);
    signal(emulator, "STOP");
    // Stay blind for longer than the soak: time without an observation does not count.
    wait_until("it is blind", || {
        sandbox.run(&["logs", "2"]).out.matches("none of 1 control probes").count() >= 8
    });
    assert!(!sandbox.run(&["events", "2"]).out.contains("FAILED"), "the blind decide nothing");
    let _door = Door::at(control);
    signal(emulator, "CONT");
    let (code, json) = said(run);
    assert_eq!((code, json["outcome"].as_str()), (0, Some("promoted")), "{json}");

    let run = sandbox
        .command(&["deploy", "development", "--release", "1.0.0", "--yes", "--json"])
        .spawn()
        .unwrap();
    wait_until("it soaks", || soaks(&sandbox, "3"));
    signal(emulator, "STOP");
    wait_until("the run rolls back", || sandbox.run(&["events", "3"]).out.contains("ROLLING BACK"));
    signal(emulator, "CONT");
    let (code, json) = said(run);
    assert_eq!((code, json["outcome"].as_str()), (6, Some("rolled_back")), "{json}");
}

#[test]
fn probe_sends_configured_headers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
        let who = lines.find(|line| line.to_lowercase().starts_with("authorization:"));
        let _ = std::io::Write::write_all(
            &mut &stream,
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        );
        who
    });
    let check = http(format!("http://bob:p%40ss@127.0.0.1:{port}/"), Expect::default());
    assert!(!check.to_string().contains("p%40ss"), "{check}");
    measured(&check, &[]);
    // The decoded credentials are `bob:p@ss`.
    assert_eq!(heard.join().unwrap().as_deref(), Some("authorization: Basic Ym9iOnBAc3M="));
}
