//! Pipelines: GitHub's sample answers, the evidence they give, reviews, and local jobs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use pointsman::domain::error::Problem;
use pointsman::domain::job_log::JobLine;
use pointsman::domain::pipeline::PipelineRun;
use pointsman::domain::policy::Protection;
use pointsman::tui::effect::Effect;
use pointsman::tui::keys::Code;
use pointsman::tui::msg::Msg;
use pointsman::tui::panes::pipeline::model::{JobLog, PipelineAct};
use serde_json::{Value, json};

use super::sandbox::{Sandbox, free_port, wait_until};
use super::screen::{Screen, plain, steady};
use super::stand_in::{Asked, Reply, StandIn};
use super::tools::tool;

fn sample(name: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/github").join(name);
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// The sample that GitHub returns, and whether its approval was given.
#[derive(Clone)]
struct Says {
    run: &'static str,
    approved: bool,
}

/// A stand-in for GitHub with the samples of the contract, `ETag` headers, redirects and limits.
fn github(says: &Arc<Mutex<Says>>) -> StandIn {
    let says = says.clone();
    let port = Arc::new(Mutex::new(0_u16));
    let own = port.clone();
    let stand_in = StandIn::new(move |asked, _| {
        let mut says = says.lock().unwrap();
        answer(asked, &mut says, *own.lock().unwrap())
    });
    *port.lock().unwrap() = stand_in.port;
    stand_in
}

fn answer(asked: &Asked, says: &mut Says, port: u16) -> Reply {
    let tagged = |body: &Value| {
        let tag = format!("W/\"{}\"", body.to_string().len());
        if asked.header("if-none-match") == tag {
            return Reply::Says(304, String::new(), String::new());
        }
        let headers = format!("content-type: application/json\r\netag: {tag}\r\n");
        Reply::Says(200, headers, body.to_string())
    };
    let path = asked.path.split('?').next().unwrap();
    if path.starts_with("/signed") {
        // The signed address is enough; sending the token along would leak it.
        assert_eq!(asked.header("authorization"), "");
        let log = include_str!("../data/github/job_log_toto-bo_lint.txt");
        return Reply::Says(200, "content-type: text/plain\r\n".to_owned(), log.to_owned());
    }
    if asked.header("authorization") != "Bearer ghp_test" || asked.header("user-agent").is_empty() {
        return Reply::json(401, &sample("errors.json")["401_bad_credentials"]["body"]);
    }
    let run = sample(&format!("run_{}.json", says.run));
    match (asked.method.as_str(), path.rsplit('/').next().unwrap()) {
        ("GET", "runs") => {
            let wanted = asked.path.split_once("head_sha=").map(|(_, rest)| rest.to_owned());
            let other =
                wanted.is_some_and(|sha| !sha.starts_with(run["head_sha"].as_str().unwrap()));
            if other {
                return tagged(&sample("runs_empty.json"));
            }
            tagged(&json!({"total_count": 1, "workflow_runs": [run]}))
        }
        ("GET", "jobs") => tagged(&sample(&format!("jobs_{}.json", says.run))),
        ("GET", "pending_deployments") if says.approved => tagged(&json!([])),
        ("GET", "pending_deployments") => tagged(&sample("pending_deployments_main.json")),
        ("POST", "pending_deployments") => {
            says.approved = true;
            Reply::json(200, &sample("review_pending_approved_response.json"))
        }
        ("GET", "logs") => {
            let to = format!("location: http://127.0.0.1:{port}/signed?sig=s3cr3t\r\n");
            Reply::Says(302, to, String::new())
        }
        ("POST", "rerun-failed-jobs") => Reply::json(201, &json!({})),
        ("POST", "dispatches") => Reply::json(200, &sample("dispatch_response_200.json")),
        _ => Reply::json(404, &json!({"message": "Not Found", "documentation_url": "x"})),
    }
}

/// A sandbox with a pipeline for development.
fn sandbox(pipeline: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    give(&sandbox, pipeline);
    sandbox
}

pub(crate) fn give(sandbox: &Sandbox, pipeline: &str) {
    let file = sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let with = format!("    pipeline: {pipeline}\n  production:");
    fs::write(&file, text.replacen("  production:", &with, 1)).unwrap();
}

fn of(api: &str) -> String {
    format!(
        "{{ kind: github, repository: betoto/toto-ecosystem, workflow: deploy.yml, branch: main, \
         token_env: GH_TEST, api: '{api}' }}"
    )
}

fn says(run: &'static str) -> Arc<Mutex<Says>> {
    Arc::new(Mutex::new(Says { run, approved: false }))
}

pub(crate) fn run(sandbox: &Sandbox, arguments: &[&str]) -> super::sandbox::Said {
    let mut command = sandbox.command(arguments);
    let output = command.env("GH_TEST", "ghp_test").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    super::sandbox::Said {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

#[test]
fn pipeline_shows_jobs_failure_and_reviewers() {
    let says = says("main_lint_failure");
    let stand_in = github(&says);
    let sandbox = sandbox(&of(&stand_in.url()));
    let failed = run(&sandbox, &["pipeline", "development"]).exits(1);
    for told in ["failure", "test-and-build (toto-bo)", "main · badc0de", "Run linting"] {
        assert!(failed.out.contains(told), "{told}: {}", failed.out);
    }
    // The log starts at the failure, and the token is not sent to another host.
    let log = run(&sandbox, &["pipeline", "development", "log"]).exits(0);
    assert!(log.out.contains("ERROR Process completed with exit code 1."), "{}", log.out);
    assert!(!log.out.contains('\u{1b}') && !log.out.contains("2026-01-15T"), "{}", log.out);
    assert_eq!(stand_in.count("GET", "/signed"), 1);
    assert!(!log.err.contains("s3cr3t") && !log.out.contains("s3cr3t"));

    says.lock().unwrap().run = "main_waiting";
    let waiting = run(&sandbox, &["pipeline", "development"]).exits(5);
    assert!(waiting.out.contains("waits for leo-ops"), "{}", waiting.out);
    assert!(waiting.out.contains("you can review it"), "{}", waiting.out);
    says.lock().unwrap().run = "main_success";
    let json = run(&sandbox, &["pipeline", "development", "--json"]).exits(0).json();
    assert_eq!(json["run"]["standing"], "passed");
    assert_eq!(json["run"]["jobs"].as_array().unwrap().len(), 5);
}

#[test]
fn pipeline_approval_is_confirmed_and_read_back() {
    let says = says("main_waiting");
    let stand_in = github(&says);
    let sandbox = sandbox(&of(&stand_in.url()));
    let refused = run(&sandbox, &["pipeline", "development", "approve"]).exits(3);
    assert_eq!(stand_in.count("POST", ""), 0, "{}", refused.err);
    let approve = ["pipeline", "development", "approve", "--yes", "--comment", "checked it"];
    let approved = run(&sandbox, &approve).exits(0);
    assert!(approved.out.contains("production approved"), "{}", approved.out);
    let sent = stand_in.asked().into_iter().find(|asked| asked.method == "POST").unwrap();
    let body: Value = serde_json::from_str(&sent.body).unwrap();
    let wanted =
        json!({"environment_ids": [161_171_787], "state": "approved", "comment": "checked it"});
    assert_eq!(body, wanted);
    // No approval is pending any more.
    let again = run(&sandbox, &approve).exits(1);
    assert!(again.err.contains("waits for no approval"), "{}", again.err);
    run(&sandbox, &["pipeline", "development", "rerun", "--yes"]).exits(0);
    let begun =
        run(&sandbox, &["pipeline", "development", "dispatch", "--yes", "--ref", "fix"]).exits(0);
    assert!(begun.out.contains("was begun"), "{}", begun.out);
    let sent =
        stand_in.asked().into_iter().find(|asked| asked.path.ends_with("/dispatches")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&sent.body).unwrap()["ref"], "fix");
}

#[test]
fn github_limits_are_respected_and_refusals_name_a_fix() {
    let errors = sample("errors.json");
    let limit = errors["403_primary_rate_limit"].clone();
    let stand_in = StandIn::new(move |_, _| {
        let headers = "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 4102444800\r\n".to_owned();
        Reply::Says(403, headers, limit["body"].to_string())
    });
    let limited = sandbox(&of(&stand_in.url()));
    let told = run(&limited, &["pipeline", "development"]).exits(1);
    assert!(told.err.contains("its limit is reached"), "{}", told.err);
    assert_eq!(stand_in.asked().len(), 1, "it is left alone");

    let cases = [
        (401, "create a new one"),
        (403, "Actions: read and write"),
        (404, "hides"),
        (410, "newer"),
    ];
    for (status, words) in cases {
        let body = json!({"message": "no", "documentation_url": "x"});
        let stand_in = StandIn::new(move |_, _| Reply::json(status, &body));
        let sandbox = sandbox(&of(&stand_in.url()));
        let told = run(&sandbox, &["pipeline", "development"]).exits(1);
        assert!(told.err.contains(words), "{status}: {}", told.err);
    }
    let login = StandIn::new(|_, _| Reply::Says(200, String::new(), "<html>log in".to_owned()));
    let told = run(&sandbox(&of(&login.url())), &["pipeline", "development"]).exits(1);
    assert!(told.err.contains("something else may stand between"), "{}", told.err);
}

/// A repository with a commit of the services; returns its folder and the commit.
pub(crate) fn repository(sandbox: &Sandbox) -> (PathBuf, String) {
    let folder = sandbox.folder.path().join("repository");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/toto");
    for name in ["toto-app", "toto-bo"] {
        fs::create_dir_all(folder.join(name)).unwrap();
        for file in fs::read_dir(from.join(name)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), folder.join(name).join(file.file_name())).unwrap();
        }
    }
    let git = |arguments: &[&str]| {
        let out = Command::new("git")
            .args(["-c", "user.name=ana", "-c", "user.email=ana@example.com", "-C"])
            .arg(&folder)
            .args(arguments)
            .output()
            .unwrap();
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "all of it"]);
    git(&["tag", "v1"]);
    let commit = git(&["rev-parse", "HEAD"]);
    (folder, commit)
}

#[test]
fn deploy_requires_the_pipeline_of_its_commit() {
    let sandbox = Sandbox::new();
    let (folder, commit) = repository(&sandbox);
    let tested = Arc::new(Mutex::new((commit.clone(), "success")));
    let inside = tested.clone();
    let stand_in = StandIn::new(move |asked, _| {
        let (commit, conclusion) = inside.lock().unwrap().clone();
        let path = asked.path.split('?').next().unwrap();
        let mut run = sample("run_main_success.json");
        run["head_sha"] = json!(commit);
        run["conclusion"] = json!(conclusion);
        if path.ends_with("/jobs") {
            let mut jobs = sample("jobs_main_success.json");
            jobs["jobs"][0]["conclusion"] = json!(conclusion);
            return Reply::json(200, &jobs);
        }
        let wanted = asked.path.contains(&format!("head_sha={commit}"));
        let runs = if wanted { json!([run]) } else { json!([]) };
        Reply::json(200, &json!({"total_count": 1, "workflow_runs": runs}))
    });
    give(&sandbox, &of(&stand_in.url()));
    let file = sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/toto");
    let text = text
        .replace(from.to_str().unwrap(), folder.to_str().unwrap())
        .replace(
            "{ kind: list, labels: [\"1.0.0\"] }",
            &format!("{{ kind: git, dir: {} }}", folder.display()),
        )
        .replacen("protection: open", "protection: confirm", 1)
        + "checklists: { pre: [ { text: All tests, required: true, auto: { pipeline: all } } ] }\n";
    fs::write(&file, text).unwrap();
    let deploy = |code: i32| {
        let said = run(&sandbox, &["deploy", "development", "--release", "v1", "--yes", "--json"]);
        let facts = run(&sandbox, &["history", "--json"]).json()[0]["run"].to_string();
        let facts = run(&sandbox, &["events", &facts, "--json"]).out;
        let said = said.exits(code);
        (said, facts.lines().find(|f| f.contains("checklist-seen")).unwrap_or_default().to_owned())
    };
    let (_, seen) = deploy(0);
    assert!(seen.contains("of 5 jobs passed"), "{seen}");
    tested.lock().unwrap().1 = "failure";
    let (_, seen) = deploy(3);
    assert!(seen.contains("test-and-build (toto-app) failure"), "{seen}");
    // Tests of another commit do not count.
    *tested.lock().unwrap() = ("f".repeat(40), "success");
    let (_, seen) = deploy(3);
    assert!(seen.contains(&format!("no pipeline run for {} yet", &commit[..7])), "{seen}");
}

#[test]
fn local_pipeline_runs_jobs_in_order() {
    let local = "{ kind: local, jobs: { build: { needs: [test], steps: [[sh, -c, 'echo built']] }, \
                 test: { matrix: [one, two], steps: [[sh, -c, 'echo testing {matrix} $MATRIX']] }, \
                 fails: { steps: [[sh, -c, 'echo because; exit 3'], [echo, never]] }, \
                 after: { needs: [fails], steps: [[echo, never]] } } }";
    let sandbox = sandbox(local);
    run(&sandbox, &["pipeline", "development"]).exits(5);
    let ran = run(&sandbox, &["pipeline", "development", "run", "--json"]).exits(1);
    let json = ran.json();
    let jobs: Vec<_> = json["run"]["jobs"].as_array().unwrap().iter().collect();
    let named = |name: &str| *jobs.iter().find(|job| job["name"] == name).unwrap();
    assert_eq!(named("build")["standing"], "passed");
    assert_eq!(named("after")["standing"], "skipped");
    assert_eq!(named("fails")["standing"], json!({"failed": "failure"}));
    assert_eq!(named("fails")["steps"][1]["standing"], "skipped");
    let at = |name: &str| jobs.iter().position(|job| job["name"] == name).unwrap();
    assert!(at("test (two)") < at("build"), "{jobs:?}");
    assert!(ran.err.contains("test (one): testing one one"), "{}", ran.err);
    let step = named("test (two)")["steps"][0]["name"].as_str().unwrap();
    assert!(step.contains("testing two") && !step.contains("{matrix}"), "{step}");
    let log = run(&sandbox, &["pipeline", "development", "log"]).exits(0);
    assert!(log.out.contains("because") && log.out.contains("ERROR exit status: 3"), "{}", log.out);
    run(&sandbox, &["pipeline", "development"]).exits(1);

    // `dispatch` starts the pipeline in a separate process.
    let begun = run(&sandbox, &["pipeline", "development", "dispatch", "--yes"]).exits(0);
    assert!(begun.out.contains("a separate process was started"), "{}", begun.out);
    wait_until("the second run is over", || {
        let json = run(&sandbox, &["pipeline", "development", "--json"]).json();
        json["run"]["id"] == 2 && json["run"]["standing"] == json!({"failed": "failure"})
    });
}

#[test]
fn pipeline_config_errors_have_places() {
    let cases = [
        ("{ kind: github }", "repository: owner/name"),
        ("{ kind: github, repository: a/b }", "needs workflow"),
        ("{ kind: github, repository: a/b, api: 'http://evil.example' }", "only over https"),
        ("{ kind: local }", "needs jobs"),
        ("{ kind: local, jobs: { a: { needs: [b], steps: [[x]] } } }", "there is no such job"),
        ("{ kind: local, jobs: { a: { needs: [a], steps: [[x]] } } }", "needs itself"),
        ("{ kind: local, jobs: { a: { steps: [] } } }", "needs steps"),
    ];
    for (pipeline, words) in cases {
        let told = sandbox(pipeline).run(&["check"]).exits(2);
        assert!(told.err.contains(words) && told.err.contains("config.yaml:"), "{}", told.err);
    }
    let none = Sandbox::new().run(&["pipeline", "development"]).exits(2);
    assert!(none.err.contains("has no pipeline"), "{}", none.err);
}

/// The run that the client reads from a sample.
pub(crate) fn seen(name: &'static str) -> PipelineRun {
    let stand_in = github(&says(name));
    let sandbox = sandbox(&of(&stand_in.url()));
    let json = run(&sandbox, &["pipeline", "development", "--json"]).json();
    serde_json::from_value(json["run"].clone()).unwrap()
}

fn screen(run: Result<Option<PipelineRun>, Problem>) -> Screen {
    let mut screen = Screen::new(Protection::Typed);
    screen.look();
    screen.model.environments[0].tested = true;
    let name = screen.model.environments[0].name.clone();
    screen.send(Msg::Pipeline(name, run));
    screen.char('8');
    screen
}

#[test]
fn pipeline_pane_fits_every_size() {
    let mut waiting = screen(Ok(Some(seen("main_waiting"))));
    for (name, width, height) in [("wide", 160, 45), ("usual", 100, 30), ("compact", 60, 16)] {
        waiting.send(Msg::Resize(width, height));
        insta::assert_snapshot!(format!("pane_pipeline_{name}"), steady(&waiting.draw(&plain())));
    }
    waiting.send(Msg::Resize(100, 30));
    let failed = screen(Ok(Some(seen("main_lint_failure"))));
    failed.shows("✗ FAIL");
    failed.shows("Run linting");
    screen(Ok(None)).shows("Nothing ran yet");
    let problem = Problem::new("GitHub does not answer");
    screen(Err(problem)).shows("Unknown: GitHub does");
}

#[test]
fn pipeline_keys_confirm_and_stale_answers_are_dropped() {
    let run = seen("main_waiting");
    let mut screen = screen(Ok(Some(run.clone())));
    assert_eq!(screen.char('F'), []);
    screen.shows("rerun is off: it has not ended");
    assert_eq!(screen.char('V'), []);
    screen.shows("Approves run 7100000001");
    let word = screen.model.environments[0].name.to_string();
    screen.text(&word[..3]);
    // Another person approved meanwhile.
    let name = screen.model.environments[0].name.clone();
    let approved = PipelineRun { approvals: Vec::new(), ..run.clone() };
    screen.send(Msg::Pipeline(name.clone(), Ok(Some(approved))));
    screen.shows("the pipeline: run 7100000001");
    screen.key(Code::Esc);

    screen.send(Msg::Pipeline(name.clone(), Ok(Some(run.clone()))));
    screen.char('V');
    screen.text(&word);
    let sent = screen.key(Code::Enter);
    assert!(
        matches!(&sent[..], [Effect::Pipeline(_, of, PipelineAct::Approve(_))] if *of == name),
        "{sent:?}"
    );
    // Enter fetches a log and opens it at the first error.
    let mut screen = self::screen(Ok(Some(run)));
    let asked = screen.key(Code::Enter);
    assert!(matches!(&asked[..], [Effect::JobLog(..)]), "{asked:?}");
    let mut lines: Vec<_> =
        (0..50).map(|n| JobLine { text: format!("line {n}"), error: false }).collect();
    lines[40].error = true;
    screen.send(Msg::JobLog(Ok(JobLog { job: "test".into(), lines })));
    screen.shows("✗ line 40");
    screen.key(Code::Esc);
    assert!(screen.model.overlay.is_none());
}

/// Prism between the client and the stand-in checks both sides against GitHub's API description.
#[test]
fn requests_and_answers_match_githubs_openapi() {
    let Some(prism) = tool("prism") else { return };
    let description = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/github_openapi.json");
    let says = says("main_waiting");
    let stand_in = github(&says);
    let port = free_port();
    let child = Command::new(prism)
        .args(["proxy", "--errors", "--port", &port.to_string()])
        .arg(&description)
        .arg(stand_in.url())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _child = Ends(child);
    wait_until("prism listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let sandbox = sandbox(&of(&format!("http://127.0.0.1:{port}")));
    for name in ["main_waiting", "main_in_progress", "main_success", "main_lint_failure"] {
        says.lock().unwrap().run = name;
        let told = run(&sandbox, &["pipeline", "development"]);
        assert!(!told.err.contains("error"), "{name}: {}", told.err);
    }
    says.lock().unwrap().run = "main_waiting";
    run(&sandbox, &["pipeline", "development", "approve", "--yes"]).exits(0);
    run(&sandbox, &["pipeline", "development", "rerun", "--yes"]).exits(0);
    run(&sandbox, &["pipeline", "development", "dispatch", "--yes"]).exits(0);
}

#[test]
fn example_workflow_fixes_the_guides_defects() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/toto/.github/workflows/deploy.yml");
    let workflow: Value = serde_yaml::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    assert!(workflow["on"].get("workflow_dispatch").is_some());
    assert!(workflow["concurrency"]["group"].is_string());
    let jobs = &workflow["jobs"];
    assert_eq!(jobs["deploy-production"]["needs"], "deploy-staging");
    assert_eq!(jobs["deploy-production"]["environment"], "production");
    for name in ["deploy-staging", "deploy-production"] {
        let steps = jobs[name]["steps"].as_array().unwrap();
        let deploys = steps.iter().filter_map(|step| step["run"].as_str());
        let deploys: Vec<_> = deploys.filter(|run| run.contains(" deploy ")).collect();
        assert_eq!(deploys.len(), 1, "{name}");
        assert!(deploys[0].contains("--yes --confirm"), "{}", deploys[0]);
        assert!(
            deploys[0].contains("--release \"$GITHUB_SHA\""),
            "what was tested: {}",
            deploys[0]
        );
    }
    assert!(jobs["failed"]["if"].as_str().unwrap().contains("failure()"));
    // The mistakes of the guide must not return: a Firebase token, and a deploy that moves traffic by itself.
    let text = workflow.to_string();
    assert!(!text.contains("FIREBASE_TOKEN") && !text.contains("firebase deploy"));
}

/// A program that ends with its test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
