//! `handover`: the report for the next on-call engineer.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::exit::{Failed, Finished, OK, USAGE};
use super::{Session, Unread};
use crate::domain::describe;
use crate::domain::handover::{Post, Worry, entries, lines};
use crate::domain::ids::EnvironmentName;
use crate::domain::probe::{Mute, NO_RECENT_PROBE, Probe, ProbeChange, State};
use crate::domain::snapshot::{EnvironmentSnapshot, Health, ServiceSnapshot};
use crate::domain::time::Timestamp;
use crate::domain::view::RunView;
use crate::engine::proposal::{self, RUNS_SEARCHED};
use crate::ports::journal::Journal as _;
use crate::ports::mutes::Mutes as _;
use crate::ports::samples::SampleStore as _;

/// Maximum number of probe changes to consider.
const CHANGES_READ: usize = 200;

pub(super) async fn handover(session: &Session, environment: Option<&str>) -> Finished {
    let loaded = session.config()?;
    let names = match environment {
        Some(name) => vec![name],
        None => loaded.environments(),
    };
    let now = session.app.clock.now();
    let known = match session.app.standing() {
        Some(standing) => format!("runs shared through {}", standing.name),
        None => "runs of this machine only".to_owned(),
    };
    let mut text = vec![format!("Handover, {}, {known}", now.strftime("%Y-%m-%d %H:%MZ"))];
    let mut all = Vec::new();
    for name in names {
        let spec = loaded.spec(name).map_err(|p| Failed::with(USAGE, p))?;
        let store = session.app.readable_store()?;
        let lock = store.locked(&spec.environment)?;
        let lock = lock.map(|lock| format!("by {}: {}", lock.actor, lock.reason));
        let (listed, unread) = session.runs(Some(&spec.environment), RUNS_SEARCHED)?;
        let driven = listed.first().is_some_and(|listed| listed.runner.is_some());
        let views: Vec<RunView> = listed.into_iter().map(|listed| listed.view).collect();
        let seen = proposal::look(&session.app.services(), &spec, &views, true).await;
        let watching = loaded.watching(name).map_err(|p| Failed::with(USAGE, p))?;
        let watched = proposal::probes(&spec, &watching, &seen);
        let worries = worries(session, &spec.environment, &seen, &watched);
        text.push(String::new());
        let post = Post {
            name,
            seen: Some(&seen),
            runs: &views.iter().collect::<Vec<_>>(),
            driven,
            lock: lock.as_deref(),
            worries: &worries,
            probes: &[],
        };
        text.extend(lines(&post, now));
        text.extend(unread.damaged.iter().map(|one| format!("  damaged  {one}")));
        text.extend(unread.behind.iter().map(|why| format!("  stale    {why}")));
        all.push(as_json(&post, now, &unread));
    }
    let (waiting, silent) = session.app.alerts_of(&session.app.readable_store()?)?;
    if waiting > 0 || silent {
        let silent = if silent { ", all alerts silenced" } else { "" };
        let waiting = describe::counted(waiting, "alert");
        text.push(format!("\n{waiting} pending{silent}: pointsman alerts"));
    }
    let text = text.join("\n");
    let json = json!({
        "at": now, "environments": all, "alerts_waiting": waiting, "silenced": silent, "handover": text,
    });
    session.result(&text, &json);
    Ok(OK)
}

/// The report of an environment as JSON. `entries` has a list of texts for each kind of entry.
fn as_json(post: &Post<'_>, now: Timestamp, unread: &Unread) -> Value {
    let mut all: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (word, text) in entries(post, now) {
        all.entry(word).or_default().push(text);
    }
    let services = post.seen.iter().flat_map(|seen| &seen.services).map(|service| {
        json!({
            "service": service.service, "live": service.live_name(), "health": service.health.label(),
            "rollback": service.rollback.target.as_ref().map(ToString::to_string),
            "why": service.rollback.against(),
        })
    });
    json!({
        "environment": post.name, "services": services.collect::<Vec<_>>(), "entries": all,
        "run": post.runs.first().filter(|view| view.ended.is_none()).map(|view| view.number),
        "damaged": unread.damaged, "behind": unread.behind,
    })
}

/// The unhealthy and the muted probes. Services use the answer of the probe just sent, other probes their last
/// recorded state. Probes that no longer exist, such as those of a deleted build, are left out.
fn worries(
    session: &Session,
    environment: &EnvironmentName,
    seen: &EnvironmentSnapshot,
    watched: &[Probe],
) -> Vec<Worry> {
    let Ok(samples) = session.app.samples() else { return Vec::new() };
    let of = format!("{environment}/");
    let turned = samples.changes(&of, CHANGES_READ).unwrap_or_default();
    let mut last: BTreeMap<String, ProbeChange> = BTreeMap::new();
    // Changes come newest first, so keep the first one per name.
    for turned in turned.into_iter().filter(|t| watched.iter().any(|probe| probe.key == t.key)) {
        last.entry(turned.name.clone()).or_insert(turned);
    }
    let now = session.app.clock.now();
    let mut quiet: BTreeMap<String, Mute> =
        session.app.readable_store().and_then(|store| store.mutes(now)).unwrap_or_default();
    quiet.retain(|key, (until, _)| key.starts_with(&of) && *until > now);
    let mut worries: Vec<Worry> = seen.services.iter().filter_map(probed_now).collect();
    for (name, ProbeChange { key, change, .. }) in last {
        let probe = watched.iter().find(|probe| probe.key == key);
        let muted = probe.and_then(|probe| quiet.remove(&probe.muted_by()));
        let fresh = probe
            .is_some_and(|p| p.live && seen.services.iter().any(|s| p.name == s.service.as_str()));
        // Stale only because no process watched the probe: not a problem to report.
        let unwatched = change.to == State::Stale && change.why == NO_RECENT_PROBE;
        let well = matches!(change.to, State::Ok | State::Off) || unwatched || fresh;
        if !well || muted.is_some() {
            let why = format!("{} (as watched last)", change.why);
            let state = if well { State::Ok } else { change.to };
            worries.push(Worry { name, state, since: Some(change.at), why, muted });
        }
    }
    let rest = quiet.into_iter().map(|(key, muted)| Worry {
        name: key.trim_start_matches(of.as_str()).to_owned(),
        state: State::Ok,
        since: None,
        why: String::new(),
        muted: Some(muted),
    });
    worries.extend(rest);
    worries
}

/// The entry for a service whose latest answer was bad.
fn probed_now(service: &ServiceSnapshot) -> Option<Worry> {
    let (state, why) = match &service.health {
        Health::Ok | Health::Off | Health::NotAsked => return None,
        Health::Degraded(why) => (State::Degraded, why),
        Health::Down(why) => (State::Down, why),
        Health::Stale(why) => (State::Stale, why),
    };
    let (name, why) = (service.service.to_string(), why.clone());
    Some(Worry { name, state, since: None, why, muted: None })
}
