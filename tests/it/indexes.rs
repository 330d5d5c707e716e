//! Indexes and expiry of a database: made by migrations, compared with the team's file, and waited for before a switch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use pointsman::adapters::auth::Auth;
use pointsman::adapters::firestore::Firestore;
use pointsman::domain::export::ExportState;
use pointsman::domain::index::{Expiry, Index, IndexField, IndexKind, IndexState};
use pointsman::domain::rules_test::{Records, RulesTest};
use pointsman::emulator::Document;
use pointsman::ports::database::{Database as _, Refused};
use pointsman::ports::database_admin::DatabaseAdmin as _;
use serde_json::{Value, json};

use super::emulator_api::Caller;
use super::firestore::block_on;
use super::misbehaving::error;
use super::sandbox::wait_until;
use super::schema::{EXPAND, Place};
use super::stand_in::{Reply, StandIn};

const PROJECT: &str = "demo-indexes";

const MAKE: &str = "description: Orders by customer\nphase: expand\nreversibility: data-loss\nup:\n  \
    - index: { in: orders, fields: [{ field: customer }, { field: created, order: descending }] }\n  \
    - ttl: { in_every: sessions, field: expires }\ndown:\n  \
    - delete_ttl: { in_every: sessions, field: expires }\n  \
    - delete_index: { in: orders, fields: [{ field: customer }, { field: created, order: descending }] }\n";

const WANTED: &str = r#"{"indexes": [{"collectionGroup": "orders", "queryScope": "COLLECTION", "fields": [
    {"fieldPath": "customer", "order": "ASCENDING"}, {"fieldPath": "created", "order": "DESCENDING"}]}],
    "fieldOverrides": [{"collectionGroup": "sessions", "fieldPath": "expires", "ttl": true, "indexes": []}]}"#;

const UP: [&str; 4] = ["migrate", "up", "development", "--yes"];
const DEPLOY: [&str; 5] = ["deploy", "development", "--release", "1.0.0", "--yes"];

fn orders() -> Index {
    let field = |path: &str, kind| IndexField { path: path.to_owned(), kind };
    let fields =
        vec![field("customer", IndexKind::Ascending), field("created", IndexKind::Descending)];
    Index::new("orders", false, fields)
}

fn place(migrations: &[(&str, &str)]) -> Place {
    let place = Place::new(PROJECT, "main: '>=0'", migrations);
    place.users(1);
    place
}

/// A place whose config names a file of indexes.
fn with_file(migrations: &[(&str, &str)], file: &str) -> Place {
    let place = place(migrations);
    place.configure("main: '>=0'", ", indexes: firestore.indexes.json");
    std::fs::write(place.sandbox.folder.path().join("firestore.indexes.json"), file).unwrap();
    place
}

/// What a file of the emulator's folder says from now on.
fn told(place: &Place, file: &str, told: &Value) {
    std::fs::write(place.sandbox.state().join("emulator").join(file), told.to_string()).unwrap();
}

/// The states of the index of orders and of the expiry of sessions.
fn states(place: &Place) -> (Option<IndexState>, Option<IndexState>) {
    let database = place.database();
    let found = block_on(async { database.admin().unwrap().indexes().await.unwrap() });
    let expiry = Expiry { collection: "sessions".into(), field: "expires".into() };
    let index = found.indexes.into_iter().find(|f| f.index == orders()).map(|f| f.state);
    (index, found.expiries.into_iter().find(|(e, _)| *e == expiry).map(|(_, state)| state))
}

#[test]
fn migration_creates_waits_and_takes_back() {
    let place = place(&[("1.0.0_orders.yaml", MAKE)]);
    place.run(&UP).exits(0);
    assert_eq!(states(&place), (Some(IndexState::Ready), Some(IndexState::Ready)));
    // Again is no error: what exists is not created twice.
    place.run(&["migrate", "down", "development", "--to", "0.0.0", "--yes"]).exits(0);
    assert_eq!(states(&place), (None, None));
    let database = place.database();
    block_on(async { database.admin().unwrap().create_index(&orders()).await.unwrap() });
    place.run(&UP).exits(0);
    assert_eq!(states(&place), (Some(IndexState::Ready), Some(IndexState::Ready)));
}

#[test]
fn killed_migration_continues_with_the_index_that_it_began() {
    let place = place(&[("1.0.0_orders.yaml", MAKE)]);
    told(&place, "indexes.json", &json!({"seconds": 3600}));
    let mut migrating = place.command(&UP).spawn().unwrap();
    wait_until("the index is begun", || states(&place).0 == Some(IndexState::Creating));
    let list = || {
        let database = place.database();
        block_on(async { database.admin().unwrap().indexes().await.unwrap().indexes })
    };
    let begun = list();
    migrating.kill().unwrap();
    migrating.wait().unwrap();
    let status = place.run(&["migrate", "status", "development"]).exits(0).out;
    assert!(status.contains("half done"), "{status}");
    told(&place, "indexes.json", &json!({"seconds": 0}));
    place.run(&["resume", "2", "--yes"]).exits(0);
    let now = list();
    assert_eq!((now.len(), &now[0].name), (1, &begun[0].name), "not created twice");
    assert_eq!(states(&place), (Some(IndexState::Ready), Some(IndexState::Ready)));
}

#[test]
fn broken_index_fails_the_migration_and_says_what_to_do() {
    let place = place(&[("1.0.0_orders.yaml", MAKE)]);
    told(&place, "indexes.json", &json!({"seconds": 0, "state": "NEEDS_REPAIR"}));
    let said = place.run(&UP);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.err.contains("NEEDS_REPAIR"), "{}", said.err);
    assert!(said.err.contains("gcloud firestore indexes composite list"), "{}", said.err);
}

#[test]
fn contradictions_about_indexes_are_errors_with_their_place() {
    let table = [
        (
            MAKE.replace("data-loss", "full"),
            "documents that expire do not come back",
        ),
        (
            "description: x\nphase: expand\nreversibility: none\nup:\n  - delete_index: { in: a, fields: [{ field: b }, { field: c }] }\n".to_owned(),
            "old code may still need that index",
        ),
        (
            "description: x\nphase: expand\nreversibility: none\nup:\n  - index: { in: a/b/c, fields: [{ field: b }, { field: c }] }\n".to_owned(),
            "an index is about every collection of a name",
        ),
        (
            "description: x\nphase: expand\nreversibility: none\nup:\n  - index: { in: a, fields: [{ field: b }] }\n".to_owned(),
            "Firestore indexes b itself",
        ),
    ];
    for (text, why) in table {
        let place = Place::new(PROJECT, "main: '>=0'", &[("1.0.0_orders.yaml", &text)]);
        let said = place.run(&["check"]);
        let all = format!("{}{}", said.out, said.err);
        assert_ne!(said.code, 0, "{why}");
        assert!(all.contains(why) && all.contains("1.0.0_orders.yaml:"), "{all}");
    }
}

#[test]
fn release_without_its_index_is_refused_before_a_build() {
    let place = with_file(&[("1.0.0_count.yaml", EXPAND)], WANTED);
    let said = place.run(&DEPLOY);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(
        said.err.contains(
            "main lacks index orders [customer, created descending], ttl sessions.expires"
        ),
        "{}",
        said.err
    );
    assert!(
        said.err.contains("firebase deploy --only firestore:indexes --project demo-indexes"),
        "{}",
        said.err
    );
    let events = place.run(&["events", "1"]).out;
    assert!(!events.contains("build-requested"), "nothing is built: {events}");
    // The migrations of the release create them.
    let place = with_file(&[("1.0.0_orders.yaml", MAKE)], WANTED);
    let status = place.run(&["migrate", "status", "development"]).exits(0).out;
    assert!(status.contains("0 of 2 indexes READY; created by a pending migration"), "{status}");
    place.run(&DEPLOY).exits(0);
    let status = place.run(&["migrate", "status", "development"]).exits(0).out;
    assert!(status.contains("2 of 2 indexes READY"), "{status}");
}

#[test]
fn switch_waits_for_an_index_and_a_rollback_does_not() {
    let place = with_file(&[("1.0.0_count.yaml", EXPAND)], WANTED);
    let make = || {
        let database = place.database();
        let expiry = Expiry { collection: "sessions".into(), field: "expires".into() };
        block_on(async {
            let admin = database.admin().unwrap();
            admin.create_index(&orders()).await.unwrap();
            admin.expire(&expiry, true).await.unwrap();
        });
    };
    make();
    place.run(&DEPLOY).exits(0);
    // The next release meets an index that is being created.
    told(&place, "indexes.json", &json!({"seconds": 3600}));
    let mut deploying =
        place.command(&["deploy", "development", "--release", "1.1.0", "--yes"]).spawn().unwrap();
    let log = || place.run(&["logs", "3"]).out;
    wait_until("the switch waits", || {
        log().contains("waiting: main: index orders") && log().contains("CREATING")
    });
    let traffic = || place.run(&["status", "development", "--json"]).json().to_string();
    assert!(!traffic().contains("\"live\":\"1.1.0\""), "{}", traffic());
    told(&place, "indexes.json", &json!({"seconds": 0}));
    assert!(deploying.wait().unwrap().success(), "{}", log());
    // A rollback goes to BLUE, whatever the indexes are.
    told(&place, "indexes.json", &json!({"seconds": 3600, "state": "NEEDS_REPAIR"}));
    place.run(&["rollback", "development", "--yes"]).exits(0);
}

#[test]
fn wait_for_an_index_survives_a_server_that_fails_for_a_while() {
    let place = with_file(&[("1.0.0_count.yaml", EXPAND)], WANTED);
    let database = place.database();
    block_on(async {
        let admin = database.admin().unwrap();
        admin.create_index(&orders()).await.unwrap();
        let expiry = Expiry { collection: "sessions".into(), field: "expires".into() };
        admin.expire(&expiry, true).await.unwrap();
    });
    place.run(&DEPLOY).exits(0);
    let url = place.sandbox.emulator()["url"].as_str().unwrap().to_owned();
    let port = url.rsplit(':').next().unwrap().parse().unwrap();
    let token = place.sandbox.run(&["emulator", "token"]).out.trim().to_owned();
    let fails = Arc::new(AtomicBool::new(false));
    let (failing, failed) = (fails.clone(), Arc::new(AtomicUsize::new(0)));
    let count = failed.clone();
    let between = StandIn::new(move |asked, _| {
        if failing.load(Ordering::Relaxed) && asked.path.contains("/indexes") {
            count.fetch_add(1, Ordering::Relaxed);
            return error(503, "UNAVAILABLE", &json!([]));
        }
        let mut asked = asked.clone();
        asked.headers.insert("authorization".to_owned(), format!("Bearer {token}"));
        Reply::Raw(asked.forward(port))
    });
    told(&place, "indexes.json", &json!({"seconds": 3600}));
    let host = between.url().trim_start_matches("http://").to_owned();
    let mut deploying = place
        .command(&["deploy", "development", "--release", "1.1.0", "--yes"])
        .env("FIRESTORE_EMULATOR_HOST", host)
        .spawn()
        .unwrap();
    let log = || place.run(&["logs", "3"]).out;
    wait_until("the switch waits", || log().contains("waiting: main: index orders"));
    fails.store(true, Ordering::Relaxed);
    wait_until("the server failed again and again", || failed.load(Ordering::Relaxed) > 4);
    fails.store(false, Ordering::Relaxed);
    told(&place, "indexes.json", &json!({"seconds": 0}));
    assert!(deploying.wait().unwrap().success(), "{}", log());
}

#[test]
fn checklist_item_about_indexes_is_checked_by_the_machine() {
    let place = with_file(&[("1.0.0_orders.yaml", MAKE)], WANTED);
    let file = place.sandbox.folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let items =
        "checklists:\n  deploy:\n    - { text: Indexes, required: true, auto: { indexes: all } }\n";
    std::fs::write(&file, format!("{text}{items}")).unwrap();
    place.run(&DEPLOY).exits(0);
    let list = place.run(&["checklist", "2"]).exits(0).out;
    assert!(list.contains("main: 2 of 2 indexes READY"), "{list}");
}

#[test]
fn unreadable_file_of_indexes_is_named() {
    let place = with_file(&[("1.0.0_count.yaml", EXPAND)], "{\n  \"indexes\": 3\n}");
    let said = place.run(&DEPLOY);
    assert_ne!(said.code, 0);
    assert!(said.err.contains("firestore.indexes.json:2"), "{}", said.err);
}

#[test]
fn rules_that_let_clients_write_the_records_fail_doctor() {
    let place = place(&[("1.0.0_count.yaml", EXPAND)]);
    let status = |word: &str| {
        let said = place.run(&["migrate", "status", "development"]).exits(0).out;
        assert!(said.contains(word), "{said}");
    };
    status("its rules let neither an anonymous nor a signed-in client write _migrations/version");
    told(&place, "rules.json", &json!({format!("projects/{PROJECT}"): {"allows": ["update"]}}));
    status("an anonymous client may update _migrations/version");
    let doctor = place.run(&["doctor", "development"]);
    assert_eq!(doctor.code, 1, "{}", doctor.out);
    assert!(
        doctor.out.contains("clients can change the migration records of main"),
        "{}",
        doctor.out
    );
    assert!(doctor.out.contains("rules are joined by OR"), "{}", doctor.out);
    told(&place, "rules.json", &json!({format!("projects/{PROJECT}"): null}));
    status("no rules are released: clients have no access");
}

#[test]
fn export_is_followed_to_its_end() {
    let place = place(&[("1.0.0_count.yaml", EXPAND)]);
    let export = ["migrate", "export", "development", "--to"];
    let run = |more: &[&str]| place.run(&[&export[..], more].concat());
    let refused = run(&["bucket", "--yes"]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(refused.err.contains("gs://bucket/folder"), "{}", refused.err);
    assert_eq!(run(&["gs://b/f"]).code, 3, "an export is confirmed");
    let done = run(&["gs://b/f", "--yes", "--json"]).exits(0).json();
    assert_eq!(done["export"]["to"], "gs://b/f");
    let operation = done["operation"].as_str().unwrap();
    let again =
        place.run(&["migrate", "export", "development", "--follow", operation]).exits(0).out;
    assert!(again.contains("main is exported to gs://b/f"), "{again}");
}

/// What a client of a stand-in gets for one answer.
fn client(reply: Reply) -> (StandIn, Firestore) {
    let server = StandIn::new(move |_, _| reply.clone());
    let bearer = Auth::Fixed("t".into());
    let client = Firestore::new(server.url(), "p", "(default)", bearer).unwrap();
    (server, client)
}

#[test]
fn answers_of_the_admin_api_are_never_believed_too_far() {
    let (_server, denied) = client(error(403, "PERMISSION_DENIED", &json!([])));
    let busy = client(error(429, "RESOURCE_EXHAUSTED", &json!([])));
    let none = client(Reply::json(200, &json!({})));
    block_on(async {
        assert_eq!(denied.indexes().await.unwrap_err().refused, Refused::Denied);
        assert_eq!(denied.rules(Records::Migrations).await.unwrap_err().refused, Refused::Denied);
        assert_eq!(denied.export("gs://b").await.unwrap_err().refused, Refused::Denied);
        assert_eq!(busy.1.indexes().await.unwrap_err().refused, Refused::Contended);
        // Google's emulator answers paths that it does not know like this: no index is not what it says.
        assert_eq!(none.1.indexes().await.unwrap_err().refused, Refused::NotServed);
        assert_eq!(
            none.1.rules(Records::Migrations).await.unwrap_err().refused,
            Refused::NotServed
        );
    });
    let running = json!({"name": "o", "done": false, "metadata": {"progressDocuments": {
        "estimatedWork": "10", "completedWork": "4"}}});
    let failed =
        json!({"name": "o", "done": true, "error": {"code": 7, "message": "no access to b"}});
    let empty = json!({"name": "o", "done": true, "metadata": {"operationState": "CANCELLED"}});
    for (answer, state, progress) in [
        (running, ExportState::Running, "4 of about 10 documents"),
        (failed, ExportState::Failed("no access to b".into()), "no document is reported yet"),
        (empty, ExportState::Failed("it ended CANCELLED".into()), "no document is reported yet"),
    ] {
        let (_server, client) = client(Reply::json(200, &answer));
        let export = block_on(async { client.exported("o").await.unwrap() });
        assert_eq!((export.state.clone(), export.progress()), (state, progress.to_owned()));
    }
    // A test whose result is missing proves nothing.
    let (_server, odd) = client(Reply::json(
        200,
        &json!({"rulesetName": "projects/p/rulesets/r", "testResults": []}),
    ));
    let told = block_on(async { odd.rules(Records::Migrations).await });
    assert!(!matches!(told, Ok(RulesTest::NoRules | RulesTest::Tested { .. })), "{told:?}");
}

#[test]
fn indexes_of_the_emulator_match_googles_schema() {
    let api = Caller::new();
    let database = "/v1/projects/demo-toto/databases/(default)";
    let group = format!("{database}/collectionGroups");
    let index = json!({"queryScope": "COLLECTION", "fields": [
        {"fieldPath": "a", "order": "ASCENDING"}, {"fieldPath": "b", "arrayConfig": "CONTAINS"}]});
    let ok = |method: &str, path: &str, body: &Value, document: Document, schema: &str| {
        let (status, answer) = api.call(method, path, body);
        assert_eq!(status, 200, "{method} {path}: {answer}");
        assert_eq!(document.violations(schema, &answer), [], "{method} {path}: {answer}");
        answer
    };
    let (admin, operation) = (Document::FirestoreAdmin, "GoogleLongrunningOperation");
    let begun = ok("POST", &format!("{group}/orders/indexes"), &index, admin, operation);
    let name = begun["name"].as_str().unwrap();
    ok("GET", &format!("/v1/{name}"), &Value::Null, admin, operation);
    let (status, _) = api.call("POST", &format!("{group}/orders/indexes"), &index);
    assert_eq!(status, 409, "the same index again");
    let (status, _) = api.call(
        "POST",
        &format!("{group}/x/indexes"),
        &json!({"fields": [{"fieldPath": "a", "order": "ASCENDING"}]}),
    );
    assert_eq!(status, 400);
    let list = "GoogleFirestoreAdminV1ListIndexesResponse";
    let all = ok("GET", &format!("{group}/-/indexes?pageSize=5"), &Value::Null, admin, list);
    let name = all["indexes"][0]["name"].as_str().unwrap();
    ok("GET", &format!("/v1/{name}"), &Value::Null, admin, "GoogleFirestoreAdminV1Index");
    let ttl = format!("{group}/s/fields/until?updateMask=ttlConfig");
    ok("PATCH", &ttl, &json!({"ttlConfig": {}}), admin, operation);
    let list = "GoogleFirestoreAdminV1ListFieldsResponse";
    let all = ok("GET", &format!("{group}/-/fields?filter=ttlConfig:*"), &Value::Null, admin, list);
    assert_eq!(all["fields"].as_array().unwrap().len(), 1);
    let export = json!({"outputUriPrefix": "gs://b/f"});
    ok("POST", &format!("{database}:exportDocuments"), &export, admin, operation);
    let (status, _) =
        api.call("POST", &format!("{database}:exportDocuments"), &json!({"outputUriPrefix": "b"}));
    assert_eq!(status, 400);
    let release = "/v1/projects/demo-toto/releases/cloud.firestore";
    ok("GET", release, &Value::Null, Document::Rules, "Release");
    let suite = json!({"testSuite": {"testCases": [{"expectation": "DENY", "request": {"method": "create"}}]}});
    let tested = "/v1/projects/demo-toto/rulesets/emulator:test";
    ok("POST", tested, &suite, Document::Rules, "TestRulesetResponse");
}
