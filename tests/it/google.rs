//! Google credentials: every kind, searched in Google's order, renewed before they expire, and never shown or stored.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use pointsman::adapters::google::{Credentials, Surroundings};
use pointsman::domain::time::Timestamp;
use pointsman::ports::BoxFuture;
use pointsman::ports::clock::Clock;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::sandbox::{Said, Sandbox};
use super::stand_in::{Reply, StandIn};

/// A token that no screen, message or file may contain.
const TOKEN: &str = "ya29.A0AfH6SMBhunter2hunter2hunter2";

/// A token endpoint, a metadata server and the service account impersonation service.
fn google() -> StandIn {
    StandIn::new(|asked, before| {
        if asked.path.contains(":generateAccessToken") {
            let until = "2099-01-01T00:00:00Z";
            return Reply::json(200, &json!({"accessToken": TOKEN, "expireTime": until}));
        }
        if asked.path.starts_with("/computeMetadata") || asked.path == "/" {
            let body = if asked.path.contains("/email") {
                "robot@toto.iam.gserviceaccount.com".to_owned()
            } else {
                json!({"access_token": TOKEN, "expires_in": 3599}).to_string()
            };
            return Reply::Says(200, "Metadata-Flavor: Google\r\n".to_owned(), body);
        }
        if asked.path == "/tokeninfo" {
            // The token is in the body: addresses are logged.
            let known = asked.field("access_token").is_some_and(|token| token.starts_with(TOKEN));
            let told = json!({"email": "ana@example.com", "email_verified": "true"});
            return if known { Reply::json(200, &told) } else { Reply::json(400, &json!({})) };
        }
        if asked.field("refresh_token").as_deref() == Some("ended") {
            let error = json!({"error": "invalid_grant", "error_description": "Token has been expired or revoked."});
            return Reply::json(400, &error);
        }
        let token = format!("{TOKEN}-{before}");
        Reply::json(
            200,
            &json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"}),
        )
    })
}

/// Generates an RSA private key as PEM.
fn rsa_key(folder: &Path) -> String {
    let file = folder.join("rsa.pem");
    let arguments = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out"];
    let made = Command::new("openssl").args(arguments).arg(&file).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    fs::read_to_string(file).unwrap()
}

fn written(folder: &Path, name: &str, json: &Value) -> PathBuf {
    let file = folder.join(name);
    fs::write(&file, json.to_string()).unwrap();
    file
}

/// Runs `doctor` with these variables.
fn doctor(sandbox: &Sandbox, set: &[(&str, &str)]) -> Said {
    let mut command = sandbox.command(&["doctor"]);
    command.envs(set.iter().copied());
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let said = Said {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    };
    assert!(!said.out.contains("hunter2") && !said.err.contains("hunter2"), "{}", said.out);
    said
}

fn line(said: &Said) -> String {
    let lines = said.out.lines().skip_while(|line| !line.contains("Google credentials"));
    lines.take(4).collect::<Vec<_>>().join("\n")
}

#[test]
fn service_account_signs_its_token_request() {
    let (sandbox, google) = (Sandbox::new(), google());
    let folder = sandbox.folder.path();
    let key = rsa_key(folder);
    let account = json!({
        "type": "service_account", "client_email": "deployer@toto.iam.gserviceaccount.com",
        "private_key": key, "private_key_id": "k1", "token_uri": format!("{}/token", google.url()),
    });
    let file = written(folder, "key.json", &account);
    let said = doctor(&sandbox, &[("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().unwrap())]);
    let told = line(&said);
    assert!(told.contains("the service account key"), "{told}");
    assert!(told.contains("deployer@toto.iam.gserviceaccount.com"), "{told}");
    assert!(told.contains("until "), "{told}");

    let asked = &google.asked()[0];
    let grant = asked.field("grant_type").unwrap();
    assert_eq!(grant, "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let assertion = asked.field("assertion").unwrap();
    let parts: Vec<_> = assertion.split('.').collect();
    let json = |part: &str| -> Value {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!(json(parts[0]), json!({"typ": "JWT", "alg": "RS256", "kid": "k1"}));
    let claims = json(parts[1]);
    assert_eq!(claims["iss"], "deployer@toto.iam.gserviceaccount.com");
    assert_eq!(claims["aud"], format!("{}/token", google.url()));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    // OpenSSL accepts the signature.
    fs::write(folder.join("signed"), format!("{}.{}", parts[0], parts[1])).unwrap();
    fs::write(folder.join("signature"), BASE64_URL_SAFE_NO_PAD.decode(parts[2]).unwrap()).unwrap();
    let verified = Command::new("openssl")
        .args(["dgst", "-sha256", "-prverify", "rsa.pem", "-signature", "signature", "signed"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");
    assert!(!every_file(&sandbox.state()).contains("hunter2"));
}

/// The text of all files in a folder.
fn every_file(folder: &Path) -> String {
    let Ok(entries) = fs::read_dir(folder) else { return String::new() };
    let text = |path: PathBuf| {
        if path.is_dir() {
            return every_file(&path);
        }
        String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
    };
    entries.map(|entry| text(entry.unwrap().path())).collect()
}

#[test]
fn federated_identity_is_exchanged_and_impersonates() {
    let (sandbox, google) = (Sandbox::new(), google());
    let folder = sandbox.folder.path();
    let subject = written(folder, "oidc.json", &json!({"value": "from-github"}));
    let lent = "v1/projects/-/serviceAccounts/ci@toto.iam.gserviceaccount.com:generateAccessToken";
    let federation = json!({
        "type": "external_account", "audience": "//iam.googleapis.com/pool", "token_url": format!("{}/token", google.url()),
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "service_account_impersonation_url": format!("{}/{lent}", google.url()),
        "credential_source": {
            "file": subject, "format": {"type": "json", "subject_token_field_name": "value"},
        },
    });
    let file = written(folder, "wif.json", &federation);
    let told =
        line(&doctor(&sandbox, &[("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().unwrap())]));
    assert!(told.contains("workload identity federation"), "{told}");
    assert!(told.contains("ci@toto.iam.gserviceaccount.com"), "{told}");
    let asked = google.asked();
    assert_eq!(asked[0].field("subject_token").as_deref(), Some("from-github"));
    assert_eq!(asked[0].field("audience").as_deref(), Some("//iam.googleapis.com/pool"));
    assert_eq!(asked[1].header("authorization"), format!("Bearer {TOKEN}-0"));
}

#[test]
fn credentials_are_searched_in_googles_order() {
    let (sandbox, google) = (Sandbox::new(), google());
    let folder = sandbox.folder.path();
    let host = format!("127.0.0.1:{}", google.port);
    // A fake `gcloud` that is logged in.
    let gcloud = folder.join("bin/gcloud");
    fs::create_dir_all(gcloud.parent().unwrap()).unwrap();
    let script = format!("#!/bin/sh\n[ \"$1\" = auth ] && echo {TOKEN} || echo ana@toto.pet\n");
    fs::write(&gcloud, script).unwrap();
    fs::set_permissions(&gcloud, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", gcloud.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let told = line(&doctor(&sandbox, &[("PATH", &path)]));
    assert!(told.contains("logged in with gcloud: ana@toto.pet"), "{told}");

    // The metadata server comes before gcloud, a credentials file before that, and a token variable first.
    let machine = [("PATH", path.as_str()), ("NO_GCE_CHECK", ""), ("GCE_METADATA_HOST", &host)];
    let told = line(&doctor(&sandbox, &machine));
    assert!(told.contains("robot@toto.iam.gserviceaccount.com"), "{told}");
    assert!(google.asked().iter().all(|asked| asked.header("metadata-flavor") == "Google"));

    let broken =
        written(folder, "broken.json", &json!({"type": "service_account", "client_email": 5}));
    let broken = broken.to_str().unwrap();
    let mut set = machine.to_vec();
    set.push(("GOOGLE_APPLICATION_CREDENTIALS", broken));
    let told = line(&doctor(&sandbox, &set));
    assert!(told.contains("wrong") && told.contains("broken.json"), "{told}");
    assert!(told.contains("unset GOOGLE_APPLICATION_CREDENTIALS"), "{told}");
    set.push(("CLOUDSDK_AUTH_ACCESS_TOKEN", TOKEN));
    let told = line(&doctor(&sandbox, &set));
    assert!(told.contains("the token in CLOUDSDK_AUTH_ACCESS_TOKEN"), "{told}");
}

#[test]
fn missing_credentials_name_their_fix() {
    let sandbox = Sandbox::new();
    let said = doctor(&sandbox, &[("FIREBASE_TOKEN", "1//hunter2")]).exits(1);
    let told = line(&said);
    assert!(told.contains("there are no Google credentials"), "{told}");
    assert!(told.contains("gcloud auth application-default login"), "{told}");
    assert!(told.contains("FIREBASE_TOKEN is set, which Google has deprecated"), "{told}");
    let status = sandbox.run(&["status", "production"]).exits(0);
    assert!(status.out.contains("unknown: there are no Google credentials"), "{}", status.out);
}

/// A clock that the test sets.
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test]
async fn user_token_is_renewed_early_and_once() {
    let google = google();
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/gcloud");
    fs::create_dir_all(&folder).unwrap();
    let user = |refresh: &str| {
        json!({
            "type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": refresh,
            "quota_project_id": "toto-f9d2f",
        })
    };
    let file = written(&folder, "application_default_credentials.json", &user("r"));
    let around = Surroundings {
        variables: |_| None,
        home: Some(home.path().to_owned()),
        token_endpoint: format!("{}/token", google.url()),
    };
    let clock = Arc::new(Hand(AtomicU64::new(0)));
    let credentials = Credentials::find(&around, clock.clone()).await.unwrap();
    let together = (0..20).map(|_| credentials.token());
    for token in futures_util::future::join_all(together).await {
        assert_eq!(token.unwrap().expose_secret(), format!("{TOKEN}-0"));
    }
    assert_eq!(google.count("POST", "/token"), 1);
    assert_eq!(google.asked()[0].field("grant_type").as_deref(), Some("refresh_token"));
    assert_eq!(credentials.quota_project(), Some("toto-f9d2f"));

    // The token is valid for 3599 s and is renewed once fewer than 300 s remain.
    for (seconds, wanted) in [(3298, 0), (3300, 1), (3301, 1)] {
        clock.0.store(seconds, Ordering::SeqCst);
        let token = credentials.token().await.unwrap();
        assert_eq!(token.expose_secret(), format!("{TOKEN}-{wanted}"), "at {seconds}");
    }
    // A caller whose token was rejected gets a new one.
    let ended = credentials.token().await.unwrap();
    assert!(credentials.refused(&ended).await);
    assert!(credentials.refused(&ended).await, "the second caller drops nothing");
    assert_eq!(credentials.token().await.unwrap().expose_secret(), format!("{TOKEN}-2"));

    fs::write(&file, user("ended").to_string()).unwrap();
    let credentials = Credentials::find(&around, clock).await.unwrap();
    let error = credentials.token().await.unwrap_err();
    assert!(!error.passing);
    assert!(error.problem.why.contains("expired or revoked"), "{}", error.problem);
    assert_eq!(error.problem.todo, "gcloud auth application-default login");
}

/// The file of `gcloud auth application-default login` names no account, and a token in a variable neither. Google knows.
#[tokio::test]
async fn account_of_a_person_is_asked_of_google_once() {
    let google = google();
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/gcloud");
    fs::create_dir_all(&folder).unwrap();
    let user = json!({
        "type": "authorized_user", "account": "", "client_id": "c", "client_secret": "s", "refresh_token": "r",
    });
    written(&folder, "application_default_credentials.json", &user);
    let given: fn(&str) -> Option<String> =
        |name| (name == "CLOUDSDK_AUTH_ACCESS_TOKEN").then(|| TOKEN.to_owned());
    for (at, variables) in [(1, (|_| None) as fn(&str) -> Option<String>), (2, given)] {
        let around = Surroundings {
            variables,
            home: Some(home.path().to_owned()),
            token_endpoint: format!("{}/token", google.url()),
        };
        let clock = Arc::new(Hand(AtomicU64::new(0)));
        let credentials = Credentials::find(&around, clock).await.unwrap();
        for _ in 0..3 {
            let about = credentials.about().await.unwrap();
            assert_eq!(about.whom.as_deref(), Some("ana@example.com"), "{}", about.which);
        }
        assert_eq!(google.count("POST", "/tokeninfo"), at, "once for each");
    }
}

#[tokio::test]
async fn credentials_are_never_sent_over_plain_http() {
    let folder = tempfile::tempdir().unwrap();
    let key = rsa_key(folder.path());
    let gcloud = folder.path().join(".config/gcloud");
    fs::create_dir_all(&gcloud).unwrap();
    let account = json!({
        "type": "service_account", "client_email": "a@b", "private_key": key,
        "token_uri": "http://tokens.example/",
    });
    written(&gcloud, "application_default_credentials.json", &account);
    let around = Surroundings {
        variables: |_| None,
        home: Some(folder.path().to_owned()),
        token_endpoint: String::new(),
    };
    let clock = Arc::new(Hand(AtomicU64::new(0)));
    let credentials = Credentials::find(&around, clock).await.unwrap();
    let error = credentials.token().await.unwrap_err();
    assert!(error.problem.to_string().contains("not safe"), "{}", error.problem);
}
