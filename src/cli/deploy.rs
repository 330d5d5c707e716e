//! `plan` and `deploy`.

use super::Session;
use super::args::{DeployArguments, PlanArguments};
use super::confirm::confirm;
use super::drive::{detach, drive};
use super::exit::{Failed, Finished, IN_DOUBT, OK, REFUSED, USAGE};
use super::rollback::RUNS_LOOKED_AT;
use crate::config::{Loaded, sources};
use crate::domain::error::Problem;
use crate::domain::event::{Mark, Outcome};
use crate::domain::ids::EnvironmentName;
use crate::domain::plan::{Member, Plan};
use crate::domain::planner;
use crate::domain::readiness::known;
use crate::domain::run::RunState;
use crate::domain::view::RunView;
use crate::ports::journal::Journal as _;

fn planned(loaded: &Loaded, arguments: &PlanArguments) -> Result<Plan, Failed> {
    let usage = |problem| Failed::with(USAGE, problem);
    let ground = loaded.ground(&arguments.environment).map_err(usage)?;
    let mut ground = ground.only(&arguments.services).map_err(usage)?;
    let sources = sources(loaded, &mut ground, &arguments.release).map_err(usage)?;
    planner::deploy(ground, &arguments.release, &sources).map_err(usage)
}

pub(super) fn plan(session: &Session, arguments: &PlanArguments) -> Finished {
    let plan = planned(&session.config()?, arguments)?;
    let mut text = format!("deploy {} on {}\n", arguments.release, plan.environment);
    for member in &plan.members {
        let target = &member.target;
        text = format!(
            "{text}  {:<12} {} in {} at {}\n",
            member.service(),
            target.backend(),
            target.project(),
            member.url
        );
    }
    text.push('\n');
    for (at, step) in plan.steps.iter().enumerate() {
        text = format!("{text}{:>3}. {:<18} {}\n", at + 1, step.id, step.title);
    }
    text = format!("{text}\nplan {}", plan.hash());
    let json = serde_json::json!({"hash": plan.hash(), "plan": plan});
    session.result(&text, &json);
    Ok(OK)
}

pub(super) async fn deploy(session: &Session, arguments: &DeployArguments) -> Finished {
    let loaded = session.config()?;
    let mut plan = planned(&loaded, &arguments.plan)?;
    plan.reason.clone_from(&arguments.confirmation.reason);
    let services: Vec<_> = plan.members.iter().map(|m| m.service().as_str()).collect();
    let what = format!(
        "Build {} of {}, and give it the traffic of {} when it is healthy.",
        arguments.plan.release,
        services.join(" and "),
        plan.environment
    );
    confirm(&plan.environment, plan.policy.protection, &arguments.confirmation, &what)?;
    proven_before(session, &loaded, &plan)?;
    none_in_doubt(session, &plan.environment)?;
    let take_over = arguments.confirmation.take_over;
    if arguments.detach {
        detach(session, &plan, take_over).await
    } else {
        drive(session, &plan, take_over).await
    }
}

/// The release must have been promoted where `promote_from` says, of the same source, and not have
/// been rolled back there since; or a reason must be given.
fn proven_before(session: &Session, loaded: &Loaded, plan: &Plan) -> Result<(), Failed> {
    let Some(from) = loaded.promote_from(plan.environment.as_str())? else {
        return Ok(());
    };
    let runs = session.app.store()?.runs(Some(&from), RUNS_LOOKED_AT)?;
    let runs: Vec<RunView> = runs.into_iter().map(|listed| listed.view).collect();
    let Some(because) = not_promoted(&runs, plan, &from) else {
        return Ok(());
    };
    if plan.reason.is_some() {
        return Ok(());
    }
    let release = plan.release.as_ref().map_or("this release", |r| r.as_str());
    Err(Failed::with(
        REFUSED,
        Problem::new(format!("{release} was not promoted on {from}"))
            .because(format!("{because}, and {} takes only what was promoted", plan.environment))
            .try_this(format!("deploy it on {from} first, or say why not with --reason TEXT")),
    ))
}

/// Why the runs of the environment before do not prove a plan's release, if they do not.
fn not_promoted(runs: &[RunView], plan: &Plan, from: &EnvironmentName) -> Option<String> {
    let marked = known(runs).into_iter().find(|k| Some(&k.choice.release) == plan.release.as_ref());
    if marked.is_some_and(|k| k.mark == Mark::Bad) {
        return Some(format!("it was rolled back on {from}"));
    }
    let promoted = RunState::Ended { outcome: Outcome::Promoted };
    let same = |member: &Member, run: &RunView| {
        let there = run.plan.member(member.service());
        there.is_some_and(|m| m.source == member.source) && run.plan.release == plan.release
    };
    let unproven = plan
        .members
        .iter()
        .find(|member| !runs.iter().any(|run| run.state == promoted && same(member, run)))?;
    Some(format!("no run there promoted this source of {}", unproven.service()))
}

/// A run whose runner died comes first: it may have moved traffic. A rollback need not wait for that.
pub(super) fn none_in_doubt(
    session: &Session,
    environment: &EnvironmentName,
) -> Result<(), Failed> {
    let latest = session.app.store()?.runs(Some(environment), 1)?.pop();
    match latest.filter(|run| run.view.ended.is_none() && run.runner.is_none()) {
        None => Ok(()),
        Some(run) => Err(Failed::with(
            IN_DOUBT,
            Problem::new(format!("run {} of {environment} is in doubt", run.view.number))
                .because(format!("its runner died while it was {}", run.view.state.sentence()))
                .try_this(format!(
                    "pointsman resume {}, or pointsman rollback {environment}",
                    run.view.number.0
                )),
        )),
    }
}
