//! Services of Cloud Run without App Hosting: a build is a revision, its address a tag, and traffic moves at once or in
//! shares.

use std::fs;
use std::process::Child;

use serde_json::{Value, json};

use super::emulator_api::Control;
use super::sandbox::{Sandbox, wait_until};

pub(crate) const SERVICES: &str = "/v2/projects/demo-toto/locations/us-central1/services";

/// A sandbox whose development runs on Cloud Run, with these rules of its deploys.
fn place(deploy: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    edit(&sandbox, "kind: app-hosting, endpoint: emulator", "kind: cloud-run, endpoint: emulator");
    let own = format!("protection: open\n    deploy: {{ {deploy} }}");
    edit(&sandbox, "protection: open", &own);
    sandbox
}

pub(crate) fn edit(sandbox: &Sandbox, from: &str, to: &str) {
    let file = sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(&file, text.replacen(from, to, 1)).unwrap();
}

pub(crate) fn facts(sandbox: &Sandbox, run: &str) -> Vec<Value> {
    let out = sandbox.run(&["events", run, "--json"]).exits(0).out;
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The data of each fact of a kind that is about toto-app.
pub(crate) fn of_app(facts: &[Value], kind: &str) -> Vec<Value> {
    let of = facts.iter().filter(|fact| fact["kind"] == kind);
    of.map(|fact| fact["data"].clone()).filter(|data| data["service"] == "toto-app").collect()
}

pub(crate) fn version(sandbox: &Sandbox) -> String {
    Sandbox::who(sandbox.app).unwrap().0
}

#[test]
fn deploys_and_rolls_back_revisions() {
    let sandbox = place("");
    sandbox.deploy("1.0.0").exits(0);
    sandbox.deploy("1.1.0").exits(0);
    let (label, revision) = Sandbox::who(sandbox.app).unwrap();
    let build = of_app(&facts(&sandbox, "2"), "green-ready")[0]["build"].clone();
    assert_eq!(
        (label.as_str(), revision),
        ("1.1.0", format!("toto-app-{}", build.as_str().unwrap()))
    );
    sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    assert_eq!(version(&sandbox), "1.0.0");
    // The release that was rolled back is the only one that nothing needs; its tag goes with it.
    let reason = ["cleanup", "development", "--yes", "--reason", "done"];
    sandbox.run(&reason).exits(0);
    let status = sandbox.run(&["status", "development", "--json"]).exits(0).json();
    assert_eq!(status["services"][1]["live"]["release"], "1.0.0");
    let logged = sandbox.run(&["logs", "--live", "development"]).exits(0).out;
    assert!(logged.contains("toto-app 1.0.0 listens"), "{logged}");
}

#[test]
fn shares_of_the_traffic_rise_step_by_step() {
    let sandbox = place("traffic: [10, 50, 100], soak: { for: 1s, interval: 20ms }");
    sandbox.deploy("1.0.0").exits(0);
    let first = facts(&sandbox, "1");
    assert!(of_app(&first, "shift-requested").is_empty(), "nothing is live to share with");
    sandbox.deploy("1.1.0").exits(0);
    let facts = facts(&sandbox, "2");
    let asked = of_app(&facts, "shift-requested");
    assert_eq!(asked.iter().map(|one| one["percent"].clone()).collect::<Vec<_>>(), [10, 50]);
    let observed = of_app(&facts, "traffic-observed");
    let parts = |at: usize| {
        let splits = observed[at]["splits"].as_array().unwrap().iter();
        splits.map(|split| split["percent"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((parts(0), parts(1), parts(2)), (vec![10, 90], vec![50, 50], vec![100]));
    let ended = |step: &str| {
        let mut of = facts.iter().filter(|fact| fact["kind"] == "step-finished");
        of.find(|fact| fact["step"] == step).unwrap()["data"]["summary"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let said = ended("soak:50");
    assert!(said.contains("of toto-app from GREEN; GREEN's own address: "), "{said}");
    assert!(facts.iter().any(|f| f["data"]["rule"] == "soak at 10 %"), "{facts:?}");
    assert_eq!(version(&sandbox), "1.1.0");
}

/// Runs a deploy of 1.1.0 after 1.0.0 in the background, until GREEN has a share.
fn half_way() -> (Sandbox, Child) {
    let sandbox = place("");
    sandbox.deploy("1.0.0").exits(0);
    edit(
        &sandbox,
        "deploy: {  }",
        "deploy: { traffic: [50, 100], soak: { for: 60s, interval: 100ms } }",
    );
    let arguments = ["deploy", "development", "--release", "1.1.0", "--yes", "--json"];
    let child = sandbox.command(&arguments).spawn().unwrap();
    wait_until("both services are shared", || {
        let out = sandbox.run(&["events", "2", "--json"]).out;
        out.contains("\"step\":\"soak:50\"")
    });
    (sandbox, child)
}

#[test]
fn shared_traffic_is_no_drift_and_survives_its_process() {
    let (sandbox, mut child) = half_way();
    let status = || sandbox.run(&["status", "development"]).exits(0).out;
    let shared = status();
    assert!(shared.contains("50 % 1.1.0, 1.0.0"), "{shared}");
    assert!(!shared.contains("DRIFT") && !shared.contains("SPLIT"), "{shared}");
    child.kill().unwrap();
    child.wait().unwrap();
    let left = status();
    assert!(left.contains("50 % 1.1.0, 1.0.0") && left.contains("in_doubt"), "{left}");
    let doubt = sandbox.run(&["resume", "2"]).out;
    assert!(doubt.contains("toto-app: 50 % green, the others blue"), "{doubt}");
    let back = sandbox.run(&["resume", "2", "--choose", "go-back", "--yes"]);
    assert_eq!(back.code, 1, "{}", back.err);
    assert_eq!(version(&sandbox), "1.0.0");
    let report = sandbox.run(&["report", "2"]).exits(0).out;
    assert!(report.contains("1.0.0 was live again"), "{report}");
    let step = |title: &str| report.lines().find(|line| line.contains(title)).unwrap().to_owned();
    assert!(step("Send 50 % of toto-app").contains("| undone |"), "{report}");
    assert!(!step("Switch toto-app to 1.1.0").contains("undone"), "it never began: {report}");
}

#[test]
fn left_shares_are_drift_and_a_rollback_ends_them() {
    let (sandbox, mut child) = half_way();
    child.kill().unwrap();
    child.wait().unwrap();
    sandbox.run(&["resume", "2", "--choose", "leave", "--yes"]);
    let left = sandbox.run(&["status", "development"]).exits(0).out;
    assert!(left.contains("DRIFT: toto-app is split: "), "{left}");
    sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    assert_eq!(version(&sandbox), "1.0.0");
}

#[test]
fn foreign_change_of_shared_traffic_stops_the_run_and_is_left_alone() {
    let (sandbox, child) = half_way();
    let api = Control::of(&sandbox);
    let service = format!("{SERVICES}/toto-app");
    let (_, now) = api.call("GET", &service, &Value::Null);
    let mut traffic = now["traffic"].clone();
    (traffic[0]["percent"], traffic[1]["percent"]) = (json!(30), json!(70));
    let body = json!({ "traffic": traffic });
    let (status, answer) = api.call("PATCH", &format!("{service}?updateMask=traffic"), &body);
    assert_eq!(status, 200, "{answer}");
    let said = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&said.stderr);
    assert!(said.contains("traffic of toto-app is no longer with"), "{said}");
    assert!(of_app(&facts(&sandbox, "2"), "release-marked").is_empty(), "it is not to blame");
    let (_, now) = api.call("GET", &service, &Value::Null);
    let statuses = now["trafficStatuses"].as_array().unwrap();
    let shares: Vec<_> = statuses.iter().map(|one| one["percent"].clone()).collect();
    assert!(shares.contains(&json!(30)) && shares.contains(&json!(70)), "left alone: {now}");
    // A person decides: a rollback is always possible.
    sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    assert_eq!(version(&sandbox), "1.0.0");
}

#[test]
fn bad_release_is_found_at_its_own_address_while_it_has_a_share() {
    let sandbox = place("");
    sandbox.deploy("1.0.0").exits(0);
    let rules = "deploy: { traffic: [10, 100], soak: { for: 60s, interval: 100ms, failures: 2 } }";
    edit(&sandbox, "deploy: {  }", rules);
    let said = sandbox.deploy("1.4.0-crash");
    assert_eq!(said.code, 6, "{}", said.err);
    let facts = facts(&sandbox, "2");
    let faulted = facts.iter().any(|fact| fact["kind"] == "release-faulted");
    let failed = facts.iter().find(|fact| fact["kind"] == "step-failed").unwrap();
    assert_eq!(failed["step"], "soak:10");
    let what = failed["data"]["problem"]["what"].as_str().unwrap();
    // Customers may get an answer of BLUE; the preview address has only those of GREEN.
    assert!(faulted && what.contains("became unhealthy"), "{what}");
    assert_eq!(version(&sandbox), "1.0.0");
}

#[test]
fn service_that_follows_the_latest_revision_gives_green_no_traffic() {
    let sandbox = place("");
    sandbox.run(&["emulator", "start"]).exits(0);
    let api = Control::of(&sandbox);
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/toto/toto-app");
    let body = json!({
        "annotations": {"pointsman.dev/address": format!("localhost:{}", sandbox.app)},
        "template": {
            "revision": "toto-app-00001-abc",
            "containers": [{"image": format!("file://{}", folder.display())}],
        },
        "traffic": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}],
    });
    let (status, answer) = api.call("POST", &format!("{SERVICES}?serviceId=toto-app"), &body);
    assert_eq!(status, 200, "{answer}");
    let service = format!("{SERVICES}/toto-app");
    let read = || api.call("GET", &service, &Value::Null).1;
    wait_until("the first revision is live", || read()["trafficStatuses"][0]["percent"] == 100);
    sandbox.deploy("1.1.0").exits(0);
    let asked = &of_app(&facts(&sandbox, "1"), "switch-requested")[0];
    assert_eq!(asked["from"], "00001-abc", "BLUE had all traffic until the switch");
    assert_eq!(version(&sandbox), "1.1.0");
    let types: Vec<_> =
        read()["traffic"].as_array().unwrap().iter().map(|one| one["type"].clone()).collect();
    assert!(types.iter().all(|of| of == "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"), "{types:?}");
}

#[test]
fn config_of_cloud_run_is_checked() {
    for (deploy, why) in [
        ("traffic: [50, 10, 100]", "are no shares of traffic"),
        ("traffic: [10, 50]", "the last of them 100"),
        ("traffic: [0, 100]", "are no shares of traffic"),
        ("traffic: []", "are no shares of traffic"),
    ] {
        place(deploy).refuses_config(why);
    }
    let shared = Sandbox::new();
    let own = "protection: open\n    deploy: { traffic: [10, 100] }";
    edit(&shared, "protection: open", own);
    shared.refuses_config("needs a platform of kind cloud-run");
    let google = place("");
    edit(&google, "kind: app-hosting", "kind: cloud-run");
    google.refuses_config("Cloud Run runs images: give service toto-app one");
    let tagged = place("");
    edit(&tagged, "endpoint: emulator,", "endpoint: emulator, preview: cloud-run-tag,");
    tagged.refuses_config("every build of Cloud Run has a separate address");
    let untried = place("");
    edit(&untried, "kind: app-hosting", "kind: cloud-run");
    let image = "backend: toto-app, image: 'registry/toto-app:{release}',";
    edit(&untried, "backend: toto-app,", image);
    let warned = untried.run(&["check"]);
    let all = format!("{}{}", warned.out, warned.err);
    assert!(all.contains("never tried against Google's servers"), "{all}");
}

#[test]
fn emulators_services_follow_googles_schema_and_refuse_what_google_refuses() {
    let sandbox = place("");
    sandbox.deploy("1.0.0").exits(0);
    let api = Control::of(&sandbox);
    let service = format!("{SERVICES}/toto-app");
    let document = pointsman::emulator::Document::CloudRun;
    let (_, read) = api.call("GET", &service, &Value::Null);
    assert_eq!(document.violations("GoogleCloudRunV2Service", &read), [], "{read}");
    let (_, revisions) = api.call("GET", &format!("{service}/revisions"), &Value::Null);
    let schema = "GoogleCloudRunV2ListRevisionsResponse";
    assert_eq!(document.violations(schema, &revisions), [], "{revisions}");
    let live = read["traffic"][0]["revision"].as_str().unwrap().to_owned();
    let part = |percent: u32, revision: &str| {
        let of = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION";
        json!([{"type": of, "revision": revision, "percent": percent}])
    };
    let change = format!("{service}?updateMask=traffic");
    for (body, word) in [
        (json!({"traffic": part(90, &live)}), "INVALID_ARGUMENT"),
        (json!({"traffic": part(100, "toto-app-none")}), "INVALID_ARGUMENT"),
        (json!({"traffic": part(100, &live), "etag": "\"old\""}), "ABORTED"),
    ] {
        let (status, answer) = api.call("PATCH", &change, &body);
        assert!(status >= 400, "{answer}");
        assert_eq!(answer["error"]["status"], word, "{body}");
    }
    let template = json!({"template": {"revision": live, "containers": [{"image": "x"}]}});
    let (status, answer) = api.call("PATCH", &format!("{service}?updateMask=template"), &template);
    assert_eq!((status, &answer["error"]["status"]), (409, &json!("ALREADY_EXISTS")), "{answer}");
    let (_, answer) = api.call("DELETE", &format!("{service}/revisions/{live}"), &Value::Null);
    assert_eq!(answer["error"]["status"], "FAILED_PRECONDITION", "{answer}");
}

#[test]
fn service_without_blue_shares_nothing_and_stops_nobody() {
    let sandbox = place("");
    let one = ["deploy", "development", "--release", "1.0.0", "--service", "toto-app", "--yes"];
    sandbox.run(&one).exits(0);
    let rules = "deploy: { traffic: [50, 100], soak: { for: 500ms, interval: 50ms } }";
    edit(&sandbox, "deploy: {  }", rules);
    sandbox.deploy("1.1.0").exits(0);
    let facts = facts(&sandbox, "2");
    let judged = facts.iter().filter(|fact| fact["data"]["rule"] == "soak at 50 %");
    let services: Vec<_> = judged.map(|fact| fact["data"]["service"].clone()).collect();
    assert_eq!(services, ["toto-app"], "toto-bo had nothing to share with");
    assert_eq!(version(&sandbox), "1.1.0");
}

#[test]
fn fix_of_a_bad_release_moves_all_traffic_at_once() {
    let sandbox = place("traffic: [10, 100], soak: { for: 60s, interval: 100ms }");
    let fix = ["deploy", "development", "--release", "1.0.0", "--at-once", "--yes"];
    let plan = ["plan", "development", "--release", "1.0.0", "--at-once"];
    let planned = sandbox.run(&plan).out;
    assert!(!planned.contains("shift:"), "{planned}");
    let shared = sandbox.run(&["plan", "development", "--release", "1.0.0"]).out;
    assert!(shared.contains("switch traffic in shares of 10 %, 100 %"), "{shared}");
    edit(&sandbox, "for: 60s", "for: 300ms");
    sandbox.run(&fix).exits(0);
    assert!(of_app(&facts(&sandbox, "1"), "shift-requested").is_empty());
}

#[test]
fn revision_of_somebody_else_is_not_our_release() {
    let sandbox = place("");
    sandbox.deploy("1.0.0").exits(0);
    let status = || sandbox.run(&["status", "development", "--json"]).json();
    let live = || status()["services"][1]["live"].clone();
    let first = live()["build"].clone();
    let api = Control::of(&sandbox);
    let service = format!("{SERVICES}/toto-app");
    let (_, now) = api.call("GET", &service, &Value::Null);
    // As `gcloud run deploy` does it: the template as it is, with another image and without a name.
    let mut template = now["template"].clone();
    template.as_object_mut().unwrap().remove("revision");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/toto/toto-bo");
    template["containers"][0]["image"] = json!(format!("file://{}", folder.display()));
    let latest = json!([{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}]);
    let body = json!({"template": template, "traffic": latest});
    let (code, answer) =
        api.call("PATCH", &format!("{service}?updateMask=template,traffic"), &body);
    assert_eq!(code, 200, "{answer}");
    wait_until("the other revision is live", || live()["build"] != first && !live().is_null());
    assert_eq!(live()["release"], Value::Null, "its template carries our annotations");
}
