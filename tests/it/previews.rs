//! Preview addresses of GREEN at Cloud Run: opened where the config asks for it, closed at the end, and never needed.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::misbehaving::{Platform, changed, error};
use super::sandbox::wait_until;
use super::stand_in::{Asked, Reply, StandIn};
use super::terminal::Terminal;

const SERVICE: &str = "/v2/projects/demo-toto/locations/us-central1/services/toto-app";

/// A platform that gives no preview address by itself, as Google's, and a config that asks for one by a tag.
fn place() -> Platform {
    let platform = Platform::new();
    let file = platform.sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replacen(
        "location: us-central1 }",
        "location: us-central1, preview: cloud-run-tag }",
        1,
    );
    fs::write(&file, text).unwrap();
    let port = platform.port;
    platform.misbehaves(move |asked| bare(asked, port));
    platform
}

/// A build without its address.
fn bare(asked: &Asked, port: u16) -> Option<Reply> {
    let build = asked.method == "GET" && asked.path.contains("/builds/b-");
    build.then(|| {
        changed(asked, port, |build| {
            if let Some(annotations) = build["annotations"].as_object_mut() {
                annotations.remove("pointsman.dev/preview");
            }
        })
    })
}

/// The tags of the service below toto-app, besides App Hosting's own.
fn tags(platform: &Platform) -> Vec<String> {
    let service = platform.below("GET", SERVICE, &Value::Null);
    let all = service["traffic"].as_array().unwrap().iter();
    let tags = all.filter_map(|target| target["tag"].as_str()).filter(|tag| *tag != "fah-live");
    tags.map(str::to_owned).collect()
}

/// The preview address of GREEN of toto-app, as a run recorded it.
fn preview(platform: &Platform, run: &str) -> Value {
    let events = platform.sandbox.run(&["events", run, "--json"]).exits(0).out;
    let facts = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut ready =
        facts.filter(|fact| fact["kind"] == "green-ready" && fact["data"]["service"] == "toto-app");
    ready.next().unwrap()["data"]["preview"].clone()
}

#[test]
fn green_is_probed_at_its_tag_which_is_gone_afterwards() {
    let platform = place();
    platform.sandbox.deploy("2.0.0").exits(0);
    let address = preview(&platform, "2");
    assert!(address.as_str().unwrap().starts_with("http://127.0.0.1:"), "{address}");
    let events = platform.sandbox.run(&["events", "2"]).exits(0).out;
    assert!(events.contains("GREEN's health passed"), "{events}");
    assert_eq!(tags(&platform), [""; 0]);
    platform.serves("2.0.0");
}

#[test]
fn tag_that_a_killed_run_left_is_taken_away_and_no_other_one() {
    let platform = place();
    let service = platform.below("GET", SERVICE, &Value::Null);
    let mut traffic = service["traffic"].as_array().unwrap().clone();
    let live = traffic[0]["revision"].clone();
    for tag in ["pm-deadbeef", "qa"] {
        let kind = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION";
        traffic.push(json!({"type": kind, "revision": live, "percent": 0, "tag": tag}));
    }
    let body = json!({"name": service["name"], "etag": service["etag"], "traffic": traffic});
    platform.below("PATCH", &format!("{SERVICE}?updateMask=traffic"), &body);
    assert_eq!(tags(&platform), ["pm-deadbeef", "qa"]);
    platform.sandbox.deploy("2.0.0").exits(0);
    assert_eq!(tags(&platform), ["qa"]);
    platform.serves("2.0.0");
}

#[test]
fn service_that_allows_no_preview_is_deployed_without_one() {
    type Change = fn(&mut Value);
    let reasons: [(&str, Change); 3] = [
        ("its ingress is INGRESS_TRAFFIC_INTERNAL_ONLY", |service| {
            service["ingress"] = json!("INGRESS_TRAFFIC_INTERNAL_ONLY");
        }),
        ("its run.app addresses are disabled", |service| {
            service["defaultUriDisabled"] = json!(true);
        }),
        ("it may be called by no anonymous client", |policy| {
            if policy.get("bindings").is_some() {
                policy["bindings"] = json!([]);
            }
        }),
    ];
    for (why, change) in reasons {
        let platform = place();
        let port = platform.port;
        platform.misbehaves(move |asked| {
            let service = asked.is("GET", SERVICE);
            service.then(|| changed(asked, port, change)).or_else(|| bare(asked, port))
        });
        platform.sandbox.deploy("2.0.0").exits(0);
        platform.serves("2.0.0");
        assert_eq!(preview(&platform, "2"), Value::Null);
        let log = platform.sandbox.run(&["logs", "2"]).exits(0).out;
        assert!(log.contains("no preview address") && log.contains(why), "{log}");
        assert_eq!(tags(&platform), [""; 0]);
    }
}

#[test]
fn forbidden_cloud_run_and_a_rollback_need_no_preview() {
    let platform = place();
    let (port, asked_it) = (platform.port, Arc::new(AtomicUsize::new(0)));
    let count = asked_it.clone();
    platform.misbehaves(move |asked| {
        if asked.path.starts_with("/v2/projects") {
            count.fetch_add(1, Ordering::Relaxed);
            return Some(error(403, "PERMISSION_DENIED", &json!([])));
        }
        bare(asked, port)
    });
    platform.sandbox.deploy("2.0.0").exits(0);
    platform.serves("2.0.0");
    assert!(asked_it.swap(0, Ordering::Relaxed) > 0);
    platform.sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    assert_eq!(asked_it.load(Ordering::Relaxed), 0, "a rollback opens none and closes none");
    platform.serves("1.0.0");
}

#[test]
fn tag_that_app_hosting_takes_away_is_told_and_green_is_not_blamed() {
    let platform = place();
    let (port, reads) = (platform.port, Arc::new(AtomicUsize::new(0)));
    platform.misbehaves(move |asked| {
        if asked.is("GET", SERVICE) && !asked.path.contains(":getIamPolicy") {
            // Shown once, at an address where nothing answers; then it is gone.
            return Some(changed(asked, port, |service| {
                let statuses = service["trafficStatuses"].as_array_mut().unwrap();
                let tagged = statuses.iter().any(|status| status["tag"] != "fah-live");
                let shown = tagged && reads.fetch_add(1, Ordering::Relaxed) == 0;
                statuses.retain(|status| shown || status["tag"] == "fah-live");
                for status in statuses.iter_mut().filter(|status| status["tag"] != "fah-live") {
                    status["uri"] = json!("http://127.0.0.1:1");
                }
            }));
        }
        bare(asked, port)
    });
    platform.sandbox.deploy("2.0.0").exits(0);
    let log = platform.sandbox.run(&["logs", "2"]).exits(0).out;
    assert!(log.contains("the preview address was taken away at Cloud Run"), "{log}");
    platform.serves("2.0.0");
}

#[test]
fn tag_that_is_taken_away_at_a_gate_blames_nobody_and_the_gate_stays() {
    let platform = place();
    let sandbox = &platform.sandbox;
    // GREEN's address leads through a server that stops knowing it.
    let (gone, to) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU16::new(0)));
    let (is_gone, leads_to) = (gone.clone(), to.clone());
    let door = StandIn::new(move |asked, _| {
        if is_gone.load(Ordering::Relaxed) {
            return Reply::json(404, &json!({}));
        }
        Reply::Raw(asked.forward(leads_to.load(Ordering::Relaxed)))
    });
    let (port, url, is_gone) = (platform.port, door.url(), gone.clone());
    platform.misbehaves(move |asked| {
        if !asked.is("GET", SERVICE) || asked.path.contains(":getIamPolicy") {
            return bare(asked, port);
        }
        Some(changed(asked, port, |service| {
            let statuses = service["trafficStatuses"].as_array_mut().unwrap();
            let others = is_gone.load(Ordering::Relaxed);
            statuses.retain(|status| !others || status["tag"] == "fah-live");
            for status in statuses.iter_mut().filter(|status| status["tag"] != "fah-live") {
                let own = status["uri"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
                to.store(own.parse().unwrap(), Ordering::Relaxed);
                status["uri"] = json!(url);
            }
        }))
    });
    let mut terminal = Terminal::open(sandbox, 30, 100);
    terminal.opens("D", "Deploy which release?");
    terminal.press("2.0.0\r");
    terminal.says_yes("DEVELOPMENT · Deploy ");
    let state = || sandbox.run(&["status", "development", "--json"]).json()["run"].clone();
    wait_until("the gate waits", || state()["state"] == "waiting");
    gone.store(true, Ordering::Relaxed);
    let events = || sandbox.run(&["events", "2", "--json"]).out;
    let without = "\"preview\":null";
    wait_until("the run knows that the address is gone", || events().contains(without));
    assert_eq!(state()["state"], "waiting");
    assert!(!events().contains("release-faulted"), "{}", events());
    wait_until("it is approved", || sandbox.run(&["approve", "2"]).code == 0);
    wait_until("it ends", || state()["state"] == "promoted" || state().is_null());
    platform.serves("2.0.0");
}

#[test]
fn check_says_that_previews_were_never_tried_at_google() {
    let platform = place();
    let file = platform.sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let production = "platform: { kind: app-hosting, location: us-central1, project: toto-f9d2f }";
    let with = production.replace(" }", ", preview: cloud-run-tag }");
    fs::write(&file, text.replace(production, &with)).unwrap();
    let said = platform.sandbox.run(&["check"]).exits(0);
    let all = format!("{}{}", said.out, said.err);
    assert!(all.contains("never tried against Google's servers"), "{all}");
}
