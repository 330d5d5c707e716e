//! What probes hear, and what is made of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pointsman::adapters::clock::SystemClock;
use pointsman::adapters::probe::MachineProber;
use pointsman::domain::health::Wanted;
use pointsman::domain::ids::BuildId;
use pointsman::domain::probe::{Answer, Check, Expect, Fault, Measurement};
use pointsman::ports::prober::Prober as _;
use serde_json::Value;

use super::sandbox::{Sandbox, free_port};
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

fn word(sick: &Sick, expect: Expect) -> (Fault, String) {
    let service = Service::new(sick.clone());
    match measured(&http(service.url(), expect), &[]).answer {
        Answer::Bad(fault, said) => (fault, said),
        other => panic!("{sick:?}: {other:?}"),
    }
}

#[test]
fn every_sickness_has_its_own_word() {
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
        let (heard, said) = word(&sick, plain());
        assert_eq!(heard, fault, "{sick:?}: {said}");
        assert!(said.contains(part), "{sick:?}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
    let closed = http(format!("http://127.0.0.1:{}/", free_port()), plain());
    assert!(matches!(measured(&closed, &[]).answer, Answer::Bad(Fault::Refused, _)));
    let wanted =
        Wanted { versions: Vec::new(), build: BuildId::new("b-2").unwrap(), revision_told: true };
    let who = Expect { revision: Some("/revision".into()), wanted: Some(wanted), ..plain() };
    let (heard, said) = word(&Sick::No(r#"{"revision":"b-1"}"#), who);
    assert_eq!(heard, Fault::OtherBuild, "{said}");
    assert!(said.contains("b-1") && said.contains("b-2"), "{said}");
}

#[test]
fn the_parts_of_an_answer_are_timed() {
    let service = Service::new(Sick::Slow(Duration::from_millis(60)));
    let heard = measured(&http(service.url(), Expect::default()), &[]);
    assert_eq!(heard.answer, Answer::Good);
    let timing = heard.timing;
    let (connect, first) = (timing.connect.unwrap(), timing.first_byte.unwrap());
    assert!(timing.tls.is_none() && first >= Duration::from_millis(60), "{timing:?}");
    assert!(connect + first <= timing.total, "{timing:?}");
}

#[test]
fn whoever_cannot_reach_anything_is_blind_and_has_seen_nothing() {
    let nobody = format!("tcp://127.0.0.1:{}", free_port());
    let service = Service::new(Sick::No("{}"));
    let there = format!("tcp://127.0.0.1:{}", service.port);
    let gone = http(format!("http://127.0.0.1:{}/", free_port()), Expect::default());
    let blind = measured(&gone, std::slice::from_ref(&nobody)).answer;
    assert!(matches!(&blind, Answer::Blind(why) if why.contains("none of 1 control")), "{blind:?}");
    let down = measured(&gone, &[nobody.clone(), there]).answer;
    assert!(matches!(down, Answer::Bad(Fault::Refused, _)), "{down:?}");
    // What answered was heard, whatever the controls say.
    let sick = Service::new(Sick::Says("HTTP/1.1 500 Oh\r\n\r\n"));
    let heard = measured(&http(sick.url(), Expect::default()), &[nobody]).answer;
    assert!(matches!(heard, Answer::Bad(Fault::Status, _)), "{heard:?}");
    let named = http("http://no-such-host.invalid/".into(), Expect::default());
    let lost = measured(&named, &["tcp://neither.invalid:443".into()]).answer;
    assert!(matches!(lost, Answer::Blind(_)), "no name at all is found: {lost:?}");
}

#[test]
fn ports_and_programs_are_probes_too() {
    let service = Service::new(Sick::No("{}"));
    let tcp = |port: u16| Check::Tcp(format!("127.0.0.1:{port}"));
    assert_eq!(measured(&tcp(service.port), &[]).answer, Answer::Good);
    assert!(matches!(measured(&tcp(free_port()), &[]).answer, Answer::Bad(Fault::Refused, _)));
    let run = |argv: &[&str]| {
        measured(&Check::Command(argv.iter().map(|a| (*a).to_owned()).collect()), &[]).answer
    };
    assert_eq!(run(&["true"]), Answer::Good);
    let failed = run(&["sh", "-c", "echo no quota >&2; exit 3"]);
    assert!(
        matches!(&failed, Answer::Bad(Fault::Command, why) if why.contains("no quota")),
        "{failed:?}"
    );
    assert!(matches!(run(&["sleep", "60"]), Answer::Bad(Fault::NoAnswer, _)));
    assert!(matches!(run(&["no-such-program-here"]), Answer::Blind(_)), "it looked at nothing");
}

/// A sandbox whose development environment also watches these.
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
fn health_tells_each_of_them_apart_and_exits_by_the_worst() {
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
    assert!(!states.contains_key("toto-app"), "the emulator does not run: {said}");
    let text = sandbox.run(&["health", "development"]).exits(1).out;
    assert!(text.contains("/status is \"sick\", not \"ok\""), "{text}");
}

#[test]
fn a_certificate_is_looked_at() {
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
    assert!(why(2).contains("nobody here trusts"), "{}", why(2));
    assert!(why(3).contains("for another name"), "{}", why(3));
}

/// Answers over TLS until the test ends; the port.
fn serve_tls(certificate: &rcgen::Certificate, key: &rcgen::KeyPair) -> u16 {
    use std::io::{Read as _, Write as _};
    let _ = rustls::crypto::ring::default_provider().install_default();
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
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
fn what_is_wrong_with_what_is_watched_is_said_with_its_place() {
    let sandbox = watching(
        "      - { name: both, url: 'http://x', tcp: 'x:1' }\n      \
         - { name: toto-app, tcp: 'x:1' }\n      \
         - { name: web, url: 'ftp://x', expect: { status: [99], json: { status: ok } } }\n      \
         - { name: web, tcp: 'x', expect: { status: [200] } }",
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
    ] {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
}

#[test]
fn a_mute_wants_an_end_and_a_reason() {
    let good = Service::new(Sick::No("{}"));
    let sandbox = watching(&format!("      - {{ name: stripe, url: '{}' }}", good.url()));
    let said = sandbox.run(&["health", "development", "--mute", "stripe"]).exits(2);
    assert!(said.err.contains("an end and a reason"), "{}", said.err);
    let mute = ["health", "development", "--mute", "stripe", "--for", "30m", "--reason", "theirs"];
    sandbox.run(&mute).exits(0);
    let said = sandbox.run(&["health", "development", "--json"]).exits(0).json();
    assert_eq!(said["probes"][0]["muted_because"], "theirs (ana)", "{said}");
    sandbox.run(&["health", "development", "--unmute", "stripe"]).exits(0);
    let said = sandbox.run(&["health", "development", "--json"]).exits(0).json();
    assert_eq!(said["probes"][0]["muted_until"], Value::Null);
    let said = sandbox.run(&["health", "development", "--unmute", "strype"]).exits(2);
    assert!(said.err.contains("name one of stripe"), "{}", said.err);
}
