//! Reads the databases of an environment. Never starts anything.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::Refusal;
use super::builds::accepted;
use super::database_evidence::{DatabaseEvidence, database_evidence};
use super::schema::{files, ways_back};
use crate::services::{READ_WITHIN, SchemaLook, Services};
use pointsman_config::Loaded;
use pointsman_core::migration::{
    Migration, Row, RowState, SchemaRange, SchemaWay, WaysBack, obstacles, rows,
};
use pointsman_core::plan::PlannedDatabase;
use pointsman_core::planner::EnvironmentSpec;
use pointsman_core::readiness::default_target;
use pointsman_core::snapshot::DatabaseSnapshot;
use pointsman_core::view::RunView;

type Accepted = Vec<(pointsman_core::ids::ServiceName, BTreeMap<String, SchemaRange>)>;

/// Reads every database. `runs` are the environment's latest runs, newest first.
pub async fn databases(
    ports: &Services,
    loaded: &Loaded,
    spec: &EnvironmentSpec,
    runs: &[RunView],
) -> Result<Vec<DatabaseSnapshot>, Refusal> {
    if spec.databases.is_empty() {
        return Ok(Vec::new());
    }
    let (now, then) = serving(ports, spec, runs).await.unwrap_or_default();
    let (now, then) = (&now, then.as_ref());
    // Side by side: one that does not answer delays no other.
    let seen = spec.databases.iter().map(|planned| async move {
        let files = files(loaded, spec.environment.as_str(), &planned.name)?;
        let look = ports.look_at(planned, READ_WITHIN).await;
        let one = one(planned, &files, look, now, then);
        Ok(with_evidence(ports, loaded, planned, one).await)
    });
    join_all(seen).await.into_iter().collect()
}

/// Adds what the administration of a database says. One that does not answer is not asked more.
async fn with_evidence(
    ports: &Services,
    loaded: &Loaded,
    planned: &PlannedDatabase,
    seen: DatabaseSnapshot,
) -> DatabaseSnapshot {
    if seen.unseen.is_some() {
        return seen;
    }
    let pending: Vec<_> = seen.pending().filter_map(|row| row.file.as_ref()).collect();
    let evidence = database_evidence(ports, loaded, planned, &pending).await;
    let DatabaseEvidence { indexes, rules } = evidence;
    DatabaseSnapshot { indexes, rules, ..seen }
}

/// Reads one database, without the live builds.
pub async fn database(
    ports: &Services,
    loaded: &Loaded,
    planned: &PlannedDatabase,
    files: &[Migration],
) -> DatabaseSnapshot {
    let look = ports.look_at(planned, READ_WITHIN).await;
    let seen = one(planned, files, look, &Vec::new(), None);
    with_evidence(ports, loaded, planned, seen).await
}

/// The ranges that live builds and rollback targets accept.
async fn serving(
    ports: &Services,
    spec: &EnvironmentSpec,
    runs: &[RunView],
) -> Option<(Accepted, Option<Accepted>)> {
    let hosting = ports.hosting(&spec.endpoint, false).await.ok().flatten()?;
    let live = ports.live(hosting.as_ref(), &spec.members).await.ok()?;
    let builds = live.iter().filter_map(|(s, build)| Some((s.clone(), build.clone()?))).collect();
    let now = accepted(hosting.as_ref(), &spec.members, &builds).await;
    let then = match default_target(runs, &live) {
        Ok(choice) => Some(accepted(hosting.as_ref(), &spec.members, &choice.builds).await),
        Err(_) => None,
    };
    Some((now, then))
}

fn one(
    planned: &PlannedDatabase,
    files: &[Migration],
    look: Result<SchemaLook, pointsman_core::error::Problem>,
    now: &Accepted,
    then: Option<&Accepted>,
) -> DatabaseSnapshot {
    let ranges = |of: &Accepted| -> Vec<(String, SchemaRange)> {
        let range = |accepts: &BTreeMap<String, SchemaRange>| accepts.get(&planned.name).cloned();
        of.iter().filter_map(|(s, accepts)| Some((s.to_string(), range(accepts)?))).collect()
    };
    let mut seen = DatabaseSnapshot {
        name: planned.name.clone(),
        place: format!("{}/{}", planned.project, planned.database),
        rows: Vec::new(),
        version: None,
        dirty: None,
        lock: None,
        obstacles: Vec::new(),
        accepted: Vec::new(),
        rollback: String::new(),
        indexes: None,
        rules: None,
        unseen: None,
    };
    let look = match look {
        Ok(look) => look,
        Err(problem) => {
            let file = |m: &Migration| Row {
                version: m.version.clone(),
                state: RowState::Unknown,
                file: Some(m.clone()),
                record: None,
            };
            seen.rows = files.iter().map(file).collect();
            seen.unseen = Some(problem);
            return seen;
        }
    };
    seen.rows = rows(files, &look.schema);
    seen.version = look.schema.version();
    seen.dirty = look.schema.dirty().map(|r| r.version.clone());
    seen.lock = look.lock;
    seen.obstacles = obstacles(&seen.rows, &look.schema);
    if let Some(version) = &seen.version {
        let fits = |(who, range): (String, SchemaRange)| {
            let fits = range.accepts(version);
            (who, range, fits)
        };
        seen.accepted = ranges(now).into_iter().map(fits).collect();
    }
    let only = |of: &Accepted| ranges(of).into_iter().map(|(_, range)| range).collect::<Vec<_>>();
    seen.rollback = match then {
        None => "there is nothing to roll back to".to_owned(),
        Some(then) => {
            let back = ways_back(&planned.name, files, &look.schema, &only(now), &only(then), None);
            back.ok().flatten().map_or_else(|| "unknown".to_owned(), |back| sentence(&back))
        }
    };
    seen
}

fn sentence(back: &WaysBack) -> String {
    let Err(why) = back.open(SchemaWay::Keep) else {
        return format!("no migration has to be undone: the target works with {}", back.now);
    };
    match (back.undo(), back.undone.last()) {
        (Some(way), Some(last)) => format!(
            "{why}; down to {} {} the switch would make it possible",
            last.leaves,
            way.label()
        ),
        _ => format!("{why}, and there is no safe way down: deploy a fix"),
    }
}
