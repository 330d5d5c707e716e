//! `status`: shows the observed state, not the intended one. Never starts anything.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::Session;
use super::exit::{Failed, Finished, OK, USAGE};
use crate::config::Loaded;
use crate::domain::drift::drift;
use crate::domain::event::Split;
use crate::domain::freeze::frozen;
use crate::domain::run::RunState;
use crate::domain::snapshot::{BuildSnapshot, ServiceSnapshot};
use crate::domain::view::{RunView, TrafficState};
use crate::engine::proposal::{self, RUNS_SEARCHED};
use crate::ports::journal::{Journal as _, Listed};

pub(super) async fn status(session: &Session, environment: Option<&str>) -> Finished {
    let loaded = session.config()?;
    let names: Vec<&str> = match environment {
        Some(name) => vec![name],
        None => loaded.environments(),
    };
    // Observe concurrently, so that a hanging environment does not delay the others.
    let looks = join_all(names.into_iter().map(|name| one(session, &loaded, name))).await;
    let mut all = looks.into_iter().collect::<Result<Vec<_>, _>>()?;
    let text: Vec<String> = all.iter().map(text).collect();
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

async fn one(session: &Session, loaded: &Loaded, name: &str) -> Result<Value, Failed> {
    let spec = loaded.spec(name).map_err(|p| Failed::with(USAGE, p))?;
    let lock = session.app.readable_store()?.locked(&spec.environment)?;
    let (listed, unread) = session.runs(Some(&spec.environment), RUNS_SEARCHED)?;
    let run = listed.first().filter(|l| l.view.ended.is_none()).map(run_json);
    let last = listed.first().map(|l| l.view.clone());
    let views: Vec<RunView> = listed.into_iter().map(|l| l.view).collect();
    let services = session.app.services();
    let (seen, databases) = tokio::join!(
        proposal::look(&services, &spec, &views, true),
        super::migrate::all(session, loaded, name, &spec.databases),
    );
    let databases = databases?;
    let services: Vec<Value> = seen.services.iter().map(service_json).collect();
    Ok(json!({
        "environment": name, "services": services, "databases": databases, "lock": super::lock::to_json(lock.as_ref()), "run": run,
        "frozen": frozen(&spec.freeze, session.app.clock.now()), "unseen": seen.unseen,
        "damaged": unread.damaged, "behind": unread.behind, "drift": drift(&seen, last.as_ref()),
    }))
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
            "ready": back.why.is_none(), "target": back.target.as_ref().map(|t| &t.label),
            "commit": back.target.as_ref().and_then(|t| t.commit.as_ref()),
            "name": back.target.as_ref().map(ToString::to_string), "why": back.why,
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
        "step": view.state.step(), "pid": listed.runner,
        // `null`: the result of a switch is unknown, so the services may differ.
        "split": (!view.may_be_split() || view.split().is_some()).then(|| view.split().is_some()),
    })
}

fn text(status: &Value) -> String {
    let word = |v: &Value| v.as_str().unwrap_or("-").to_owned();
    let mut text = format!("{}\n", word(&status["environment"]));
    for service in status["services"].as_array().into_iter().flatten() {
        let serves = word(&service["live_name"]);
        let back = &service["rollback"];
        let back = match back["ready"].as_bool() {
            Some(true) => format!("rollback ready: {}", word(&back["name"])),
            _ => format!("no rollback: {}", word(&back["why"])),
        };
        let (name, url) = (word(&service["service"]), word(&service["url"]));
        // Show the reason once, instead of three unknown values.
        let told = match &status["unseen"]["what"] {
            Value::String(why) => format!("unknown: {why}"),
            _ => format!("{:<5} {serves}; {back}", word(&service["health"])),
        };
        text = format!("{text}  {name:<12} {url:<28} {told}\n");
        if service["rollouts_held"] == true {
            text = format!(
                "{text}  {:<12} automatic rollouts are DISABLED until a run is promoted\n",
                ""
            );
        }
    }
    for database in status["databases"].as_array().into_iter().flatten() {
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
    for told in status["drift"].as_array().into_iter().flatten() {
        text = format!("{text}  DRIFT: {}\n", word(told));
    }
    let lock = &status["lock"];
    if !lock.is_null() {
        text = format!("{text}  LOCKED by {}: {}\n", word(&lock["actor"]), word(&lock["reason"]));
    }
    if let Some(told) = status["frozen"].as_str() {
        text = format!("{text}  FROZEN: {told}\n");
    }
    let run = &status["run"];
    if !run.is_null() {
        let pid = run["pid"].as_u64().map_or("no process".to_owned(), |p| format!("process {p}"));
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
