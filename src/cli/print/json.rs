//! Runs as JSON. Fields are a stable interface: new ones are added, existing ones never change.

use serde_json::{Value, json};

use crate::domain::event::{Fact, Outcome};
use crate::domain::run::RunState;
use crate::domain::time::Timestamp;
use crate::domain::view::RunView;

/// An entry of `history --json`.
pub fn history(view: &RunView, running: bool) -> Value {
    let outcome = match &view.state {
        RunState::Ended { outcome } => Some(*outcome),
        _ if running => None,
        _ => Some(Outcome::Unknown),
    };
    let from = view.services.values().find_map(|s| s.blue_release.as_ref());
    json!({
        "run": view.number, "kind": view.plan.kind, "environment": view.plan.environment,
        "release": view.plan.release, "from": from, "outcome": outcome,
        "started": stamp(view.started), "ended": view.ended.map(stamp),
        "seconds": seconds(view.elapsed_ms), "active_seconds": seconds(view.active_ms()),
        "waited_seconds": seconds(view.waited_ms), "actor": view.actor, "reason": view.plan.reason,
        "overrides": view.plan.overrides, "commit": view.plan.commit().map(str::to_owned).or(view.plan.to_commit.clone()),
        "name": view.plan.name().map(|name| name.to_string()),
        "steps": steps(view),
    })
}

/// RFC 3339 with milliseconds, even if an earlier version recorded more digits.
fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[expect(clippy::cast_precision_loss, reason = "no run takes 2^52 milliseconds")]
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}

fn steps(view: &RunView) -> Vec<Value> {
    view.steps
        .iter()
        .map(|s| {
            json!({
                "name": s.plan.id, "state": s.state.label(),
                "seconds": s.began_ms.map(|_| seconds(s.took_ms)),
            })
        })
        .collect()
}

/// `report --json`: the run with its services, checklists, marks and facts.
pub fn report(view: &RunView, facts: &[Fact], driven: bool) -> Value {
    let mut entry = run(view, view.exit_code(), driven);
    entry["checklists"] = json!(view.checklists);
    entry["marks"] = view
        .marks
        .iter()
        .map(|mark| json!({"release": mark.release, "commit": mark.commit, "mark": mark.mark, "builds": mark.builds}))
        .collect();
    entry["facts"] = facts.iter().map(Fact::to_json).collect();
    entry
}

/// The result of `deploy`, `rollback` and `cleanup`: the history entry with the observed live builds, the failure and
/// the exit code.
pub fn run(view: &RunView, exit: u8, driven: bool) -> Value {
    let mut entry = history(view, driven);
    let services: Vec<Value> = view
        .plan
        .members
        .iter()
        .map(|m| {
            let seen = view.services.get(m.service());
            json!({
                "service": m.service(), "url": m.url, "serving": seen.and_then(|s| s.serving.clone()),
                "traffic": seen.map(|s| s.traffic.label()), "rollouts_held": seen.is_some_and(|s| s.held_policy.is_some()),
                "blue": seen.and_then(|s| s.blue.clone()), "green": seen.and_then(|s| s.green.clone()),
            })
        })
        .collect();
    entry["services"] = services.into();
    entry["split"] = json!(view.split().map(|(green, blue)| json!({"green": green, "blue": blue})));
    entry["may_be_split"] = view.may_be_split().into();
    entry["customers"] = json!(view.customers(driven));
    entry["failure"] = json!(view.failure.as_ref().map(|(step, problem, class)| {
        json!({"step": step, "problem": problem, "class": class})
    }));
    entry["undone_because"] = json!(view.undo.as_ref().map(|(_, because)| because));
    entry["exit"] = exit.into();
    entry
}
