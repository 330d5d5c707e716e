//! `rollback`.

use super::Session;
use super::args::RollbackArguments;
use super::confirm::begin;
use super::drive::drive;
use super::exit::{Failed, Finished, USAGE};
use crate::engine::proposal;

pub(super) async fn rollback(session: &Session, arguments: &RollbackArguments) -> Finished {
    let usage = |problem| Failed::with(USAGE, problem);
    let loaded = session.config()?;
    let spec = loaded.spec(&arguments.environment).map_err(usage)?;
    let spec = spec.only(&arguments.services).map_err(usage)?;
    let confirmation = &arguments.confirmation;
    let why = confirmation.why()?;
    let back = proposal::RollbackRequest {
        to: arguments.to.as_ref(),
        why: &why,
        undo_schema: arguments.undo_schema.as_ref(),
        database: arguments.database.as_deref(),
        waits: confirmation.lock_wait.is_some(),
    };
    let proposal = proposal::rollback(&session.app.services(), &loaded, spec, &back).await?;
    begin(&proposal, confirmation)?;
    drive(session, &proposal.plan, confirmation).await
}
