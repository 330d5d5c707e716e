//! A clean-up.

use std::time::Duration;

use super::freeze::not_frozen;
use super::schema::{BACKUP, accepted, after_traffic};
use super::{Proposal, Refusal, none_in_doubt};
use crate::app::{App, in_time};
use crate::config::Loaded;
use crate::domain::error::Problem;
use crate::domain::gate::may_clean_up;
use crate::domain::guard::{Guards, Why};
use crate::domain::plan::Member;
use crate::domain::planner::{self, Ground};
use crate::domain::readiness::{Live, RELEASES_KEPT, obsolete};
use crate::domain::release::ReleaseLabel;
use crate::domain::time::spoken;
use crate::domain::view::RunView;
use crate::ports::hosting::Hosting;
use crate::ports::journal::Journal as _;

/// No store holds more.
const EVERY_RUN: usize = 10_000_000;

/// A clean-up that may begin.
pub async fn cleanup(
    app: &App,
    loaded: &Loaded,
    mut ground: Ground,
    why: &Why,
) -> Result<Proposal, Refusal> {
    none_in_doubt(app, &ground.environment)?;
    let hosting = app.platform(&ground.endpoint).await.map_err(Refusal::Failed)?;
    let live = app.live(hosting.as_ref(), &ground.members).await.map_err(Refusal::Failed)?;
    if live.values().any(Option::is_none) {
        return Err(Refusal::Refused(
            Problem::new("not every service has a live build; there is no blue to clean up")
                .try_this("deploy a release first, or look with: pointsman status"),
        ));
    }
    // Every run: a build is kept or not by all that ever served.
    let listed = app.store()?.runs(Some(&ground.environment), EVERY_RUN)?;
    let runs: Vec<RunView> = listed.into_iter().map(|l| l.view).collect();
    if let Some(moved) = runs.iter().find(|run| run.touched_traffic()) {
        may_clean_up(moved).map_err(Refusal::Refused)?;
    }
    let mut guards = Guards::default();
    still_warm(app, &runs, ground.policy.keep_blue, why)?;
    let environment = ground.environment.clone();
    not_frozen(app, &environment, &mut ground.freeze, why, &mut guards);
    let what = format!(
        "Stop every build of {} that serves nothing, and delete those of ours that none of the last {RELEASES_KEPT} \
         stable releases needs. A rollback then starts its build first, instead of finding it warm.",
        ground.environment
    );
    let moved = runs.iter().find(|run| run.touched_traffic());
    let gone = match moved {
        Some(moved) => app.gone_files(moved).await.map_err(Refusal::Failed)?,
        None => Vec::new(),
    };
    let what = gone.iter().fold(what, |what, gone| format!("{what}\n{gone}."));
    let serving = live.iter().filter_map(|(s, build)| Some((s.clone(), build.clone()?))).collect();
    let accepted = accepted(hosting.as_ref(), &ground.members, &serving).await;
    let commit = live_commit(hosting.as_ref(), &ground.members, &live).await;
    let told = after_traffic(app, loaded, &mut ground, &accepted, commit.as_ref()).await?;
    let mut what = told.iter().fold(what, |what, told| format!("{what}\n{told}."));
    if ground.databases.iter().any(|d| !d.migrations.is_empty()) {
        what = format!("{what}\n{BACKUP}");
    }
    let plan = planner::cleanup(ground, &obsolete(&runs, &live)).map_err(Refusal::Usage)?;
    Proposal::passing(plan, what, guards, why)
}

/// The commit that all live builds are of, if they are of one: its migrations are the ones to finish.
async fn live_commit(
    hosting: &dyn Hosting,
    members: &[Member],
    live: &Live,
) -> Option<ReleaseLabel> {
    let mut found: Option<String> = None;
    for member in members {
        let id = live.get(member.service())?.as_ref()?;
        let build = in_time(&format!("build {id}"), hosting.build(&member.target, id)).await;
        let commit = build.ok()??.commit?;
        if found.get_or_insert_with(|| commit.clone()) != &commit {
            return None;
        }
    }
    ReleaseLabel::new(found?).ok()
}

/// BLUE stays warm until `keep_blue` has passed since the last run that moved traffic. To end that sooner takes
/// a reason.
fn still_warm(app: &App, runs: &[RunView], keep: Duration, why: &Why) -> Result<(), Refusal> {
    let Some(moved) = runs.iter().find(|run| run.touched_traffic()) else { return Ok(()) };
    let since = moved.ended.unwrap_or(moved.started);
    let age = Duration::try_from(app.clock.now().duration_since(since)).unwrap_or_default();
    if age >= keep || why.reason.is_some() {
        return Ok(());
    }
    let left = spoken(keep.saturating_sub(age));
    let (run, age, keep) = (moved.number, spoken(age), spoken(keep));
    Err(Refusal::Refused(
        Problem::new(format!("BLUE is kept warm for another {left}"))
            .because(format!("run {run} moved traffic {age} ago, and keep_blue is {keep}"))
            .try_this("wait, or end it now with --reason TEXT"),
    ))
}
