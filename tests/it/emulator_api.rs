//! The emulator's API matches Google's discovery document and the errors of the contract.

use pointsman::emulator::{Document, violations};
use serde_json::{Value, json};

use super::sandbox::{Sandbox, request, wait_until};

/// A client of one emulator's API.
pub(crate) struct Caller {
    pub(crate) sandbox: Sandbox,
    control: Control,
}

/// The address and the token of an emulator.
#[derive(Default)]
pub(crate) struct Control {
    port: u16,
    token: String,
}

impl Control {
    /// Those of a sandbox's emulator, which runs.
    pub(crate) fn of(sandbox: &Sandbox) -> Self {
        let url = sandbox.emulator()["url"].as_str().unwrap().to_owned();
        let port = url.rsplit_once(':').unwrap().1.parse().unwrap();
        let token = sandbox.run(&["emulator", "token"]).exits(0).out.trim().to_owned();
        Self { port, token }
    }

    fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, Value) {
        let length = body.len();
        let (status, answer) = request(
            self.port,
            &format!(
                "{method} {path} HTTP/1.1\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            ),
        );
        (status, serde_json::from_str(&answer).unwrap_or(Value::Null))
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let headers =
            format!("Host: localhost:{}\r\nAuthorization: Bearer {}\r\n", self.port, self.token);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, &headers, &body)
    }
}

const LOCATION: &str = "projects/demo-toto/locations/us-central1";

impl Caller {
    pub(crate) fn new() -> Self {
        let mut caller = Self { sandbox: Sandbox::new(), control: Control::default() };
        caller.start();
        caller
    }

    /// Starts the emulator, or starts it again after a stop.
    pub(crate) fn start(&mut self) {
        self.sandbox.run(&["emulator", "start", "--json"]).exits(0);
        self.control = Control::of(&self.sandbox);
    }

    fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, Value) {
        self.control.send(method, path, headers, body)
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.control.call(method, path, body)
    }

    /// A call that must succeed with an answer that matches a schema of the discovery document.
    #[track_caller]
    pub(crate) fn ok(&self, method: &str, path: &str, body: &Value, schema: &str) -> Value {
        let (status, answer) = self.call(method, path, body);
        assert_eq!(status, 200, "{method} {path}: {answer}");
        assert_eq!(violations(schema, &answer), [], "{method} {path}: {answer}");
        answer
    }

    /// A call that must be refused with an error in Google's format.
    #[track_caller]
    fn refused(&self, method: &str, path: &str, body: &Value, code: u16, word: &str) -> String {
        let (status, answer) = self.call(method, path, body);
        error(status, &answer, code, word)
    }

    pub(crate) fn get(&self, name: &str, schema: &str) -> Value {
        self.ok("GET", &format!("/v1/{name}"), &Value::Null, schema)
    }

    /// Waits for an operation and checks its result.
    #[track_caller]
    pub(crate) fn done(&self, operation: &Value, schema: &str) -> Value {
        let name = operation["name"].as_str().unwrap().to_owned();
        let mut last = Value::Null;
        wait_until("the operation is done", || {
            last = self.get(&name, "Operation");
            last["done"] == true
        });
        let response = last["response"].clone();
        assert_eq!(
            response["@type"],
            format!("type.googleapis.com/google.firebase.apphosting.v1.{schema}"),
            "{last}"
        );
        assert!(last["metadata"]["endTime"].is_string());
        let mut metadata = last["metadata"].clone();
        metadata.as_object_mut().unwrap().remove("@type");
        assert_eq!(violations("OperationMetadata", &metadata), []);
        response
    }

    pub(crate) fn backend(&self) -> String {
        let body = json!({
            "servingLocality": "GLOBAL_ACCESS",
            "annotations": {"pointsman.dev/address": format!("localhost:{}", self.sandbox.app)},
        });
        let path = format!("/v1/{LOCATION}/backends?backendId=toto-app");
        let operation = self.ok("POST", &path, &body, "Operation");
        self.done(&operation, "Backend");
        format!("{LOCATION}/backends/toto-app")
    }

    pub(crate) fn build(&self, backend: &str, id: &str) -> Value {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/toto/toto-app");
        let operation = self.order(backend, id, folder);
        let response = self.done(&operation, "Build");
        assert_eq!(response["state"], "READY", "{response}");
        self.get(&format!("{backend}/builds/{id}"), "Build")
    }

    /// Requests a build of a folder without waiting for it.
    pub(crate) fn order(&self, backend: &str, id: &str, folder: &str) -> Value {
        let body = json!({
            "source": {"archive": {"userStorageUri": format!("file://{folder}")}},
            "annotations": {"pointsman.dev/release": "1.0.0"},
        });
        self.ok("POST", &format!("/v1/{backend}/builds?buildId={id}"), &body, "Operation")
    }

    /// Requests a rollout without waiting for it.
    pub(crate) fn roll_out(&self, backend: &str, id: &str, build: &str) -> Value {
        let body = json!({"build": format!("{backend}/builds/{build}")});
        self.ok("POST", &format!("/v1/{backend}/rollouts?rolloutId={id}"), &body, "Operation")
    }
}

#[track_caller]
fn error(status: u16, answer: &Value, code: u16, word: &str) -> String {
    assert_eq!((status, &answer["error"]["code"]), (code, &json!(code)), "{answer}");
    assert_eq!(answer["error"]["status"], word, "{answer}");
    answer["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn cloud_run_below_a_backend_follows_its_traffic_and_googles_schema() {
    let api = Caller::new();
    let backend = api.backend();
    let service = format!("/v2/{}", backend.replace("/backends/", "/services/"));
    let read = || {
        let (status, answer) = api.call("GET", &service, &Value::Null);
        assert_eq!(status, 200, "{answer}");
        assert_eq!(Document::CloudRun.violations("GoogleCloudRunV2Service", &answer), []);
        answer
    };
    assert_eq!(read()["trafficStatuses"], json!([]), "no build is live");
    api.build(&backend, "b-1");
    api.roll_out(&backend, "r-1", "b-1");
    wait_until("it has the traffic", || read()["trafficStatuses"] != json!([]));
    let status = &read()["trafficStatuses"][0];
    assert_eq!((&status["revision"], &status["percent"]), (&json!("b-1"), &json!(100)));
    let (_, listed) = api.call("GET", &format!("{service}/revisions"), &Value::Null);
    let schema = "GoogleCloudRunV2ListRevisionsResponse";
    assert_eq!(Document::CloudRun.violations(schema, &listed), [], "{listed}");
    api.refused("PATCH", &service, &json!({"traffic": []}), 501, "UNIMPLEMENTED");
    api.refused("GET", &format!("{service}-none"), &Value::Null, 404, "NOT_FOUND");
}

#[test]
fn schema_checker_detects_violations() {
    for (schema, bad) in [
        ("Build", json!({"state": "BUILD"})),
        ("Build", json!({"sha": "1"})),
        ("Build", json!({"source": {"codebase": {"sha": "1"}}})),
        ("Traffic", json!({"current": {"splits": [{"percent": "100"}]}})),
        ("Traffic", json!({"reconciling": "yes"})),
        ("Rollout", json!({"createTime": "yesterday"})),
        ("NoSuchThing", json!({})),
    ] {
        assert_eq!(violations(schema, &bad).len(), 1, "{schema} {bad}");
    }
    assert_eq!(violations("Build", &json!({"state": "READY", "labels": {"a": "b"}})), []);
}

#[test]
fn blue_green_conversation_matches_the_discovery_document() {
    let api = Caller::new();
    let backend = api.backend();
    api.get(&backend, "Backend");
    let traffic = format!("{backend}/traffic");
    assert_eq!(api.get(&traffic, "Traffic")["current"]["splits"], json!([]));

    let blue = api.build(&backend, "blue");
    assert_eq!(
        api.get(&traffic, "Traffic")["current"]["splits"],
        json!([]),
        "built without traffic"
    );
    let rollout = json!({"build": blue["name"]});
    let path = format!("/v1/{backend}/rollouts?rolloutId=blue");
    let operation = api.ok("POST", &path, &rollout, "Operation");
    assert_eq!(api.done(&operation, "Rollout")["state"], "SUCCEEDED");
    api.get(&format!("{backend}/rollouts/blue"), "Rollout");
    let serving = |build: &Value| json!([{"build": build["name"], "percent": 100}]);
    assert_eq!(api.get(&traffic, "Traffic")["current"]["splits"], serving(&blue));
    assert_eq!(Sandbox::who(api.sandbox.app).unwrap(), ("1.0.0".into(), "blue".into()));

    let green = api.build(&backend, "green");
    let target = json!({"name": traffic, "target": {"splits": [
        {"build": green["name"], "percent": 100}, {"build": blue["name"], "percent": 0},
    ]}});
    let operation =
        api.ok("PATCH", &format!("/v1/{traffic}?updateMask=target"), &target, "Operation");
    api.done(&operation, "Traffic");
    let after = api.get(&traffic, "Traffic");
    assert_eq!(after["current"]["splits"], serving(&green), "0 % is left out");
    assert!(after.get("rolloutPolicy").is_none(), "target replaces the policy");
    let policy = json!({"rolloutPolicy": {"codebaseBranch": "main", "disabled": true}});
    let operation =
        api.ok("PATCH", &format!("/v1/{traffic}?updateMask=rolloutPolicy"), &policy, "Operation");
    api.done(&operation, "Traffic");
    let after = api.get(&traffic, "Traffic");
    assert!(after.get("target").is_none() && after["rolloutPolicy"]["disabledTime"].is_string());

    let page = api.ok(
        "GET",
        &format!("/v1/{backend}/builds?pageSize=1&orderBy=createTime%20desc"),
        &Value::Null,
        "ListBuildsResponse",
    );
    assert_eq!(page["builds"][0]["name"], green["name"]);
    let next = format!(
        "/v1/{backend}/builds?pageSize=1&orderBy=createTime%20desc&pageToken={}",
        page["nextPageToken"].as_str().unwrap()
    );
    let page = api.ok("GET", &next, &Value::Null, "ListBuildsResponse");
    assert_eq!((&page["builds"][0]["name"], page.get("nextPageToken")), (&blue["name"], None));
    api.ok(
        "GET",
        "/v1/projects/demo-toto/locations/-/backends",
        &Value::Null,
        "ListBackendsResponse",
    );
    api.ok("GET", &format!("/v1/{backend}/rollouts"), &Value::Null, "ListRolloutsResponse");
    api.ok("GET", &format!("/v1/{LOCATION}/operations"), &Value::Null, "ListOperationsResponse");
    api.ok("GET", "/v1/projects/demo-toto/locations", &Value::Null, "ListLocationsResponse");

    let path = format!("/v1/{}", green["name"].as_str().unwrap());
    let said = api.refused("DELETE", &path, &Value::Null, 400, "FAILED_PRECONDITION");
    assert_eq!(said, "build is serving traffic");
    let path = format!("/v1/{}", blue["name"].as_str().unwrap());
    let operation = api.ok("DELETE", &path, &Value::Null, "Operation");
    api.done(&operation, "Build");
    api.refused("GET", &path, &Value::Null, 404, "NOT_FOUND");
}

#[test]
fn invalid_requests_get_googles_errors() {
    let api = Caller::new();
    let backend = api.backend();
    api.build(&backend, "blue");
    let builds = format!("/v1/{backend}/builds?buildId=x");
    let source = |source: Value| json!({"source": source});

    let said = api.refused(
        "POST",
        &builds,
        &source(json!({"codebase": {"sha": "1"}})),
        400,
        "INVALID_ARGUMENT",
    );
    assert_eq!(
        said,
        "Invalid JSON payload received. Unknown name \"sha\" at 'source.codebase': Cannot find field."
    );
    api.refused(
        "POST",
        &builds,
        &json!({"config": {"env": [{"variable": "A", "availability": ["NOW"]}]}}),
        400,
        "INVALID_ARGUMENT",
    );
    api.refused("POST", &builds, &source(json!({})), 400, "INVALID_ARGUMENT");
    api.refused(
        "POST",
        &builds,
        &source(json!({"codebase": {"branch": "main"}})),
        400,
        "FAILED_PRECONDITION",
    );
    api.refused(
        "POST",
        &format!("/v1/{backend}/builds"),
        &source(json!({"archive": {"userStorageUri": "file:///x"}})),
        400,
        "INVALID_ARGUMENT",
    );
    api.refused(
        "POST",
        &format!("/v1/{backend}/builds?buildId=blue"),
        &source(json!({"archive": {"userStorageUri": "file:///x"}})),
        409,
        "ALREADY_EXISTS",
    );
    api.refused(
        "POST",
        &format!("/v1/{backend}/builds?buildId=UPPER"),
        &source(json!({"archive": {"userStorageUri": "file:///x"}})),
        400,
        "INVALID_ARGUMENT",
    );
    let said =
        api.refused("POST", &format!("{builds}&colour=red"), &json!({}), 400, "INVALID_ARGUMENT");
    assert!(said.contains("Unknown name \"colour\""), "{said}");
}

#[test]
fn refuses_splits_stale_etags_and_unusable_builds() {
    let api = Caller::new();
    let backend = api.backend();
    let blue = api.build(&backend, "blue")["name"].clone();
    let green = api.build(&backend, "green")["name"].clone();
    let traffic = format!("/v1/{backend}/traffic?updateMask=target");
    let half = json!({"target": {"splits": [{"build": blue, "percent": 50}, {"build": green, "percent": 50}]}});
    assert_eq!(
        api.refused("PATCH", &traffic, &half, 400, "INVALID_ARGUMENT"),
        "percent must be 0 or 100"
    );
    let none = json!({"target": {"splits": [{"build": blue, "percent": 0}]}});
    api.refused("PATCH", &traffic, &none, 400, "INVALID_ARGUMENT");
    let both = json!({"target": {"splits": [{"build": blue, "percent": 100}]}, "rolloutPolicy": {"disabled": true}});
    api.refused("PATCH", &format!("/v1/{backend}/traffic"), &both, 400, "INVALID_ARGUMENT");
    let stale = json!({"etag": "\"old\"", "target": {"splits": [{"build": blue, "percent": 100}]}});
    api.refused("PATCH", &traffic, &stale, 409, "ABORTED");
    api.refused(
        "DELETE",
        &format!("/v1/{}?etag=old", blue.as_str().unwrap()),
        &Value::Null,
        409,
        "ABORTED",
    );
    let elsewhere = json!({"build": "projects/p/locations/l/backends/b/builds/x"});
    api.refused(
        "POST",
        &format!("/v1/{backend}/rollouts?rolloutId=r"),
        &elsewhere,
        400,
        "INVALID_ARGUMENT",
    );
    let missing = json!({"build": format!("{backend}/builds/missing")});
    api.refused("POST", &format!("/v1/{backend}/rollouts?rolloutId=r"), &missing, 404, "NOT_FOUND");

    let nowhere = json!({"source": {"archive": {"userStorageUri": "gs://bucket/object"}}});
    let operation =
        api.ok("POST", &format!("/v1/{backend}/builds?buildId=bad"), &nowhere, "Operation");
    let response = api.done(&operation, "Build");
    assert_eq!(response["state"], "FAILED", "a failed build is no failed operation");
    let bad = json!({"build": format!("{backend}/builds/bad")});
    api.refused(
        "POST",
        &format!("/v1/{backend}/rollouts?rolloutId=r"),
        &bad,
        400,
        "FAILED_PRECONDITION",
    );
}

#[test]
fn repeated_request_acts_once_and_validate_only_never() {
    let api = Caller::new();
    let backend = api.backend();
    let folder = concat!("file://", env!("CARGO_MANIFEST_DIR"), "/examples/toto/toto-app");
    let body = json!({"source": {"archive": {"userStorageUri": folder}}});
    let only = format!("/v1/{backend}/builds?buildId=checked&validateOnly=true");
    assert_eq!(api.ok("POST", &only, &body, "Operation")["done"], true);
    api.refused("GET", &format!("/v1/{backend}/builds/checked"), &Value::Null, 404, "NOT_FOUND");
    let path =
        format!("/v1/{backend}/builds?buildId=one&requestId=7e7f2c3e-8f0b-4f0e-9d2a-5f1f6a0c9b11");
    let first = api.ok("POST", &path, &body, "Operation");
    let again = api.ok("POST", &path, &body, "Operation");
    assert_eq!(first["name"], again["name"]);
    api.done(&first, "Build");
    let builds =
        api.ok("GET", &format!("/v1/{backend}/builds"), &Value::Null, "ListBuildsResponse");
    assert_eq!(builds["builds"].as_array().unwrap().len(), 1);
    for id in ["00000000-0000-0000-0000-000000000000", "seven"] {
        let path = format!("/v1/{backend}/builds?buildId=two&requestId={id}");
        api.refused("POST", &path, &body, 400, "INVALID_ARGUMENT");
    }
}

#[test]
fn only_local_callers_with_the_token_are_accepted() {
    let api = Caller::new();
    let path = format!("/v1/{LOCATION}/backends");
    let host = format!("Host: localhost:{}\r\n", api.control.port);
    let (status, answer) = api.send("GET", &path, &host, "");
    error(status, &answer, 401, "UNAUTHENTICATED");
    assert_eq!(answer["error"]["details"][0]["reason"], "CREDENTIALS_MISSING");
    for wrong in ["owner", "x", ""] {
        let headers = format!("{host}Authorization: Bearer {wrong}\r\n");
        let (status, answer) = api.send("GET", &path, &headers, "");
        error(status, &answer, 401, "UNAUTHENTICATED");
    }
    for foreign in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", ""] {
        let headers = format!("Host: {foreign}\r\nAuthorization: Bearer {}\r\n", api.control.token);
        let (status, answer) = api.send("GET", &path, &headers, "");
        error(status, &answer, 403, "PERMISSION_DENIED");
    }
    for own in ["127.0.0.1", "localhost:1", "[::1]:4000"] {
        let headers = format!("Host: {own}\r\nAuthorization: Bearer {}\r\n", api.control.token);
        assert_eq!(api.send("GET", &path, &headers, "").0, 200, "{own}");
    }
    api.refused("GET", "/v2/x", &Value::Null, 404, "NOT_FOUND");
    api.refused(
        "GET",
        &format!("/v1/{LOCATION}/backends/toto-app/nope"),
        &Value::Null,
        404,
        "NOT_FOUND",
    );
}

#[test]
#[cfg(target_os = "linux")]
fn emulator_listens_on_loopback_only() {
    let api = Caller::new();
    api.backend();
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let ports = [api.control.port, api.sandbox.app].map(|p| format!("{p:04X}"));
    let mut found = 0;
    for line in table.lines().skip(1) {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (address, port) = fields[1].split_once(':').unwrap();
        if fields[3] == "0A" && ports.iter().any(|p| p == port) {
            assert_eq!(address, "0100007F", "127.0.0.1, in the kernel's byte order");
            found += 1;
        }
    }
    assert_eq!(found, 2);
    let others = std::fs::read_to_string("/proc/net/tcp6").unwrap_or_default();
    assert!(
        !others
            .lines()
            .any(|l| l.contains(" 0A ") && ports.iter().any(|p| l.contains(&format!(":{p} "))))
    );
}

#[test]
fn secret_without_a_dummy_fails_the_build() {
    let api = Caller::new();
    let backend = api.backend();
    let folder = tempfile::tempdir().unwrap();
    let yaml = "scripts: { runCommand: pointsman sample-app }\nenv: [{ variable: KEY, secret: the-key }]\n";
    std::fs::write(folder.path().join("apphosting.yaml"), yaml).unwrap();
    let uri = format!("file://{}", folder.path().display());
    let body = json!({"source": {"archive": {"userStorageUri": uri}}});
    let operation = api.ok("POST", &format!("/v1/{backend}/builds?buildId=x"), &body, "Operation");
    let build = api.done(&operation, "Build");
    let said = build["errors"][0]["error"]["message"].as_str().unwrap();
    assert!(said.starts_with("fah/misconfigured-secret") && said.contains("KEY"), "{said}");
}

/// The answer to a raw request, with nothing sent after it.
fn raw(url: &str, request: &str) -> String {
    use std::io::{Read as _, Write as _};
    let address = url.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_mins(1))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn body_is_not_read_before_authentication() {
    let sandbox = Sandbox::new();
    sandbox.run(&["emulator", "start"]).exits(0);
    let url = sandbox.run(&["emulator", "url"]).exits(0).out.trim().to_owned();
    let token = sandbox.run(&["emulator", "token"]).exits(0).out.trim().to_owned();
    let path = "/v1/projects/demo-toto/locations/us-central1/backends";
    // The emulator does not wait for a body that never arrives.
    let large = "Content-Length: 100000000\r\nConnection: close\r\n\r\n";
    let nobody = raw(&url, &format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{large}"));
    assert!(nobody.starts_with("HTTP/1.1 401"), "{nobody}");
    let open = raw(&url, &format!("POST /$discovery/rest HTTP/1.1\r\nHost: localhost\r\n{large}"));
    assert!(open.starts_with("HTTP/1.1 200"), "{open}");
    let who = format!("Authorization: Bearer {token}\r\nConnection: close\r\n\r\n");
    for (hosts, status) in [
        ("Host: localhost\r\n", "200"),
        ("Host: [::1]:80\r\n", "200"),
        ("Host: [::1].evil\r\n", "403"),
        ("Host: localhost.evil\r\n", "403"),
        ("Host: evil@localhost\r\n", "403"),
        ("Host: localhost\r\nHost: evil\r\n", "403"),
    ] {
        let said = raw(&url, &format!("GET {path} HTTP/1.1\r\n{hosts}{who}"));
        let refused = said.starts_with("HTTP/1.1 400") && status == "403";
        assert!(refused || said.starts_with(&format!("HTTP/1.1 {status}")), "{hosts}: {said}");
    }
    // The emulator gives up on an incomplete request.
    raw(&url, &format!("GET {path} HTTP/1.1\r\nHost: loc"));
}

#[test]
fn emulator_stop_ends_leftovers_of_a_killed_emulator() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    let status = sandbox.emulator();
    let pid = status["pid"].to_string();
    let kill = std::process::Command::new("kill").args(["-9", &pid]).status().unwrap();
    assert!(kill.success());
    wait_until("it is gone", || sandbox.emulator()["running"] == false);
    let said = sandbox.run(&["emulator", "stop", "--json"]).exits(0).json();
    assert_eq!((&said["ran"], &said["left_behind"]), (&json!(false), &json!(2)), "{said}");
    let again = sandbox.run(&["emulator", "stop"]).exits(0).out;
    assert_eq!(again.trim(), "the emulator was not running");
}
