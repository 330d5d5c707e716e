//! What a database could be restored from: said before it is changed, required where the config asks for it, and kept with
//! the migration.

use pointsman::adapters::auth::Auth;
use pointsman::adapters::firestore::Firestore;
use pointsman::domain::restore::Recovery;
use pointsman::domain::time::Timestamp;
use pointsman::emulator::Document;
use pointsman::engine::database::schema;
use pointsman::ports::database::Database as _;
use serde_json::{Value, json};

use super::emulator_api::Caller;
use super::firestore::block_on;
use super::misbehaving::error;
use super::schema::{EXPAND, Place};
use super::stand_in::{Reply, StandIn};

const PROJECT: &str = "demo-restore";

fn place(more: &str) -> Place {
    let place = Place::new(PROJECT, "main: '>=0'", &[("1.0.0_count.yaml", EXPAND)]);
    place.configure("main: '>=0'", more);
    place.users(3);
    place
}

/// What the Admin API of the emulator says from now on.
fn told(place: &Place, told: &Value) {
    let file = place.sandbox.state().join("emulator/databases.json");
    std::fs::write(file, told.to_string()).unwrap();
}

const UP: [&str; 4] = ["migrate", "up", "development", "--yes"];

fn database() -> String {
    format!("projects/{PROJECT}/databases/(default)")
}

fn recovering() -> Value {
    json!({database(): {
        "pointInTimeRecoveryEnablement": "POINT_IN_TIME_RECOVERY_ENABLED",
        "earliestVersionTime": "2026-01-02T03:04:05Z", "versionRetentionPeriod": "604800s",
    }})
}

#[test]
fn restore_point_is_kept_with_the_migration_and_its_absence_is_said() {
    let place = place("");
    // Without a confirmation nothing is written, and the question says what a restore could use.
    let asked = place.run(&["migrate", "up", "development"]).exits(3).err;
    let plan = place.run(&["plan", "development", "--release", "1.0.0"]);
    let words = "No backup of main is made: point-in-time recovery is OFF; no backup.";
    assert!(asked.contains(words) || plan.out.contains(words), "{asked}{}", plan.out);
    told(&place, &recovering());
    let before = Timestamp::now();
    place.run(&UP).exits(0);
    let record = block_on(async {
        let schema = schema(&place.database()).await.unwrap();
        schema.records.values().next().cloned().unwrap()
    });
    let point = record.restore_point.unwrap();
    let minutes = [before, Timestamp::now()].map(|at| at.strftime("%Y-%m-%d %H:%MZ").to_string());
    assert!(minutes.contains(&point), "{point} is not one of {minutes:?}");
}

#[test]
fn required_recovery_or_backup_is_refused_before_anything_is_written() {
    let place = place(", backup: { required: pitr }");
    let documents = || {
        let read = place.database();
        block_on(async { read.read(&["users/u000000".to_owned()]).await.unwrap().documents })
    };
    let before = documents();
    let refused = place.run(&UP);
    assert_eq!(refused.code, 3, "{}", refused.err);
    assert!(refused.err.contains("point-in-time recovery of main is off"), "{}", refused.err);
    assert!(refused.err.contains("--enable-pitr"), "{}", refused.err);
    assert_eq!(documents(), before);
    let deploy = place.run(&["deploy", "development", "--release", "1.0.0", "--yes"]);
    assert_eq!(deploy.code, 3, "{}", deploy.err);
    assert!(deploy.err.contains("point-in-time recovery of main is off"), "{}", deploy.err);

    // A backup of the last day.
    place.configure("main: '>=0'", ", backup: { required: 24h }");
    let backups = |state: &str, hours: i64| {
        let at = Timestamp::now() - jiff::SignedDuration::from_hours(hours);
        json!({format!("projects/{PROJECT}/locations/us-central1/backups"): [
            {"database": database(), "state": state, "snapshotTime": at.to_string()},
            {"database": "projects/p/databases/other", "state": "READY", "snapshotTime": at.to_string()},
        ]})
    };
    for (state, hours, why) in [
        ("READY", 25, "the latest is of "),
        ("CREATING", 1, "it has none at all"),
        ("NOT_AVAILABLE", 1, "it has none at all"),
    ] {
        told(&place, &backups(state, hours));
        let refused = place.run(&UP);
        assert_eq!(refused.code, 3, "{state}: {}", refused.err);
        assert!(refused.err.contains("no backup of the last 24h"), "{}", refused.err);
        assert!(refused.err.contains(why), "{}", refused.err);
    }
    assert_eq!(documents(), before);
    told(&place, &backups("READY", 1));
    place.run(&UP).exits(0);
    assert_ne!(documents(), before);
}

#[test]
fn wrong_requirement_is_an_error_with_its_place() {
    let place = Place::new(PROJECT, "main: '>=0'", &[]);
    place.configure("main: '>=0'", ", backup: { required: soon }");
    let said = place.run(&["check"]);
    assert_ne!(said.code, 0);
    let all = format!("{}{}", said.out, said.err);
    assert!(all.contains("\"soon\" is neither pitr nor the greatest age of a backup"), "{all}");
    assert!(all.contains("config.yaml:"), "{all}");
}

#[test]
fn what_the_admin_api_withholds_is_unknown_and_not_absent() {
    let restorable = |reply: Reply| {
        let server = StandIn::new(move |_, _| reply.clone());
        let client =
            Firestore::new(server.url(), "p", "(default)", Auth::Fixed("t".into())).unwrap();
        block_on(async { client.admin().unwrap().restorable().await })
    };
    let denied = restorable(error(403, "PERMISSION_DENIED", &json!([]))).unwrap();
    assert!(
        matches!(&denied.recovery, Recovery::Unknown(why) if why.contains("HTTP 403")),
        "{denied:?}"
    );
    assert!(denied.backup.is_err());
    let busy = restorable(error(429, "RESOURCE_EXHAUSTED", &json!([]))).unwrap();
    assert!(matches!(busy.recovery, Recovery::Unknown(_)), "{busy:?}");
    // Google's emulator serves no such API.
    assert_eq!(restorable(error(404, "NOT_FOUND", &json!([]))), None);
    assert_eq!(restorable(error(501, "UNIMPLEMENTED", &json!([]))), None);
    assert_eq!(restorable(Reply::json(200, &json!({}))), None);
    let odd = json!({"name": "d", "locationId": "l", "pointInTimeRecoveryEnablement": "MAYBE"});
    assert!(matches!(restorable(Reply::json(200, &odd)).unwrap().recovery, Recovery::Unknown(_)));
}

#[test]
fn admin_api_of_the_emulator_matches_googles_schema() {
    let api = Caller::new();
    for (path, schema) in [
        ("projects/demo-toto/databases/(default)", "GoogleFirestoreAdminV1Database"),
        (
            "projects/demo-toto/locations/us-central1/backups",
            "GoogleFirestoreAdminV1ListBackupsResponse",
        ),
    ] {
        let (status, answer) = api.call("GET", &format!("/v1/{path}"), &Value::Null);
        assert_eq!(status, 200, "{path}: {answer}");
        assert_eq!(Document::FirestoreAdmin.violations(schema, &answer), [], "{path}: {answer}");
    }
}
