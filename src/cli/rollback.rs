//! `rollback`.

use super::Session;
use super::args::RollbackArguments;
use super::confirm::confirm;
use super::drive::drive;
use super::exit::{Failed, Finished, USAGE};
use super::print;
use crate::propose;

pub(super) async fn rollback(session: &Session, arguments: &RollbackArguments) -> Finished {
    let usage = |problem| Failed::with(USAGE, problem);
    let loaded = session.config()?;
    let ground = loaded.ground(&arguments.environment).map_err(usage)?;
    let ground = ground.only(&arguments.services).map_err(usage)?;
    let confirmation = &arguments.confirmation;
    let (to, reason) = (arguments.to.as_ref(), confirmation.reason.as_ref());
    let (proposal, unread) = propose::rollback(&session.app, ground, to, reason).await?;
    if let Some(error) = unread {
        print::note(format!("the past cannot be read: {error}"));
    }
    let plan = proposal.plan;
    confirm(&plan.environment, plan.policy.protection, confirmation.answers(), &proposal.what)?;
    drive(session, &plan, confirmation).await
}
