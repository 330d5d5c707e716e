//! `plan` and `deploy`.

use super::Session;
use super::args::{DeployArguments, PlanArguments};
use super::confirm::begin;
use super::drive::{detach, drive};
use super::exit::{Finished, OK};
use crate::propose;

pub(super) async fn plan(session: &Session, arguments: &PlanArguments) -> Finished {
    let loaded = session.config()?;
    let (environment, release) = (&arguments.environment, &arguments.release);
    let plan =
        propose::plan(&session.app, &loaded, environment, release, &arguments.services).await?;
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
    if let Some(bad) = propose::bad_here(&session.app, &plan.environment, release)? {
        text = format!("{text}\n{bad}\n");
    }
    text = format!("{text}\nplan {}", plan.hash());
    let json = serde_json::json!({"hash": plan.hash(), "plan": plan});
    session.result(&text, &json);
    Ok(OK)
}

pub(super) async fn deploy(session: &Session, arguments: &DeployArguments) -> Finished {
    let loaded = session.config()?;
    let (wanted, confirmation) = (&arguments.plan, &arguments.confirmation);
    let proposal = propose::deploy(
        &session.app,
        &loaded,
        &wanted.environment,
        &wanted.release,
        &wanted.services,
        confirmation.reason.as_ref(),
    )
    .await?;
    begin(&proposal, confirmation)?;
    let mut plan = proposal.plan;
    plan.attended = arguments.detach;
    if !arguments.detach {
        propose::ticked_beforehand(&session.app, &plan, &wanted.services)?;
    }
    if arguments.detach {
        detach(session, &plan, confirmation).await
    } else {
        drive(session, &plan, confirmation).await
    }
}
