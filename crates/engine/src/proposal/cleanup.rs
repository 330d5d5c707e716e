//! Proposes a clean-up.

use std::time::Duration;

use super::backup::backups;
use super::builds::accepted;
use super::freeze::not_frozen;
use super::schema::after_traffic;
use super::{Proposal, Refusal, none_in_doubt};
use crate::services::{Services, in_time};
use pointsman_config::Loaded;
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::gate::may_clean_up;
use pointsman_core::guard::{Guards, Justification};
use pointsman_core::plan::Member;
use pointsman_core::planner::{self, EnvironmentSpec};
use pointsman_core::ports::hosting::Hosting;
use pointsman_core::readiness::{Live, RELEASES_KEPT, obsolete};
use pointsman_core::release::ReleaseLabel;
use pointsman_core::time::spoken;
use pointsman_core::view::RunView;

/// More runs than any store holds.
const ALL_RUNS: usize = 10_000_000;

/// Proposes a clean-up of an environment.
pub async fn cleanup(
    ports: &Services,
    loaded: &Loaded,
    mut spec: EnvironmentSpec,
    why: &Justification,
) -> Result<Proposal, Refusal> {
    none_in_doubt(ports, &spec.environment)?;
    let hosting = ports.platform(&spec.endpoint).await.map_err(Refusal::Failed)?;
    let live = ports.live(hosting.as_ref(), &spec.members).await.map_err(Refusal::Failed)?;
    if live.values().any(Option::is_none) {
        return Err(Refusal::Refused(
            Problem::new(
                "not every service has a live build; there is no previous build to clean up",
            )
            .try_this("deploy a release first; check with pointsman status"),
        ));
    }
    // Read every run: which builds to keep depends on all builds that were ever live.
    let listed = ports.stores.open()?.runs(Some(&spec.environment), ALL_RUNS)?;
    let runs: Vec<RunView> = listed.into_iter().map(|l| l.view).collect();
    if let Some(moved) = runs.iter().find(|run| run.touched_traffic()) {
        may_clean_up(moved).map_err(Refusal::Refused)?;
    }
    let mut guards = Guards::default();
    still_warm(ports, &runs, spec.policy.keep_blue, why)?;
    let environment = spec.environment.clone();
    not_frozen(ports, &environment, (&mut spec.freeze, &spec.members), why, &mut guards);
    let what = format!(
        "Stop every build of {} without traffic, and delete those of ours that none of the last {RELEASES_KEPT} \
         stable releases needs. A rollback then has to start its build first.",
        spec.environment
    );
    let moved = runs.iter().find(|run| run.touched_traffic());
    let gone = match moved {
        Some(moved) => ports.gone_files(moved).await.map_err(Refusal::Failed)?,
        None => Vec::new(),
    };
    let what = gone.iter().fold(what, |what, gone| format!("{what}\n{gone}."));
    let serving = live.iter().filter_map(|(s, build)| Some((s.clone(), build.clone()?))).collect();
    let accepted = accepted(hosting.as_ref(), &spec.members, &serving).await;
    let commit = live_commit(hosting.as_ref(), &spec.members, &live).await;
    let told = after_traffic(ports, loaded, &mut spec, &accepted, commit.as_ref()).await?;
    let mut what = told.iter().fold(what, |what, told| format!("{what}\n{told}."));
    for line in backups(ports, &spec.databases).await? {
        what = format!("{what}\n{line}");
    }
    let plan = planner::cleanup(spec, &obsolete(&runs, &live)).map_err(Refusal::Usage)?;
    Proposal::passing(ports, plan, what, guards, why)
}

/// The commit of all live builds, if they share one: its migrations are the ones to finish.
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

/// BLUE stays warm until `keep_blue` has passed since the last run that moved traffic. An earlier clean-up requires a
/// reason.
fn still_warm(
    ports: &Services,
    runs: &[RunView],
    keep: Duration,
    why: &Justification,
) -> Result<(), Refusal> {
    let Some(moved) = runs.iter().find(|run| run.touched_traffic()) else { return Ok(()) };
    let since = moved.ended.unwrap_or(moved.started);
    let age = Duration::try_from(ports.clock.now().duration_since(since)).unwrap_or_default();
    if age >= keep || why.reason.is_some() {
        return Ok(());
    }
    let left = spoken(keep.saturating_sub(age));
    let (run, age, keep) = (moved.number, spoken(age), spoken(keep));
    Err(Refusal::Refused(
        Problem::coded(Code::REASON_NEEDED, format!("BLUE is kept warm for another {left}"))
            .because(format!("run {run} moved traffic {age} ago, and keep_blue is {keep}"))
            .try_this("wait, or clean up now with --reason TEXT"),
    ))
}
