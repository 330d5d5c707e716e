//! `rollback`.

use super::Session;
use super::args::RollbackArguments;
use super::confirm::begin;
use super::drive::drive;
use super::exit::{Failed, Finished, USAGE};
use crate::propose;

pub(super) async fn rollback(session: &Session, arguments: &RollbackArguments) -> Finished {
    let usage = |problem| Failed::with(USAGE, problem);
    let loaded = session.config()?;
    let ground = loaded.ground(&arguments.environment).map_err(usage)?;
    let ground = ground.only(&arguments.services).map_err(usage)?;
    let confirmation = &arguments.confirmation;
    let why = confirmation.why()?;
    let back = propose::Back {
        to: arguments.to.as_ref(),
        why: &why,
        undo_schema: arguments.undo_schema.as_ref(),
        database: arguments.database.as_deref(),
        waits: confirmation.lock_wait.is_some(),
    };
    let proposal = propose::rollback(&session.app, &loaded, ground, &back).await?;
    begin(&proposal, confirmation)?;
    drive(session, &proposal.plan, confirmation).await
}
