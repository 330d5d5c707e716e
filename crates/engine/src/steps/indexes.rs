//! The indexes that the code of GREEN needs: compared before it is built, and waited for before traffic moves. A rollback
//! never waits: BLUE worked with what is there.

use std::time::Duration;

use crate::context::{Context, StepError};
use crate::database::found_indexes;
use pointsman_core::error::Problem;
use pointsman_core::index::IndexComparison;
use pointsman_core::plan::PlannedDatabase;
use pointsman_core::ports::database::{DatabaseError, Refused};
use pointsman_core::retry::Backoff;
use pointsman_core::time::spoken;

/// Interval of readings while an index is created.
const STATE_EVERY: Backoff =
    Backoff { first: Duration::from_millis(500), most: Duration::from_secs(10) };
/// Time limit of the wait. Indexes of large collections take hours.
const WAIT_WITHIN: Duration = Duration::from_hours(12);
/// Time limit of a reading.
const READ_WITHIN: Duration = Duration::from_secs(20);

/// What is said of a database's indexes before anything is built. Refuses a release that lacks an index which nothing in
/// the plan creates.
pub(super) async fn look(
    context: &Context,
    planned: &PlannedDatabase,
) -> Result<Option<String>, StepError> {
    match compared(context, planned).await {
        Compared::NotNeeded => Ok(None),
        Compared::Unknown(why) => Ok(Some(format!("indexes not checked: {why}"))),
        Compared::Known(compared) => {
            let compared = compared.before(&planned.migrations);
            refuse(planned, &compared.missing, &compared.broken)?;
            Ok(Some(compared.sentence()))
        }
    }
}

/// Waits until every index that GREEN needs can be used. Once traffic has moved, stopping halfway would be worse.
pub(super) async fn ready(context: &Context) -> Result<(), StepError> {
    if context.view.touched_traffic() {
        return Ok(());
    }
    for planned in &context.plan().databases {
        let (began, mut readings) = (context.outside.clock.elapsed(), 0);
        loop {
            readings += 1;
            let Compared::Known(compared) = compared(context, planned).await else { break };
            refuse(planned, &compared.missing, &compared.broken)?;
            if compared.creating.is_empty() {
                break;
            }
            let waited = context.outside.clock.elapsed().saturating_sub(began);
            let said = format!("{}: {} CREATING", planned.name, compared.creating.join(", "));
            if waited > WAIT_WITHIN {
                let what = format!("{said} for more than {}", spoken(WAIT_WITHIN));
                let todo =
                    "gcloud firestore operations list shows its progress; retry when it is READY";
                return Err(StepError::lasting(Problem::new(what).try_this(todo)));
            }
            if readings == 1 {
                context.say(&format!("waiting: {said}"));
            }
            let waited = spoken(Duration::from_secs(waited.as_secs()));
            context.progress(None, format!("waiting for {waited}: {said}"));
            context.sleep(STATE_EVERY.after(readings)).await;
        }
    }
    Ok(())
}

enum Compared {
    /// The plan names no indexes for the database, or its emulator has none.
    NotNeeded,
    Unknown(String),
    Known(IndexComparison),
}

async fn compared(context: &Context, planned: &PlannedDatabase) -> Compared {
    let Some(wanted) = &planned.indexes else { return Compared::NotNeeded };
    let databases = &context.outside.databases;
    let found = tokio::select! {
        found = found_indexes(databases, &planned.name) => found,
        () = context.sleep(READ_WITHIN) => {
            return Compared::Unknown(format!("no answer within {}", spoken(READ_WITHIN)));
        }
    };
    match found {
        Ok(found) => Compared::Known(wanted.beside(&found)),
        Err(error) if is_emulator(context, planned, &error) => Compared::NotNeeded,
        Err(error) => Compared::Unknown(error.problem.sentence()),
    }
}

/// Google's emulator serves no Admin API, and answers every query without an index.
fn is_emulator(context: &Context, planned: &PlannedDatabase, error: &DatabaseError) -> bool {
    let database = context.outside.databases.get(&planned.name);
    error.refused == Refused::NotServed
        && database.is_ok_and(|database| database.emulator_host().is_some())
}

fn refuse(
    planned: &PlannedDatabase,
    missing: &[String],
    broken: &[String],
) -> Result<(), StepError> {
    let (name, project) = (&planned.name, &planned.project);
    let what = match (missing, broken) {
        ([], []) => return Ok(()),
        ([], broken) => format!("{name} cannot use {}", broken.join(", ")),
        (missing, _) => format!("{name} lacks {}", missing.join(", ")),
    };
    Err(StepError::lasting(
        Problem::new(what)
            .because("the release names them in its indexes file, and its queries would fail")
            .try_this(format!(
                "firebase deploy --only firestore:indexes --project {project}; or create them by a migration"
            )),
    ))
}
