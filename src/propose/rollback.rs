//! A rollback. Asks for the confirmation and nothing else: no checklist, freeze or alarm can veto it.

use std::collections::BTreeMap;

use super::{Proposal, RUNS_LOOKED_AT, Refusal};
use crate::app::App;
use crate::domain::error::Problem;
use crate::domain::event::Mark;
use crate::domain::ids::EnvironmentName;
use crate::domain::plan::Member;
use crate::domain::planner::{self, Ground};
use crate::domain::readiness::{
    Choice, Live, Target, default_target, known, left_by, named_target,
};
use crate::domain::release::ReleaseLabel;
use crate::domain::view::RunView;
use crate::ports::hosting::{Build, BuildState, Hosting};
use crate::ports::journal::{Journal as _, JournalError};

/// What a rollback could go to, the usual target first.
pub async fn targets(app: &App, ground: &Ground) -> Result<Vec<Target>, Refusal> {
    let hosting = app.platform(&ground.endpoint).await.map_err(Refusal::Failed)?;
    let live = app.live(hosting.as_ref(), &ground.members).await.map_err(Refusal::Failed)?;
    let (runs, unread) = past(app, &ground.environment);
    if let Some(error) = unread {
        return Err(error.into());
    }
    let usual = default_target(&runs, &live).ok().map(|choice| choice.release);
    let mut targets: Vec<Target> = known(&runs)
        .into_iter()
        .filter(|k| named_target(&runs, &live, &k.choice.release, Some("offered")).is_ok())
        .map(|k| Target {
            usual: usual.as_ref() == Some(&k.choice.release),
            release: k.choice.release,
            mark: k.mark,
        })
        .collect();
    targets.sort_by_key(|target| (!target.usual, target.mark == Mark::Bad));
    Ok(targets)
}

/// A rollback that may begin. The second value says what could not be read, if something could not:
/// that is told, and stops nothing.
pub async fn rollback(
    app: &App,
    ground: Ground,
    to: Option<&ReleaseLabel>,
    reason: Option<&String>,
) -> Result<(Proposal, Option<JournalError>), Refusal> {
    let hosting = app.platform(&ground.endpoint).await.map_err(Refusal::Failed)?;
    let live = app.live(hosting.as_ref(), &ground.members).await.map_err(Refusal::Failed)?;
    let (runs, unread) = past(app, &ground.environment);
    let choice = choose(hosting.as_ref(), &ground.members, &runs, &live, to, reason).await?;
    // What is left is the release whose builds are live now.
    let leaves = left_by(&runs, &live, &choice);
    let leaves = leaves.filter(|k| k.mark != Mark::Bad).map(|k| k.choice.release);
    let leaves = match leaves {
        Some(release) => Some(release),
        None => live_release(hosting.as_ref(), &ground.members, &live, &choice)
            .await
            .filter(|r| *r != choice.release),
    };
    let what = format!(
        "Give the traffic of {} back to {}{}. Nothing is built.",
        ground.environment,
        choice.release,
        leaves.as_ref().map(|l| format!(", and mark {l} bad")).unwrap_or_default()
    );
    let mut plan = planner::rollback(ground, &choice, leaves).map_err(Refusal::Usage)?;
    plan.reason = reason.cloned();
    Ok((Proposal { plan, what }, unread))
}

async fn choose(
    hosting: &dyn Hosting,
    members: &[Member],
    runs: &[RunView],
    live: &Live,
    to: Option<&ReleaseLabel>,
    reason: Option<&String>,
) -> Result<Choice, Refusal> {
    let Some(release) = to else {
        return default_target(runs, live).map_err(Refusal::Refused);
    };
    let problem: Problem = match named_target(runs, live, release, reason.map(String::as_str)) {
        Ok(known) => return Ok(known.choice),
        Err(problem) => problem,
    };
    on_platform(hosting, members, release)
        .await
        // Known here without a mark means that it never served: a rollback asks green nothing, so
        // it must not be the first to give it traffic.
        .filter(|_| reason.is_some() && !tried_here(runs, release))
        .ok_or(Refusal::Refused(problem))
}

/// The live release as the platform's own builds tell it: a run that died may have marked nothing.
async fn live_release(
    hosting: &dyn Hosting,
    members: &[Member],
    live: &Live,
    choice: &Choice,
) -> Option<ReleaseLabel> {
    for member in members {
        let Some(Some(id)) = live.get(member.service()) else {
            continue;
        };
        if choice.builds.get(member.service()).is_none_or(|to| to == id) {
            continue;
        }
        if let Ok(Some(build)) = hosting.build(&member.target, id).await
            && build.release.is_some()
        {
            return build.release;
        }
    }
    None
}

/// The latest runs of the store. One that cannot be read is said and does without: a release can be
/// named.
fn past(app: &App, environment: &EnvironmentName) -> (Vec<RunView>, Option<JournalError>) {
    let limit = RUNS_LOOKED_AT;
    let listed = app
        .store()
        .and_then(|s| s.runs(Some(environment), limit))
        .or_else(|_| app.unwritable_store().and_then(|s| s.runs(Some(environment), limit)));
    match listed {
        Ok(listed) => (listed.into_iter().map(|l| l.view).collect(), None),
        Err(error) => (Vec::new(), Some(error)),
    }
}

/// A release this store does not know, as the platform's own builds tell it: another machine may
/// have deployed it.
async fn on_platform(
    hosting: &dyn Hosting,
    members: &[Member],
    release: &ReleaseLabel,
) -> Option<Choice> {
    let mut builds = BTreeMap::new();
    for member in members {
        let all = hosting.builds(&member.target).await.ok()?;
        let usable =
            |b: &&Build| b.state == BuildState::Ready && b.release.as_ref() == Some(release);
        builds.insert(member.service().clone(), all.iter().find(usable)?.id.clone());
    }
    Some(Choice { release: release.clone(), builds })
}

/// Whether any run of this store had the release, with or without a mark.
fn tried_here(runs: &[RunView], release: &ReleaseLabel) -> bool {
    runs.iter().any(|run| run.plan.release.as_ref() == Some(release))
}
