//! From a folder without a config to a rollback, as in the tutorial.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::sandbox::Sandbox;
use super::terminal::Terminal;

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

/// Puts a folder into a new repository.
fn commit_all(project: &Path) {
    git(project, &["init", "--quiet", "--initial-branch", "main"]);
    git(project, &["add", "."]);
    git(project, &["commit", "--quiet", "-m", "Say hello"]);
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
    commit_all(&project);
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
    assert!(bad.contains("GREEN is not healthy") && bad.contains("1.0.0"), "{bad}");
    release("1.1.0").exits(0);
    run(&sandbox, &["rollback", "development", "--yes"]).exits(0);
    let status = run(&sandbox, &["status"]).exits(0).out;
    assert!(status.contains("1.0.0@"), "{status}");
    run(&sandbox, &["emulator", "stop"]).exits(0);
}

#[test]
fn deploy_to_a_taken_port_names_the_key_to_change() {
    let sandbox = folder(&[("Procfile", "web: pointsman sample-app\n")]);
    let json = run(&sandbox, &["init", "--yes"]).exits(0).out;
    let address = json.lines().find_map(|line| line.split_once("http://localhost:")).unwrap().1;
    let port: u16 = address.parse().unwrap();
    let _other = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    for verb in ["plan", "deploy"] {
        let line = [verb, "development", "--release", "1.0.0"];
        let yes: &[&str] = if verb == "deploy" { &["--yes"] } else { &[] };
        let ended = run(&sandbox, &[&line[..], yes].concat()).exits(3);
        let told = format!("{}{}", ended.out, ended.err);
        assert!(told.contains(&format!("port {port} is used by")), "{told}");
        assert!(told.contains("change the port in environments.development.services."), "{told}");
    }
    assert_eq!(run(&sandbox, &["history"]).out.trim(), "no runs yet");
}

#[test]
fn open_console_offers_new_tags() {
    let sandbox = folder(&[("Procfile", "web: pointsman sample-app\n")]);
    let project = sandbox.folder.path().join("project");
    commit_all(&project);
    git(&project, &["tag", "first-tag"]);
    run(&sandbox, &["init", "--yes"]).exits(0);
    let mut command = portable_pty::CommandBuilder::new(env!("CARGO_BIN_EXE_pointsman"));
    command.arg("--state-dir");
    command.arg(sandbox.state());
    command.cwd(&project);
    let mut terminal = Terminal::of(command, 30, 100);
    terminal.wants("No runs yet");
    git(&project, &["tag", "second-tag"]);
    terminal.press("D");
    terminal.wants("first-tag");
    terminal.wants("second-tag");
    terminal.press("\u{1b}q");
}

#[test]
fn rehearsals_leave_the_state_of_a_project_alone() {
    let sandbox = folder(&[("Procfile", "web: pointsman sample-app\n")]);
    run(&sandbox, &["init", "--yes"]).exits(0);
    let shown = run(&sandbox, &["--demo", "idle", "history", "--json"]).exits(0).out;
    assert!(shown.contains("1.4.1"), "{shown}");
    assert!(
        !sandbox.state().join("store.db").exists(),
        "POINTSMAN_STATE_DIR names a project's state"
    );
    assert_eq!(run(&sandbox, &["history"]).out.trim(), "no runs yet");
}

#[test]
fn check_finds_what_a_first_config_gets_wrong() {
    let sandbox = folder(&[("Procfile", "web: pointsman sample-app\n")]);
    run(&sandbox, &["init", "--yes"]).exits(0);
    let config = sandbox.folder.path().join("project/config.yaml");
    let right = fs::read_to_string(&config).unwrap();
    for (was, is, told) in [
        ("path: /api/health", "path: api/health", "starts with '/'"),
        ("kind: list", "kind: list\n  dir: nope", "there is no folder \"nope\""),
        ("for: 20s", "for: 20", "write a unit: 300ms, 5s, 2m or 1h"),
    ] {
        assert!(right.contains(was), "{was}: {right}");
        fs::write(&config, right.replace(was, is)).unwrap();
        let said = run(&sandbox, &["check"]).exits(2).err;
        assert!(said.contains(told), "{is}: {said}");
    }
}
