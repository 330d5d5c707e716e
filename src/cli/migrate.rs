//! `migrate`: the databases of an environment.

use serde_json::{Value, json};

use super::Session;
use super::args::{Confirmation, MigrateArguments, MigrateVerb};
use super::confirm::confirm;
use super::drive::drive;
use super::exit::{FAILED, Failed, Finished, OK, USAGE};
use super::print;
use crate::app::DatabaseSeen;
use crate::config::Loaded;
use crate::domain::error::Problem;
use crate::domain::migration::{Direction, Migration, Row, RowState, obstacles, rows};
use crate::domain::plan::PlannedDatabase;
use crate::propose::{self, Wish};

pub(super) async fn migrate(session: &Session, arguments: &MigrateArguments) -> Finished {
    let (at, wish, dry_run, confirmation) = match &arguments.verb {
        MigrateVerb::Status(at) => {
            return status(session, &at.environment, at.database.as_deref()).await;
        }
        MigrateVerb::Up { at, to, dry_run, out_of_order, confirmation } => {
            (at, Wish::Up(to.clone(), *out_of_order), *dry_run, confirmation)
        }
        MigrateVerb::Down { at, to, dry_run, confirmation } => {
            (at, Wish::Down(to.clone()), *dry_run, confirmation)
        }
        MigrateVerb::Baseline { at, to, confirmation } => {
            (at, Wish::Baseline(to.clone()), false, confirmation)
        }
        MigrateVerb::Repair { at, as_is: None, .. } => {
            return status(session, &at.environment, at.database.as_deref()).await;
        }
        MigrateVerb::Repair { at, version, as_is: Some(as_is), confirmation } => {
            (at, Wish::Repair(version.clone(), (*as_is).into()), false, confirmation)
        }
    };
    let loaded = session.config()?;
    let (environment, database) = (&at.environment, at.database.as_deref());
    let reason = confirmation.reason.as_ref();
    let proposal =
        propose::migrate(&session.app, &loaded, environment, database, &wish, reason).await?;
    let Some(proposal) = proposal else {
        let text = format!(
            "{environment}: nothing is pending that old code can live with; what takes something away comes \
             with pointsman cleanup {environment}, or by name: --to VERSION"
        );
        session.result(&text, &json!({ "environment": environment, "pending": [] }));
        return Ok(OK);
    };
    if dry_run {
        let down = matches!(wish, Wish::Down(_));
        let direction = if down { Direction::Down } else { Direction::Up };
        return counted(session, &proposal.plan.databases, direction).await;
    }
    go(session, &proposal, confirmation).await
}

async fn go(
    session: &Session,
    proposal: &propose::Proposal,
    confirmation: &Confirmation,
) -> Finished {
    let plan = &proposal.plan;
    if confirmation.yes {
        // Whoever is not asked is told all the same.
        print::note(&proposal.what);
    }
    let answers = confirmation.answers();
    confirm(&plan.environment, plan.policy.protection, answers, &proposal.what)?;
    drive(session, plan, confirmation).await
}

async fn counted(
    session: &Session,
    databases: &[PlannedDatabase],
    direction: Direction,
) -> Finished {
    let (mut text, mut all, mut code) = (String::new(), Vec::new(), OK);
    for planned in databases {
        let counted = session.app.count(planned, &planned.migrations, direction).await?;
        for one in &counted {
            let of = one.documents.map_or("nobody can count".to_owned(), |n| {
                format!("{} of {n} documents", one.changes)
            });
            text =
                format!("{text}{} {:<8} {of:<24} {}\n", planned.name, one.version, one.operation);
            for cannot in &one.cannot {
                code = FAILED;
                text = format!("{text}    cannot: {cannot}\n");
            }
        }
        all.push(json!({ "database": planned.name, "operations": counted }));
    }
    text.push_str("nothing was done");
    session.result(&text, &json!({ "databases": all }));
    Ok(code)
}

async fn status(session: &Session, environment: &str, database: Option<&str>) -> Finished {
    let loaded = session.config()?;
    let ground = loaded.ground(environment).map_err(|p| Failed::with(USAGE, p))?;
    let chosen = ground.databases.iter().filter(|d| database.is_none_or(|name| name == d.name));
    let (mut texts, mut all) = (Vec::new(), Vec::new());
    for planned in chosen {
        let files = propose::files(&loaded, environment, &planned.name)?;
        let seen = session.app.look_at(planned).await;
        texts.push(text(planned, &files, &seen));
        all.push(to_json(planned, &files, &seen));
    }
    if texts.is_empty() {
        let what = format!("{environment} has no such database");
        return Err(Failed::with(USAGE, Problem::new(what)));
    }
    session.result(&texts.join("\n"), &json!({ "environment": environment, "databases": all }));
    Ok(OK)
}

fn text(
    planned: &PlannedDatabase,
    files: &[Migration],
    seen: &Result<DatabaseSeen, Problem>,
) -> String {
    let mut text = format!("{}  {}/{}", planned.name, planned.project, planned.database);
    let seen = match seen {
        Ok(seen) => seen,
        Err(problem) => {
            text = format!("{text}  not to be seen: {problem}\n");
            for file in files {
                text = format!(
                    "{text}  {:<8} {:<12} {:<8}  {}\n",
                    file.version,
                    "unknown",
                    file.phase.word(),
                    file.description
                );
            }
            return text;
        }
    };
    let at = seen.schema.version().map_or("unknown".to_owned(), |v| v.to_string());
    text = format!("{text}  schema {at}\n");
    if let Some(lock) = seen.lock.as_ref().filter(|lock| lock.held()) {
        text = format!("{text}  LOCKED by {lock}\n");
    }
    let rows = rows(files, &seen.schema);
    for row in &rows {
        text = format!("{text}{}", line(row));
    }
    for problem in obstacles(&rows, &seen.schema) {
        text = format!("{text}  {problem}\n");
    }
    text
}

fn line(row: &Row) -> String {
    let phase = row.file.as_ref().map_or("", |m| m.phase.word());
    let what = row.file.as_ref().map(|m| m.description.clone());
    let what = what.or_else(|| row.record.as_ref().map(|r| r.description.clone()));
    let record = row.record.as_ref();
    let by = match (&row.state, record) {
        (RowState::Applied, Some(r)) => {
            format!("  {} by {}", r.at.as_deref().unwrap_or("-"), r.by)
        }
        (RowState::Dirty, Some(r)) => {
            let half = &r.half;
            let error = r.error.as_ref().map(|e| format!(": {e}")).unwrap_or_default();
            format!(
                "  {} at {} of {} documents{error}",
                half.direction.word(),
                half.processed,
                half.total
            )
        }
        _ => String::new(),
    };
    let undo = row.file.as_ref().map_or("", |m| m.undo.word());
    format!(
        "  {:<8} {:<12} {phase:<8} undo {undo:<9}  {}{by}\n",
        row.version,
        row.state.word(),
        what.unwrap_or_default()
    )
}

/// As `status --json` tells it, with its rows.
pub(super) fn to_json(
    planned: &PlannedDatabase,
    files: &[Migration],
    seen: &Result<DatabaseSeen, Problem>,
) -> Value {
    let seen = match seen {
        Ok(seen) => seen,
        Err(problem) => {
            return json!({
                "name": planned.name, "project": planned.project, "version": null, "pending": null,
                "dirty": null, "unseen": problem,
            });
        }
    };
    let rows = rows(files, &seen.schema);
    let pending = |row: &&Row| matches!(row.state, RowState::Pending | RowState::OutOfOrder);
    let pending: Vec<_> = rows.iter().filter(pending).map(|r| &r.version).collect();
    let migrations: Vec<Value> = rows.iter().map(row_json).collect();
    json!({
        "name": planned.name, "project": planned.project, "version": seen.schema.version(),
        "pending": pending, "dirty": seen.schema.dirty().is_some(),
        "lock": seen.lock.as_ref().filter(|lock| lock.held()),
        "migrations": migrations,
        "problems": obstacles(&rows, &seen.schema),
    })
}

fn row_json(row: &Row) -> Value {
    let (file, record) = (row.file.as_ref(), row.record.as_ref());
    let difference = match &row.state {
        RowState::Edited(difference) => Some(difference),
        _ => None,
    };
    json!({
        "version": row.version, "state": row.state.word(), "difference": difference,
        "description": file.map(|m| m.description.clone()).or_else(|| record.map(|r| r.description.clone())),
        "phase": file.map(|m| m.phase), "undo": file.map(|m| m.undo),
        "rank": record.map(|r| r.rank), "checksum": record.map(|r| &r.checksum),
        "by": record.map(|r| &r.by), "at": record.and_then(|r| r.at.as_ref()),
        "took_ms": record.map(|r| r.took_ms), "error": record.and_then(|r| r.error.as_ref()),
        "processed": record.map(|r| r.half.processed), "total": record.map(|r| r.half.total),
        "content": record.filter(|_| file.is_none()).map(|r| &r.content),
    })
}

/// The databases of an environment, for `status`.
pub(super) async fn all(
    session: &Session,
    loaded: &Loaded,
    name: &str,
    databases: &[PlannedDatabase],
) -> Result<Vec<Value>, Failed> {
    let mut all = Vec::new();
    for planned in databases {
        let files = propose::files(loaded, name, &planned.name)?;
        let seen = session.app.look_at(planned).await;
        all.push(to_json(planned, &files, &seen));
    }
    Ok(all)
}
