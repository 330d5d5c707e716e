//! Alerts arrive once and in order, even if receivers fail and processes die.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use pointsman::app::Samples;
use pointsman::domain::alert::{self, Channel, Kind, Notify};
use pointsman::domain::command;
use pointsman::domain::plan::Plan;
use pointsman::domain::probe::{Change, ProbeChange, State};
use pointsman::domain::run::RunState;
use pointsman::domain::time::Timestamp;
use pointsman::ports::outbox::{DeliveryState, Outbox as _};
use pointsman::ports::samples::SampleStore as _;
use serde_json::Value;
use sha2::Sha256;

use super::misbehaving::Platform;
use super::sandbox::{Said, Sandbox, free_port, wait_until};
use super::sick::{Service, Sick};
use super::world::{Behaviour, Bench, deploy_plan};

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SLACK: &str = "services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX";

/// A request to a receiver.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    at: Instant,
    headers: BTreeMap<String, String>,
    body: String,
    taken: bool,
}

/// A receiver on loopback. Its answer depends on the number of the request; with `None` it hangs.
pub(crate) struct Receiver(Arc<Mutex<Vec<Heard>>>);

impl Receiver {
    pub(crate) fn at(port: u16, answers: fn(usize) -> Option<&'static str>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let all = heard.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let all: Arc<Mutex<Vec<Heard>>> = all.clone();
                std::thread::spawn(move || receive(stream, &all, answers));
            }
        });
        Self(heard)
    }

    fn heard(&self) -> Vec<Heard> {
        self.0.lock().unwrap().clone()
    }

    /// The accepted bodies, in order.
    pub(crate) fn taken(&self) -> Vec<Value> {
        let taken = self.heard().into_iter().filter(|heard| heard.taken);
        taken.map(|heard| serde_json::from_str(&heard.body).unwrap()).collect()
    }
}

fn receive(
    mut stream: TcpStream,
    all: &Mutex<Vec<Heard>>,
    answers: fn(usize) -> Option<&'static str>,
) {
    let (mut text, mut chunk) = (Vec::new(), [0; 4096]);
    let (head, body) = loop {
        let read = stream.read(&mut chunk).unwrap_or(0);
        if read == 0 {
            return;
        }
        text.extend_from_slice(&chunk[..read]);
        let whole = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = whole.split_once("\r\n\r\n") else { continue };
        let length = head.to_lowercase();
        let length = length.split("content-length: ").nth(1).and_then(|l| l.lines().next());
        if body.len() >= length.and_then(|l| l.trim().parse().ok()).unwrap_or(0) {
            break (head.to_owned(), body.to_owned());
        }
    };
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let answer = {
        let mut all = all.lock().unwrap();
        let answer = answers(all.len());
        let taken = answer.is_some_and(|a| a.starts_with("HTTP/1.1 200") && !a.ends_with("login"));
        all.push(Heard { at: Instant::now(), headers, body, taken });
        answer
    };
    match answer {
        Some(answer) => drop(stream.write_all(answer.as_bytes())),
        None => drop(stream.read(&mut chunk)),
    }
}

/// A sandbox that alerts both receivers about the kinds in `on`.
fn telling(slack: u16, webhook: u16, on: &str) -> (Sandbox, [(&'static str, String); 2]) {
    let sandbox = Sandbox::new();
    let file = sandbox.folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let notify = format!(
        "notify:\n  slack: {{ url_env: SLACK_URL }}\n  \
         webhook: {{ url: 'http://127.0.0.1:{webhook}/hook', secret_env: HOOK_SECRET }}\n  on: {on}\n"
    );
    std::fs::write(&file, text + &notify).unwrap();
    let url = format!("http://127.0.0.1:{slack}/{SLACK}");
    (sandbox, [("SLACK_URL", url), ("HOOK_SECRET", SECRET.to_owned())])
}

fn said(mut command: Command, variables: &[(&str, String)]) -> Said {
    let output = command.envs(variables.iter().map(|(k, v)| (k, v))).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().unwrap_or(-1);
    Said { code, out: text(&output.stdout), err: text(&output.stderr) }
}

/// Verifies a signature as Standard Webhooks specifies.
fn verifies(heard: &Heard) -> bool {
    let header = |name: &str| heard.headers.get(name).cloned().unwrap_or_default();
    let (id, seconds) = (header("webhook-id"), header("webhook-timestamp"));
    let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{id}.{seconds}.{}", heard.body).as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let age = now.as_secs().abs_diff(seconds.parse().unwrap());
    header("webhook-signature") == format!("v1,{signature}") && age < 300 && !id.contains('.')
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[test]
fn alerts_arrive_once_and_in_order_through_failures() {
    let (slack, webhook) = (free_port(), free_port());
    let (sandbox, variables) = telling(slack, webhook, "[promoted, failed, rolled_back]");
    let deploy = |release: &str| {
        let words = ["deploy", "development", "--release", release, "--yes", "--json"];
        said(sandbox.command(&words), &variables)
    };
    // The receivers are down: no step waits for them, and no exit code depends on them.
    let first = deploy("1.0.0").exits(0);
    assert!(
        first.err.contains("pending; any pointsman process on this machine retries"),
        "{}",
        first.err
    );
    deploy("1.1.0-broken").exits(1);
    let queue = said(sandbox.command(&["alerts", "--json"]), &[]).exits(0).json();
    assert_eq!(queue["waiting"], 4, "{queue}");

    let to_webhook = Receiver::at(webhook, |nth| match nth {
        0 => None,
        1 => Some("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"),
        2 => Some("HTTP/1.1 429 Slow down\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n"),
        _ => Some(OK),
    });
    let to_slack = Receiver::at(slack, |nth| match nth {
        0 => Some("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nlogin"),
        1 => {
            Some("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")
        }
        _ => Some(OK),
    });
    let mut sending = sandbox.command(&["alerts", "send"]);
    let mut sending = sending.envs(variables.iter().cloned()).spawn().unwrap();
    wait_until("a receiver hangs", || !to_webhook.heard().is_empty());
    sending.kill().unwrap();
    sending.wait().unwrap();
    wait_until("everything has arrived", || {
        said(sandbox.command(&["alerts", "send"]), &variables).code == 0
    });

    let heard = to_webhook.heard();
    assert!(heard.iter().all(verifies), "{heard:?}");
    let ids: Vec<_> = heard.iter().map(|h| h.headers["webhook-id"].clone()).collect();
    assert_eq!(ids.len(), 5, "{heard:?}");
    assert!(ids[..4].iter().all(|id| *id == ids[0]) && ids[4] != ids[0], "{ids:?}");
    assert!(heard[3].at.duration_since(heard[2].at) >= Duration::from_secs(2), "Retry-After");
    let types: Vec<_> = to_webhook.taken().iter().map(|body| body["type"].clone()).collect();
    assert_eq!(types, ["deploy.promoted", "deploy.failed"]);
    let texts: Vec<String> = to_slack.taken().iter().map(|body| body["text"].to_string()).collect();
    // A redirect is final: no secret is forwarded to another host.
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("1.1.0-broken (run #2) ended: failed"), "{texts:?}");
    let queue = said(sandbox.command(&["alerts"]), &[]).exits(0).out;
    assert!(queue.contains("GIVEN UP: HTTP 302"), "{queue}");

    // No file in the state folder holds a secret.
    for part in ["XXXXXXXXXXXX", "MfKQ9r8GKYq"] {
        let found =
            Command::new("grep").args(["-ral", part]).arg(sandbox.state()).output().unwrap();
        assert!(found.stdout.is_empty(), "{part}: {}", String::from_utf8_lossy(&found.stdout));
    }
}

#[test]
fn channels_can_be_tested_and_silenced() {
    let (slack, webhook) = (free_port(), free_port());
    let (sandbox, variables) = telling(slack, webhook, "[failed, rolled_back]");
    let told = said(sandbox.command(&["alerts", "test"]), &[]).exits(1);
    assert!(told.out.contains("$SLACK_URL is not set here"), "{}", told.out);
    let receiver = Receiver::at(slack, |nth| match nth {
        0 => Some("HTTP/1.1 404 Not Found\r\ncontent-length: 10\r\n\r\nno_service"),
        _ => Some(OK),
    });
    let hook = Receiver::at(webhook, |_| Some(OK));
    let told = said(sandbox.command(&["alerts", "send"]), &variables);
    assert!(told.out.contains("GIVEN UP: HTTP 404 no_service"), "{}", told.out);
    let told = said(sandbox.command(&["alerts", "test", "--json"]), &variables).exits(0).json();
    assert_eq!(told["waiting"], 0, "{told}");
    assert_eq!(hook.taken().len(), 2);

    let silence = ["alerts", "silence", "--for", "1h", "--reason", "game day"];
    let told = said(sandbox.command(&silence), &[]).exits(0);
    assert!(told.out.contains("alerts are silenced until"), "{}", told.out);
    said(
        sandbox.command(&["deploy", "development", "--release", "1.0.0-broken", "--yes"]),
        &variables,
    )
    .exits(1);
    let told = said(sandbox.command(&["alerts"]), &[]).exits(0);
    assert!(told.out.contains("failed") && told.out.contains("silenced"), "{}", told.out);
    assert_eq!(receiver.heard().len(), 2, "no alert was sent");
    let told = said(sandbox.command(&["alerts", "speak"]), &[]).exits(0);
    assert!(told.out.contains("alerts are on"), "{}", told.out);
}

#[test]
fn probe_changes_alert_once_with_many_watchers() {
    let (slack, webhook) = (free_port(), free_port());
    let (sandbox, variables) = telling(slack, webhook, "[probe_down, probe_up]");
    let sick = Arc::new(AtomicBool::new(false));
    let service = Service::new(Sick::Unless(sick.clone()));
    let file = sandbox.folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let probes = format!(
        "    watch: {{ interval: 200ms, rise: 2, timeout: 400ms }}\n    probes:\n      \
         - {{ name: api, url: '{}' }}\n  production:",
        service.url()
    );
    std::fs::write(&file, text.replace("  production:", &probes)).unwrap();
    let hook = Receiver::at(webhook, |_| Some(OK));
    let words = ["health", "development", "--watch"];
    let watching = || {
        let mut command = sandbox.command(&words);
        command.envs(variables.iter().cloned()).spawn().unwrap()
    };
    let mut both = [watching(), watching()];
    let changes = |wanted: usize| hook.taken().len() >= wanted;
    let samples = || Samples::open(&sandbox.state()).unwrap().changes("development/", 9).unwrap();
    wait_until("both have seen it well", || samples().len() >= 2);
    sick.store(true, Ordering::SeqCst);
    wait_until("the down alert arrives", || changes(1));
    let told = said(sandbox.command(&["handover", "development"]), &[]).exits(0).out;
    assert!(told.contains("api down since"), "{told}");
    sick.store(false, Ordering::SeqCst);
    wait_until("the up alert arrives", || changes(2));
    let told = said(sandbox.command(&["handover", "development"]), &[]).exits(0).out;
    assert!(told.contains("DEVELOPMENT") && told.contains("no run under way"), "{told}");
    for watch in &mut both {
        watch.kill().unwrap();
        watch.wait().unwrap();
    }
    let types: Vec<_> = hook.taken().iter().map(|body| body["type"].clone()).collect();
    assert_eq!(types, ["probe.down", "probe.up"]);
    let text = hook.taken()[0]["data"]["text"].to_string();
    assert!(text.contains("development: api is DOWN"), "{text}");
}

#[test]
fn rollouts_that_a_run_left_disabled_are_reminded_of() {
    let platform = Platform::new();
    let sandbox = &platform.sandbox;
    let policy = serde_json::json!({"rolloutPolicy": {"codebaseBranch": "main"}});
    platform.call("PATCH", "backends/toto-app/traffic?updateMask=rolloutPolicy", &policy);
    sandbox.deploy("2.0.0-broken").exits(1);
    let webhook = free_port();
    let file = sandbox.folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let notify = format!(
        "notify:\n  webhook: {{ url: 'http://127.0.0.1:{webhook}/hook', secret_env: HOOK_SECRET }}\n  \
         on: [rollouts_held]\n  remind: 1s\n"
    );
    std::fs::write(&file, text + &notify).unwrap();
    let hook = Receiver::at(webhook, |_| Some(OK));
    let mut command = sandbox.command(&["health", "development", "--watch"]);
    let mut watching = command.env("HOOK_SECRET", SECRET).spawn().unwrap();
    wait_until("the reminder arrives", || !hook.taken().is_empty());
    let told = hook.taken()[0]["data"].clone();
    let words = "automatic rollouts of toto-app are still disabled";
    assert!(told["text"].to_string().contains(words), "{told}");
    assert!(told.to_string().contains("pointsman allow-rollouts development"), "{told}");
    sandbox.run(&["allow-rollouts", "development", "--yes"]).exits(0);
    watching.kill().unwrap();
    watching.wait().unwrap();
}

#[test]
fn runs_alert_when_a_person_is_needed() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    bench.world.behave("1.1.0", Behaviour::Leaks(8));
    let channel = Channel::Webhook { url: "http://localhost:1".into(), secret_env: None };
    let on = vec![Kind::Promoted, Kind::Failed, Kind::RolledBack, Kind::Gate];
    let notify = Notify { channels: vec![channel], on, remind: Duration::ZERO };
    let plan = Plan { notify, ..deploy_plan("1.1.0") };
    let mut approved = false;
    bench.drive_watched(&plan, |view, _| {
        if matches!(view.state, RunState::Waiting { .. }) && !std::mem::replace(&mut approved, true)
        {
            bench.send(view, &[command::Command::approve()]);
        }
    });
    let store = bench.store();
    let mut letters = store.letters(100).unwrap();
    letters.reverse();
    let texts: Vec<_> =
        letters.iter().map(|(letter, _)| (letter.alert.kind, letter.alert.text.as_str())).collect();
    let run = "development: deploy 1.1.0 (run #2)";
    assert_eq!(
        texts,
        [
            (Kind::Gate, format!("{run} waits for approval to switch traffic").as_str()),
            (
                Kind::RolledBack,
                format!(
                    "{run} ended: rolled back automatically. When it ended, 1.0.0 was live again."
                )
                .as_str()
            ),
        ]
    );
    assert!(
        letters[1].0.alert.why.contains("unhealthy after the switch"),
        "{:?}",
        letters[1].0.alert
    );
    // Only one process at a time delivers to a channel.
    let (mut one, mut other) = (bench.store(), bench.store());
    let later: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
    let first = one.due(later).unwrap().unwrap();
    assert_eq!(first.alert.kind, Kind::Gate);
    assert_eq!(other.due(later).unwrap(), None);
    one.settle(&first, &DeliveryState::Delivered(later)).unwrap();
    assert_eq!(other.due(later).unwrap(), None, "one a second");
    let next = other.due(later + Duration::from_secs(1)).unwrap().unwrap();
    assert_eq!(next.alert.kind, Kind::RolledBack);
}

#[test]
fn state_changes_alert_once_and_restarts_do_not() {
    let bench = Bench::new();
    let mut store = bench.store();
    let on = vec![Kind::ProbeDown, Kind::ProbeUp, Kind::Blind];
    let channel = Channel::Webhook { url: "http://localhost:1".into(), secret_env: None };
    let loud = Notify { channels: vec![channel], on, remind: Duration::ZERO };
    let quiet = Notify { channels: Vec::new(), ..loud.clone() };
    let environment = deploy_plan("1.0.0").environment;
    let mut second = 0;
    let mut turn = |notify: &Notify, from, to, why: &str| {
        second += 1;
        let (at, why) = (Timestamp::from_second(second).unwrap(), why.to_owned());
        let change = Change { at, from, to, why };
        let (key, name) = ("development/api".to_owned(), "api".to_owned());
        let turned = ProbeChange { key, name, live: false, change };
        if let Some(alert) = alert::of_probe(&environment, &turned, Duration::ZERO) {
            store.put(notify, &alert).unwrap();
        }
        let letters = store.letters(99).unwrap();
        letters.iter().rev().map(|(letter, _)| letter.alert.kind).collect::<Vec<_>>()
    };
    assert_eq!(turn(&loud, State::Off, State::Ok, ""), [], "that it is well is no news");
    assert_eq!(turn(&loud, State::Ok, State::Stale, "no recent probe"), [], "nor is a restart");
    assert_eq!(turn(&loud, State::Stale, State::Ok, ""), []);
    assert_eq!(turn(&loud, State::Ok, State::Down, ""), [Kind::ProbeDown]);
    assert_eq!(turn(&loud, State::Ok, State::Down, "another screen"), [Kind::ProbeDown]);
    assert_eq!(turn(&quiet, State::Down, State::Ok, "while it is muted"), [Kind::ProbeDown]);
    assert_eq!(
        turn(&loud, State::Ok, State::Down, ""),
        [Kind::ProbeDown, Kind::ProbeDown],
        "a new fall"
    );
    let ends = "its certificate ends in 6 d";
    let told = [Kind::ProbeDown, Kind::ProbeDown, Kind::ProbeUp];
    assert_eq!(turn(&loud, State::Down, State::Degraded, ends), told, "it answers again");
    assert_eq!(
        turn(&loud, State::Ok, State::Stale, "we cannot ask: no route").last(),
        Some(&Kind::Blind)
    );
}

#[test]
fn recovery_is_reported_across_a_slot_change() {
    let bench = Bench::new();
    let mut store = bench.store();
    let channel = Channel::Webhook { url: "http://localhost:1".into(), secret_env: None };
    let on = vec![Kind::ProbeDown, Kind::ProbeUp];
    let notify = Notify { channels: vec![channel], on, remind: Duration::ZERO };
    let environment = deploy_plan("1.0.0").environment;
    let turns = [
        ("development/app@b-2", "app GREEN", State::Ok, State::Down),
        ("development/app@b-1", "app BLUE", State::Off, State::Ok),
    ];
    for (second, (key, name, from, to)) in (1..).zip(turns) {
        let at = Timestamp::from_second(second).unwrap();
        let change = Change { at, from, to, why: String::new() };
        let turned = ProbeChange { key: key.to_owned(), name: name.to_owned(), live: true, change };
        store
            .put(&notify, &alert::of_probe(&environment, &turned, Duration::ZERO).unwrap())
            .unwrap();
    }
    let told: Vec<_> = store.letters(9).unwrap().iter().map(|(l, _)| l.alert.kind).collect();
    assert_eq!(told, [Kind::ProbeUp, Kind::ProbeDown]);
}

#[test]
fn domain_certificate_problems_alert() {
    let environment = deploy_plan("1.0.0").environment;
    let told = |from, to, why: &str| {
        let change = Change { at: Timestamp::UNIX_EPOCH, from, to, why: why.to_owned() };
        let (key, name) = ("development/a domains".to_owned(), "a domains".to_owned());
        let turned = ProbeChange { key, name, live: false, change };
        alert::of_probe(&environment, &turned, Duration::ZERO).map(|alert| alert.kind)
    };
    let ends = "certificate: domain a.example is CERT_EXPIRING_SOON";
    assert_eq!(told(State::Ok, State::Degraded, ends), Some(Kind::Certificate));
    let new = "being set up: domain a.example is HOST_UNREACHABLE, CERT_VALIDATING";
    for from in [State::Ok, State::Down] {
        assert_eq!(told(from, State::Degraded, new), None, "{from:?}");
    }
}
