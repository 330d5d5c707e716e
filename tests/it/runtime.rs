//! The logs and figures of running builds: copied during the soak, judged where the config asks for it, and never believed
//! too far.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use pointsman::emulator::Document;
use serde_json::{Value, json};

use super::emulator_api::Caller;
use super::misbehaving::{Platform, error, times};
use super::sandbox::{Sandbox, get};
use super::stand_in::{Asked, Reply};

fn log_entries(asked: &Asked) -> bool {
    asked.is("POST", "/v2/entries:list")
}

fn time_series(asked: &Asked) -> bool {
    asked.is("GET", "/timeSeries")
}

/// Adds limits to the soak of a config.
fn limits(sandbox: &Sandbox, metrics: &str) {
    let file = sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace("failures: 2 }", &format!("failures: 2, metrics: {metrics} }}"));
    fs::write(&file, text).unwrap();
}

/// The judgements of a run whose rule begins with `metrics`: the verdict and the evidence.
fn judged(sandbox: &Sandbox, run: &str) -> Vec<(String, String)> {
    let events = sandbox.run(&["events", run, "--json"]).exits(0).out;
    let facts = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ours = facts.filter(|fact| {
        fact["data"]["rule"].as_str().is_some_and(|rule| rule.starts_with("metrics"))
    });
    let word = |fact: &Value, key: &str| fact["data"][key].as_str().unwrap().to_owned();
    ours.map(|fact| (word(&fact, "verdict"), word(&fact, "evidence"))).collect()
}

#[test]
fn figures_of_the_proxy_are_judged_at_the_end_of_the_soak() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    limits(&sandbox, "{ errors: '<50%', p95: '<100x', at_least: 3 }");
    with_customers(&sandbox, || sandbox.deploy("1.1.0").exits(0));
    let judged = judged(&sandbox, "2");
    assert_eq!(judged.len(), 4, "two rules for each of two services: {judged:?}");
    assert!(judged.iter().all(|(verdict, _)| verdict == "pass"), "{judged:?}");
    assert!(judged[0].1.starts_with("0.00 % of "), "{judged:?}");
    assert!(judged[1].1.contains(", BLUE "), "{judged:?}");
}

#[test]
fn few_requests_are_inconclusive_and_the_deploy_says_so() {
    let sandbox = Sandbox::new();
    limits(&sandbox, "{ errors: '<1%', at_least: 100000 }");
    let said = sandbox.deploy("1.0.0").exits(0);
    let all = format!("{}{}", said.out, said.err);
    assert!(all.contains("of the 100000 requests needed"), "{all}");
    let judged = judged(&sandbox, "1");
    assert_eq!(judged.len(), 2, "{judged:?}");
    assert!(judged.iter().all(|(verdict, _)| verdict == "inconclusive"), "{judged:?}");
}

/// Runs a command while customers ask both services again and again.
fn with_customers<T>(sandbox: &Sandbox, act: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    let ports = [sandbox.app, sandbox.bo];
    std::thread::scope(|scope| {
        for port in ports {
            let over = &over;
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    get(port, "/");
                    std::thread::yield_now();
                }
            });
        }
        let done = act();
        over.store(true, Ordering::Relaxed);
        done
    })
}

/// One time series with a point of the last minute.
fn series(class: &str, requests: u32) -> Value {
    let now = jiff::Timestamp::now();
    let interval = json!({"startTime": now.to_string(), "endTime": now.to_string()});
    json!({
        "metric": {"type": "run.googleapis.com/request_count", "labels": {"response_code_class": class}},
        "metricKind": "DELTA", "valueType": "INT64",
        "points": [{"interval": interval, "value": {"int64Value": requests.to_string()}}],
    })
}

#[test]
fn failing_requests_end_the_soak_and_traffic_goes_back() {
    let platform = Platform::new();
    limits(&platform.sandbox, "{ errors: '<1%' }");
    let green = |asked: &Asked| time_series(asked) && asked.path.contains("b-2-0-0");
    platform.misbehaves(times(usize::MAX, green, |_| {
        Reply::json(200, &json!({"timeSeries": [series("2xx", 970), series("5xx", 30)]}))
    }));
    let said = platform.sandbox.deploy("2.0.0");
    assert_eq!(said.code, 6, "rolled back by a rule: {}", said.err);
    assert!(said.err.contains("3.00 % of 1000 "), "{}", said.err);
    assert!(said.err.contains("requests failed (limit <1%)"), "{}", said.err);
    platform.serves("1.0.0");
}

#[test]
fn late_busy_or_forbidden_figures_and_logs_stop_nothing() {
    let answers = [
        ("no figures are reported yet", Reply::json(200, &json!({}))),
        ("RESOURCE_EXHAUSTED", error(429, "RESOURCE_EXHAUSTED", &json!([]))),
        ("roles/monitoring.viewer", error(403, "PERMISSION_DENIED", &json!([]))),
    ];
    for (at, (why, reply)) in answers.into_iter().enumerate() {
        let platform = Platform::new();
        limits(&platform.sandbox, "{ errors: '<1%' }");
        let ours = |asked: &Asked| time_series(asked) || log_entries(asked);
        platform.misbehaves(times(usize::MAX, ours, move |_| reply.clone()));
        platform.sandbox.deploy("2.0.0").exits(0);
        platform.serves("2.0.0");
        let judged = judged(&platform.sandbox, "2");
        assert_eq!(judged.len(), 2, "{why}: {judged:?}");
        assert!(judged.iter().all(|(verdict, _)| verdict == "inconclusive"), "{judged:?}");
        assert!(judged.iter().all(|(_, said)| said.contains(why)), "{judged:?}");
        let log = platform.sandbox.run(&["logs", "2"]).exits(0).out;
        let refused = log.matches("the logs of running builds are not shown").count();
        assert_eq!(refused, usize::from(at == 2), "said once where a role is missing: {log}");
    }
}

#[test]
fn late_and_repeated_log_entries_are_copied_once() {
    let platform = Platform::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let file = platform.sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("soak: { for: 300ms", "soak: { for: 12s")).unwrap();
    platform.misbehaves(move |asked| {
        if !log_entries(asked) {
            return None;
        }
        let body: Value = serde_json::from_str(&asked.body).unwrap();
        let filter = body["filter"].as_str().unwrap().to_owned();
        if !filter.contains("resource.labels.service_name=\"toto-app\"") {
            return Some(Reply::json(200, &json!({})));
        }
        let round = count.fetch_add(1, Ordering::Relaxed);
        let at = |after: i64| {
            let since = filter.split("timestamp>=\"").nth(1).unwrap().split('"').next().unwrap();
            let since: jiff::Timestamp = since.parse().unwrap();
            (since + jiff::SignedDuration::from_secs(after)).to_string()
        };
        let green = filter.split("revision_name=\"").nth(1).unwrap().split('"').next().unwrap();
        let entry = |id: &str, text: &str, severity: &str| {
            json!({"insertId": id, "timestamp": at(1), "severity": severity, "textPayload": text,
                "resource": {"type": "cloud_run_revision", "labels": {"revision_name": green}}})
        };
        let mut entries = vec![entry("a", "cannot reach the database", "ERROR")];
        if round > 0 {
            entries.push(entry("b", "came late", "DEFAULT"));
            entries.push(
                json!({"insertId": "c", "timestamp": at(1), "textPayload": "of another build",
                "resource": {"labels": {"revision_name": "b-9-9-9"}}}),
            );
        }
        Some(Reply::json(200, &json!({"entries": entries})))
    });
    platform.sandbox.deploy("2.0.0").exits(0);
    let log = platform.sandbox.run(&["logs", "2"]).exits(0).out;
    assert!(asked.load(Ordering::Relaxed) > 1, "read again and again");
    assert_eq!(log.matches("ERROR cannot reach the database").count(), 1, "{log}");
    assert_eq!(log.matches("INFO came late").count(), 1, "{log}");
    assert!(!log.contains("of another build"), "{log}");
}

#[test]
fn live_logs_show_what_the_builds_log_now() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    assert_eq!(get(sandbox.app, "/api/health").0, 200);
    let live = |more: &[&str]| sandbox.run(&[&["logs", "--live", "development"], more].concat());
    let all = live(&[]).exits(0).out;
    assert!(all.contains("toto-app") && all.contains("toto-bo"), "{all}");
    assert!(all.lines().all(|line| line.contains(" GREEN ")), "{all}");
    let one = live(&["--service", "toto-bo"]).exits(0).out;
    assert!(one.contains("toto-bo") && !one.contains("toto-app "), "{one}");
    assert_eq!(live(&["--level", "error"]).exits(0).out, "");
    let first: Value =
        serde_json::from_str(live(&["--json"]).exits(0).out.lines().next().unwrap()).unwrap();
    assert_eq!(first["side"], "GREEN");
    assert!(live(&["--service", "x"]).exits(2).err.contains("has no service \"x\""));
    assert!(sandbox.run(&["logs", "--live", "nowhere"]).exits(2).err.contains("nowhere"));
    assert_eq!(sandbox.run(&["logs"]).code, 2, "a run or an environment");
}

#[test]
fn wrong_limits_are_errors_with_their_place() {
    for (metrics, why) in [
        ("{ errors: '1%' }", "\"1%\" is no share: write \"<1%\""),
        ("{ p95: '<fast' }", "\"<fast\" is no limit"),
        ("{ at_least: 5 }", "it names neither `errors` nor `p95`"),
    ] {
        let sandbox = Sandbox::new();
        limits(&sandbox, metrics);
        sandbox.refuses_config(why);
    }
    // At Google, a soak of a second ends before the first figure.
    let sandbox = Sandbox::new();
    limits(&sandbox, "{ errors: '<1%' }");
    let said = sandbox.run(&["check"]).exits(0);
    let all = format!("{}{}", said.out, said.err);
    assert!(all.contains("ends before Google reports its metrics"), "{all}");
}

#[test]
fn checklist_item_about_metrics_is_checked_by_the_machine() {
    let sandbox = Sandbox::new();
    limits(&sandbox, "{ errors: '<50%', at_least: 1 }");
    let file = sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let items = "checklists:\n  post:\n    - { text: Error rates, required: true, auto: { metrics: errors } }\n";
    fs::write(&file, format!("{text}{items}")).unwrap();
    with_customers(&sandbox, || sandbox.deploy("1.0.0").exits(0));
    let list = sandbox.run(&["checklist", "1"]).exits(0).out;
    assert!(list.contains("toto-app: 0.00 % of "), "{list}");
}

#[test]
fn logs_and_figures_of_the_emulator_match_googles_schema() {
    let api = Caller::new();
    api.sandbox.deploy("1.0.0").exits(0);
    for _ in 0..5 {
        assert_eq!(get(api.sandbox.app, "/").0, 200);
    }
    let builds = "/v1/projects/demo-toto/locations/us-central1/backends/toto-app/builds";
    let (_, list) = api.call("GET", builds, &Value::Null);
    let build = list["builds"][0]["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let of_revision = format!(
        "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"toto-app\" AND \
         resource.labels.revision_name=\"{build}\""
    );
    let body = json!({"resourceNames": ["projects/demo-toto"], "filter": of_revision});
    let (status, page) = api.call("POST", "/v2/entries:list", &body);
    assert_eq!(status, 200, "{page}");
    assert_eq!(Document::Logging.violations("ListLogEntriesResponse", &page), [], "{page}");
    assert!(page["entries"][0]["textPayload"].as_str().unwrap().contains("listens"), "{page}");
    let odd = json!({"resourceNames": ["projects/demo-toto"], "filter": "what is this"});
    assert_eq!(api.call("POST", "/v2/entries:list", &odd).0, 400);
    let (now, hour) = (jiff::Timestamp::now(), jiff::SignedDuration::from_hours(1));
    for metric in ["request_count", "request_latencies"] {
        let filter = format!("metric.type=\"run.googleapis.com/{metric}\" AND {of_revision}");
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("filter", &filter)
            .append_pair("interval.startTime", &(now - hour).to_string())
            .append_pair("interval.endTime", &(now + hour).to_string())
            .append_pair("aggregation.alignmentPeriod", "60s")
            .append_pair("aggregation.perSeriesAligner", "ALIGN_DELTA")
            .finish();
        let path = format!("/v3/projects/demo-toto/timeSeries?{query}");
        let (status, answer) = api.call("GET", &path, &Value::Null);
        assert_eq!(status, 200, "{answer}");
        let wrong = Document::Monitoring.violations("ListTimeSeriesResponse", &answer);
        assert_eq!(wrong, [], "{answer}");
        assert!(!answer["timeSeries"][0]["points"].as_array().unwrap().is_empty(), "{answer}");
    }
}
