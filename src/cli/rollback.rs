//! `rollback`. Asks for the confirmation and nothing else: no checklist, freeze or alarm can veto it.

use std::collections::BTreeMap;

use super::Session;
use super::args::RollbackArguments;
use super::confirm::confirm;
use super::drive::drive;
use super::exit::{Failed, Finished, REFUSED, USAGE};
use super::print;
use crate::domain::event::Mark;
use crate::domain::ids::EnvironmentName;
use crate::domain::plan::Member;
use crate::domain::planner;
use crate::domain::readiness::{Choice, Live, default_target, left_by, named_target};
use crate::domain::release::ReleaseLabel;
use crate::domain::view::RunView;
use crate::ports::hosting::{Build, BuildState, Hosting};
use crate::ports::journal::Journal as _;

/// So many runs are looked through for something to go back to.
pub(super) const RUNS_LOOKED_AT: usize = 200;

pub(super) async fn rollback(session: &Session, arguments: &RollbackArguments) -> Finished {
    let usage = |problem| Failed::with(USAGE, problem);
    let loaded = session.config()?;
    let ground = loaded.ground(&arguments.environment).map_err(usage)?;
    let ground = ground.only(&arguments.services).map_err(usage)?;
    let hosting = session.app.hosting(&ground.endpoint, true).await?;
    let hosting = hosting.ok_or_else(|| crate::domain::error::Problem::new("no platform"))?;
    let live = session.app.live(hosting.as_ref(), &ground.members).await?;
    let runs = past(session, &ground.environment);
    let refused = |problem| Failed::with(REFUSED, problem);
    let choice = match &arguments.to {
        Some(release) => {
            let reason = arguments.confirmation.reason.as_deref();
            match named_target(&runs, &live, release, reason) {
                Ok(known) => known.choice,
                Err(problem) => on_platform(hosting.as_ref(), &ground.members, release)
                    .await
                    // Known here without a mark means that it never served: a rollback asks green
                    // nothing, so it must not be the first to give it traffic.
                    .filter(|_| reason.is_some() && !tried_here(&runs, release))
                    .ok_or_else(|| refused(problem))?,
            }
        }
        None => default_target(&runs, &live).map_err(refused)?,
    };
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
    let (environment, protection) = (ground.environment.clone(), ground.policy.protection);
    let mut plan = planner::rollback(ground, &choice, leaves).map_err(usage)?;
    plan.reason.clone_from(&arguments.confirmation.reason);
    confirm(&environment, protection, &arguments.confirmation, &what)?;
    drive(session, &plan, arguments.confirmation.take_over).await
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
fn past(session: &Session, environment: &EnvironmentName) -> Vec<RunView> {
    let (app, limit) = (&session.app, RUNS_LOOKED_AT);
    let listed = app
        .store()
        .and_then(|s| s.runs(Some(environment), limit))
        .or_else(|_| app.unwritable_store().and_then(|s| s.runs(Some(environment), limit)));
    match listed {
        Ok(listed) => listed.into_iter().map(|l| l.view).collect(),
        Err(error) => {
            print::note(format!("the past cannot be read: {error}"));
            Vec::new()
        }
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
