//! A deploy.

use super::freeze::not_frozen;
use super::schema::{BACKUP, before_traffic};
use super::{Proposal, RUNS_LOOKED_AT, Refusal};
use crate::app::App;
use crate::config::{Loaded, committed, sources};
use crate::domain::error::Problem;
use crate::domain::freeze::ahead;
use crate::domain::ids::{EnvironmentName, ServiceName};
use crate::domain::plan::Plan;
use crate::domain::planner::{self, Ground};
use crate::domain::promoted::not_promoted;
use crate::domain::readiness::marked_bad;
use crate::domain::release::ReleaseLabel;
use crate::domain::view::RunView;
use crate::ports::journal::Journal as _;

/// The plan of a deploy, whether or not it may begin.
pub async fn plan(
    app: &App,
    loaded: &Loaded,
    environment: &str,
    release: &ReleaseLabel,
    services: &[ServiceName],
) -> Result<Plan, Refusal> {
    made(app, loaded, environment, release, services, false).await
}

async fn made(
    app: &App,
    loaded: &Loaded,
    environment: &str,
    release: &ReleaseLabel,
    services: &[ServiceName],
    begins: bool,
) -> Result<Plan, Refusal> {
    let mut ground = ground_of(loaded, environment, services)?;
    match before_traffic(app, loaded, &mut ground, begins).await {
        // A plan is also for those who cannot reach the database: it says less.
        Err(Refusal::Failed(_)) if !begins => {}
        other => other?,
    }
    without_looking(loaded, ground, release)
}

pub(super) fn ground_of(
    loaded: &Loaded,
    environment: &str,
    services: &[ServiceName],
) -> Result<Ground, Refusal> {
    let ground = loaded.ground(environment).map_err(Refusal::Usage)?;
    ground.only(services).map_err(Refusal::Usage)
}

/// What a release is, as far as the config tells it: nothing is asked.
pub fn what_ships(
    loaded: &Loaded,
    environment: &str,
    release: &ReleaseLabel,
) -> Result<Plan, Refusal> {
    without_looking(loaded, ground_of(loaded, environment, &[])?, release)
}

/// The plan as far as the config tells it.
pub(super) fn without_looking(
    loaded: &Loaded,
    mut ground: Ground,
    release: &ReleaseLabel,
) -> Result<Plan, Refusal> {
    let sources = sources(loaded, &mut ground, release).map_err(Refusal::Usage)?;
    let mut plan = planner::deploy(ground, release, &sources).map_err(Refusal::Usage)?;
    plan.committed = committed(loaded, release);
    super::lint::judged(loaded, &mut plan)?;
    Ok(plan)
}

/// A deploy that may begin.
pub async fn deploy(
    app: &App,
    loaded: &Loaded,
    environment: &str,
    release: &ReleaseLabel,
    services: &[ServiceName],
    reason: Option<&String>,
) -> Result<Proposal, Refusal> {
    none_in_doubt(app, &loaded.ground(environment).map_err(Refusal::Usage)?.environment)?;
    let mut plan = made(app, loaded, environment, release, services, true).await?;
    plan.reason = reason.cloned();
    proven_before(app, loaded, &plan)?;
    let set_aside = not_frozen(app, &plan.environment, &mut plan.freeze, reason)?;
    let soon = ahead(&plan.freeze, app.clock.now(), plan.policy.soak.length);
    let soon = soon.map(|told| {
        format!("\nThe soak would reach into a freeze: {told}. Traffic that has moved stays.")
    });
    let services: Vec<_> = plan.members.iter().map(|m| m.service().as_str()).collect();
    let what = format!(
        "Build {release} of {}, and give it the traffic of {} when it is healthy.",
        services.join(" and "),
        plan.environment
    );
    let migrations = plan.databases.iter().flat_map(|d| d.migrations.iter().map(move |m| (d, m)));
    let mut told: Vec<_> = migrations
        .map(|(d, m)| {
            format!("\nBefore that {} goes to schema {}: {}.", d.name, m.version, m.description)
        })
        .collect();
    if !told.is_empty() {
        told.push(format!("\n{BACKUP}"));
    }
    let bad = bad_here(app, &plan.environment, release)?.map(|bad| format!("\n{bad}"));
    let what = bad
        .into_iter()
        .chain(told)
        .chain(set_aside)
        .chain(soon)
        .fold(what, |what, told| what + &told);
    Ok(Proposal { plan, what })
}

/// What is to be said of a release that was taken back on an environment. It is refused nobody: what is built of it
/// now may be mended.
pub fn bad_here(
    app: &App,
    environment: &EnvironmentName,
    release: &ReleaseLabel,
) -> Result<Option<String>, Refusal> {
    let runs = app.store()?.runs(Some(environment), RUNS_LOOKED_AT)?;
    let bad = marked_bad(runs.iter().map(|listed| &listed.view), release);
    Ok(bad.map(|run| format!("{release} is marked BAD here: run {run} took it back.")))
}

/// The release must have been promoted where `promote_from` says, of the same source, and not have
/// been rolled back there since; or a reason must be given.
fn proven_before(app: &App, loaded: &Loaded, plan: &Plan) -> Result<(), Refusal> {
    let from = loaded.promote_from(plan.environment.as_str()).map_err(Refusal::Usage)?;
    let Some(from) = from else {
        return Ok(());
    };
    let runs = app.store()?.runs(Some(&from), RUNS_LOOKED_AT)?;
    let runs: Vec<RunView> = runs.into_iter().map(|listed| listed.view).collect();
    let Some(because) = not_promoted(&runs, plan, &from) else {
        return Ok(());
    };
    if plan.reason.is_some() {
        return Ok(());
    }
    let release = plan.release.as_ref().map_or("this release", |r| r.as_str());
    Err(Refusal::Refused(
        Problem::new(format!("{release} was not promoted on {from}"))
            .because(format!("{because}, and {} takes only what was promoted", plan.environment))
            .try_this(format!("deploy it on {from} first, or say why not with --reason TEXT")),
    ))
}

/// A run whose runner died comes first: it may have moved traffic. A rollback need not wait for that.
pub fn none_in_doubt(app: &App, environment: &EnvironmentName) -> Result<(), Refusal> {
    let latest = app.store()?.runs(Some(environment), 1)?.pop();
    match latest.filter(|run| run.view.ended.is_none() && run.runner.is_none()) {
        None => Ok(()),
        Some(run) => Err(Refusal::InDoubt(
            Problem::new(format!("run {} of {environment} is in doubt", run.view.number))
                .because(format!("its runner died while it was {}", run.view.state.sentence()))
                .try_this(format!(
                    "pointsman resume {}, or pointsman rollback {environment}",
                    run.view.number.0
                )),
        )),
    }
}
