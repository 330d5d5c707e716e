//! `status`: shows the observed state, not the intended one. Never starts anything.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::exit::{Failed, Finished, OK, USAGE};
use super::{Session, Unread};
use crate::config::Loaded;
use crate::domain::describe;
use crate::domain::event::Split;
use crate::domain::handover::Post;
use crate::domain::readiness::{Live, default_target, target_of_newest};
use crate::domain::run::RunState;
use crate::domain::snapshot::{BuildSnapshot, ServiceSnapshot};
use crate::domain::status::Status;
use crate::domain::view::{RunView, TrafficState};
use crate::engine::proposal::{self, RUNS_SEARCHED};
use crate::ports::journal::{Journal as _, JournalError, Listed};

pub(super) async fn status(session: &Session, environment: Option<&str>) -> Finished {
    let loaded = session.config()?;
    let names: Vec<&str> = match environment {
        Some(name) => vec![name],
        None => loaded.environments(),
    };
    // Observe concurrently, so that a hanging environment does not delay the others.
    let looks = join_all(names.into_iter().map(|name| one(session, &loaded, name))).await;
    let looks = looks.into_iter().collect::<Result<Vec<_>, _>>()?;
    let text: Vec<String> = looks.iter().map(|(json, status)| text(json, status)).collect();
    let mut all: Vec<Value> = looks.into_iter().map(|(json, _)| json).collect();
    let json = match environment {
        // The shape is the same for one environment and for all. The keys of a single environment are also at the top
        // level, where scripts written for the first edition read them.
        Some(_) => {
            let mut one = all.swap_remove(0);
            one["environments"] = json!([one]);
            one
        }
        None => json!({ "environments": all }),
    };
    session.result(&text.join("\n"), &json);
    Ok(OK)
}

/// The runs that are read first: they decide nearly everything, and each that is read is verified.
const NEWEST: usize = 10;

async fn one(session: &Session, loaded: &Loaded, name: &str) -> Result<(Value, Status), Failed> {
    let spec = loaded.spec(name).map_err(|p| Failed::with(USAGE, p))?;
    let store = session.app.readable_store()?;
    let lock = store.locked(&spec.environment)?;
    let read = |limit| store.runs(Some(&spec.environment), limit);
    let views = |listed: Vec<Listed>| listed.into_iter().map(|l| l.view).collect::<Vec<_>>();
    let mut listed = read(NEWEST)?;
    if !listed.iter().any(|listed| listed.view.touched_traffic()) {
        listed = read(RUNS_SEARCHED)?;
    }
    let run = listed.first().filter(|l| l.view.ended.is_none()).map(run_json);
    let driven = listed.first().is_some_and(|listed| listed.runner.is_some());
    let newest: Vec<RunView> = views(listed);
    let target = |live: &Live| match target_of_newest(&newest, live) {
        Some(target) => Ok(target),
        None => default_target(&views(read(RUNS_SEARCHED).map_err(JournalError::problem)?), live),
    };
    let services = session.app.services();
    let (seen, databases) = tokio::join!(
        proposal::look_back_to(&services, &spec, &newest, target, true),
        super::migrate::all(session, loaded, name, &spec.databases),
    );
    let (databases, unread) = (databases?, Unread::of(&store));
    let services: Vec<Value> = seen.services.iter().map(service_json).collect();
    let runs: Vec<&RunView> = newest.iter().collect();
    let post = Post {
        name,
        seen: Some(&seen),
        runs: &runs,
        driven,
        lock: None,
        worries: &[],
        probes: &[],
    };
    let status = Status::of(&post, session.app.clock.now());
    let json = json!({
        "environment": name, "services": services, "databases": databases, "lock": super::lock::to_json(lock.as_ref()), "run": run,
        "frozen": status.frozen, "unseen": seen.unseen, "verdict": status.json(),
        "damaged": unread.damaged, "behind": unread.behind, "drift": status.drift,
    });
    Ok((json, status))
}

fn service_json(seen: &ServiceSnapshot) -> Value {
    let build = |build: &BuildSnapshot| {
        json!({
            "release": build.release, "commit": build.commit, "name": build.name().map(|n| n.to_string()),
            "build": build.build, "state": build.state,
        })
    };
    let back = &seen.rollback;
    json!({
        "service": seen.service, "url": seen.url, "live": seen.live.as_ref().map(build),
        "traffic": seen.traffic.label(), "splits": splits(&seen.traffic), "live_name": seen.live_name(),
        "rollouts_held": seen.rollouts_held,
        "green": seen.green.as_ref().map(build), "health": seen.health.label(),
        "rollback": {
            "ready": back.against().is_none(), "target": back.target.as_ref().map(|t| &t.label),
            "commit": back.target.as_ref().and_then(|t| t.commit.as_ref()),
            "name": back.target.as_ref().map(ToString::to_string), "why": back.against(),
        },
    })
}

fn splits(traffic: &TrafficState) -> Vec<Split> {
    match traffic {
        TrafficState::Whole(build) => vec![Split { build: build.clone(), percent: 100 }],
        TrafficState::Split(parts) => parts.clone(),
        TrafficState::None | TrafficState::Unknown => Vec::new(),
    }
}

/// The current run. If its process died it is in doubt, whatever its last fact says.
fn run_json(listed: &Listed) -> Value {
    let view = &listed.view;
    let state = match (&view.state, listed.runner) {
        (_, None) => "in_doubt",
        (RunState::Ended { .. }, _) => "ended",
        (state, Some(_)) => state.label(),
    };
    json!({
        "run": view.number, "kind": view.plan.kind, "state": state,
        "approvals": view.approvals_rule().map(|rule| json!({
            "people": rule.people, "given": view.approvals,
        })),
        "claim": view.claim,
        "gate": view.deadline().map(|due| json!({"due": due.at, "ends_run": due.ends})),
        "step": view.state.step(), "pid": listed.runner, "host": listed.host,
        // `null`: the result of a switch is unknown, so the services may differ.
        "split": (!view.may_be_split() || view.split().is_some()).then(|| view.split().is_some()),
    })
}

fn text(json: &Value, status: &Status) -> String {
    let word = |v: &Value| v.as_str().unwrap_or("-").to_owned();
    let mut text = format!("{}\n", word(&json["environment"]));
    text.extend(status.lines().into_iter().map(|line| line + "\n"));
    for database in json["databases"].as_array().into_iter().flatten() {
        let name = word(&database["name"]);
        let said = match (&database["version"], &database["unseen"]) {
            (Value::String(version), _) => {
                let pending = database["pending"].as_array().map_or(0, Vec::len);
                let half = if database["dirty"] == true { ", HALF DONE" } else { "" };
                format!("schema {version}, {pending} pending{half}")
            }
            (_, Value::Object(unseen)) => format!("unknown: {}", word(&unseen["what"])),
            _ => "its version cannot be read".to_owned(),
        };
        text = format!("{text}  {name:<12} {said}\n");
    }
    let lock = &json["lock"];
    if !lock.is_null() {
        text = format!("{text}  LOCKED by {}: {}\n", word(&lock["actor"]), word(&lock["reason"]));
    }
    let run = &json["run"];
    if !run.is_null() {
        let process = |pid: u64| describe::process(pid, run["host"].as_str());
        let pid = run["pid"].as_u64().map_or("no process".to_owned(), process);
        text = format!(
            "{text}  run #{} ({}): {} in {}, {pid}\n",
            run["run"],
            word(&run["kind"]),
            word(&run["state"]),
            word(&run["step"])
        );
        if run["state"] == "in_doubt" {
            text = format!("{text}    now: pointsman resume {}\n", run["run"]);
        }
    }
    text
}
