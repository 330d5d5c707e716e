//! `cleanup`.

use super::Session;
use super::args::CleanupArguments;
use super::confirm::begin;
use super::drive::drive;
use super::exit::{Failed, Finished, USAGE};
use crate::engine::proposal;

pub(super) async fn cleanup(session: &Session, arguments: &CleanupArguments) -> Finished {
    let loaded = session.config()?;
    let spec = loaded.spec(&arguments.environment).map_err(|p| Failed::with(USAGE, p))?;
    let confirmation = &arguments.confirmation;
    let why = confirmation.why()?;
    let proposal = proposal::cleanup(&session.app.services(), &loaded, spec, &why).await?;
    begin(&proposal, confirmation)?;
    drive(session, &proposal.plan, confirmation).await
}
