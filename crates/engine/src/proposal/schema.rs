//! Databases in a plan: the migrations that a deploy applies before traffic moves, that a clean-up applies afterwards,
//! and that a rollback may undo; and changes to a database alone.

use std::collections::BTreeMap;

use super::backup::backups;
use super::builds::accepted;
use super::freeze::not_frozen;
use super::{Proposal, Refusal, none_in_doubt};
use crate::services::{READ_WITHIN, SchemaLook, Services};
use pointsman_config::Loaded;
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::guard::{Guards, Justification};
use pointsman_core::ids::ServiceName;
use pointsman_core::migration::{
    Direction, Migration, Phase, Pick, RowState, Schema, SchemaRange, Undo, Undone, WaysBack,
    baseline, down, rows, up, ways,
};
use pointsman_core::plan::PlannedDatabase;
use pointsman_core::planner::{self, EnvironmentSpec};
use pointsman_core::release::{ReleaseLabel, SchemaVersion};
use pointsman_core::step::{RepairAs, StepKind};

/// Reads the migration files of a database.
pub fn files(
    loaded: &Loaded,
    environment: &str,
    database: &str,
) -> Result<Vec<Migration>, Refusal> {
    loaded.migrations(environment, database).map_err(|f| Refusal::Written(Box::new(f)))
}

/// The migrations in the code of a release, and a warning about them, if there is one.
fn files_of(
    loaded: &Loaded,
    environment: &str,
    database: &str,
    release: &ReleaseLabel,
) -> Result<(Vec<Migration>, Option<String>), Refusal> {
    let found = loaded.migrations_of(environment, database, release);
    found.map_err(|f| Refusal::Written(Box::new(f)))
}

/// Reads a database before an action on it, and starts its emulator if necessary.
async fn looked(ports: &Services, planned: &PlannedDatabase) -> Result<SchemaLook, Refusal> {
    ports.database(planned, true).await.map_err(Refusal::Failed)?;
    ports.look_at(planned, READ_WITHIN).await.map_err(Refusal::Failed)
}

/// Adds the migrations that run before traffic moves to a deploy. Refuses a release that could not work with the
/// resulting version.
pub(super) async fn before_traffic(
    ports: &Services,
    loaded: &Loaded,
    spec: &mut EnvironmentSpec,
    start: bool,
    release: &ReleaseLabel,
) -> Result<Vec<String>, Refusal> {
    let environment = spec.environment.to_string();
    let pick = Pick::default();
    let mut warnings = Vec::new();
    for planned in &mut spec.databases {
        let (files, told) = files_of(loaded, &environment, &planned.name, release)?;
        warnings.extend(told);
        let indexes = loaded.indexes_of(&environment, &planned.name, release);
        planned.indexes = indexes.map_err(|f| Refusal::Written(Box::new(f)))?;
        let seen = if start {
            looked(ports, planned).await?
        } else {
            ports.look_at_rest(planned, READ_WITHIN).await.map_err(Refusal::Failed)?
        };
        planned.migrations = up(&files, &seen.schema, &pick)
            .map_err(|p| Refusal::Refused(for_environment(p, &environment, &planned.name)))?;
        let after = planned.migrations.last().map(|m| m.version.clone());
        let Some(after) = after.or(seen.schema.version()) else { continue };
        for member in &spec.members {
            if let Some(range) = member.accepts.get(&planned.name).filter(|r| !r.accepts(&after)) {
                return Err(Refusal::Refused(
                    Problem::coded(
                        Code::SCHEMA_BLOCKS,
                        format!("{} cannot work with {}", member.service(), planned.name),
                    )
                    .because(format!("its code accepts {range}, and the schema would be {after}"))
                    .try_this("add the missing migration, or fix `schema` of the service"),
                ));
            }
        }
    }
    Ok(warnings)
}

/// Names the environment and the database in a problem and in its suggested command.
fn for_environment(problem: Problem, environment: &str, database: &str) -> Problem {
    let todo = problem.todo.replace(" ENV", &format!(" {environment}"));
    Problem { what: format!("{database}: {}", problem.what), todo, ..problem }
}

/// Adds the next contract migrations to a clean-up, as far as the live builds can work with them. The rest is reported
/// as pending.
pub(super) async fn after_traffic(
    ports: &Services,
    loaded: &Loaded,
    spec: &mut EnvironmentSpec,
    live: &[(ServiceName, BTreeMap<String, SchemaRange>)],
    commit: Option<&ReleaseLabel>,
) -> Result<Vec<String>, Refusal> {
    let environment = spec.environment.to_string();
    let mut told = Vec::new();
    for planned in &mut spec.databases {
        let files = match commit {
            Some(commit) => files_of(loaded, &environment, &planned.name, commit)?.0,
            None => files(loaded, &environment, &planned.name)?,
        };
        let seen = looked(ports, planned).await?;
        let pick = Pick { contract: true, ..Pick::default() };
        let pending = up(&files, &seen.schema, &pick)
            .map_err(|p| Refusal::Refused(for_environment(p, &environment, &planned.name)))?;
        for migration in pending {
            if migration.phase != Phase::Contract {
                break;
            }
            let refuses = live.iter().find_map(|(service, accepts)| {
                let range = accepts.get(&planned.name)?;
                (!range.accepts(&migration.version)).then(|| format!("{service} accepts {range}"))
            });
            if let Some(why) = refuses {
                told.push(format!("{} is pending: {why}, and is live", migration.version));
                break;
            }
            told.push(format!(
                "{} is applied to {}: {}. Builds that need the removed data cannot be live again{}",
                migration.version,
                planned.name,
                migration.description,
                if migration.undo == Undo::No { ", and this cannot be undone" } else { "" }
            ));
            planned.migrations.push(migration);
        }
    }
    Ok(told)
}

/// The ways to roll back a database. Without `to`, they go down to the latest version that the target accepts.
pub(super) fn ways_back(
    database: &str,
    files: &[Migration],
    schema: &Schema,
    live: &[SchemaRange],
    target: &[SchemaRange],
    to: Option<&SchemaVersion>,
) -> Result<Option<WaysBack>, Problem> {
    let Some(now) = schema.version() else { return Ok(None) };
    let fits = |version: &SchemaVersion| target.iter().all(|range| range.accepts(version));
    let chosen = if let Some(to) = to {
        down(files, schema, to)?
    } else {
        let applied = schema.applied().rev().map(|r| r.version.clone());
        let to = applied.chain([SchemaVersion::ZERO]).find(|version| fits(version));
        // Migrations that cannot be undone appear as a closed way.
        to.filter(|to| *to != now)
            .map_or(Ok(Vec::new()), |to| down(files, schema, &to))
            .unwrap_or_default()
    };
    let undone = Undone::each(&chosen, schema);
    let ways = ways(live, target, &now, &undone);
    Ok(Some(WaysBack { database: database.to_owned(), now, undone, ways }))
}

/// One database of the environment: the named one, or the only one.
fn only(spec: &mut EnvironmentSpec, name: Option<&str>) -> Result<PlannedDatabase, Refusal> {
    let names: Vec<_> = spec.databases.iter().map(|d| d.name.clone()).collect();
    let environment = &spec.environment;
    let found = match name {
        Some(name) => spec.databases.iter().find(|d| d.name == name).cloned(),
        None if names.len() == 1 => spec.databases.first().cloned(),
        None => None,
    };
    let found = found.ok_or_else(|| {
        let problem = match name {
            _ if names.is_empty() => Problem::new(format!("{environment} has no database")),
            Some(name) => Problem::new(format!("{environment} has no database {name}"))
                .try_this(format!("name one of {}", names.join(", "))),
            None => Problem::new(format!("{environment} has several databases"))
                .try_this(format!("name one: --database {}", names.join(" or "))),
        };
        Refusal::Usage(problem)
    })?;
    spec.databases.retain(|d| d.name == found.name);
    Ok(found)
}

/// A requested change to a database alone.
#[derive(Debug, Clone)]
pub enum MigrationRequest {
    /// Apply pending migrations up to a version; `true` allows them out of order.
    Up(Option<SchemaVersion>, bool),
    /// Undo migrations down to a version.
    Down(SchemaVersion),
    /// Record that the database is at a version.
    Baseline(SchemaVersion),
    /// Record the state of a half-done migration.
    Repair(Option<SchemaVersion>, RepairAs),
}

/// Proposes a change to a database. `None` if there is nothing to do.
pub async fn migrate(
    ports: &Services,
    loaded: &Loaded,
    environment: &str,
    database: Option<&str>,
    wish: &MigrationRequest,
    why: &Justification,
) -> Result<Option<Proposal>, Refusal> {
    let mut spec = loaded.spec(environment).map_err(Refusal::Usage)?;
    none_in_doubt(ports, &spec.environment)?;
    let planned = only(&mut spec, database)?;
    let files = files(loaded, environment, &planned.name)?;
    let schema = looked(ports, &planned).await?.schema;
    let name = planned.name.clone();
    let refused = |p: Problem| Refusal::Refused(for_environment(p, environment, &name));
    let holding = |mut spec: EnvironmentSpec, migrations: Vec<Migration>| {
        for database in &mut spec.databases {
            database.migrations.clone_from(&migrations);
        }
        spec
    };
    let needs_reason = |what: &str| match why.reason {
        Some(_) => Ok(()),
        None => Err(Refusal::Refused(
            Problem::coded(
                Code::REASON_NEEDED,
                format!("{what} changes the recorded version of the database"),
            )
            .try_this("add --reason TEXT"),
        )),
    };
    let serving = serving(ports, &spec).await;
    let fits = |version: &SchemaVersion| match serving.iter().find(|(_, r)| !r.accepts(version)) {
        None => Ok(()),
        Some((who, range)) => Err(Refusal::Refused(
            Problem::new(format!("{name} cannot go to {version}: {who} is live"))
                .because(format!("its code accepts {range}"))
                .try_this("switch traffic to a build that accepts that version first"),
        )),
    };
    let mut guards = Guards::default();
    // Baselines and repairs only record a state, so a freeze does not block them.
    if matches!(wish, MigrationRequest::Up(..) | MigrationRequest::Down(_)) {
        let environment = spec.environment.clone();
        // A freeze of single services does not concern the database.
        not_frozen(ports, &environment, (&mut spec.freeze, &[]), why, &mut guards);
    }
    let (plan, what) = match wish {
        MigrationRequest::Up(to, out_of_order) => {
            let pick = Pick { to: to.as_ref(), out_of_order: *out_of_order, contract: false };
            let chosen = up(&files, &schema, &pick).map_err(refused)?;
            if chosen.is_empty() {
                return Ok(None);
            }
            chosen.iter().try_for_each(|m| fits(&m.version))?;
            let what = what(environment, &planned, &chosen, Direction::Up);
            (planner::migrate(holding(spec, chosen), Direction::Up), what)
        }
        MigrationRequest::Down(to) => {
            let chosen = down(&files, &schema, to).map_err(refused)?;
            Undone::each(&chosen, &schema).iter().try_for_each(|undone| fits(&undone.leaves))?;
            let what = what(environment, &planned, &chosen, Direction::Down);
            (planner::migrate(holding(spec, chosen), Direction::Down), what)
        }
        MigrationRequest::Baseline(to) => {
            needs_reason("a baseline")?;
            let done = baseline(&files, &schema, to).map_err(refused)?;
            let what = format!(
                "Say that {name} of {environment} is at {to}, and that {} migrations were done before. No \
                 document of yours is touched.",
                done.len()
            );
            let kind = StepKind::Baseline { database: name.clone(), to: to.clone() };
            let title = format!("Record that {name} is at {to}");
            (planner::on_record(holding(spec, done), kind, title), what)
        }
        MigrationRequest::Repair(version, as_is) => {
            needs_reason("a repair")?;
            let (file, evidence) = to_repair(&files, &schema, version.as_ref()).map_err(refused)?;
            let version = file.version.clone();
            let what = format!(
                "{evidence}\nRecord that {version} on {name} of {environment} is {} applied.",
                as_is.label()
            );
            let kind = StepKind::Repair {
                database: name.clone(),
                version: version.clone(),
                as_is: *as_is,
            };
            let title = format!("Record that {version} is {} applied", as_is.label());
            (planner::on_record(holding(spec, vec![file]), kind, title), what)
        }
    };
    let plan = plan.map_err(Refusal::Usage)?;
    // A record of what was done elsewhere changes no document of the team.
    let writes = matches!(wish, MigrationRequest::Up(..) | MigrationRequest::Down(_));
    let backups = if writes { backups(ports, &plan.databases).await? } else { Vec::new() };
    let what = backups.iter().fold(what, |what, line| format!("{what}\n{line}"));
    Proposal::passing(ports, plan, what, guards, why).map(Some)
}

/// The live builds with the versions that they accept. The run itself checks again whatever cannot be read here.
async fn serving(ports: &Services, spec: &EnvironmentSpec) -> Vec<(ServiceName, SchemaRange)> {
    let Some(database) = spec.databases.first() else { return Vec::new() };
    let Ok(Some(hosting)) = ports.hosting(&spec.endpoint, false).await else { return Vec::new() };
    let live = ports.live(hosting.as_ref(), &spec.members).await.unwrap_or_default();
    let builds = live.into_iter().filter_map(|(s, build)| Some((s, build?))).collect();
    let accepted = accepted(hosting.as_ref(), &spec.members, &builds).await;
    let of = |(s, ranges): (ServiceName, BTreeMap<String, SchemaRange>)| {
        Some((s, ranges.get(&database.name)?.clone()))
    };
    accepted.into_iter().filter_map(of).collect()
}

fn what(
    environment: &str,
    planned: &PlannedDatabase,
    chosen: &[Migration],
    direction: Direction,
) -> String {
    let verb = if direction == Direction::Up { "Apply" } else { "Undo" };
    let lines = chosen.iter().map(|m| {
        let warns = match (direction, m.undo, m.phase) {
            (Direction::Down, Undo::DataLoss, _) => "  (what was written since is lost)",
            (Direction::Up, Undo::No, _) => "  (cannot be undone)",
            (Direction::Up, _, Phase::Contract) => "  (old code stops working)",
            _ => "",
        };
        format!("\n  {} {:<8} {}{warns}", m.version, m.phase.label(), m.description)
    });
    format!(
        "{verb} on {} of {environment} ({}/{}):{}",
        planned.name,
        planned.project,
        planned.database,
        lines.collect::<String>()
    )
}

/// The migration to repair, and the evidence about its state.
fn to_repair(
    files: &[Migration],
    schema: &Schema,
    version: Option<&SchemaVersion>,
) -> Result<(Migration, String), Problem> {
    let rows = rows(files, schema);
    let mends = |state: &RowState| matches!(state, RowState::Dirty | RowState::Edited(_));
    let row = rows.iter().find(|r| mends(&r.state) && version.is_none_or(|v| *v == r.version));
    let row = row.ok_or_else(|| Problem::new("there is nothing to repair"))?;
    let file = row.file.clone().ok_or_else(|| {
        Problem::new(format!("the file of {} is gone", row.version)).try_this("restore it first")
    })?;
    let evidence = row.record.as_ref().map_or_else(String::new, |record| {
        let half = &record.half;
        let mut text = format!(
            "{} is {}: direction {}, {} of its {} operations are certainly done, {} of {} documents",
            row.version,
            row.state.label(),
            half.direction.label(),
            half.operation,
            file.operations(half.direction).len(),
            half.processed,
            half.total
        );
        if half.program {
            text.push_str("; its program was started, and its result is unknown");
        }
        if let Some(error) = &record.error {
            text = format!("{text}\n  error: {error}");
        }
        text
    });
    Ok((file, evidence))
}
