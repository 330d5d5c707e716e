//! Our client against stand-ins for App Hosting and related Google services.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pointsman::adapters::app_hosting::AppHosting;
use pointsman::adapters::auth::Auth;
use pointsman::adapters::clock::SystemClock;
use pointsman::adapters::google::{Credentials, Surroundings};
use pointsman::adapters::google_api::{Kind, Origins};
use pointsman::domain::ids::BuildId;
use pointsman::domain::plan::Source;
use pointsman::ports::hosting::{Hosting as _, LogPart, NewBuild};
use serde_json::{Value, json};

use super::misbehaving::error;
use super::stand_in::{Reply, StandIn};
use super::world::{label, service, spec};

/// User credentials, and a token endpoint that issues `token-0`, then `token-1` and so on.
async fn person() -> (Auth, StandIn) {
    let tokens = StandIn::new(|_, before| {
        let token = format!("token-{before}");
        Reply::json(200, &json!({"access_token": token, "expires_in": 3599}))
    });
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/gcloud");
    fs::create_dir_all(&folder).unwrap();
    let user = json!({
        "type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r",
        "quota_project_id": "toto-f9d2f",
    });
    fs::write(folder.join("application_default_credentials.json"), user.to_string()).unwrap();
    let around = Surroundings {
        variables: |_| None,
        home: Some(home.path().to_owned()),
        token_endpoint: format!("{}/token", tokens.url()),
    };
    let credentials = Credentials::find(&around, Arc::new(SystemClock::start())).await.unwrap();
    (Auth::Google(Arc::new(credentials)), tokens)
}

#[tokio::test]
async fn uploads_the_source_for_google_to_build() {
    let google = StandIn::new(|asked, _| match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", path) if path.starts_with("/v1/projects/") => {
            Reply::json(200, &json!({"projectNumber": "42"}))
        }
        ("GET", path) if path.contains("/storage/v1/b/") => error(404, "NOT_FOUND", &json!([])),
        // The token expired while the folder was packed.
        ("PUT", _) if asked.header("authorization") == "Bearer token-0" => {
            error(401, "UNAUTHENTICATED", &json!([]))
        }
        ("PUT", _) => Reply::Says(200, String::new(), String::new()),
        _ => {
            Reply::json(200, &json!({"name": "projects/p/locations/l/operations/o", "done": true}))
        }
    });
    let (bearer, _tokens) = person().await;
    let (storage, projects) = (google.url(), google.url());
    let origins = Origins { storage, projects, ..Origins::default() };
    let client = AppHosting::new(google.url(), bearer, Kind::Google).unwrap().with_origins(origins);
    let spec = spec();
    let member = spec.members.iter().find(|m| m.service() == &service("toto-app")).unwrap();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/toto/toto-app");
    let new = NewBuild {
        id: BuildId::new("b-1-0-0-r1-abc").unwrap(),
        request_id: "r".into(),
        release: label("1.0.0"),
        source: Source::Archive(format!("file://{}", folder.display())),
        accepts: std::collections::BTreeMap::new(),
    };
    client.create_build(&member.target, &new).await.unwrap();
    let asked = google.asked();
    let made = asked.iter().find(|a| a.is("POST", "/storage/v1/b?")).unwrap();
    assert!(made.path.contains("predefinedAcl=projectPrivate"), "{}", made.path);
    let puts: Vec<_> = asked.iter().filter(|a| a.method == "PUT").collect();
    assert!(puts.len() == 2 && puts[0].body == puts[1].body, "refused once, sent whole again");
    let put = puts[1];
    let object = "firebaseapphosting-sources-42-us-central1/toto-app--b-1-0-0-r1-abc.tar.gz";
    assert_eq!(put.path, format!("/{object}"));
    assert!(put.body.len() > 100 && put.header("authorization") == "Bearer token-1");
    let build = asked.last().unwrap();
    assert!(build.is("POST", "/builds?"), "{}", build.path);
    let sent: Value = serde_json::from_str(&build.body).unwrap();
    assert_eq!(sent["source"]["archive"]["userStorageUri"], format!("gs://{object}"));
}

#[tokio::test]
async fn reads_google_build_logs_and_names_the_cause() {
    let step = json!({
        "reason": "Failed", "code": "fah/failed-framework-build", "isUserAttributed": true,
        "userFacingMessage": "npm run build ended with 1", "rawLog": "src/a.ts(3,1): error TS2304\n1 error",
    });
    let entry = |second: u32, text: String| json!({"timestamp": format!("2026-11-22T17:42:0{second}.5Z"), "textPayload": text});
    // An empty page is not the last one.
    let pages = [
        json!({"entries": [entry(1, "Step #1: Pulling image".into()), entry(2, format!("Step #2: {step}"))], "nextPageToken": "1"}),
        json!({"nextPageToken": "2"}),
        json!({"entries": [entry(3, "ERROR: build step 2 failed".into())]}),
    ];
    let refuses = Arc::new(AtomicBool::new(false));
    let no = refuses.clone();
    let google = StandIn::new(move |asked, _| match asked.path.as_str() {
        "/v2/entries:list" if no.load(Ordering::SeqCst) => {
            error(403, "PERMISSION_DENIED", &json!([]))
        }
        "/v2/entries:list" if asked.body.contains("2026-11-22T17:42:03.5Z") => {
            Reply::json(200, &json!({}))
        }
        "/v2/entries:list" => {
            let body: Value = serde_json::from_str(&asked.body).unwrap();
            let page = body["pageToken"].as_str().map_or(0, |token| token.parse().unwrap());
            Reply::json(200, &pages[page])
        }
        _ => Reply::json(
            200,
            &json!({
                "name": "projects/p/locations/l/backends/b/builds/b-1", "state": "FAILED",
                "buildLogsUri": "https://console.cloud.google.com/cloud-build/builds;region=us-central1/0a1b-2c?project=4",
            }),
        ),
    });
    let origins = Origins { logging: google.url(), ..Origins::default() };
    let client = AppHosting::new(google.url(), Auth::Fixed("token".into()), Kind::Google);
    let client = client.unwrap().with_origins(origins);
    let spec = spec();
    let (target, build) = (&spec.members[0].target, BuildId::new("b-1").unwrap());
    let part = client.log(target, &build, 0).await;
    assert_eq!(
        part.lines,
        [
            "Step #1: Pulling image",
            "src/a.ts(3,1): error TS2304",
            "1 error",
            "fah/failed-framework-build: npm run build ended with 1",
            "ERROR: build step 2 failed",
        ]
    );
    let asked = google.asked();
    let list: Value = serde_json::from_str(&asked.last().unwrap().body).unwrap();
    assert_eq!(list["pageToken"], "2");
    assert_eq!(list["resourceNames"], json!([format!("projects/{}", target.project())]));
    let filter = list["filter"].as_str().unwrap();
    assert!(filter.contains("resource.labels.build_id=\"0a1b-2c\""), "{filter}");
    // Reading continues from the last position, and without permission the log is empty.
    assert_eq!(client.log(target, &build, part.next).await, LogPart { lines: Vec::new(), ..part });
    refuses.store(true, Ordering::SeqCst);
    assert_eq!(client.log(target, &build, 0).await, LogPart::default());
}

#[tokio::test]
async fn expired_token_is_renewed_during_a_run() {
    let (bearer, _tokens) = person().await;
    let hosting = StandIn::new(|asked, _| match asked.header("authorization") {
        "Bearer token-0" => error(401, "UNAUTHENTICATED", &json!([])),
        _ if asked.path.contains("/rollouts") => Reply::json(200, &json!({})),
        _ => Reply::json(200, &json!({"name": "x/traffic", "current": {"splits": []}})),
    });
    let client = AppHosting::new(hosting.url(), bearer, Kind::Loopback).unwrap();
    let spec = spec();
    let member = spec.members.iter().find(|m| m.service() == &service("toto-app")).unwrap();
    let traffic = client.traffic(&member.target).await.unwrap();
    assert!(traffic.splits.is_empty());
    let asked = hosting.asked();
    let tokens: Vec<_> = asked.iter().map(|asked| asked.header("authorization")).collect();
    assert_eq!(tokens, ["Bearer token-0", "Bearer token-1", "Bearer token-1"]);
    assert!(asked.iter().all(|asked| asked.header("x-goog-user-project") == "toto-f9d2f"));
}
