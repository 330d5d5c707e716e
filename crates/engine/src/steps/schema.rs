//! Handles the databases of a run: locks and reads them first, reads them again before traffic moves, and changes them
//! only in ways that the live build can work with (N4).

use std::collections::BTreeMap;
use std::time::Duration;

use super::together::all_of;
use super::{indexes, restore};
use crate::context::{Context, Done, StepError, StepResult};
use crate::database::{Asked, NotMigrated, Repaired, baseline, migrate, repair, schema};
use crate::side_by_side::side_by_side;
use pointsman_core::error::Problem;
use pointsman_core::event::Event;
use pointsman_core::guard::Guard;
use pointsman_core::ids::BuildId;
use pointsman_core::migration::{
    Direction, Migration, Schema, SchemaRange, baseline as done_before, outside,
};
use pointsman_core::plan::{Member, PlannedDatabase, RunKind};
use pointsman_core::ports::hosting::HostingReason;
use pointsman_core::release::SchemaVersion;
use pointsman_core::step::{Failure, PlannedStep, RepairAs, StepKind};
use pointsman_core::time::spoken;

/// Whether the run rolls back: an unavailable or half-migrated database does not stop it.
pub(super) fn gives_back(context: &Context) -> bool {
    context.view.undoing() || context.plan().kind == RunKind::Rollback
}

/// Time limit for each database request during a rollback.
const QUICK_READ_WITHIN: Duration = Duration::from_secs(3);

/// Waits for a database. During a rollback the wait is limited, because no database may block a rollback.
async fn waited<T>(
    context: &Context,
    patience: Duration,
    work: impl Future<Output = Result<T, StepError>>,
) -> Result<T, StepError> {
    if !gives_back(context) {
        return work.await;
    }
    context.within(patience, work).await.unwrap_or_else(|| {
        let problem = Problem::new("the database does not answer");
        let why = format!("no answer within {}", spoken(patience));
        Err(StepError { problem: problem.because(why), class: Failure::Passing })
    })
}

/// Takes the lock of each database and reads its schema.
pub(super) async fn look(context: &Context) -> Result<Vec<String>, StepError> {
    let mut said = Vec::new();
    for planned in &context.plan().databases {
        let name = &planned.name;
        context.progress(None, format!("{name}: taking its lock"));
        match waited(context, QUICK_READ_WITHIN, one(context, planned)).await {
            Ok(seen) => said.push(format!("{name}: {seen}")),
            // A rollback tries to take the lock, but a database that does not answer must not block it.
            Err(error) if gives_back(context) && error.class != Failure::Lasting => {
                said.push(format!("{name}: unknown ({})", error.problem.what));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(said)
}

async fn one(context: &Context, planned: &PlannedDatabase) -> Result<String, StepError> {
    let name = planned.name.clone();
    let databases = &context.outside.databases;
    let lock = databases.locked(&name).await.map_err(|error| {
        let passing = matches!(&error, crate::database::NotLocked::Failed(_));
        let class = if passing { Failure::Passing } else { Failure::Lasting };
        StepError { problem: error.problem(&name), class }
    })?;
    context.record(Event::DatabaseLocked { database: name.clone(), fence: lock.fence() }).await;
    let seen = read(context, planned).await?;
    let version = seen.version();
    let dirty = seen.dirty().map(|r| r.version.clone());
    let (database, half) = (name.clone(), dirty.clone());
    let told = version.as_ref().map_or("unknown".to_owned(), ToString::to_string);
    context.record(Event::SchemaSeen { database, version, dirty }).await;
    let ours = |v: &SchemaVersion| planned.migration(v).is_some();
    let repairs = context.plan().kind == RunKind::Migrate;
    if let Some(half) = half.filter(|v| !ours(v) && !repairs && !gives_back(context)) {
        return Err(StepError::lasting(half_done(&name, &half, context)));
    }
    let restore = if planned.migrations.is_empty() || gives_back(context) {
        None
    } else {
        let migrates = |step: &PlannedStep| matches!(&step.kind, StepKind::Migrate { database, .. } if *database == name);
        // A record of what was done elsewhere writes no document, and a half-done migration must not stay so.
        let writes = context.plan().steps.iter().any(migrates) && seen.dirty().is_none();
        restore::ready(context, planned, planned.backup.filter(|_| writes)).await?.said
    };
    let indexes = if gives_back(context) { None } else { indexes::look(context, planned).await? };
    let told = std::iter::once(format!("schema {told}")).chain(restore).chain(indexes);
    Ok(told.collect::<Vec<_>>().join(", "))
}

fn half_done(database: &str, version: &SchemaVersion, context: &Context) -> Problem {
    let environment = &context.plan().environment;
    Problem::new(format!("{version} is half done on {database}"))
        .because("traffic never moves while the compatible schema range is unknown")
        .try_this(format!(
            "pointsman migrate up {environment} continues it; pointsman migrate status {environment} shows more"
        ))
}

async fn read(context: &Context, planned: &PlannedDatabase) -> Result<Schema, StepError> {
    let database = context.outside.databases.get(&planned.name).map_err(StepError::lasting)?;
    schema(database.as_ref())
        .await
        .map_err(|error| StepError { problem: error.problem, class: Failure::Passing })
}

/// Checks that a build accepts the current version of every database before it gets traffic.
pub(super) async fn may_serve(
    context: &Context,
    member: &Member,
    build: &BuildId,
) -> Result<(), StepError> {
    let mut at = BTreeMap::new();
    let careless = gives_back(context);
    let overridden = context.plan().overrides.contains_key(&Guard::Schema);
    let overridden = context.view.undoing() || overridden;
    for planned in &context.plan().databases {
        // Wait less for a database that has not answered in this run.
        let answered = context.view.databases.contains_key(&planned.name);
        let patience = if answered { QUICK_READ_WITHIN } else { QUICK_READ_WITHIN / 3 };
        let seen = match waited(context, patience, read(context, planned)).await {
            Ok(seen) => seen,
            Err(_) if careless => continue,
            Err(error) => return Err(error),
        };
        if let Some(dirty) = seen.dirty().filter(|_| !(careless && overridden)) {
            let problem = half_done(&planned.name, &dirty.version, context);
            return Err(StepError::lasting(if careless {
                problem.try_this("fix it, or roll back with --override schema --reason TEXT")
            } else {
                problem
            }));
        }
        if let Some(version) = seen.version() {
            at.insert(planned.name.clone(), version);
        }
    }
    if at.is_empty() {
        return Ok(());
    }
    let accepts = context.outside.hosting.build(&member.target, build).await?;
    let accepts = accepts.map(|b| b.accepts).unwrap_or_default();
    match outside(&accepts, &at) {
        None => Ok(()),
        Some(why) => Err(StepError::lasting(
            Problem::new(format!("{build} of {} cannot work with the database", member.service()))
                .because(why.to_string())
                .try_this("go forward to a release that can, or bring the database to a version it accepts"),
        )),
    }
}

/// The live builds, with the versions that they accept.
async fn serving(
    context: &Context,
) -> Result<Vec<(String, BTreeMap<String, SchemaRange>)>, StepError> {
    let members = context.plan().members.iter();
    let reads = members.map(|member| serving_of(context, member));
    Ok(all_of(side_by_side(reads).await)?.concat())
}

async fn serving_of(
    context: &Context,
    member: &Member,
) -> Result<Vec<(String, BTreeMap<String, SchemaRange>)>, StepError> {
    let hosting = &context.outside.hosting;
    let traffic = match hosting.traffic(&member.target).await {
        Ok(traffic) => traffic,
        // A backend that does not exist yet has no live build.
        Err(error) if error.reason == HostingReason::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut serving = Vec::new();
    for split in &traffic.splits {
        let build = hosting.build(&member.target, &split.build).await?;
        let name = format!("{} of {}", split.build, member.service());
        serving.push((name, build.map(|b| b.accepts).unwrap_or_default()));
    }
    Ok(serving)
}

/// Refuses a version that a live build does not accept.
async fn fits_traffic(
    context: &Context,
    database: &str,
    version: &SchemaVersion,
) -> Result<(), StepError> {
    let at = BTreeMap::from([(database.to_owned(), version.clone())]);
    for (who, accepts) in serving(context).await? {
        if let Some(misfit) = outside(&accepts, &at) {
            return Err(StepError::lasting(
                Problem::new(format!("{database} cannot go to {version}: {who} is live"))
                    .because(format!("it accepts {} {}", misfit.database, misfit.range))
                    .try_this("switch traffic to a build that accepts that version first"),
            ));
        }
    }
    Ok(())
}

type Planned<'a> = (&'a PlannedDatabase, &'a Migration);

fn planned<'a>(
    context: &'a Context,
    database: &str,
    version: &SchemaVersion,
) -> Result<Planned<'a>, StepError> {
    let missing = |what: String| StepError::lasting(Problem::new(what));
    let planned = context.plan().database(database);
    let planned = planned.ok_or_else(|| missing(format!("the plan has no database {database}")))?;
    let migration = planned.migration(version);
    let migration =
        migration.ok_or_else(|| missing(format!("the plan does not hold {version}")))?;
    Ok((planned, migration))
}

pub(super) async fn perform(
    context: &Context,
    database: &str,
    version: &SchemaVersion,
    direction: Direction,
) -> StepResult {
    let (planned, migration) = planned(context, database, version)?;
    let before = read(context, planned).await?;
    let after = match direction {
        Direction::Up => version.clone(),
        Direction::Down => before.below(version),
    };
    fits_traffic(context, database, &after).await?;
    let databases = &context.outside.databases;
    let lock = databases.locked(database).await;
    let lock = lock.map_err(|error| StepError::lasting(error.problem(database)))?;
    // Neither a rollback nor what is half done may be held up: stopping there would be worse than going on.
    let required = planned.backup.filter(|_| !gives_back(context) && before.dirty().is_none());
    let restore = restore::ready(context, planned, required).await?;
    let asked = Event::MigrationRequested {
        database: database.to_owned(),
        version: version.clone(),
        direction,
    };
    context.record(asked).await;
    context.to_act().await;
    let environment = [
        ("POINTSMAN_DATABASE", database.to_owned()),
        ("POINTSMAN_DIRECTION", direction.label().to_owned()),
        ("POINTSMAN_ENVIRONMENT", context.plan().environment.to_string()),
        ("POINTSMAN_PROJECT", planned.project.to_string()),
        ("POINTSMAN_VERSION", version.to_string()),
        ("GOOGLE_CLOUD_PROJECT", planned.project.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value));
    let one = databases.get(database).map_err(StepError::lasting)?;
    // Without this, Google's libraries would connect to the real database (dM9).
    let host = one.emulator_host().map(|host| ("FIRESTORE_EMULATOR_HOST".to_owned(), host));
    let environment: Vec<_> = environment.into_iter().chain(host).collect();
    let ended = migrate(&Asked {
        database: one.as_ref(),
        lock: &lock,
        clock: context.outside.clock.as_ref(),
        programs: databases.programs(),
        restore_point: restore.point,
        folder: &planned.folder,
        environment: &environment,
        migration,
        direction,
        by: &context.view.actor,
        batch: planned.batch,
        per_second: planned.per_second,
        progress: &|text| context.progress(None, format!("{database}: {text}")),
        heard: &|line| context.say(line),
        stopping: &|| context.stopping.load(std::sync::atomic::Ordering::Relaxed),
    })
    .await
    .map_err(|error| not_migrated(&error))?;
    let now = read(context, planned).await?;
    read_back(&now, version, direction)?;
    let head = now.version().unwrap_or(after);
    context
        .record(Event::MigrationEnded {
            database: database.to_owned(),
            version: version.clone(),
            direction,
            documents: ended.documents,
            head: head.clone(),
        })
        .await;
    let way = direction.label();
    let summary = if ended.already {
        format!("{database}: {version} was {way} already; schema {head}")
    } else {
        format!("{database}: {version} {way}, {} documents; schema {head}", ended.documents)
    };
    Ok(match ended.came_meanwhile {
        0 => Done::ok(summary),
        n => Done::warning(format!(
            "{summary}; {n} documents came while it ran: those it had passed are as their writer made them"
        )),
    })
}

/// Checks the result by the state read back from the database, not by the expected one.
fn read_back(now: &Schema, version: &SchemaVersion, direction: Direction) -> Result<(), StepError> {
    let applied = now.applied().any(|r| &r.version == version);
    if applied == (direction == Direction::Up) {
        return Ok(());
    }
    Err(StepError::inconclusive(Problem::new(format!(
        "{version} was done, and the database does not say so"
    ))))
}

fn not_migrated(error: &NotMigrated) -> StepError {
    let problem = error.problem().clone();
    let class = match error {
        NotMigrated::Stopped(_) => Failure::Cancelled,
        NotMigrated::Unreachable(_) => Failure::Passing,
        NotMigrated::LockLost(_) | NotMigrated::Failed(_) => Failure::Lasting,
    };
    StepError { problem, class }
}

pub(super) async fn set_baseline(
    context: &Context,
    database: &str,
    to: &SchemaVersion,
) -> StepResult {
    let planned = context.plan().database(database);
    let planned = planned.ok_or_else(|| StepError::lasting(Problem::new("no such database")))?;
    let before = read(context, planned).await?;
    let done = done_before(&planned.migrations, &before, to).map_err(StepError::lasting)?;
    fits_traffic(context, database, to).await?;
    let lock = context.outside.databases.locked(database).await;
    let lock = lock.map_err(|error| StepError::lasting(error.problem(database)))?;
    context.to_act().await;
    let (by, note) = (&context.view.actor, context.plan().reason.clone().unwrap_or_default());
    baseline(&lock, &before, &done, to, by, &note)
        .await
        .map_err(|error| StepError::lasting(error.problem()))?;
    told(context, planned).await
}

pub(super) async fn mend(
    context: &Context,
    database: &str,
    version: &SchemaVersion,
    as_is: RepairAs,
) -> StepResult {
    let (planned, file) = planned(context, database, version)?;
    let before = read(context, planned).await?;
    let lock = context.outside.databases.locked(database).await;
    let lock = lock.map_err(|error| StepError::lasting(error.problem(database)))?;
    context.to_act().await;
    let as_is = match as_is {
        RepairAs::Not => Repaired::Not,
        RepairAs::Half => Repaired::Half,
        RepairAs::Fully => Repaired::Fully,
    };
    let (by, note) = (&context.view.actor, context.plan().reason.clone().unwrap_or_default());
    repair(&lock, &before, file, as_is, by, &note).await.map_err(StepError::lasting)?;
    told(context, planned).await
}

/// Records the current state of the database, and returns it as the summary of the step.
async fn told(context: &Context, planned: &PlannedDatabase) -> StepResult {
    let now = read(context, planned).await?;
    let (version, dirty) = (now.version(), now.dirty().map(|r| r.version.clone()));
    let told = version.as_ref().map_or("unknown".to_owned(), ToString::to_string);
    let half = dirty.as_ref().map(|v| format!(", {v} half done")).unwrap_or_default();
    let database = planned.name.clone();
    context.record(Event::SchemaSeen { database, version, dirty }).await;
    Ok(Done::ok(format!("{}: schema {told}{half}", planned.name)))
}
