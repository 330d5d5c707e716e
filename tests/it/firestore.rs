//! Our Firestore emulator gives the same answers as Google's to the same requests; both also serve the migration
//! tests. Google's emulator comes with `gcloud` (`gcloud components install cloud-firestore-emulator`); without it,
//! its tests report that they were skipped.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use pointsman::adapters::auth::Auth;
use pointsman::adapters::firestore::Firestore;
use serde_json::{Value, json};

use super::sandbox::{Sandbox, free_port};

/// A Firestore emulator, ours or Google's.
pub(crate) struct Emulator {
    pub(crate) name: &'static str,
    pub(crate) base: String,
    token: String,
    /// Our emulator runs until its sandbox is dropped.
    _sandbox: Option<Sandbox>,
}

impl Emulator {
    pub(crate) fn ours() -> Self {
        let sandbox = Sandbox::new();
        let started = sandbox.run(&["emulator", "start", "--json"]).exits(0).json();
        let base = started["url"].as_str().unwrap().to_owned();
        let token = sandbox.run(&["emulator", "token"]).exits(0).out.trim().to_owned();
        Self { name: "ours", base, token, _sandbox: Some(sandbox) }
    }

    /// Google's emulator, started once for all tests. `None` if it is not installed.
    pub(crate) fn googles() -> Option<Self> {
        static STARTED: OnceLock<Option<u16>> = OnceLock::new();
        let port = *STARTED.get_or_init(start_googles);
        if port.is_none() {
            // Bypass the test harness, which hides the output of passing tests.
            let said =
                "SKIPPED on Google's emulator: gcloud has no cloud-firestore-emulator here\n";
            let _ = std::io::stdout().write_all(said.as_bytes());
        }
        let base = format!("http://127.0.0.1:{}", port?);
        Some(Self { name: "Google's", base, token: "owner".to_owned(), _sandbox: None })
    }

    /// Our emulator, and Google's if installed.
    pub(crate) fn both() -> Vec<Self> {
        [Some(Self::ours()), Self::googles()].into_iter().flatten().collect()
    }

    /// A project that no other test uses.
    pub(crate) fn project() -> String {
        static LAST: AtomicU32 = AtomicU32::new(0);
        format!("demo-{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn client(&self, project: &str) -> Firestore {
        let bearer = Auth::Fixed(self.token.clone().into());
        Firestore::new(&self.base, project, "(default)", bearer).unwrap()
    }

    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let client = pointsman::adapters::http::client().unwrap();
        let method = method.parse().unwrap();
        let mut request = client.request(method, format!("{}{path}", self.base));
        request = request.bearer_auth(&self.token).header("content-type", "application/json");
        request = match body {
            Some(Value::String(text)) => request.body(text.clone()),
            Some(json) => request.body(json.to_string()),
            None => request,
        };
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

/// Starts Google's emulator so that it ends whenever this process ends: its shell waits for the end of a pipe from us.
fn start_googles() -> Option<u16> {
    let asked = Command::new("gcloud")
        .args(["info", "--format=value(installation.sdk_root)"])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let root = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    let program = format!("{root}/platform/cloud-firestore-emulator/cloud_firestore_emulator");
    if !std::path::Path::new(&program).exists() {
        return None;
    }
    let port = free_port();
    let script = "\"$0\" start --host=127.0.0.1 --port=\"$1\" 2>&1 & cat >/dev/null; kill -9 -$$";
    let mut child = Command::new("sh")
        .args(["-c", script, &program, &port.to_string()])
        .env("JAVA_TOOL_OPTIONS", "-Xmx1g")
        .process_group_of_its_own()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut lines = BufReader::new(child.stdout.take()?).lines();
    let up =
        lines.by_ref().map_while(Result::ok).any(|l| l.contains("Dev App Server is now running"));
    assert!(up, "Google's emulator did not start");
    // Read the output to the end, or the child blocks when the pipe is full.
    std::thread::spawn(move || lines.for_each(drop));
    // Keep our end of the pipe open until this process ends.
    std::mem::forget(child);
    Some(port)
}

trait OwnGroup {
    fn process_group_of_its_own(&mut self) -> &mut Self;
}

impl OwnGroup for Command {
    fn process_group_of_its_own(&mut self) -> &mut Self {
        std::os::unix::process::CommandExt::process_group(self, 0)
    }
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

/// The exchanges were recorded with Google's emulator 1.19.9.
#[test]
fn recorded_firestore_exchanges_match() {
    let exchanges: Vec<Value> =
        serde_json::from_str(include_str!("firestore_exchanges.json")).unwrap();
    for emulator in Emulator::both() {
        block_on(replay(&emulator, &exchanges));
    }
}

async fn replay(emulator: &Emulator, exchanges: &[Value]) {
    let project = Emulator::project();
    let own = |text: &str| text.replace("projects/P/", &format!("projects/{project}/"));
    let users = (0..60).map(|n| {
        let name = format!("projects/{project}/databases/(default)/documents/users/u{n:04}");
        json!({ "update": { "name": name, "fields": { "n": { "integerValue": n.to_string() } } } })
    });
    let seed = json!({ "writes": users.collect::<Vec<_>>() });
    let commit = format!("/v1/projects/{project}/databases/(default)/documents:commit");
    assert_eq!(emulator.send("POST", &commit, Some(&seed)).await.0, 200);
    let (mut transaction, mut updated) = (String::new(), String::new());
    for exchange in exchanges {
        let name = exchange["name"].as_str().unwrap();
        let path = own(exchange["path"].as_str().unwrap());
        let body = exchange.get("body").map(|body| match body {
            Value::String(text) => json!(text),
            other => {
                let mut body: Value = serde_json::from_str(&own(&other.to_string())).unwrap();
                if body.get("transaction").is_some() {
                    body["transaction"] = json!(transaction);
                }
                if name.starts_with("10_") {
                    body["writes"][0]["currentDocument"]["updateTime"] = json!(updated);
                }
                body
            }
        });
        let method = exchange["method"].as_str().unwrap();
        let (status, answer) = emulator.send(method, &path, body.as_ref()).await;
        let expected = match exchange["ours"].as_u64() {
            Some(status) if emulator.name == "ours" => status,
            _ => exchange["status"].as_u64().unwrap(),
        };
        assert_eq!(u64::from(status), expected, "{} {name}: {answer}", emulator.name);
        if let Some(error) = exchange["error"].as_str() {
            assert_eq!(answer["error"]["status"], error, "{} {name}: {answer}", emulator.name);
        }
        if let Some(fields) = exchange.get("fields") {
            let fields: Value = serde_json::from_str(&own(&fields.to_string())).unwrap();
            assert_eq!(answer["fields"], fields, "{} {name}", emulator.name);
        }
        if let Some(codes) = exchange["statuses"].as_array() {
            let told = answer["status"].as_array().unwrap().iter();
            let told: Vec<_> = told.map(|s| s["code"].as_u64().unwrap_or(0)).collect();
            let codes: Vec<_> = codes.iter().map(|c| c.as_u64().unwrap()).collect();
            assert_eq!(told, codes, "{} {name}", emulator.name);
        }
        if let Some(told) = answer["transaction"].as_str() {
            told.clone_into(&mut transaction);
        }
        if let Some(time) = answer["updateTime"].as_str() {
            time.clone_into(&mut updated);
        }
    }
}

#[test]
fn conflicting_transactions_abort_one() {
    for emulator in Emulator::both() {
        block_on(async {
            let project = Emulator::project();
            let root = format!("projects/{project}/databases/(default)/documents");
            let call = async |verb: &str, body: Value| {
                emulator.send("POST", &format!("/v1/{root}:{verb}"), Some(&body)).await
            };
            let name = format!("{root}/a/b");
            let write = |n: u8| json!([{ "update": { "name": name, "fields": { "n": { "integerValue": n.to_string() } } } }]);
            call("commit", json!({ "writes": write(0) })).await;
            let (_, begun) = call("beginTransaction", json!({})).await;
            let transaction = begun["transaction"].clone();
            let read = json!({ "documents": [name], "transaction": transaction });
            assert_eq!(call("batchGet", read).await.0, 200);
            let other = call("commit", json!({ "writes": write(1) })).await;
            let ours =
                call("commit", json!({ "writes": write(2), "transaction": transaction })).await;
            let aborted = [other, ours].into_iter().filter(|(status, answer)| {
                *status == 409 && answer["error"]["status"] == "ABORTED"
            });
            assert_eq!(aborted.count(), 1, "{}", emulator.name);
        });
    }
}

#[test]
fn emulator_databases_survive_a_restart_and_need_the_token() {
    let sandbox = Sandbox::new();
    let path = "/v1/projects/demo-x/databases/(default)/documents/a/b";
    let start = || {
        let started = sandbox.run(&["emulator", "start", "--json"]).exits(0).json();
        let token = sandbox.run(&["emulator", "token"]).exits(0).out.trim().to_owned();
        let base = started["url"].as_str().unwrap().to_owned();
        Emulator { name: "ours", base, token, _sandbox: None }
    };
    let body = json!({ "fields": { "n": { "doubleValue": 0.1 } } });
    let emulator = start();
    assert_eq!(block_on(emulator.send("PATCH", path, Some(&body))).0, 200);
    sandbox.run(&["emulator", "stop"]).exits(0);
    let emulator = start();
    let (status, answer) = block_on(emulator.send("GET", path, None));
    assert_eq!((status, &answer["fields"]), (200, &body["fields"]));
    let stranger = Emulator { token: "owner".to_owned(), ..emulator };
    assert_eq!(block_on(stranger.send("GET", path, None)).0, 401);
}
