//! `cleanup`.

use super::Session;
use super::args::CleanupArguments;
use super::confirm::confirm;
use super::drive::drive;
use super::exit::{Failed, Finished, USAGE};
use crate::propose;

pub(super) async fn cleanup(session: &Session, arguments: &CleanupArguments) -> Finished {
    let loaded = session.config()?;
    let ground = loaded.ground(&arguments.environment).map_err(|p| Failed::with(USAGE, p))?;
    let confirmation = &arguments.confirmation;
    let reason = confirmation.reason.as_ref();
    let plan = propose::cleanup(&session.app, ground, reason).await?;
    let (what, plan) = (plan.what, plan.plan);
    confirm(&plan.environment, plan.policy.protection, confirmation.answers(), &what)?;
    drive(session, &plan, confirmation).await
}
