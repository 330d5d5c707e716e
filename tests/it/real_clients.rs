//! Google's clients drive the emulator: the Python library, built from the discovery document, and the firebase CLI.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::sandbox::{Sandbox, free_port};
use super::stand_in::{Reply, StandIn};
use super::tools::tool;

fn service() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/toto/toto-app")
}

#[test]
fn googles_python_client_drives_the_emulator() {
    let Some(python) = tool("python3") else { return };
    let sandbox = Sandbox::new();
    let started = sandbox.run(&["emulator", "start", "--json"]).exits(0).json();
    let token = sandbox.run(&["emulator", "token"]).exits(0).out;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/drive_app_hosting.py");
    let driven = Command::new(python)
        .arg(script)
        .args([started["url"].as_str().unwrap(), token.trim()])
        .arg(service())
        .arg(free_port().to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&driven.stderr);
    assert!(driven.status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&driven.stdout).trim(), "driven");
}

#[test]
fn googles_python_client_reads_what_is_below_a_backend() {
    let Some(python) = tool("python3") else { return };
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    let emulator = sandbox.emulator();
    let token = sandbox.run(&["emulator", "token"]).exits(0).out;
    let status = sandbox.run(&["status", "development", "--json"]).exits(0).json();
    let services = status["services"].as_array().unwrap();
    let live = services.iter().find(|service| service["service"] == "toto-app").unwrap();
    let build = live["live"]["build"].as_str().unwrap();
    let folder = service();
    let folder = folder.to_str().unwrap();
    let service = "projects/demo-toto/locations/us-central1/services/toto-app";
    for (script, arguments) in [
        ("drive_cloud_run.py", vec![service, build, folder]),
        ("drive_secret_manager.py", vec!["projects/demo-toto"]),
        ("drive_firestore_admin.py", vec!["projects/demo-toto"]),
        ("drive_runtime.py", vec!["projects/demo-toto", "toto-app", build]),
    ] {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(script);
        let mut command = Command::new(&python);
        command.arg(script).args([emulator["url"].as_str().unwrap(), token.trim()]).args(arguments);
        let driven = command.output().unwrap();
        let said = String::from_utf8_lossy(&driven.stderr);
        assert!(driven.status.success(), "{said}");
        assert_eq!(String::from_utf8_lossy(&driven.stdout).trim(), "driven");
    }
}

/// A stand-in for the other Google services that the CLI calls, from recorded requests.
fn rest_of_google() -> StandIn {
    StandIn::new(|asked, _| {
        let path = asked.path.split('?').next().unwrap();
        let number = json!({"projectId": "demo-toto", "projectNumber": "123456789012", "lifecycleState": "ACTIVE"});
        match path {
            _ if path.starts_with("/tok") => Reply::json(
                200,
                &json!({"access_token": "t", "expires_in": 3600, "token_type": "Bearer"}),
            ),
            _ if path.starts_with("/su") => Reply::json(200, &json!({"state": "ENABLED"})),
            _ if path.ends_with(":testIamPermissions") => {
                let wanted: Value = serde_json::from_str(&asked.body).unwrap_or_default();
                Reply::json(200, &json!({"permissions": wanted["permissions"]}))
            }
            _ if path.ends_with("IamPolicy") => {
                Reply::json(200, &json!({"version": 1, "etag": "BwX", "bindings": []}))
            }
            _ if path.starts_with("/iam") && asked.method == "POST" => Reply::json(
                409,
                &json!({"error": {"code": 409, "message": "it exists", "status": "ALREADY_EXISTS"}}),
            ),
            _ if path.starts_with("/crm") => Reply::json(200, &number),
            // Developer Connect resolves a link to its repository, and GitHub lists the commits.
            _ if path.ends_with(":fetchReadToken") => Reply::json(200, &json!({"token": "t"})),
            _ if path.starts_with("/connect") && path.ends_with("/gitRepositoryLinks/toto") => {
                let link = json!({"name": path.trim_start_matches("/connect/v1/"), "cloneUri": "https://github.com/betoto/toto.git"});
                Reply::json(200, &link)
            }
            _ if path.starts_with("/github/repos/betoto/toto/commits/") => {
                let commit =
                    json!({"sha": path.rsplit('/').next(), "commit": {"message": "second"}});
                Reply::json(200, &commit)
            }
            _ => Reply::json(
                404,
                &json!({"error": {"code": 404, "message": "none", "status": "NOT_FOUND"}}),
            ),
        }
    })
}

/// Runs the CLI in a service's folder, with every origin on this machine.
fn firebase(
    program: &Path,
    folder: &Path,
    emulator: &str,
    google: &str,
    arguments: &[&str],
) -> (bool, String) {
    let output = Command::new(program)
        .args(arguments)
        .args(["--project", "demo-toto", "--non-interactive"])
        .current_dir(folder)
        .env("HOME", folder)
        .env("XDG_CONFIG_HOME", folder)
        .env("FIREBASE_TOKEN", "1//loopback")
        .env("CI", "true")
        .env("FIREBASE_CLI_DISABLE_UPDATE_CHECK", "true")
        .env("NO_UPDATE_NOTIFIER", "1")
        .env("FIREBASE_APPHOSTING_URL", emulator)
        .env("FIREBASE_STORAGE_URL", format!("{emulator}/gcs"))
        .env("FIREBASE_TOKEN_URL", format!("{google}/tok"))
        .env("FIREBASE_SERVICE_USAGE_URL", format!("{google}/su"))
        .env("FIREBASE_IAM_URL", format!("{google}/iam"))
        .env("FIREBASE_RESOURCEMANAGER_URL", format!("{google}/crm"))
        .env("FIREBASE_API_URL", format!("{google}/fb"))
        .env("DEVELOPERCONNECT_URL", format!("{google}/connect"))
        .env("GITHUB_API_URL", format!("{google}/github"))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn firebase_cli_deploys_to_the_emulator() {
    let Some(program) = tool("firebase") else { return };
    let sandbox = Sandbox::new();
    let started =
        sandbox.run(&["emulator", "start", "--insecure-owner-token", "--json"]).exits(0).json();
    let emulator = started["url"].as_str().unwrap().to_owned();
    // The first deploy creates its backends.
    sandbox.deploy("1.0.0").exits(0);
    let (version, _) = Sandbox::who(sandbox.app).unwrap();
    assert_eq!(version, "1.0.0");

    let folder = sandbox.folder.path().join("app");
    fs::create_dir_all(&folder).unwrap();
    for file in fs::read_dir(service()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    let hosting = json!({"backendId": "toto-app", "rootDir": "/", "ignore": ["node_modules"], "alwaysDeployFromSource": true});
    fs::write(folder.join("firebase.json"), json!({"apphosting": [hosting]}).to_string()).unwrap();
    let google = rest_of_google();
    let run = |arguments: &[&str]| firebase(&program, &folder, &emulator, &google.url(), arguments);

    let (listed, said) = run(&["apphosting:backends:list"]);
    assert!(listed && said.contains("toto-app"), "{said}");
    let (deployed, said) = run(&["deploy", "--only", "apphosting"]);
    assert!(deployed && said.contains("Deploy complete"), "{said}");
    // The CLI moved traffic, and `status` shows its build as live.
    let status = sandbox.run(&["status", "development", "--json"]).exits(0).json();
    let app = status["services"].as_array().unwrap().iter().find(|s| s["service"] == "toto-app");
    let build = app.unwrap()["live"]["build"].as_str().unwrap().to_owned();
    assert!(build.starts_with("build-"), "{build}");
    assert_eq!(Sandbox::who(sandbox.app).unwrap().1, build);

    // A failed build sets the CLI's exit status and moves no traffic.
    fs::write(folder.join("apphosting.yaml"), "runConfig: { cpu: 3 }\n").unwrap();
    let (deployed, said) = run(&["deploy", "--only", "apphosting"]);
    assert!(!deployed, "{said}");
    assert_eq!(Sandbox::who(sandbox.app).unwrap().1, build);
    // Our rollback reverts the CLI's deploy.
    sandbox
        .run(&["rollback", "development", "--service", "toto-app", "--to", "1.0.0", "--yes"])
        .exits(0);
    assert_eq!(Sandbox::who(sandbox.app).unwrap().0, "1.0.0");
}

/// Creates a repository with two commits of a service. Returns the hash of the second.
fn commits(repository: &Path) -> String {
    let service = repository.join("apps/toto-app");
    fs::create_dir_all(&service).unwrap();
    let git = |arguments: &[&str]| {
        let who = ["-c", "user.name=ana", "-c", "user.email=ana@example.com"];
        let mut git = Command::new("git");
        let output = git.current_dir(repository).args(who).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "--quiet", "-b", "main"]);
    for release in ["1.0.0", "1.1.0"] {
        let yaml = format!("scripts: {{ runCommand: 'pointsman sample-app' }} # {release}\n");
        fs::write(service.join("apphosting.yaml"), yaml).unwrap();
        git(&["add", "."]);
        git(&["commit", "--quiet", "-m", release]);
        git(&["tag", release]);
    }
    git(&["rev-parse", "HEAD"])
}

#[test]
fn firebase_cli_rolls_out_a_commit() {
    let Some(program) = tool("firebase") else { return };
    let sandbox = Sandbox::new();
    // The CLI reads two names from a backend's repository path; the emulator uses the path as a folder.
    let repository = "connections/here/gitRepositoryLinks/toto";
    let folder = sandbox.folder.path().join(repository);
    let commit = commits(&folder);
    let config = sandbox.folder.path().join("config.yaml");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/toto");
    let text = fs::read_to_string(&config).unwrap();
    let inside = folder.join("apps/toto-app").display().to_string();
    let text = ["toto-app", "toto-bo"]
        .iter()
        .fold(text, |text, name| text.replace(&root.join(name).display().to_string(), &inside));
    let releases = format!("{{ kind: git, dir: {repository} }}");
    fs::write(&config, text.replace("{ kind: list, labels: [\"1.0.0\"] }", &releases)).unwrap();
    let started =
        sandbox.run(&["emulator", "start", "--insecure-owner-token", "--json"]).exits(0).json();
    let emulator = started["url"].as_str().unwrap().to_owned();
    sandbox.deploy("1.0.0").exits(0);
    let google = rest_of_google();
    let run = |commit: &str| {
        let arguments = ["apphosting:rollouts:create", "toto-app", "--git-commit", commit];
        firebase(&program, &folder, &emulator, &google.url(), &arguments)
    };
    let (rolled, said) = run(&commit);
    assert!(rolled && said.contains("Successfully created a new rollout"), "{said}");
    let (_, build) = Sandbox::who(sandbox.app).unwrap();
    assert!(build.starts_with("build-"), "{build}");
    // The build of a missing commit fails and gets no traffic. It may have failed already when the CLI requests the
    // rollout.
    let (rolled, said) = run("0123456789abcdef0123456789abcdef01234567");
    let failed = said.contains("Failed to build your app") || said.contains("is FAILED");
    assert!(!rolled && failed, "{said}");
    assert_eq!(Sandbox::who(sandbox.app).unwrap().1, build);
    sandbox
        .run(&["rollback", "development", "--service", "toto-app", "--to", "1.0.0", "--yes"])
        .exits(0);
    assert!(Sandbox::who(sandbox.app).unwrap().1.starts_with("b-1-0-0-"));
}
