//! Runs are reported to GitHub as deployments: each once, with its states, and never at the cost of the run.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::pipeline::{give, repository, run};
use super::sandbox::{Sandbox, wait_until};
use super::stand_in::{Asked, Reply, StandIn};

/// What GitHub holds: deployments with their statuses, newest first.
#[derive(Default)]
struct Github {
    deployments: Vec<Value>,
    statuses: Vec<(u64, Value)>,
    /// Answers to the next changes, instead of making them; `true`: the change is made, and its answer is lost.
    faults: Vec<(Reply, bool)>,
    renamed: bool,
}

impl Github {
    fn answer(&mut self, asked: &Asked) -> Reply {
        assert_eq!(asked.header("authorization"), "Bearer ghp_test");
        let path = asked.path.split('?').next().unwrap().to_owned();
        // A renamed repository answers at its new address alone.
        let path = match (self.renamed, path.strip_prefix("/repositories/7/")) {
            (true, Some(rest)) => format!("/repos/betoto/toto/{rest}"),
            (true, None) => {
                let rest = asked.path.strip_prefix("/repos/betoto/toto/").unwrap();
                let to = format!("Location: /repositories/7/{rest}\r\n");
                return Reply::Says(307, to, String::new());
            }
            (false, _) => path,
        };
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let [_, owner, name, "deployments", rest @ ..] = parts.as_slice() else {
            // The pipeline itself: it knows no runs.
            return Reply::json(200, &json!({"total_count": 0, "workflow_runs": []}));
        };
        assert_eq!((*owner, *name), ("betoto", "toto"));
        if asked.method == "GET" {
            return match rest {
                [] => Reply::json(200, &json!(self.deployments)),
                [id, "statuses"] => Reply::json(200, &json!(self.of(id.parse().unwrap()))),
                _ => panic!("{path}"),
            };
        }
        let fault = self.faults.pop();
        if let Some((reply, false)) = &fault {
            return reply.clone();
        }
        let mut body: Value = serde_json::from_str(&asked.body).unwrap();
        let method = if rest.is_empty() { "" } else { "/{deployment_id}/statuses" };
        conforms(&format!("/repos/{{owner}}/{{repo}}/deployments{method}"), &body);
        if let [id, "statuses"] = rest {
            assert!(body["description"].as_str().unwrap().chars().count() <= 140);
            self.statuses.insert(0, (id.parse().unwrap(), body.clone()));
        } else {
            assert_eq!(body["auto_merge"], false, "GitHub would merge instead");
            assert_eq!(body["required_contexts"], json!([]));
            body["id"] = json!(self.deployments.len() + 1);
            body["sha"] = body["ref"].clone();
            self.deployments.insert(0, body.clone());
        }
        fault.map_or_else(|| Reply::json(201, &body), |(reply, _)| reply)
    }

    fn of(&self, id: u64) -> Vec<Value> {
        let ours = self.statuses.iter().filter(|(of, _)| *of == id);
        ours.map(|(_, status)| status.clone()).collect()
    }

    /// The states of a deployment, oldest first.
    fn states(&self, id: u64) -> Vec<String> {
        let states = self.of(id).into_iter().rev();
        states.map(|status| status["state"].as_str().unwrap().to_owned()).collect()
    }
}

/// Checks the keys and words of a body against GitHub's own API description.
fn conforms(path: &str, body: &Value) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/github_openapi.json");
    let api: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let schema =
        &api["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"];
    let known = schema["properties"].as_object().unwrap();
    for (key, value) in body.as_object().unwrap() {
        let of = known.get(key).unwrap_or_else(|| panic!("{path} knows no {key}"));
        let words = of["enum"].as_array();
        assert!(words.is_none_or(|words| words.contains(value)), "{path}: {key} {value}");
    }
    for key in schema["required"].as_array().into_iter().flatten() {
        assert!(body.get(key.as_str().unwrap()).is_some(), "{path} needs {key}");
    }
}

/// A sandbox whose releases are commits of a repository, and whose deployments a stand-in hears of.
fn place() -> (Sandbox, Arc<Mutex<Github>>, StandIn, String) {
    let sandbox = Sandbox::new();
    let (folder, commit) = repository(&sandbox);
    let github: Arc<Mutex<Github>> = Arc::default();
    let inside = github.clone();
    let stand_in = StandIn::new(move |asked, _| inside.lock().unwrap().answer(asked));
    give(
        &sandbox,
        &format!(
            "{{ kind: github, repository: betoto/toto, workflow: deploy.yml, token_env: GH_TEST, \
             api: '{}', deployments: true }}",
            stand_in.url()
        ),
    );
    let file = sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/toto");
    let git = format!("{{ kind: git, dir: {} }}", folder.display());
    let text = text
        .replace(from.to_str().unwrap(), folder.to_str().unwrap())
        .replace("{ kind: list, labels: [\"1.0.0\"] }", &git);
    fs::write(&file, text).unwrap();
    (sandbox, github, stand_in, commit)
}

fn deploy(sandbox: &Sandbox) -> super::sandbox::Said {
    run(sandbox, &["deploy", "development", "--release", "v1", "--yes", "--json"])
}

#[test]
fn deploy_and_rollback_appear_at_github() {
    let (sandbox, github, _stand_in, commit) = place();
    deploy(&sandbox).exits(0);
    {
        let github = github.lock().unwrap();
        let [one] = github.deployments.as_slice() else { panic!("{:?}", github.deployments) };
        assert_eq!((&one["ref"], &one["environment"]), (&json!(commit), &json!("development")));
        assert_eq!(one["production_environment"], false);
        assert_eq!(one["payload"]["run"], 1);
        assert_eq!(github.states(1), ["in_progress", "success"]);
        let last = &github.of(1)[0];
        assert!(last["environment_url"].as_str().unwrap().starts_with("http://localhost:"));
        assert_eq!(last["auto_inactive"], true, "the earlier deployment is not live any more");
    }
    deploy(&sandbox).exits(0);
    run(&sandbox, &["rollback", "development", "--yes"]).exits(0);
    let github = github.lock().unwrap();
    assert_eq!(github.deployments.len(), 3, "each run is a deployment");
    assert_eq!(github.states(3), ["in_progress", "success"], "a rollback deploys its target");
}

#[test]
fn log_address_is_that_of_the_job_that_drove_the_run() {
    let (sandbox, github, _stand_in, _) = place();
    // GitHub is not there during the run, so that a later process delivers.
    let down = Reply::json(503, &json!({}));
    github.lock().unwrap().faults = vec![(down.clone(), false); 8];
    let job = [
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "betoto/toto"),
        ("GITHUB_RUN_ID", "4711"),
        ("GH_TEST", "ghp_test"),
    ];
    let arguments = ["deploy", "development", "--release", "v1", "--yes"];
    let status = sandbox.command(&arguments).envs(job).output().unwrap().status;
    assert!(status.success());
    github.lock().unwrap().faults.clear();
    wait_until("GitHub hears of the end", || {
        run(&sandbox, &["alerts", "send"]);
        github.lock().unwrap().states(1).last().is_some_and(|state| state == "success")
    });
    for status in github.lock().unwrap().of(1) {
        assert_eq!(status["log_url"], "https://github.com/betoto/toto/actions/runs/4711");
    }
}

#[test]
fn renamed_repository_hears_of_deployments_too() {
    let (sandbox, github, _stand_in, _) = place();
    github.lock().unwrap().renamed = true;
    deploy(&sandbox).exits(0);
    assert_eq!(github.lock().unwrap().states(1), ["in_progress", "success"]);
}

#[test]
fn run_that_is_aborted_or_fails_is_no_success() {
    let (sandbox, github, _stand_in, _) = place();
    let file = sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("version: /version", "version: /nothing")).unwrap();
    assert_ne!(deploy(&sandbox).code, 0);
    assert_eq!(github.lock().unwrap().states(1), ["in_progress", "failure"]);
}

#[test]
fn superseded_run_does_not_stay_in_progress() {
    let (sandbox, github, _stand_in, _) = place();
    deploy(&sandbox).exits(0);
    // The next deploy is killed in its soak, and a rollback takes over.
    let file = sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("soak: { for: 300ms", "soak: { for: 10m")).unwrap();
    let release = ["deploy", "development", "--release", "v1", "--yes"];
    let mut killed = sandbox.command(&release).env("GH_TEST", "ghp_test").spawn().unwrap();
    wait_until("its soak has begun", || {
        sandbox.run(&["events", "2"]).out.contains("soak               started")
    });
    killed.kill().unwrap();
    killed.wait().unwrap();
    let why = ["--take-over", "--reason", "its runner is gone"];
    run(&sandbox, &[&["rollback", "development", "--yes"][..], &why].concat()).exits(0);
    wait_until("GitHub hears of its end", || {
        run(&sandbox, &["alerts", "send"]);
        github.lock().unwrap().states(2).last().is_some_and(|state| state == "error")
    });
}

#[test]
fn lost_answer_or_refusal_duplicates_and_stops_nothing() {
    let (sandbox, github, stand_in, _) = place();
    // The deployment is created, and the answer is lost.
    github.lock().unwrap().faults = vec![(Reply::Cut, true)];
    deploy(&sandbox).exits(0);
    wait_until("GitHub hears of the end", || {
        // Any later process continues with what is left.
        run(&sandbox, &["alerts", "send"]);
        github.lock().unwrap().states(1).last().is_some_and(|state| state == "success")
    });
    assert_eq!(github.lock().unwrap().deployments.len(), 1);
    assert_eq!(stand_in.count("POST", "/deployments"), 1 + 2, "one deployment, two states");
    // Without the permission, each message is given up, and the run is as good as ever.
    let denied = Reply::json(403, &json!({"message": "Resource not accessible by integration"}));
    github.lock().unwrap().faults = vec![(denied.clone(), false), (denied, false)];
    deploy(&sandbox).exits(0);
    let said = run(&sandbox, &["alerts"]).exits(0).out;
    assert!(said.contains("github betoto/toto deployments"), "{said}");
    assert!(said.contains("HTTP 403"), "{said}");
}

#[test]
fn deployments_need_github_and_a_token() {
    for (pipeline, why) in [
        (
            "{ kind: local, deployments: true, jobs: { a: { steps: [[echo, a]] } } }",
            "need `kind: github`",
        ),
        ("{ kind: github, repository: a/b, workflow: c.yml, deployments: true }", "`token_env`"),
    ] {
        let sandbox = Sandbox::new();
        give(&sandbox, pipeline);
        sandbox.refuses_config(why);
    }
}
