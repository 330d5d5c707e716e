//! `plan` and `deploy`.

use super::Session;
use super::args::{DeployArguments, PlanArguments, why};
use super::confirm::begin;
use super::drive::{detach, drive};
use super::exit::{Failed, Finished, OK, REFUSED, USAGE};
use crate::config::Loaded;
use crate::domain::code::Code;
use crate::domain::error::Problem;
use crate::domain::guard::{GuardHit, Guards, Justification};
use crate::domain::plan::Plan;
use crate::engine::proposal::{self, DeployRequest, PlannedDeploy, Refusal};

/// Prints the plan of a deploy and every refusal, and exits with the code that `deploy` would.
pub(super) async fn plan(session: &Session, arguments: &PlanArguments) -> Finished {
    let loaded = session.config()?;
    let why = why(arguments.reason.as_ref(), &arguments.overrides)
        .map_err(|problem| Failed::with(USAGE, problem))?;
    let ship = DeployRequest {
        environment: &arguments.environment,
        release: &arguments.release,
        services: &arguments.services,
        attended: arguments.detach,
        at_once: arguments.at_once,
        why: &why,
    };
    let PlannedDeploy { plan, what, guards, refusals } =
        proposal::plan(&session.app.services(), &loaded, &ship, false).await?;
    let (met, hash) = (guards.met().to_vec(), plan.hash());
    let (overridden, left) = passed(guards, &why);
    // The order of a deploy: a run in doubt, then guards, then locks and other runs, which a deploy can wait for.
    let after_doubt = usize::from(matches!(refusals.first(), Some(Refusal::InDoubt(_))));
    let mut refused: Vec<Failed> = refusals.into_iter().map(Failed::from).collect();
    if !left.is_empty() {
        refused.insert(after_doubt, Failed::from(Refusal::Guarded(left)));
    }
    refused.extend(ports_are_free(session, &loaded, &arguments.environment).err());
    let code = refused.first().map_or(OK, |first| first.code);
    let mut text = described(&plan, &what);
    for line in &overridden {
        text = format!("{text}\n{line}");
    }
    for failed in &refused {
        text = format!("{text}\nREFUSED: {}", failed.problem);
    }
    let problems: Vec<_> = refused.iter().map(|failed| &failed.problem).collect();
    let guards: Vec<_> = met
        .iter()
        .map(|m| {
            let overridden = why.overrides.contains_key(&m.guard);
            serde_json::json!({"guard": m.guard, "problem": m.problem, "overridden": overridden})
        })
        .collect();
    let json = serde_json::json!({
        "hash": hash, "plan": plan, "guards": guards, "refused": problems, "exit": code,
    });
    session.result(&format!("{text}\n\nplan {hash}"), &json);
    Ok(code)
}

/// A line per overridden guard, or the guards that still block the deploy.
fn passed(guards: Guards, why: &Justification) -> (Vec<String>, Vec<GuardHit>) {
    match guards.pass(why) {
        Ok((_, lines)) => (lines, Vec::new()),
        Err(left) => (Vec::new(), left),
    }
}

fn described(plan: &Plan, what: &str) -> String {
    let mut text = format!("{what}\n\n");
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
    text
}

pub(super) async fn deploy(session: &Session, arguments: &DeployArguments) -> Finished {
    let loaded = session.config()?;
    let confirmation = &arguments.confirmation;
    let why = confirmation.why()?;
    let ship = DeployRequest {
        environment: &arguments.environment,
        release: &arguments.release,
        services: &arguments.services,
        attended: arguments.detach,
        at_once: arguments.at_once,
        why: &why,
    };
    ports_are_free(session, &loaded, &arguments.environment)?;
    let proposal = proposal::deploy(&session.app.services(), &loaded, &ship).await?;
    if let Some(reviewed) = &arguments.plan {
        is_reviewed(&proposal.plan, reviewed)?;
    }
    begin(&proposal, confirmation)?;
    if arguments.detach {
        detach(session, &proposal.plan, confirmation).await
    } else {
        drive(session, &proposal.plan, confirmation).await
    }
}

/// Refuses a deploy to the emulator if another program has the port of a service: the build would be made for nothing.
fn ports_are_free(session: &Session, loaded: &Loaded, environment: &str) -> Result<(), Failed> {
    let spec = loaded.spec(environment).map_err(|problem| Failed::with(USAGE, problem))?;
    let Some((service, held)) = session.app.held_ports(&spec).into_iter().next() else {
        return Ok(());
    };
    let what = format!("{service} cannot be served on {environment}");
    let problem = Problem::coded(Code::EMULATOR_UNAVAILABLE, what).because(held);
    let todo = format!(
        "stop that program, or change the port in environments.{environment}.services.{service}.url"
    );
    Err(Failed::with(REFUSED, problem.try_this(todo)))
}

/// Minimum number of hash digits that identify a plan.
const HASH_DIGITS: usize = 8;

/// Refuses a plan that differs from the reviewed one.
pub(super) fn is_reviewed(plan: &Plan, reviewed: &str) -> Result<(), Failed> {
    let (hash, reviewed) = (plan.hash().to_string(), reviewed.trim());
    if reviewed.len() < HASH_DIGITS {
        let problem = Problem::coded(Code::PLAN_CHANGED, format!("--plan {reviewed} is too short"));
        return Err(Failed::with(
            USAGE,
            problem.try_this(format!(
                "give {HASH_DIGITS} or more digits of the hash that plan prints"
            )),
        ));
    }
    if hash.starts_with(reviewed) {
        return Ok(());
    }
    let problem = Problem::coded(Code::PLAN_CHANGED, "the plan differs from the reviewed one")
        .because(format!("reviewed: {reviewed}; now: {hash}"))
        .try_this(format!(
            "review it: pointsman plan {} --release {}",
            plan.environment,
            plan.release.as_ref().map_or("LABEL", |label| label.as_str())
        ));
    Err(Failed::with(REFUSED, problem))
}
