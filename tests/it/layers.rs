//! What each layer says about the live build: App Hosting, the Cloud Run service below it, and the public address.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::misbehaving::{Platform, changed, error, rolls_out};
use super::stand_in::{Asked, Reply};

fn below(asked: &Asked) -> bool {
    asked.is("GET", "/v2/projects/demo-toto/locations/us-central1/services/toto-app")
}

/// As publicly reported: a rollout SUCCEEDED and App Hosting's traffic names its build, but the public address still
/// serves the previous one. The next rollout works.
fn stale_tag(platform: &Platform, cloud_run: impl Fn(&Asked) -> Option<Reply> + Send + 'static) {
    // Nothing here gets better by waiting longer.
    let config = platform.sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("within: 20s", "within: 1s")).unwrap();
    let (port, stale) = (platform.port, Arc::new(AtomicBool::new(false)));
    let mut build = Value::Null;
    platform.misbehaves(move |asked| {
        if rolls_out(asked) {
            let body: Value = serde_json::from_str(&asked.body).unwrap();
            let first = build.is_null();
            stale.store(first, Ordering::Relaxed);
            build = body["build"].clone();
            return first.then(|| {
                Reply::json(200, &json!({"name": "projects/x/operations/y", "done": true}))
            });
        }
        if below(asked) {
            return cloud_run(asked);
        }
        if !stale.load(Ordering::Relaxed) {
            return None;
        }
        if asked.is("GET", "toto-app/rollouts/") {
            return Some(Reply::json(200, &json!({"state": "SUCCEEDED"})));
        }
        let splits = json!({"splits": [{"build": build, "percent": 100}]});
        let traffic = asked.is("GET", "toto-app/traffic");
        traffic.then(|| changed(asked, port, |traffic| traffic["current"] = splits.clone()))
    });
}

/// The fact with what the layers said about toto-app, as `who: says`.
fn reports(platform: &Platform, run: &str) -> Vec<String> {
    let events = platform.sandbox.run(&["events", run, "--json"]).exits(0).out;
    let facts = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let fact = facts.into_iter().find(|fact| fact["kind"] == "serving-reported");
    let fact = fact.unwrap_or_else(|| panic!("{events}"));
    assert_eq!(fact["data"]["service"], "toto-app");
    let text = |report: &Value, key: &str| report[key].as_str().unwrap().to_owned();
    let all = fact["data"]["reports"].as_array().unwrap();
    all.iter().map(|report| format!("{}: {}", text(report, "who"), text(report, "says"))).collect()
}

#[test]
fn stale_tag_after_a_succeeded_rollout_is_shown_layer_by_layer() {
    let platform = Platform::new();
    stale_tag(&platform, |_| None);
    let said = platform.sandbox.deploy("2.0.0");
    assert_eq!(said.code, 6, "rolled back by a rule: {}", said.err);
    platform.serves("1.0.0");
    let told = reports(&platform, "2");
    assert!(told[0].starts_with("App Hosting: b-2-0-0"), "{told:?}");
    assert!(
        told[1].starts_with("Cloud Run: b-1-0-0") && told[1].contains("tag fah-live"),
        "{told:?}"
    );
    assert!(told[2].starts_with("the public address: ") && told[2].contains("1.0.0"), "{told:?}");
    // The same in words, with what is left behind, where people look.
    assert!(said.err.contains("Cloud Run's tag fah-live is still at b-1-0-0"), "{}", said.err);
    let report = platform.sandbox.run(&["report", "2"]).exits(0).out;
    assert!(report.contains("| toto-app | Cloud Run | b-1-0-0"), "{report}");
}

#[test]
fn forbidden_or_unreadable_cloud_run_is_told_and_stops_no_rollback() {
    let answers = [
        (error(403, "PERMISSION_DENIED", &json!([])), "HTTP 403"),
        (Reply::json(200, &json!({"login": "please"})), "cannot be read"),
        (
            Reply::json(200, &json!({"name": "s", "trafficStatuses": [{"percent": 900}]})),
            "cannot be read",
        ),
    ];
    for (answer, words) in answers {
        let platform = Platform::new();
        stale_tag(&platform, move |_| Some(answer.clone()));
        let said = platform.sandbox.deploy("2.0.0");
        assert_eq!(said.code, 6, "rolled back by a rule: {}", said.err);
        let told = reports(&platform, "2");
        assert!(told[1].starts_with("Cloud Run: nothing: ") && told[1].contains(words), "{told:?}");
        platform.serves("1.0.0");
    }
}

#[test]
fn rollout_that_is_skipped_silently_is_no_switch() {
    let platform = Platform::new();
    platform.misbehaves(|asked| {
        let operation = json!({"name": "projects/p/locations/l/operations/o", "done": true});
        if rolls_out(asked) {
            return Some(Reply::json(200, &operation));
        }
        let (path, _) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        let one = asked.method == "GET" && path.contains("toto-app/rollouts/r-");
        one.then(|| Reply::json(200, &json!({"name": &path["/v1/".len()..], "state": "SKIPPED"})))
    });
    let said = platform.sandbox.deploy("2.0.0");
    assert_ne!(said.code, 0);
    assert!(said.err.contains("is SKIPPED"), "{}", said.err);
    platform.serves("1.0.0");
    let report = platform.sandbox.run(&["report", "2"]).exits(0).out;
    assert!(report.contains("1.0.0"), "{report}");
}

#[test]
fn build_that_fails_after_it_was_ready_gets_no_traffic() {
    let platform = Platform::new();
    let (port, ready) = (platform.port, Arc::new(AtomicBool::new(false)));
    platform.misbehaves(move |asked| {
        if rolls_out(asked) {
            return Some(error(400, "FAILED_PRECONDITION", &json!([])));
        }
        let build = asked.is("GET", "toto-app/builds/b-2-0-0");
        build.then(|| {
            // Ready once, as the step that builds sees it.
            let fails = ready.load(Ordering::Relaxed);
            changed(asked, port, |build| {
                if fails {
                    build["state"] = json!("FAILED");
                    build["errors"] = json!([{"errorSource": "CLOUD_RUN", "error": {"message": "out of memory"}}]);
                }
                ready.fetch_or(build["state"] == "READY", Ordering::Relaxed);
            })
        })
    });
    let said = platform.sandbox.deploy("2.0.0");
    assert_ne!(said.code, 0, "{}", said.err);
    platform.serves("1.0.0");
    let status = platform.sandbox.run(&["status", "development"]).out;
    assert!(status.contains("toto-app") && status.contains("1.0.0"), "{status}");
}
