//! People's actions on checklist items. Rows are never changed or deleted: an untick is another row.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::journal::unreadable;
use super::open::Sql as _;
use super::prepared::Prepared as _;
use pointsman_core::checklist::{Act, Tick};
use pointsman_core::ids::EnvironmentName;
use pointsman_core::ports::journal::JournalError;
use pointsman_core::redact::redacted;
use pointsman_core::release::ReleaseLabel;

pub(super) fn read(
    connection: &Connection,
    environment: &EnvironmentName,
    release: &ReleaseLabel,
) -> Result<Vec<Tick>, JournalError> {
    let mut select = connection
        .prepare_cached(
            "SELECT item, act, actor, at, note, subject FROM ticks
         WHERE environment = ?1 AND release = ?2 ORDER BY id",
        )
        .sql()?;
    let rows = select.query_map(params![environment.as_str(), release.as_str()], tick).sql()?;
    rows.collect::<Result<_, _>>().sql()
}

/// The ticks that the shared store lacks, each with its id, environment and release.
pub(super) fn unshared(
    connection: &Connection,
) -> Result<Vec<(i64, String, String, Tick)>, JournalError> {
    let sql = "SELECT item, act, actor, at, note, subject, id, environment, release FROM ticks
         WHERE id NOT IN (SELECT tick FROM shared_ticks) ORDER BY id";
    let mut select = connection.prepare_cached(sql).sql()?;
    let rows = select
        .query_map([], |row| Ok((row.get(6)?, row.get(7)?, row.get(8)?, tick(row)?)))
        .sql()?;
    rows.collect::<Result<_, _>>().sql()
}

fn tick(row: &rusqlite::Row<'_>) -> rusqlite::Result<Tick> {
    Ok(Tick {
        item: row.get(0)?,
        // An unknown act of a later version settles nothing here.
        act: serde_json::from_value(row.get::<_, String>(1)?.into()).unwrap_or(Act::Untick),
        actor: row.get(2)?,
        at: row.get::<_, String>(3)?.parse().unwrap_or_default(),
        note: row.get(4)?,
        subject: row.get(5)?,
    })
}

/// Keeps a tick as the last one of its item: an earlier one may come from a machine whose clock is ahead.
pub(super) fn keep_last(
    connection: &Connection,
    environment: &EnvironmentName,
    release: &ReleaseLabel,
    tick: &Tick,
) -> Result<(), JournalError> {
    let known = read(connection, environment, release)?;
    let of_item = known.iter().filter(|known| known.item == tick.item);
    let last = of_item.map(|known| known.at).max().unwrap_or_default();
    let after = last.checked_add(Duration::from_millis(1)).unwrap_or(last);
    keep(connection, environment, release, &Tick { at: tick.at.max(after), ..tick.clone() })
}

pub(super) fn keep(
    connection: &Connection,
    environment: &EnvironmentName,
    release: &ReleaseLabel,
    tick: &Tick,
) -> Result<(), JournalError> {
    let act: String =
        serde_json::to_value(tick.act).and_then(serde_json::from_value).map_err(unreadable)?;
    connection
        .run(
            "INSERT INTO ticks (environment, release, item, act, actor, at, note, subject)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                environment.as_str(),
                release.as_str(),
                tick.item,
                act,
                tick.actor,
                tick.at.to_string(),
                redacted(&tick.note),
                tick.subject
            ],
        )
        .sql()?;
    Ok(())
}
