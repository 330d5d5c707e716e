//! `cleanup`.

use std::time::Duration;

use super::Session;
use super::args::CleanupArguments;
use super::confirm::confirm;
use super::drive::drive;
use super::exit::{Failed, Finished, REFUSED, USAGE};

use crate::domain::error::Problem;
use crate::domain::planner;
use crate::domain::readiness::{RELEASES_KEPT, obsolete};
use crate::domain::time::spoken;
use crate::domain::view::RunView;
use crate::ports::journal::Journal as _;

/// No store holds more.
const EVERY_RUN: usize = 10_000_000;

pub(super) async fn cleanup(session: &Session, arguments: &CleanupArguments) -> Finished {
    let usage = |problem| Failed::with(USAGE, problem);
    let loaded = session.config()?;
    let ground = loaded.ground(&arguments.environment).map_err(usage)?;
    super::deploy::none_in_doubt(session, &ground.environment)?;
    let hosting = session.app.hosting(&ground.endpoint, true).await?;
    let hosting = hosting.ok_or_else(|| Problem::new("no platform"))?;
    let live = session.app.live(hosting.as_ref(), &ground.members).await?;
    if live.values().any(Option::is_none) {
        return Err(Failed::with(
            REFUSED,
            Problem::new("not every service has a live build; there is no blue to clean up"),
        ));
    }
    // Every run: a build is kept or not by all that ever served.
    let listed = session.app.store()?.runs(Some(&ground.environment), EVERY_RUN)?;
    let runs: Vec<RunView> = listed.into_iter().map(|l| l.view).collect();
    still_warm(session, &runs, ground.policy.keep_blue, arguments.confirmation.reason.as_ref())?;
    let what = format!(
        "Stop every build of {} that serves nothing, and delete those that none of the last {RELEASES_KEPT} \
         stable releases needs. A rollback then starts its build first, instead of finding it warm.",
        ground.environment
    );
    let (environment, protection) = (ground.environment.clone(), ground.policy.protection);
    let mut plan = planner::cleanup(ground, &obsolete(&runs, &live)).map_err(usage)?;
    plan.reason.clone_from(&arguments.confirmation.reason);
    confirm(&environment, protection, &arguments.confirmation, &what)?;
    drive(session, &plan, arguments.confirmation.take_over).await
}

/// Blue stays warm until `keep_blue` has passed since the last run that moved traffic.
fn still_warm(
    session: &Session,
    runs: &[RunView],
    keep: Duration,
    reason: Option<&String>,
) -> Result<(), Failed> {
    let Some(moved) = runs.iter().find(|run| run.touched_traffic()) else {
        return Ok(());
    };
    let since = moved.ended.unwrap_or(moved.started);
    let age = Duration::try_from(session.app.clock.now().duration_since(since)).unwrap_or_default();
    if age >= keep || reason.is_some() {
        return Ok(());
    }
    Err(Failed::with(
        REFUSED,
        Problem::new(format!("blue is kept warm for another {}", spoken(keep.saturating_sub(age))))
            .because(format!(
                "run {} moved traffic {} ago, and keep_blue is {}",
                moved.number,
                spoken(age),
                spoken(keep)
            ))
            .try_this("wait, or say why not with --reason TEXT"),
    ))
}
