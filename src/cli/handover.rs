//! `handover`: what whoever takes the next shift must know.

use std::collections::BTreeMap;

use serde_json::json;

use super::Session;
use super::exit::{Failed, Finished, OK, USAGE};
use crate::domain::handover::{Post, Worry, lines};
use crate::domain::ids::EnvironmentName;
use crate::domain::probe::{Mute, State, Turned};
use crate::domain::view::RunView;
use crate::ports::journal::Journal as _;
use crate::propose::{self, RUNS_LOOKED_AT};

/// So many changes of probes are looked back at.
const CHANGES: usize = 200;

pub(super) async fn handover(session: &Session, environment: Option<&str>) -> Finished {
    let loaded = session.config()?;
    let names = match environment {
        Some(name) => vec![name],
        None => loaded.environments(),
    };
    let now = session.app.clock.now();
    let mut text = vec![format!("Handover, {}", now.strftime("%Y-%m-%d %H:%MZ"))];
    for name in names {
        let ground = loaded.ground(name).map_err(|p| Failed::with(USAGE, p))?;
        let store = session.app.store().or_else(|_| session.app.unwritable_store())?;
        let lock = store.locked(&ground.environment)?;
        let lock = lock.map(|lock| format!("by {}: {}", lock.actor, lock.reason));
        let listed = store.runs(Some(&ground.environment), RUNS_LOOKED_AT)?;
        let driven = listed.first().is_some_and(|listed| listed.runner.is_some());
        let views: Vec<RunView> = listed.into_iter().map(|listed| listed.view).collect();
        let seen = propose::look(&session.app, &ground, &views, true).await;
        let worries = worries(session, &ground.environment);
        text.push(String::new());
        let post = Post {
            name,
            seen: Some(&seen),
            runs: &views.iter().collect::<Vec<_>>(),
            driven,
            lock: lock.as_deref(),
            worries: &worries,
        };
        text.extend(lines(&post, now));
    }
    let (waiting, silent) =
        session.app.alerts_of(&session.app.store().or_else(|_| session.app.unwritable_store())?)?;
    if waiting > 0 || silent {
        let silent = if silent { ", and nobody is told anything now" } else { "" };
        text.push(format!("\n{waiting} alerts wait{silent}: pointsman alerts"));
    }
    let text = text.join("\n");
    session.result(&text, &json!({"handover": text}));
    Ok(OK)
}

/// How probes stood when somebody watched last, where that was not well; and who is muted.
fn worries(session: &Session, environment: &EnvironmentName) -> Vec<Worry> {
    let Ok(samples) = session.app.samples() else { return Vec::new() };
    let of = format!("{environment}/");
    let turned = samples.changes(&of, CHANGES).unwrap_or_default();
    let mut last: BTreeMap<String, Turned> = BTreeMap::new();
    // The newest comes first.
    for turned in turned {
        last.entry(turned.name.clone()).or_insert(turned);
    }
    let now = session.app.clock.now();
    let mut quiet: BTreeMap<String, Mute> = samples.mutes().unwrap_or_default();
    quiet.retain(|key, (until, _)| key.starts_with(&of) && *until > now);
    let mut worries = Vec::new();
    for (name, Turned { change, .. }) in last {
        let muted = quiet.remove(&format!("{of}{name}"));
        if !matches!(change.to, State::Ok | State::Off) || muted.is_some() {
            let why = format!("{} (as watched last)", change.why);
            worries.push(Worry { name, state: change.to, since: Some(change.at), why, muted });
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
