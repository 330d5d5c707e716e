//! From a folder without a config to a rollback, as in the tutorial.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::sandbox::Sandbox;

/// A new user's project with these files.
fn folder(files: &[(&str, &str)]) -> Sandbox {
    let sandbox = Sandbox::new();
    fs::remove_file(sandbox.folder.path().join("config.yaml")).unwrap();
    for (name, text) in files {
        let path = sandbox.folder.path().join("project").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    sandbox
}

struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Ended {
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self
    }
}

/// Runs a command in the project folder.
fn run(sandbox: &Sandbox, words: &[&str]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .args(words)
        .current_dir(sandbox.folder.path().join("project"))
        .env_remove("POINTSMAN_CONFIG")
        .env("POINTSMAN_STATE_DIR", sandbox.state())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        code: output.status.code().unwrap(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

fn git(folder: &Path, words: &[&str]) {
    let author = ["-c", "user.name=ana", "-c", "user.email=ana@example.com"];
    let done = Command::new("git").args(author).args(words).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
}

const NODE: &[(&str, &str)] = &[
    (
        "package.json",
        "{\"name\":\"@acme/Shop\",\"scripts\":{\"start\":\"node server.js\",\"build\":\"tsc\"},\"dependencies\":{\"express\":\"4\"}}",
    ),
    ("package-lock.json", "{}"),
    (
        "server.js",
        "app.get('/healthz', () => ({ version: process.env.POINTSMAN_RELEASE, revision: process.env.K_REVISION }))",
    ),
];
const PYTHON: &[(&str, &str)] =
    &[("app.py", "app = Flask(__name__)\n"), ("requirements.txt", "flask\n")];
const FIREBASE: &[(&str, &str)] = &[
    (".firebaserc", "{\"projects\":{\"default\":\"shop-prod\",\"staging\":\"shop-stg\"}}"),
    ("firebase.json", "{\"apphosting\":[{\"backendId\":\"web\",\"rootDir\":\"/apps/web\"}]}"),
    (
        "apps/web/package.json",
        "{\"scripts\":{\"start\":\"next start\"},\"dependencies\":{\"next\":\"15\"}}",
    ),
    ("apps/web/app/api/health/route.ts", "export const GET = () => Response.json({})"),
    ("apps/web/apphosting.yaml", "env:\n  - { variable: STRIPE_KEY, secret: stripe }\n"),
    ("apps/api/main.py", "import http.server\n"),
];
const ODD_NAMES: &[(&str, &str)] = &[
    ("on/package.json", "{\"name\":\"true\",\"main\":\"index.js\"}"),
    ("on/index.js", ""),
    ("9 lives: {x}/Procfile", "web: ./run \"a b\" # c\n"),
    ("two/package.json", "{\"name\":\"true\",\"main\":\"index.js\"}"),
    ("two/index.js", ""),
];

#[test]
fn init_writes_a_config_that_check_and_lint_accept() {
    for files in [NODE, PYTHON, FIREBASE, ODD_NAMES] {
        let sandbox = folder(files);
        let told = run(&sandbox, &["init", "--yes"]).exits(0).out;
        assert!(told.contains("Recognised") && told.contains("Next\n  pointsman check"), "{told}");
        run(&sandbox, &["check"]).exits(0);
        run(&sandbox, &["lint"]).exits(0);
        let again = run(&sandbox, &["init", "--yes"]).exits(1).err;
        assert!(again.contains("init never changes existing files"), "{again}");
    }
}

#[test]
fn init_recognises_services_routes_and_projects() {
    let sandbox = folder(NODE);
    let json = run(&sandbox, &["init", "--yes", "--json"]).exits(0).out;
    let json: Value = serde_json::from_str(&json).unwrap();
    let service = &json["services"][0];
    assert_eq!(service["name"], "shop");
    assert_eq!(service["build"], "npm ci && npm run build");
    assert_eq!(service["health"], "/healthz");
    assert_eq!(service["reports_release"], true);

    let sandbox = folder(FIREBASE);
    let told = run(&sandbox, &["init", "--yes"]).exits(0).out;
    assert!(told.contains("In apps/web/app/api/health/route.ts:"), "{told}");
    let project = sandbox.folder.path().join("project");
    let config = fs::read_to_string(project.join("config.yaml")).unwrap();
    for wanted in [
        "promote_from: staging",
        "shop-stg: { environment: staging, region: us-central1 }",
        "https://web--shop-prod.us-central1.hosted.app",
        "protection: typed",
    ] {
        assert!(config.contains(wanted), "{wanted}: {config}");
    }
    let emulator = fs::read_to_string(project.join("apps/web/apphosting.emulator.yaml")).unwrap();
    assert!(emulator.contains("{ variable: STRIPE_KEY, value: \"dummy\" }"), "{emulator}");
    let kept = fs::read_to_string(project.join("apps/web/apphosting.yaml")).unwrap();
    assert!(kept.starts_with("env:"), "an existing file stays: {kept}");
}

#[test]
fn init_refuses_what_it_cannot_do() {
    let sandbox = folder(&[("README.md", "nothing here")]);
    let told = run(&sandbox, &["init", "--yes"]).exits(1).err;
    assert!(told.contains("PM0110") && told.contains("package.json"), "{told}");
    let told = run(&sandbox, &["init"]).exits(2).err;
    assert!(told.contains("pointsman init --yes"), "{told}");
    run(&sandbox, &["--read-only", "init", "--yes"]).exits(3);
    assert!(!sandbox.folder.path().join("project/config.yaml").exists());
}

#[test]
fn first_deploy_bad_release_and_rollback_go_as_the_tutorial_says() {
    let sandbox = folder(&[("Procfile", "web: pointsman sample-app\n")]);
    let project = sandbox.folder.path().join("project");
    git(&project, &["init", "--quiet", "--initial-branch", "main"]);
    git(&project, &["add", "."]);
    git(&project, &["commit", "--quiet", "-m", "Say hello"]);
    let told = run(&sandbox, &["init", "--yes"]).exits(0).out;
    assert!(told.contains("pointsman deploy development --release main"), "{told}");
    // A shorter soak than the default, to keep the test fast.
    let config = project.join("config.yaml");
    let text = fs::read_to_string(&config).unwrap().replace("for: 20s", "for: 1s");
    let text = text
        .replace("    deploy:\n", "    deploy:\n      health: { interval: 200ms, attempts: 5 }\n");
    fs::write(&config, text).unwrap();
    let release = |tag: &str| {
        fs::write(project.join("greeting.txt"), tag).unwrap();
        git(&project, &["add", "."]);
        git(&project, &["commit", "--quiet", "-m", tag]);
        git(&project, &["tag", tag]);
        run(&sandbox, &["deploy", "development", "--release", tag, "--yes"])
    };
    assert!(release("1.0.0").exits(0).out.contains("promoted"));
    let bad = release("1.2.0-broken").exits(1).out;
    assert!(bad.contains("the candidate of") && bad.contains("1.0.0"), "{bad}");
    release("1.1.0").exits(0);
    run(&sandbox, &["rollback", "development", "--yes"]).exits(0);
    let status = run(&sandbox, &["status"]).exits(0).out;
    assert!(status.contains("1.0.0@"), "{status}");
    run(&sandbox, &["emulator", "stop"]).exits(0);
}
