//! Implements the port `mutes` on SQLite. Rows are never deleted: the latest one of a probe counts, whichever machine's
//! arrives last.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};

use super::open::{Sql as _, SqliteStore};
use super::prepared::Prepared as _;
use pointsman_core::ports::journal::JournalError;
use pointsman_core::ports::mutes::{By, Muted, Mutes, Silence};
use pointsman_core::probe::Mute;
use pointsman_core::redact::redacted;
use pointsman_core::time::Timestamp;

/// The version that added this table.
pub(super) const SINCE: i64 = 7;

/// What people muted. `number` is the row's number in the shared store, once it is there. A row without a probe is
/// about every alert, and one without an end switches them on again. What earlier versions left has a negative number: it
/// was meant for this machine alone. Their table stays, for their processes that still run; and what they passed over in the
/// shared store is read again.
pub(super) const TABLES: &str = "
CREATE TABLE mutes (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    number INTEGER UNIQUE,
    probe  TEXT,
    until  INTEGER,
    reason TEXT NOT NULL,
    actor  TEXT NOT NULL,
    at     INTEGER NOT NULL
) STRICT;
CREATE INDEX mutes_of_probe ON mutes (probe);
INSERT INTO mutes (number, until, reason, actor, at) SELECT -rowid, until, reason, actor, 0 FROM silence;
ALTER TABLE shared_reading ADD COLUMN mutes INTEGER NOT NULL DEFAULT 0;
UPDATE shared_reading SET changed = '1970-01-01T00:00:00Z';
";

/// What a person muted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MuteEntry {
    /// `None`: every alert.
    pub(crate) probe: Option<String>,
    /// `None`: they are on again.
    pub(crate) until: Option<Timestamp>,
    pub(crate) reason: String,
    pub(crate) actor: String,
    pub(crate) at: Timestamp,
}

/// The rows that no later one of the same probe replaces.
const LAST: &str = "SELECT probe, until, reason, actor FROM mutes AS one WHERE until > ?1 AND NOT EXISTS (
    SELECT 1 FROM mutes AS later WHERE later.probe IS one.probe AND (later.at, later.id) > (one.at, one.id))";

fn end(row: &Row<'_>) -> rusqlite::Result<Timestamp> {
    Ok(Timestamp::from_millisecond(row.get(1)?).unwrap_or_default())
}

/// The silence in force.
pub(super) fn silence(
    connection: &Connection,
    now: Timestamp,
) -> Result<Option<Silence>, JournalError> {
    if !has_table(connection)? {
        // An older store that cannot be written has its silence elsewhere.
        let sql = "SELECT NULL, until, reason, actor FROM silence WHERE until > ?1";
        let row = connection.first(sql, [now.as_millisecond()], of_silence);
        return row.optional().sql();
    }
    let mut select = connection.prepare_cached(&format!("{LAST} AND probe IS NULL")).sql()?;
    select.query_row([now.as_millisecond()], of_silence).optional().sql()
}

fn of_silence(row: &Row<'_>) -> rusqlite::Result<Silence> {
    Ok((end(row)?, row.get(3)?, row.get(2)?))
}

/// Whether the store has the format of this version. One that cannot be written keeps its own.
fn has_table(connection: &Connection) -> Result<bool, JournalError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'mutes')";
    connection.prepare_cached(sql).sql()?.query_row([], |row| row.get(0)).sql()
}

impl Mutes for SqliteStore {
    fn mute(
        &mut self,
        what: Muted<'_>,
        until: Option<(Timestamp, &str)>,
        (actor, at): By<'_>,
    ) -> Result<(), JournalError> {
        let probe = match what {
            Muted::Probe(key) => Some(key.to_owned()),
            Muted::Everything => None,
        };
        let reason = until.map(|(_, reason)| redacted(reason)).unwrap_or_default();
        let until = until.map(|(until, _)| until);
        let at = self.after_the_last(probe.as_deref(), at)?;
        let entry = MuteEntry { probe, until, reason, actor: actor.to_owned(), at };
        insert(&self.connection, None, &entry)?;
        if let Some(link) = &self.link {
            link.share_soon();
        }
        Ok(())
    }

    fn mutes(&self, now: Timestamp) -> Result<BTreeMap<String, Mute>, JournalError> {
        self.refresh();
        if !has_table(&self.connection)? {
            return Ok(BTreeMap::new());
        }
        let mut select =
            self.connection.prepare_cached(&format!("{LAST} AND probe IS NOT NULL")).sql()?;
        let rows = select.query_map([now.as_millisecond()], |row| {
            let (reason, actor): (String, String) = (row.get(2)?, row.get(3)?);
            Ok((row.get(0)?, (end(row)?, format!("{reason} ({actor})"))))
        });
        rows.sql()?.collect::<Result<_, _>>().sql()
    }

    fn silence(&self, now: Timestamp) -> Result<Option<Silence>, JournalError> {
        self.refresh();
        silence(&self.connection, now)
    }
}

impl SqliteStore {
    /// A time after the last mute of a probe: it may come from a machine whose clock is ahead.
    fn after_the_last(
        &self,
        probe: Option<&str>,
        at: Timestamp,
    ) -> Result<Timestamp, JournalError> {
        let sql = "SELECT max(?2, coalesce(max(at) + 1, 0)) FROM mutes WHERE probe IS ?1";
        let row = params![probe, at.as_millisecond()];
        let at = self.connection.first(sql, row, |row| row.get(0)).sql()?;
        Ok(Timestamp::from_millisecond(at).unwrap_or_default())
    }

    /// The mutes of this machine that the shared store lacks.
    pub(crate) fn unshared_mutes(&self) -> Result<Vec<(i64, MuteEntry)>, JournalError> {
        let sql = "SELECT probe, until, reason, actor, at, id FROM mutes WHERE number IS NULL ORDER BY id";
        let mut select = self.connection.prepare_cached(sql).sql()?;
        let rows = select.query_map([], |row| Ok((row.get(5)?, entry(row)?))).sql()?;
        rows.collect::<Result<_, _>>().sql()
    }

    /// Records the number of a mute in the shared store.
    pub(crate) fn mark_mute(&self, id: i64, number: u64) -> Result<(), JournalError> {
        let sql = "UPDATE OR IGNORE mutes SET number = ?2 WHERE id = ?1";
        self.connection.run(sql, params![id, number]).sql().map(drop)
    }

    /// Keeps a mute of the shared store. One that this machine wrote is there already, perhaps without its number.
    pub(crate) fn keep_mute(&self, number: u64, found: &MuteEntry) -> Result<(), JournalError> {
        let own = self.unshared_mutes()?.into_iter().find(|(_, own)| own == found);
        match own {
            Some((id, _)) => self.mark_mute(id, number),
            None => insert(&self.connection, Some(number), found),
        }
    }

    /// How many mutes of the shared store were read.
    pub(crate) fn mutes_read(&self) -> Result<u64, JournalError> {
        self.connection.first("SELECT mutes FROM shared_reading", [], |row| row.get(0)).sql()
    }

    pub(crate) fn set_mutes_read(&self, count: u64) -> Result<(), JournalError> {
        let sql = "UPDATE shared_reading SET mutes = max(mutes, ?1)";
        self.connection.run(sql, [count]).sql().map(drop)
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<MuteEntry> {
    let until: Option<i64> = row.get(1)?;
    Ok(MuteEntry {
        probe: row.get(0)?,
        until: until.and_then(|at| Timestamp::from_millisecond(at).ok()),
        reason: row.get(2)?,
        actor: row.get(3)?,
        at: Timestamp::from_millisecond(row.get(4)?).unwrap_or_default(),
    })
}

fn insert(
    connection: &Connection,
    number: Option<u64>,
    entry: &MuteEntry,
) -> Result<(), JournalError> {
    let sql = "INSERT OR IGNORE INTO mutes (number, probe, until, reason, actor, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let MuteEntry { probe, until, reason, actor, at } = entry;
    let until = until.map(Timestamp::as_millisecond);
    let row = params![number, probe, until, reason, actor, at.as_millisecond()];
    connection.run(sql, row).sql().map(drop)
}

/// Takes over the mutes that versions before 7 kept with the results of probes. Without that file there are none.
pub(super) fn of_samples(connection: &Connection, folder: &Path) -> rusqlite::Result<()> {
    let file = folder.join("probes.db");
    let Ok(samples) = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY) else {
        return Ok(());
    };
    let Ok(mut select) = samples.prepare_cached("SELECT probe, until, reason, actor FROM mutes")
    else {
        return Ok(());
    };
    let rows = select.query_map([], |row| {
        let until: Option<Timestamp> = row.get::<_, String>(1)?.parse().ok();
        let (probe, reason, actor) = (row.get(0)?, row.get(2)?, row.get(3)?);
        Ok(MuteEntry { probe: Some(probe), until, reason, actor, at: Timestamp::default() })
    });
    let sql = "INSERT INTO mutes (number, probe, until, reason, actor, at)
         SELECT min(-1, coalesce(min(number), 0) - 1), ?1, ?2, ?3, ?4, 0 FROM mutes";
    for MuteEntry { probe, until, reason, actor, .. } in rows?.flatten() {
        let until = until.map(Timestamp::as_millisecond);
        connection.run(sql, params![probe, until, reason, actor])?;
    }
    Ok(())
}
