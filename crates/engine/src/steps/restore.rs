//! What a database could be restored from, asked before a migration writes to it.

use std::time::Duration;

use crate::context::{Context, StepError};
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::plan::PlannedDatabase;
use pointsman_core::restore::{BackupNeed, Recovery, Restorable, minute};
use pointsman_core::step::Failure;

/// Time limit where the config requires a backup.
const ASK_WITHIN: Duration = Duration::from_secs(20);
/// Time limit where nothing depends on the answer, as in a rollback.
const TELL_WITHIN: Duration = Duration::from_secs(3);

/// What is known.
#[derive(Debug, Default)]
pub(super) struct RestorePoint {
    /// The time to restore to.
    pub(super) point: Option<String>,
    /// What a restore could use, in a sentence; `None` if the server does not tell.
    pub(super) said: Option<String>,
}

/// Reads what a restore could use, and fails if the required backup is missing.
pub(super) async fn ready(
    context: &Context,
    planned: &PlannedDatabase,
    required: Option<BackupNeed>,
) -> Result<RestorePoint, StepError> {
    let database = context.outside.databases.get(&planned.name).map_err(StepError::lasting)?;
    let within = if required.is_some() { ASK_WITHIN } else { TELL_WITHIN };
    let asked = async { database.admin()?.restorable().await };
    let restorable =
        context.within(within, asked).await.unwrap_or_else(|| Some(unanswered(within)));
    let now = context.outside.clock.now();
    match (restorable, required) {
        (None, None) => Ok(RestorePoint::default()),
        (None, Some(need)) => Err(StepError::lasting(not_told(&planned.name, need))),
        (Some(restorable), need) => {
            if let Some(need) = need {
                restorable.meets(need, &planned.name, now).map_err(|unmet| {
                    // What could not be read may be readable on a retry.
                    let class = if unmet.known { Failure::Lasting } else { Failure::Inconclusive };
                    StepError { problem: unmet.problem, class }
                })?;
            }
            let point = restorable.point(now).map(minute);
            Ok(RestorePoint { point, said: Some(restorable.sentence()) })
        }
    }
}

fn unanswered(within: Duration) -> Restorable {
    let why = format!("no answer within {} s", within.as_secs());
    Restorable { recovery: Recovery::Unknown(why.clone()), backup: Err(why) }
}

fn not_told(database: &str, need: BackupNeed) -> Problem {
    Problem::coded(Code::NO_BACKUP, format!("whether {database} has {need} is not known"))
        .because("this server does not serve Firestore's Admin API")
        .try_this("remove `backup:` of that database where it is an emulator")
}
