//! Secrets that builds read: asked before a build, watched under the build that a rollback goes to. Values are never read.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::emulator_api::Caller;
use super::misbehaving::{Platform, changed, error, times};
use super::stand_in::{Asked, Reply};
use pointsman::emulator::Document;

const PROJECT: &str = "projects/demo-toto/secrets";

/// What the emulator's Secret Manager says from now on.
fn secrets(platform: &Platform, told: &Value) {
    let file = platform.sandbox.state().join("emulator/secrets.json");
    fs::write(file, told.to_string()).unwrap();
}

/// toto-app is built with these secrets.
fn names(platform: &Platform, env: &str) {
    let folder = super::besides_code::own_folder(&platform.sandbox);
    let file = folder.join("apphosting.yaml");
    fs::write(&file, format!("scripts: {{ runCommand: x }}\nenv:\n{env}")).unwrap();
}

const ENV: &str = "  - { variable: JWT_SECRET, secret: jwt-key }\n  - { variable: STRIPE_SECRET_KEY, secret: stripe-key@3 }\n";

#[test]
fn build_whose_secrets_cannot_be_read_is_refused_before_it_is_requested() {
    let platform = Platform::new();
    names(&platform, ENV);
    let versions = |stripe: Value| {
        json!({
            format!("{PROJECT}/jwt-key"): {"versions": {"7": "ENABLED"}},
            format!("{PROJECT}/stripe-key"): stripe,
        })
    };
    let enabled = json!({"versions": {"3": "ENABLED"}});
    for (stripe, words, remedy) in [
        (Value::Null, "secret stripe-key does not exist", "apphosting:secrets:set stripe-key"),
        (
            json!({"versions": {"2": "ENABLED"}}),
            "secret stripe-key has no version 3",
            "apphosting:secrets:set",
        ),
        (
            json!({"versions": {"3": "DISABLED"}}),
            "secret stripe-key version 3 is disabled",
            "gcloud secrets versions enable 3 --secret stripe-key --project demo-toto",
        ),
        (
            json!({"versions": {"3": "DESTROYED"}}),
            "secret stripe-key version 3 is destroyed",
            "secrets:set",
        ),
    ] {
        secrets(&platform, &versions(stripe));
        let said = platform.sandbox.deploy("2.0.0");
        assert_eq!(said.code, 1, "{}", said.out);
        assert!(said.err.contains(words) && said.err.contains(remedy), "{}", said.err);
        assert_eq!(platform.builds("2.0.0"), 0, "nothing was built: {words}");
    }
    // The project's policy may grant the role too, so a missing grant is only a warning.
    secrets(&platform, &versions(json!({"versions": {"3": "ENABLED"}, "readers": []})));
    let run = platform.sandbox.deploy("2.0.0").exits(0).json()["run"].to_string();
    let events = platform.sandbox.run(&["events", &run, "--json"]).exits(0).out;
    let grant = "firebase apphosting:secrets:grantaccess stripe-key --backend toto-app --location us-central1 --project demo-toto";
    assert!(
        events.contains("no grant found for stripe-key of toto-app") && events.contains(grant),
        "{events}"
    );
    secrets(&platform, &versions(enabled));
    let run = platform.sandbox.deploy("2.0.1").exits(0).json()["run"].to_string();
    let events = platform.sandbox.run(&["events", &run, "--json"]).exits(0).out;
    assert!(
        !events.contains("secrets not checked") && !events.contains("no grant found"),
        "{events}"
    );
}

#[test]
fn forbidden_secret_manager_stops_no_deploy_and_is_told_once() {
    let platform = Platform::new();
    names(&platform, ENV);
    let of_secrets = |asked: &Asked| asked.path.contains("/secrets");
    platform
        .misbehaves(times(usize::MAX, of_secrets, |_| error(403, "PERMISSION_DENIED", &json!([]))));
    let run = platform.sandbox.deploy("2.0.0").exits(0).json()["run"].to_string();
    let events = platform.sandbox.run(&["events", &run, "--json"]).exits(0).out;
    let told = "secrets not checked: Secret Manager answered HTTP 403";
    let finished =
        events.lines().find(|line| line.contains("step-finished") && line.contains("preflight"));
    let finished = finished.unwrap();
    assert_eq!(finished.matches(told).count(), 1, "{finished}");
    assert!(finished.contains("roles/secretmanager.viewer"), "{finished}");
}

#[test]
fn destroyed_secret_under_blue_makes_the_rollback_not_ready_and_stops_it_not() {
    let platform = Platform::new();
    platform.sandbox.deploy("2.0.0").exits(0);
    let port = platform.port;
    // As built by Google: the version of each secret is pinned in the build.
    platform.misbehaves(move |asked| {
        let build = asked.method == "GET" && asked.path.contains("toto-app/builds/b-1-0-0");
        build.then(|| {
            changed(asked, port, |build| {
                build["config"]["effectiveEnv"] = json!([
                    {"variable": "STRIPE", "secret": format!("{PROJECT}/stripe-key/versions/3")},
                ]);
            })
        })
    });
    let rollback = || {
        let status = platform.sandbox.run(&["status", "development", "--json"]).exits(0).json();
        let services = status["services"].as_array().unwrap().clone();
        services.into_iter().find(|s| s["service"] == "toto-app").unwrap()["rollback"].clone()
    };
    secrets(&platform, &json!({format!("{PROJECT}/stripe-key"): {"versions": {"3": "ENABLED"}}}));
    assert_eq!(rollback()["ready"], true);
    let at = "2030-01-02T03:04:05Z";
    for (state, words) in [
        (
            json!({"state": "ENABLED", "scheduledDestroyTime": at}),
            "will be destroyed at 02 Jan 03:04Z",
        ),
        (json!("DISABLED"), "is disabled"),
        (json!("DESTROYED"), "is destroyed"),
    ] {
        secrets(&platform, &json!({format!("{PROJECT}/stripe-key"): {"versions": {"3": state}}}));
        let rollback = rollback();
        assert_eq!(rollback["ready"], false, "{rollback}");
        assert_eq!(rollback["why"], format!("secret stripe-key version 3 {words}"), "{rollback}");
    }
    platform.sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    platform.serves("1.0.0");
}

#[test]
fn secret_manager_of_the_emulator_matches_googles_schema() {
    let api = Caller::new();
    for (path, schema) in [
        ("secrets", "ListSecretsResponse"),
        ("secrets/a", "Secret"),
        ("secrets/a:getIamPolicy", "Policy"),
        ("secrets/a/versions", "ListSecretVersionsResponse"),
        ("secrets/a/versions/latest", "SecretVersion"),
        ("secrets/a/versions/1", "SecretVersion"),
    ] {
        let (status, answer) =
            api.call("GET", &format!("/v1/projects/demo-toto/{path}"), &Value::Null);
        assert_eq!(status, 200, "{path}: {answer}");
        assert_eq!(Document::SecretManager.violations(schema, &answer), [], "{path}: {answer}");
    }
    let (status, _) = api.call("GET", "/v1/projects/demo-toto/secrets/a/versions/9", &Value::Null);
    assert_eq!(status, 404);
}

/// Whether a call is to an optional API.
fn forbidden(asked: &Asked) -> bool {
    asked.path.contains("/secrets")
        || asked.path.starts_with("/v2/")
        || asked.path.starts_with("/v3/")
}

#[test]
fn forbidden_optional_apis_stop_nothing_and_doctor_names_each_grant() {
    let platform = Platform::new();
    names(&platform, ENV);
    let doctor = || {
        let said = platform.sandbox.run(&["doctor", "development", "--json"]).exits(0).json();
        let all = said["looked_at"].as_array().unwrap().clone();
        all.into_iter()
            .filter(|look| look["what"].as_str().unwrap().starts_with("development "))
            .collect::<Vec<_>>()
    };
    // With all roles, doctor lists each API and its purpose.
    let well = doctor();
    let what: Vec<_> = well.iter().map(|look| look["what"].as_str().unwrap()).collect();
    assert_eq!(
        what,
        ["development Cloud Run", "development Cloud Logging", "development Secret Manager"]
    );
    assert!(well.iter().all(|look| look["ok"] == true), "{well:?}");

    platform
        .misbehaves(times(usize::MAX, forbidden, |_| error(403, "PERMISSION_DENIED", &json!([]))));
    for (look, role) in doctor().iter().zip([
        "roles/run.viewer",
        "roles/logging.viewer",
        "roles/secretmanager.viewer",
    ]) {
        let todo = look["problem"]["todo"].as_str().unwrap();
        assert_eq!((&look["ok"], &look["optional"]), (&json!(false), &json!(true)), "{look}");
        assert!(
            todo.contains("gcloud services enable ") && todo.contains("--project demo-toto"),
            "{todo}"
        );
        assert!(
            todo.contains("add-iam-policy-binding demo-toto --member ") && todo.ends_with(role),
            "{todo}"
        );
    }
    let said = platform.sandbox.run(&["doctor", "development"]).exits(0).out;
    assert!(said.contains("lacks development Cloud Run"), "{said}");
    assert!(platform.sandbox.run(&["doctor", "nowhere"]).exits(2).err.contains("nowhere"));

    // A deploy and a rollback work as before, and what could not be checked is said once.
    let run = platform.sandbox.deploy("2.0.0").exits(0).json()["run"].to_string();
    platform.serves("2.0.0");
    let events = platform.sandbox.run(&["events", &run, "--json"]).exits(0).out;
    assert_eq!(events.matches("secrets not checked").count(), 1, "{events}");
    assert!(
        !events.contains("Cloud Run answered"),
        "nothing failed, so it was not asked: {events}"
    );
    platform.sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    platform.serves("1.0.0");
}

#[test]
fn exhausted_quota_of_optional_apis_stops_no_deploy_and_no_rollback() {
    let platform = Platform::new();
    names(&platform, ENV);
    platform
        .misbehaves(times(usize::MAX, forbidden, |_| error(429, "RESOURCE_EXHAUSTED", &json!([]))));
    let run = platform.sandbox.deploy("2.0.0").exits(0).json()["run"].to_string();
    platform.serves("2.0.0");
    let events = platform.sandbox.run(&["events", &run, "--json"]).exits(0).out;
    let told = "secrets not checked: Secret Manager answered HTTP 429";
    assert_eq!(events.matches(told).count(), 1, "{events}");
    platform.sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    platform.serves("1.0.0");
}

#[test]
fn rollback_calls_no_optional_api() {
    let platform = Platform::new();
    platform.sandbox.deploy("2.0.0").exits(0);
    let (port, calls) = (platform.port, Arc::new(AtomicUsize::new(0)));
    let counted = calls.clone();
    // BLUE has a pinned secret, and neither Secret Manager nor Cloud Run ever answers.
    platform.misbehaves(move |asked| {
        if forbidden(asked) {
            counted.fetch_add(1, Ordering::Relaxed);
            return Some(Reply::Hangs);
        }
        let build = asked.method == "GET" && asked.path.contains("toto-app/builds/b-1-0-0");
        build.then(|| {
            changed(asked, port, |build| {
                build["config"]["effectiveEnv"] = json!([
                    {"variable": "STRIPE", "secret": format!("{PROJECT}/stripe-key/versions/3")},
                ]);
            })
        })
    });
    platform.sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    platform.serves("1.0.0");
    assert_eq!(calls.load(Ordering::Relaxed), 0, "a rollback that works needs no evidence");
}

#[test]
fn lint_of_two_environments_names_versions_by_number() {
    let platform = Platform::new();
    names(&platform, "  - { variable: A, secret: key }\n  - { variable: B, secret: pinned@1 }\n");
    let project = "projects/demo-toto/secrets";
    secrets(
        &platform,
        &json!({
            format!("{project}/key"): {"versions": {"1": "DESTROYED", "2": "DISABLED", "3": "ENABLED"}},
            format!("{project}/pinned"): {"versions": {"1": "DISABLED", "2": "ENABLED"}},
        }),
    );
    let said = platform.sandbox.run(&["lint", "--between", "development", "production"]).exits(0);
    assert!(said.out.contains("toto-app, secret key\n    development: 3 (latest)"), "{}", said.out);
    assert!(said.out.contains("development: 1 (pinned), disabled"), "{}", said.out);
    // Production cannot be asked from here: unknown is not the same as absent.
    assert!(said.out.contains("secret versions of production are unknown"), "{}", said.out);
    let json = platform.sandbox.run(&["lint", "--between", "development", "production", "--json"]);
    let json = json.exits(0).json();
    let key = &json["secrets"][0];
    assert_eq!((&key["secret"], &key["first"]), (&json!("key"), &json!("3 (latest)")));
    assert_eq!(key["second"], "unknown");
}
