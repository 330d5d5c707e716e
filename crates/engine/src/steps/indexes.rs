//! The indexes that the code of GREEN needs: compared before it is built, waited for before GREEN's health is checked, and
//! compared once more before traffic moves. A rollback never waits: BLUE worked with what is there.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::context::{Context, StepError};
use crate::database::found_indexes;
use pointsman_core::error::Problem;
use pointsman_core::index::IndexComparison;
use pointsman_core::plan::PlannedDatabase;
use pointsman_core::ports::database::{DatabaseError, Refused};
use pointsman_core::retry::Backoff;
use pointsman_core::step::Failure;
use pointsman_core::time::spoken;

/// Interval of readings while an index is created.
const STATE_EVERY: Backoff =
    Backoff { first: Duration::from_millis(500), most: Duration::from_secs(10) };
/// Time limit of the wait. Indexes of large collections take hours.
pub(super) const WAIT_WITHIN: Duration = Duration::from_hours(12);
/// Time limit of a reading.
const READ_WITHIN: Duration = Duration::from_secs(20);
/// Maximum readings in a row without an answer.
const SILENT_READINGS: u32 = 30;

/// What is said of a database's indexes before anything is built. Refuses a release that lacks an index which nothing in
/// the plan creates.
pub(super) async fn look(
    context: &Context,
    planned: &PlannedDatabase,
) -> Result<Option<String>, StepError> {
    match compared(context, planned).await {
        Compared::NotNeeded => Ok(None),
        Compared::Hidden(why) | Compared::Silent(why) => {
            Ok(Some(format!("indexes not checked: {why}")))
        }
        Compared::Known(compared) => {
            let compared = compared.before(&planned.migrations);
            refuse(planned, &compared.missing, &compared.broken)?;
            Ok(Some(compared.sentence()))
        }
    }
}

/// Waits until every index that GREEN needs can be used.
pub(super) async fn ready(context: &Context) -> Result<(), StepError> {
    for planned in &context.plan().databases {
        wait(context, planned).await?;
    }
    Ok(())
}

async fn wait(context: &Context, planned: &PlannedDatabase) -> Result<(), StepError> {
    let began = context.outside.clock.elapsed();
    let (mut under_way, mut silent) = (None::<String>, 0);
    for reading in 1.. {
        if context.stopping.load(Ordering::Relaxed) {
            let what = "an operator stopped the wait for an index";
            let problem = Problem::new(what).try_this("Firestore continues to create it");
            return Err(StepError { problem, class: Failure::Cancelled });
        }
        match (compared(context, planned).await, &under_way) {
            (Compared::NotNeeded, _) => return Ok(()),
            // Said in the first step: what cannot be seen cannot be waited for.
            (Compared::Hidden(why), _) => {
                context.say(&format!("{}: indexes not checked: {why}", planned.name));
                return Ok(());
            }
            (Compared::Silent(why), said) => {
                silent += 1;
                if silent > SILENT_READINGS {
                    let unknown =
                        || format!("{}: the state of its indexes is unknown", planned.name);
                    let problem = Problem::new(said.clone().unwrap_or_else(unknown)).because(why);
                    return Err(StepError::inconclusive(problem.try_this("retry the step")));
                }
            }
            (Compared::Known(compared), _) => {
                silent = 0;
                refuse(planned, &compared.missing, &compared.broken)?;
                if compared.creating.is_empty() {
                    return Ok(());
                }
                let said = creating(planned, &compared);
                if under_way.replace(said.clone()).is_none() {
                    context.say(&format!("waiting: {said}"));
                }
            }
        }
        let waited = context.outside.clock.elapsed().saturating_sub(began);
        let said = under_way.clone().unwrap_or_default();
        if waited > WAIT_WITHIN {
            return Err(StepError::lasting(not_ready(&said)));
        }
        let waited = spoken(Duration::from_secs(waited.as_secs()));
        context.progress(None, format!("waiting for {waited}: {said}"));
        context.sleep(STATE_EVERY.after(reading)).await;
    }
    Ok(())
}

/// Refuses traffic for GREEN while an index that it needs cannot be used. Waits for nothing: what was read about traffic
/// and about GREEN's health must not get old.
pub(super) async fn still_ready(context: &Context) -> Result<(), StepError> {
    // Once traffic has moved, stopping halfway would be worse.
    if context.view.touched_traffic() {
        return Ok(());
    }
    for planned in &context.plan().databases {
        let compared = match compared(context, planned).await {
            Compared::Known(compared) => compared,
            Compared::NotNeeded | Compared::Hidden(_) => continue,
            Compared::Silent(why) => {
                let what = format!("{}: the state of its indexes is unknown", planned.name);
                let problem = Problem::new(what).because(why).try_this("retry the step");
                return Err(StepError { problem, class: Failure::Passing });
            }
        };
        refuse(planned, &compared.missing, &compared.broken)?;
        if !compared.creating.is_empty() {
            let said = creating(planned, &compared);
            return Err(StepError::lasting(not_ready(&said)));
        }
    }
    Ok(())
}

fn creating(planned: &PlannedDatabase, compared: &IndexComparison) -> String {
    format!("{}: {} CREATING", planned.name, compared.creating.join(", "))
}

fn not_ready(said: &str) -> Problem {
    let todo = "gcloud firestore operations list shows its progress; retry when it is READY";
    Problem::new(format!("{said}: queries of the release would fail")).try_this(todo)
}

enum Compared {
    /// The plan names no indexes for the database, or its emulator has none.
    NotNeeded,
    /// It cannot be seen by this account, or at this server.
    Hidden(String),
    /// No answer now.
    Silent(String),
    Known(IndexComparison),
}

async fn compared(context: &Context, planned: &PlannedDatabase) -> Compared {
    let Some(wanted) = &planned.indexes else { return Compared::NotNeeded };
    let databases = &context.outside.databases;
    let reading = found_indexes(databases, &planned.name);
    let Some(found) = context.within(READ_WITHIN, reading).await else {
        return Compared::Silent(format!("no answer within {}", spoken(READ_WITHIN)));
    };
    match found {
        Ok(found) => Compared::Known(wanted.beside(&found)),
        Err(error) if is_emulator(context, planned, &error) => Compared::NotNeeded,
        Err(error) if matches!(error.refused, Refused::Lost | Refused::Contended) => {
            Compared::Silent(error.problem.sentence())
        }
        Err(error) => Compared::Hidden(error.problem.sentence()),
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
                "firebase deploy --only firestore:indexes --project {project}, or create them by a migration; delete a \
                 broken one first"
            )),
    ))
}
