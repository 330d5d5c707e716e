//! The Migrations pane: the databases of the selected environment.

use crate::domain::migration::{Phase, Row, RowState, Undo};
use crate::domain::release::SchemaVersion;
use crate::domain::snapshot::DatabaseSnapshot;
use crate::tui::list::{self, Rank};
use crate::tui::model::Model;
use crate::tui::model::environments::Environment;
use crate::tui::panes::Pane;

/// The orders of the list. The migrations of a database stay together in each of them.
pub(in crate::tui) const ORDERS: &[&str] = &["version", "newest first", "pending first"];

/// The rows of the list.
pub(in crate::tui) fn list(model: &Model) -> Vec<list::Row> {
    let Some(here) = model.here() else { return Vec::new() };
    let all = listed(here);
    let each = all.iter().enumerate().map(|(at, (database, row))| {
        let of = databases(here).iter().position(|d| d.name == database.name).unwrap_or(0) as u64;
        // More migrations than a database has.
        let base = of * 1_000_000;
        let applied = matches!(row.state, RowState::Applied);
        list::Row {
            key: format!("{} {}", database.name, row.version),
            text: format!(
                "{} {} {} {}",
                database.name,
                row.version,
                row.description(),
                row.file.as_ref().map_or("", |file| file.phase.label())
            ),
            ranks: vec![
                Rank::Number(base + (all.len() - at) as u64),
                Rank::Number(base + u64::from(applied)),
            ],
        }
    });
    each.collect()
}

/// The databases, as last read; empty before the first read.
pub fn databases(here: &Environment) -> &[DatabaseSnapshot] {
    let seen = here.seen.as_ref().and_then(|(seen, _)| seen.databases.as_deref());
    seen.unwrap_or_default()
}

/// Every migration, with its database.
pub fn listed(here: &Environment) -> Vec<(&DatabaseSnapshot, &Row)> {
    databases(here).iter().flat_map(|d| d.rows.iter().map(move |row| (d, row))).collect()
}

/// The selected migration, with its database.
pub(in crate::tui) fn chosen(model: &Model) -> Option<(&DatabaseSnapshot, &Row)> {
    listed(model.here()?).get(model.chosen(Pane::Migrations)?).copied()
}

/// The versions that migrations can be applied up to. The default comes first:
/// the last version before a contract migration.
pub fn upwards(database: &DatabaseSnapshot) -> Vec<&Row> {
    let open = |row: &&Row| {
        matches!(row.state, RowState::Pending | RowState::OutOfOrder | RowState::Dirty)
    };
    let mut open: Vec<&Row> = database.rows.iter().filter(open).collect();
    let adds = |row: &&Row| row.file.as_ref().is_some_and(|m| m.phase != Phase::Contract);
    let usual = open.iter().take_while(|row| adds(row)).count();
    if usual > 0 {
        open[..usual].rotate_right(1);
    }
    open
}

/// The versions that migrations can be undone down to, nearest first.
pub fn downwards(database: &DatabaseSnapshot) -> Vec<SchemaVersion> {
    let done = |row: &&Row| {
        matches!(row.state, RowState::Applied | RowState::Edited(_) | RowState::Missing)
    };
    let mut done: Vec<SchemaVersion> =
        database.rows.iter().filter(done).map(|row| row.version.clone()).collect();
    if database.dirty.is_none() {
        done.pop();
    }
    done.reverse();
    if done.len() < database.rows.iter().filter(|row| begun(row)).count() {
        done.push(SchemaVersion::ZERO);
    }
    done
}

fn begun(row: &Row) -> bool {
    !matches!(row.state, RowState::Pending | RowState::OutOfOrder | RowState::Unknown)
}

/// The schema versions for the line of facts (`schema 1.1.0 +1`), and whether a database has a problem.
pub fn told(here: &Environment) -> Option<(String, bool)> {
    let databases = databases(here);
    if databases.is_empty() {
        return None;
    }
    let one = |d: &DatabaseSnapshot| match (&d.version, d.unseen.is_some(), d.dirty.is_some()) {
        (_, true, _) => "?".to_owned(),
        (Some(version), _, true) => format!("{version} HALF DONE"),
        (Some(version), _, false) => match d.pending().count() {
            0 => version.to_string(),
            pending => format!("{version} +{pending}"),
        },
        (None, ..) => "unreadable".to_owned(),
    };
    let text: Vec<_> = databases.iter().map(one).collect();
    let bad = databases.iter().any(|d| d.dirty.is_some() || !d.obstacles.is_empty());
    Some((format!("schema {}", text.join(", ")), bad))
}

/// The selected migration in full.
pub(in crate::tui) fn sheet(model: &Model) -> Option<String> {
    let (database, row) = chosen(model)?;
    let mut lines = vec![
        format!("{} {}  {}", database.name, row.version, row.description()),
        String::new(),
        format!("database  {}", database.place),
        format!("state     {}", row.state.label()),
    ];
    if let Some(file) = &row.file {
        let undo = match file.undo {
            Undo::Yes => "possible",
            Undo::DataLoss => "possible; what was written since is lost",
            Undo::No => "not possible",
        };
        lines.push(format!("phase     {}", file.phase.label()));
        lines.push(format!("undo      {undo}"));
        for (word, operations) in [("up", &file.up), ("down", &file.down)] {
            if !operations.is_empty() {
                lines.extend([String::new(), word.to_owned()]);
                lines.extend(operations.iter().map(|operation| format!("  {operation}")));
            }
        }
    }
    if let Some(record) = &row.record {
        let at = record.at.clone().unwrap_or_else(|| "not ended".to_owned());
        lines.extend([String::new(), format!("applied   {at} by {}", record.by)]);
        lines.extend(
            record
                .restore_point
                .iter()
                .map(|point| format!("restore   to {point}, the minute before its first write")),
        );
        lines.extend(record.error.iter().map(|error| format!("failed    {error}")));
    }
    if let RowState::Edited(difference) = &row.state {
        lines.extend([String::new(), "edited since it was applied".to_owned()]);
        lines.extend(difference.lines().map(|line| format!("  {line}")));
    }
    Some(lines.join("\n"))
}
