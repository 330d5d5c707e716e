//! `cleanup`.

use super::Session;
use super::args::CleanupArguments;
use super::confirm::confirm;
use super::drive::drive;
use super::exit::{Failed, Finished, USAGE};
use super::print;
use crate::propose;

pub(super) async fn cleanup(session: &Session, arguments: &CleanupArguments) -> Finished {
    let loaded = session.config()?;
    let ground = loaded.ground(&arguments.environment).map_err(|p| Failed::with(USAGE, p))?;
    let confirmation = &arguments.confirmation;
    let reason = confirmation.reason.as_ref();
    let plan = propose::cleanup(&session.app, &loaded, ground, reason).await?;
    let (what, plan) = (plan.what, plan.plan);
    if confirmation.yes {
        // Whoever is not asked is told all the same.
        print::note(&what);
    }
    confirm(
        &plan.environment,
        &plan.typed(),
        plan.policy.protection,
        confirmation.answers(),
        &what,
    )?;
    drive(session, &plan, confirmation).await
}
