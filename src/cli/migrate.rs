//! `migrate`: shows and applies migrations of an environment's databases.

use serde_json::{Value, json};

use super::Session;
use super::args::{MigrateArguments, MigrateVerb};
use super::confirm::begin;
use super::drive::drive;
use super::exit::{FAILED, Failed, Finished, OK, USAGE};
use super::migrate_export::{Export, export};
use crate::config::Loaded;
use crate::domain::error::Problem;
use crate::domain::migration::{Direction, Row, RowState};
use crate::domain::plan::PlannedDatabase;
use crate::domain::snapshot::DatabaseSnapshot;
use crate::engine::proposal::{self, MigrationRequest};

pub(super) async fn migrate(session: &Session, arguments: &MigrateArguments) -> Finished {
    let (at, wish, dry_run, confirmation) = match &arguments.verb {
        MigrateVerb::Up { at, to, dry_run, out_of_order, confirmation } => {
            (at, MigrationRequest::Up(to.clone(), *out_of_order), *dry_run, confirmation)
        }
        MigrateVerb::Down { at, to, dry_run, confirmation } => {
            (at, MigrationRequest::Down(to.clone()), *dry_run, confirmation)
        }
        MigrateVerb::Baseline { at, to, confirmation } => {
            (at, MigrationRequest::Baseline(to.clone()), false, confirmation)
        }
        MigrateVerb::Status(at) | MigrateVerb::Repair { at, as_is: None, .. } => {
            return status(session, &at.environment, at.database.as_deref()).await;
        }
        MigrateVerb::Export { at, to, follow, yes } => {
            let wish = match (to, follow) {
                (_, Some(operation)) => Export::Follow(operation),
                (to, None) => Export::Begin(to.as_deref().unwrap_or_default()),
            };
            return export(session, at, &wish, yes).await;
        }
        MigrateVerb::Repair { at, version, as_is: Some(as_is), confirmation } => {
            (at, MigrationRequest::Repair(version.clone(), (*as_is).into()), false, confirmation)
        }
    };
    let loaded = session.config()?;
    let (environment, database) = (&at.environment, at.database.as_deref());
    let why = confirmation.why()?;
    let proposal =
        proposal::migrate(&session.app.services(), &loaded, environment, database, &wish, &why)
            .await?;
    let Some(proposal) = proposal else {
        let text = format!(
            "{environment}: nothing is pending that old code can live with; what takes something away comes \
             with pointsman cleanup {environment}, or by name: --to VERSION"
        );
        session.result(&text, &json!({ "environment": environment, "pending": [] }));
        return Ok(OK);
    };
    if dry_run {
        let down = matches!(wish, MigrationRequest::Down(_));
        let direction = if down { Direction::Down } else { Direction::Up };
        return counted(session, &proposal.plan.databases, direction).await;
    }
    begin(&proposal, confirmation)?;
    drive(session, &proposal.plan, confirmation).await
}

async fn counted(
    session: &Session,
    databases: &[PlannedDatabase],
    direction: Direction,
) -> Finished {
    let (mut text, mut all, mut code) = (String::new(), Vec::new(), OK);
    for planned in databases {
        let counted = session.app.services().count(planned, &planned.migrations, direction).await?;
        for one in &counted {
            let of = one.documents.map_or("an unknown number".to_owned(), |n| {
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
    let spec = loaded.spec(environment).map_err(|p| Failed::with(USAGE, p))?;
    let chosen = spec.databases.iter().filter(|d| database.is_none_or(|name| name == d.name));
    let (mut texts, mut all) = (Vec::new(), Vec::new());
    for planned in chosen {
        let files = proposal::files(&loaded, environment, &planned.name)?;
        let seen = proposal::database(&session.app.services(), &loaded, planned, &files).await;
        texts.push(text(&seen));
        all.push(to_json(&seen));
    }
    if texts.is_empty() {
        let what = format!("{environment} has no database of that name");
        return Err(Failed::with(USAGE, Problem::new(what)));
    }
    session.result(&texts.join("\n"), &json!({ "environment": environment, "databases": all }));
    Ok(OK)
}

fn text(seen: &DatabaseSnapshot) -> String {
    let at = match (&seen.unseen, &seen.version) {
        (Some(problem), _) => format!("unknown: {problem}"),
        (None, Some(version)) => format!("schema {version}"),
        (None, None) => "schema unknown".to_owned(),
    };
    let mut text = format!("{}  {}  {at}\n", seen.name, seen.place);
    if let Some(lock) = &seen.lock {
        text = format!("{text}  LOCKED by {lock}\n");
    }
    for row in &seen.rows {
        text = format!("{text}{}", line(row));
    }
    for problem in &seen.obstacles {
        text = format!("{text}  {problem}\n");
    }
    for (_, said) in seen.evidence() {
        text = format!("{text}  {said}\n");
    }
    text
}

fn line(row: &Row) -> String {
    let (file, record) = (row.file.as_ref(), row.record.as_ref());
    let said = match (&row.state, record) {
        (RowState::Applied, Some(r)) => {
            format!("  {} by {}", r.at.as_deref().unwrap_or("-"), r.by)
        }
        (RowState::Dirty, Some(r)) => {
            let half = &r.half;
            let error = r.error.as_ref().map(|e| format!(": {e}")).unwrap_or_default();
            let (way, done, all) = (half.direction.label(), half.processed, half.total);
            format!("  {way} at {done} of {all} documents{error}")
        }
        _ => String::new(),
    };
    format!(
        "  {:<8} {:<12} {:<8} undo {:<9}  {}{said}\n",
        row.version,
        row.state.label(),
        file.map_or("", |m| m.phase.label()),
        file.map_or("", |m| m.undo.label()),
        row.description()
    )
}

/// A database with its migrations as JSON, also for `status --json`.
fn to_json(seen: &DatabaseSnapshot) -> Value {
    let pending: Vec<_> = seen.pending().map(|row| &row.version).collect();
    let known = seen.unseen.is_none();
    json!({
        "name": seen.name, "place": seen.place, "version": seen.version,
        "pending": known.then_some(pending), "dirty": known.then_some(seen.dirty.is_some()),
        "lock": seen.lock, "migrations": seen.rows.iter().map(row_json).collect::<Vec<_>>(),
        "problems": seen.obstacles, "unseen": seen.unseen,
        "indexes": seen.indexes, "rules": seen.rules,
    })
}

fn row_json(row: &Row) -> Value {
    let (file, record) = (row.file.as_ref(), row.record.as_ref());
    let difference = match &row.state {
        RowState::Edited(difference) => Some(difference),
        _ => None,
    };
    json!({
        "version": row.version, "state": row.state.label(), "difference": difference,
        "description": row.description(), "phase": file.map(|m| m.phase), "undo": file.map(|m| m.undo),
        "rank": record.map(|r| r.rank), "checksum": record.map(|r| &r.checksum),
        "by": record.map(|r| &r.by), "at": record.and_then(|r| r.at.as_ref()),
        "took_ms": record.map(|r| r.took_ms), "error": record.and_then(|r| r.error.as_ref()),
        "processed": record.map(|r| r.half.processed), "total": record.map(|r| r.half.total),
        "content": record.filter(|_| file.is_none()).map(|r| &r.content),
    })
}

/// The databases of an environment as JSON, for `status`.
pub(super) async fn all(
    session: &Session,
    loaded: &Loaded,
    name: &str,
    databases: &[PlannedDatabase],
) -> Result<Vec<Value>, Failed> {
    let mut all = Vec::new();
    for planned in databases {
        let files = proposal::files(loaded, name, &planned.name)?;
        let services = session.app.services();
        all.push(to_json(&proposal::database(&services, loaded, planned, &files).await));
    }
    Ok(all)
}
