//! Every later edition reads a state folder of the first edition (`golden/write.py`) with the same meaning.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::sandbox::Sandbox;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden")
}

/// A private copy of the golden project and its store.
pub(crate) fn opened() -> Sandbox {
    let sandbox = Sandbox::new();
    let folder = sandbox.folder.path();
    for entry in walk(&golden().join("project")) {
        let to = folder.join(entry.strip_prefix(golden().join("project")).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(&entry, to).unwrap();
    }
    fs::create_dir_all(sandbox.state()).unwrap();
    fs::copy(golden().join("first-edition/store.db"), sandbox.state().join("store.db")).unwrap();
    sandbox
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// The output of the first edition, one JSON value per line.
fn said(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(golden().join("first-edition/said").join(name)).unwrap();
    values(&text)
}

fn values(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Whether a text may change between editions: sentences, and plan hashes, which cover the titles of steps.
fn is_worded(key: &str, text: &str) -> bool {
    text.contains(' ') || key == "hash"
}

/// The differences between an old and a new value. Added keys are allowed. With `worded`, sentences may differ; facts
/// must be identical.
fn differences(at: &str, was: &Value, is: &Value, worded: bool) -> Vec<String> {
    match (was, is) {
        (Value::Object(was), Value::Object(is)) => was
            .iter()
            .flat_map(|(key, was)| {
                differences(
                    &format!("{at}/{key}"),
                    was,
                    is.get(key).unwrap_or(&Value::Null),
                    worded,
                )
            })
            .collect(),
        (Value::Array(was), Value::Array(is)) if was.len() == is.len() => was
            .iter()
            .zip(is)
            .enumerate()
            .flat_map(|(n, (was, is))| differences(&format!("{at}/{n}"), was, is, worded))
            .collect(),
        (Value::String(was), Value::String(is))
            if worded
                && is_worded(at.rsplit('/').next().unwrap_or_default(), was)
                && !is.is_empty() =>
        {
            Vec::new()
        }
        (Value::String(was), Value::String(is)) if same_moment(was, is) => Vec::new(),
        (was, is) if was == is => Vec::new(),
        (was, is) => vec![format!("{at}: was {was}, is {is}")],
    }
}

/// Timestamps are printed with milliseconds now; facts keep all their digits, since hashes cover them.
fn same_moment(was: &str, is: &str) -> bool {
    let millisecond =
        |text: &str| text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
    is.len() == "2026-11-29T08:55:31.329Z".len()
        && millisecond(was).is_some()
        && millisecond(was) == millisecond(is)
}

fn same(name: &str, was: &[Value], is: &[Value], worded: bool) {
    assert_eq!(was.len(), is.len(), "{name}");
    let pairs = was.iter().zip(is);
    let all: Vec<_> = pairs.flat_map(|(was, is)| differences(name, was, is, worded)).collect();
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn first_edition_store_reads_the_same() {
    let sandbox = opened();
    let folder = sandbox.folder.path().display().to_string();
    let run = |line: &str| {
        let output = sandbox.run(&line.split(' ').collect::<Vec<_>>());
        values(&output.out.replace(&folder, "/srv/toto"))
    };
    let history = run("history --json");
    same("history", &said("history.json"), &history, true);
    let runs = history[0].as_array().unwrap().len();
    assert_eq!(runs, 12);
    for number in 1..=runs {
        for (verb, worded) in [("events", false), ("report", true), ("verify", false)] {
            let name = format!("{verb}-{number}.json");
            same(&name, &said(&name), &run(&format!("{verb} {number} --json")), worded);
        }
    }
    same("status", &said("status.json"), &run("status --json"), true);
    same("lock", &said("lock.json"), &run("lock development --json"), true);
    let plan = "plan development --release 1.2.0 --json";
    same("plan", &said("plan.json"), &run(plan), true);
}

/// The golden store has every kind of fact, run and outcome of its time. It does not cover kinds added later.
#[test]
fn golden_store_covers_every_fact_and_run_kind() {
    let history = said("history.json");
    let of = |key: &str| {
        let runs = history[0].as_array().unwrap().iter();
        let mut all: Vec<_> = runs.map(|run| run[key].as_str().unwrap().to_owned()).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    assert_eq!(of("kind"), ["cleanup", "deploy", "migrate", "rollback"]);
    let outcomes = ["aborted", "cleaned_up", "migrated", "promoted", "rolled_back", "superseded"];
    assert_eq!(of("outcome"), outcomes);
    let mut kinds: Vec<String> = (1..=12)
        .flat_map(|run| said(&format!("events-{run}.json")))
        .map(|fact| fact["kind"].as_str().unwrap().to_owned())
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), 34, "{kinds:?}");
}

#[test]
fn golden_comparison_detects_a_difference() {
    let was = serde_json::json!({"a": 1, "text": "one two", "list": [1]});
    let is = |value: Value| differences("x", &was, &value, true).len();
    assert_eq!(is(serde_json::json!({"a": 1, "text": "three four", "list": [1], "new": 2})), 0);
    assert_eq!(is(serde_json::json!({"a": 2, "text": "", "list": []})), 3);
    assert_eq!(is(serde_json::json!({"text": "one two", "list": [1]})), 1);
}
