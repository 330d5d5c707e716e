//! Implements the port `outbox` on SQLite. Alerts about a fact are stored with the fact, in one transaction: neither
//! exists without the other.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::chains::Chains;
use super::journal;
use super::mutes::silence;
use super::open::Sql as _;
use super::open::{SqliteStore, immediate};
use super::prepared::Prepared as _;
use pointsman_core::alert::{self, Alert, Channel, Kind, Notify};
use pointsman_core::event::{Event, Fact, Recorded};
use pointsman_core::ids::RunNumber;
use pointsman_core::ports::journal::JournalError;
use pointsman_core::ports::outbox::{Delivery, DeliveryState, Outbox};
use pointsman_core::time::Timestamp;
use pointsman_core::view::RunView;

/// A claim expires after this: longer than any attempt takes, with the questions to the shared store around it.
const CLAIM_LASTS: Duration = Duration::from_secs(30);
/// Stored as the reason of a pending delivery while a process attempts it.
const CARRIED: &str = "a process is delivering it";
/// The minimum pause between two messages to a channel: Slack accepts one per second.
const DELIVERIES_APART: Duration = Duration::from_secs(1);

/// Queues the alert for a fact, if the fact has one.
pub(super) fn of_fact(
    connection: &Connection,
    run: RunNumber,
    fact: &Fact,
    (chains, job): (&Chains, Option<&str>),
) -> Result<(), JournalError> {
    let Recorded::Known(event) = &fact.event else { return Ok(()) };
    let speaks = matches!(
        event,
        Event::GateOpened { .. }
            | Event::ChecklistSeen { .. }
            | Event::StepFailed { .. }
            | Event::RunEnded { .. }
    );
    if !speaks {
        return Ok(());
    }
    let view = chains.view(connection, run)?;
    report_deployment(connection, &view, fact, job)?;
    if view.plan.notify.is_empty() {
        return Ok(());
    }
    match alert::of(&view, fact) {
        Some(alert) => put(connection, &view.plan.notify, &alert),
        None => Ok(()),
    }
}

/// Queues the report of a fact to GitHub, if it has one.
pub(super) fn report_deployment(
    connection: &Connection,
    view: &RunView,
    fact: &Fact,
    job: Option<&str>,
) -> Result<(), JournalError> {
    alert::deployment(view, fact, job)
        .map_or(Ok(()), |(channel, alert)| queue(connection, &channel, &alert, "waits"))
}

fn put(connection: &Connection, notify: &Notify, alert: &Alert) -> Result<(), JournalError> {
    if let Some((subject, stands)) = &alert.turns
        && !turned(connection, subject, stands, alert.kind)?
    {
        return Ok(());
    }
    if !notify.wants(alert.kind) {
        return Ok(());
    }
    // A test alert ignores a silence.
    let silenced = silence(connection, alert.at)?.is_some() && alert.kind != Kind::Test;
    let state = if silenced { "silenced" } else { "waits" };
    for channel in &notify.channels {
        queue(connection, channel, alert, state)?;
    }
    Ok(())
}

/// Queues an alert once for a channel.
fn queue(
    connection: &Connection,
    channel: &Channel,
    alert: &Alert,
    state: &str,
) -> Result<(), JournalError> {
    let (at, channel, text) =
        (alert.at.as_millisecond(), journal::text(channel)?, journal::text(alert)?);
    connection
        .run(
            "INSERT OR IGNORE INTO letters (key, channel, alert, state, until, why, attempts)
             VALUES (?1, ?2, ?3, ?4, ?5, '', 0)",
            params![alert.key, channel, text, state, at],
        )
        .sql()?;
    Ok(())
}

/// Whether a state differs from the last alert; if so, stores it. Without an earlier alert, a recovery is no change.
fn turned(
    connection: &Connection,
    subject: &str,
    stands: &str,
    kind: Kind,
) -> Result<bool, JournalError> {
    let before = connection.first("SELECT stands FROM told WHERE subject = ?1", [subject], |row| {
        row.get::<_, String>(0)
    });
    let before = before.optional().sql()?;
    let news = match &before {
        None => kind != Kind::ProbeUp,
        Some(before) => before != stands,
    };
    if news {
        connection
            .run(
                "INSERT INTO told VALUES (?1, ?2) ON CONFLICT (subject) DO UPDATE SET stands = ?2",
                [subject, stands],
            )
            .sql()?;
    }
    Ok(news)
}

const COLUMNS: &str = "id, channel, alert, attempts, state, until, why, unset_since";

type Raw = (u64, String, String, u32, String, i64, String, Option<i64>);

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    let state = (row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?);
    let (state, until, why, unset_since) = state;
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, state, until, why, unset_since))
}

fn letter(
    (id, channel, alert, attempts, state, until, why, unset): Raw,
) -> Option<(Delivery, DeliveryState)> {
    let (channel, alert) =
        (serde_json::from_str(&channel).ok()?, serde_json::from_str(&alert).ok()?);
    let until = Timestamp::from_millisecond(until).unwrap_or_default();
    let fate = match state.as_str() {
        "delivered" => DeliveryState::Delivered(until),
        "given up" => DeliveryState::GivenUp(why),
        "silenced" => DeliveryState::Silenced,
        "elsewhere" => DeliveryState::Elsewhere(why),
        _ => DeliveryState::Waits { until, why },
    };
    let unset_since = unset.and_then(|at| Timestamp::from_millisecond(at).ok());
    Some((Delivery { id, channel, alert, attempts, unset_since }, fate))
}

impl Outbox for SqliteStore {
    fn put(&mut self, notify: &Notify, alert: &Alert) -> Result<(), JournalError> {
        let transaction = immediate(&mut self.connection).sql()?;
        put(&transaction, notify, alert)?;
        transaction.commit().sql()
    }

    fn due(&mut self, now: Timestamp) -> Result<Option<Delivery>, JournalError> {
        let transaction = immediate(&mut self.connection).sql()?;
        // Take the oldest pending alert of each channel: later ones wait for it.
        let sql = format!(
            "SELECT {COLUMNS} FROM letters WHERE state = 'waits' AND until <= ?1 AND id IN
             (SELECT min(id) FROM letters WHERE state = 'waits' GROUP BY channel)
             ORDER BY until, id LIMIT 1"
        );
        let found = transaction.first(&sql, [now.as_millisecond()], raw).optional().sql()?;
        let found = found.and_then(letter).map(|(letter, _)| letter);
        if let Some(letter) = &found {
            let until = now.checked_add(CLAIM_LASTS).unwrap_or(now).as_millisecond();
            transaction.run(
                "UPDATE letters SET until = ?2, attempts = attempts + 1, why = ?3 WHERE id = ?1",
                params![letter.id, until, CARRIED],
            ).sql()?;
        }
        transaction.commit().sql()?;
        Ok(found.map(|letter| Delivery { attempts: letter.attempts + 1, ..letter }))
    }

    fn hurry(&mut self, now: Timestamp) -> Result<(), JournalError> {
        self.connection
            .run(
                "UPDATE letters SET until = ?1, attempts = 0 WHERE state = 'waits' AND why <> ?2",
                params![now.as_millisecond(), CARRIED],
            )
            .sql()?;
        Ok(())
    }

    fn settle(&mut self, letter: &Delivery, fate: &DeliveryState) -> Result<(), JournalError> {
        let (state, until, why) = match fate {
            DeliveryState::Waits { until, why } => ("waits", Some(*until), why.as_str()),
            DeliveryState::Delivered(at) => ("delivered", Some(*at), ""),
            DeliveryState::GivenUp(why) => ("given up", None, why.as_str()),
            DeliveryState::Silenced => ("silenced", None, ""),
            DeliveryState::Elsewhere(machine) => ("elsewhere", None, machine.as_str()),
        };
        self.connection.run(
            "UPDATE letters SET state = ?2, until = coalesce(?3, until), why = ?4, unset_since = ?5,
             attempts = ?6 WHERE id = ?1 AND state = 'waits'",
            params![
                letter.id,
                state,
                until.map(Timestamp::as_millisecond),
                why,
                letter.unset_since.map(Timestamp::as_millisecond),
                letter.attempts
            ],
        ).sql()?;
        if let DeliveryState::Delivered(at) = fate {
            let next = at.checked_add(DELIVERIES_APART).unwrap_or(*at).as_millisecond();
            self.connection.run(
                "UPDATE letters SET until = max(until, ?2) WHERE state = 'waits' AND channel = ?1",
                params![journal::text(&letter.channel)?, next],
            ).sql()?;
        }
        Ok(())
    }

    fn letters(&self, limit: usize) -> Result<Vec<(Delivery, DeliveryState)>, JournalError> {
        let sql = format!("SELECT {COLUMNS} FROM letters ORDER BY id DESC LIMIT ?1");
        let mut select = self.connection.prepare_cached(&sql).sql()?;
        let rows = select.query_map([limit], raw).sql()?.collect::<Result<Vec<_>, _>>().sql()?;
        Ok(rows.into_iter().filter_map(letter).collect())
    }

    fn soonest(&self) -> Result<Option<Timestamp>, JournalError> {
        let sql = "SELECT min(until) FROM letters WHERE id IN
             (SELECT min(id) FROM letters WHERE state = 'waits' GROUP BY channel)";
        // Asked every second, for as long as a screen is open.
        let mut asked = self.connection.prepare_cached(sql).sql()?;
        let at: Option<i64> = asked.query_row([], |row| row.get(0)).sql()?;
        Ok(at.and_then(|at| Timestamp::from_millisecond(at).ok()))
    }

    fn waiting(&self) -> Result<usize, JournalError> {
        let sql = "SELECT count(*) FROM letters WHERE state = 'waits'";
        self.connection.first(sql, [], |row| row.get(0)).sql()
    }
}

/// Time of the last delivery to a channel.
pub(super) fn delivered(
    connection: &Connection,
    channel: &Channel,
) -> Result<Option<Timestamp>, JournalError> {
    let sql = "SELECT max(until) FROM letters WHERE state = 'delivered' AND channel = ?1";
    let at: Option<i64> =
        connection.first(sql, [journal::text(channel)?], |row| row.get(0)).sql()?;
    Ok(at.and_then(|at| Timestamp::from_millisecond(at).ok()))
}
