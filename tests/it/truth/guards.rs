//! One override passes one guard, the plan that was reviewed is the plan that runs, and migrations are those of the
//! release.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::sandbox::{Said, Sandbox};

/// A config with a freeze that never ends, a required promotion and an open checklist.
fn guarded() -> Sandbox {
    let sandbox = Sandbox::new();
    let file = sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replacen(
        "  development:\n    protection: open\n",
        "  development:\n    protection: confirm\n    promote_from: production\n    freeze: [{ name: always, from: 'Mon 00:00', to: 'Mon 00:00', zone: UTC }]\n",
        1,
    );
    let list = "checklists: { pre: [ { text: backup taken, required: true } ] }\n";
    fs::write(&file, format!("{text}{list}")).unwrap();
    sandbox
}

fn deploy(sandbox: &Sandbox, more: &[&str]) -> Said {
    let deploy = ["deploy", "development", "--release", "1.0.0", "--yes"];
    sandbox.run(&[&deploy[..], more].concat())
}

#[test]
fn guards_need_their_own_override_and_reports_list_it() {
    let sandbox = guarded();
    let said = deploy(&sandbox, &["--reason", "INC-12"]).exits(3);
    for guard in ["freeze", "promotion", "checklist"] {
        assert!(said.err.contains(&format!("--override {guard}")), "{}", said.err);
    }
    let all = ["--override", "freeze", "--override", "promotion=hotfix", "--override", "checklist"];
    for left_out in [0, 2, 4] {
        let mut some = all.to_vec();
        some.drain(left_out..left_out + 2);
        let said = deploy(&sandbox, &[&some[..], &["--reason", "INC-12"]].concat()).exits(3);
        let name = all[left_out + 1].split('=').next().unwrap();
        assert!(said.err.contains(&format!("--override {name}")), "{}", said.err);
    }
    let bare = deploy(&sandbox, &["--override", "freeze"]).exits(2);
    assert!(bare.err.contains("needs a reason"), "{}", bare.err);
    assert!(deploy(&sandbox, &["--override", "everything=x"]).exits(2).err.contains("promotion"));
    let done = deploy(&sandbox, &[&all[..], &["--reason", "INC-12"]].concat()).exits(0);
    assert!(done.err.contains("Overrides promotion: 1.0.0 was not promoted"), "{}", done.err);
    let report = sandbox.run(&["report", "1"]).exits(0).out;
    assert!(report.contains("- override of promotion: hotfix"), "{report}");
    assert!(report.contains("- override of freeze: INC-12"), "{report}");
    let history = sandbox.run(&["history", "--json"]).exits(0).json();
    assert_eq!(history[0]["overrides"]["checklist"], "INC-12");
}

#[test]
fn plan_lists_every_guard_and_exits_like_the_deploy() {
    let sandbox = guarded();
    let plan = ["plan", "development", "--release", "1.0.0", "--json"];
    let said = sandbox.run(&plan).exits(3).json();
    let guards: Vec<_> = said["guards"].as_array().unwrap().iter().map(|g| &g["guard"]).collect();
    assert_eq!(guards, ["promotion", "freeze", "checklist"]);
    let all = ["--override", "freeze", "--override", "promotion", "--override", "checklist"];
    let over = [&all[..], &["--reason", "INC-12"]].concat();
    let passed = sandbox.run(&[&plan[..], &over].concat()).exits(0).json();
    assert_eq!(passed["hash"], said["hash"], "who overrides what changes nothing that is done");
    // A lock and a run in doubt are reported too, each with its exit code.
    sandbox.run(&["lock", "development", "take", "--reason", "demo"]).exits(0);
    let locked = sandbox.run(&[&plan[..], &over].concat()).exits(4).json();
    assert!(locked["refused"][0]["what"].as_str().unwrap().contains("demo"), "{locked}");
    deploy(&sandbox, &over).exits(4);
}

#[test]
fn only_the_plan_that_was_reviewed_runs() {
    let sandbox = Sandbox::new();
    let hash = |release: &str| {
        let plan = sandbox.run(&["plan", "development", "--release", release, "--json"]);
        plan.exits(0).json()["hash"].as_str().unwrap().to_owned()
    };
    let reviewed = hash("1.0.0");
    let other = hash("1.0.1");
    let refused = deploy(&sandbox, &["--plan", &other]).exits(3);
    assert!(refused.err.contains("the plan differs from the reviewed one"), "{}", refused.err);
    assert!(!sandbox.state().join("store.db").exists() || runs(&sandbox) == 0);
    deploy(&sandbox, &["--plan", "abc"]).exits(2);
    deploy(&sandbox, &["--plan", &reviewed[..12], "--reason", "why is no part of it"]).exits(0);
    let facts = sandbox.run(&["events", "1", "--json"]).exits(0).out;
    let first: Value = serde_json::from_str(facts.lines().next().unwrap()).unwrap();
    assert_eq!(first["data"]["plan_hash"], reviewed.as_str());
}

fn runs(sandbox: &Sandbox) -> usize {
    sandbox.run(&["history", "--json"]).exits(0).json().as_array().unwrap().len()
}

fn git(dir: &Path, arguments: &[&str]) {
    let who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"];
    let output = pointsman::git::command(dir).args(who).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

const MIGRATION: &str = "description: add\nphase: expand\nreversibility: full\nup:\n  - create: { document: s/a, fields: { x: 1 } }\ndown:\n  - delete: { document: s/a }\n";

#[test]
fn migrations_of_the_release_are_planned_without_the_emulator() {
    let sandbox = Sandbox::new();
    let dir = sandbox.folder.path();
    fs::create_dir_all(dir.join("migrations")).unwrap();
    fs::create_dir_all(dir.join("web")).unwrap();
    fs::write(dir.join("migrations/1.0.0_add.yaml"), MIGRATION).unwrap();
    let run = "scripts: { buildCommand: 'true', runCommand: pointsman sample-app }\n";
    fs::write(dir.join("web/apphosting.yaml"), run).unwrap();
    fs::write(dir.join(".gitignore"), "state\ngcloud\n").unwrap();
    let config = format!(
        "version: 1\nservices:\n  web: {{ root: web, backend: web, health: {{ path: /api/health, version: /version, revision: /revision }} }}\nenvironments:\n  development:\n    protection: open\n    platform: {{ kind: app-hosting, endpoint: emulator, project: demo-toto, location: us-central1 }}\n    services: {{ web: {{ url: 'http://localhost:{}' }} }}\n    databases: {{ main: {{ kind: firestore, project: demo-toto, endpoint: emulator, migrations: migrations }} }}\ndeploy:\n  soak: {{ for: 300ms, interval: 100ms }}\n  attest: {{ consecutive: 3, interval: 20ms }}\n  health: {{ attempts: 8, interval: 100ms, consecutive: 2 }}\nreleases: {{ kind: git, dir: . }}\n",
        sandbox.app
    );
    fs::write(dir.join("config.yaml"), config).unwrap();
    git(dir, &["init", "--quiet"]);
    git(dir, &["add", "."]);
    git(dir, &["commit", "--quiet", "--message=one"]);
    git(dir, &["tag", "1.0.0"]);
    // Half written, and in no commit.
    fs::write(dir.join("migrations/2.0.0_half.yaml"), MIGRATION.replace("s/a", "s/b")).unwrap();
    let plan = |release: &str| {
        sandbox.run(&["plan", "development", "--release", release, "--json"]).exits(0).json()
    };
    let steps = |plan: &Value| -> Vec<String> {
        let steps = plan["plan"]["steps"].as_array().unwrap().iter();
        steps
            .map(|s| s["id"].as_str().unwrap().to_owned())
            .filter(|s| s.contains("migrate"))
            .collect()
    };
    let planned = plan("1.0.0");
    assert_eq!(steps(&planned), ["migrate:main:1.0.0"]);
    let told = planned["plan"]["warnings"][0].as_str().unwrap();
    assert!(told.contains("migrations of main are those of 1.0.0"), "{told}");
    assert!(!sandbox.state().join("emulator/address.json").exists(), "a plan starts nothing");
    deploy(&sandbox, &["--plan", planned["hash"].as_str().unwrap()]).exits(0);
    sandbox.run(&["emulator", "stop"]).exits(0);
    assert_eq!(steps(&plan("1.0.0")), Vec::<String>::new(), "it reads what rests on disk");
    // A tag and a branch of one name: neither is guessed.
    git(dir, &["commit", "--quiet", "--allow-empty", "--message=two"]);
    git(dir, &["branch", "1.0.0"]);
    let refused = sandbox.run(&["plan", "development", "--release", "1.0.0"]).exits(2);
    assert!(
        refused.err.contains("the tag at") && refused.err.contains("the branch at"),
        "{}",
        refused.err
    );
}
