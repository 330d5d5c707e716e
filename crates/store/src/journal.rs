//! Implements the port `journal` on SQLite.

use std::sync::{Arc, PoisonError};

use rusqlite::params;

use super::open::Sql as _;
use super::open::{SqliteStore, immediate, replaced};
use super::prepared::Prepared as _;
use super::shared::CommandEntry;
use super::{facts, leases, ledger, outbox, ticks};
use pointsman_core::alert::Channel;
use pointsman_core::checklist::Tick;
use pointsman_core::command::{Command, Sent};
use pointsman_core::error::Problem;
use pointsman_core::event::{Event, Fact};
use pointsman_core::hash::Hash;
use pointsman_core::ids::{EnvironmentName, RunNumber};
use pointsman_core::plan::Plan;
use pointsman_core::ports::journal::{
    Damage, Entry, Holder, HumanLock, Journal, JournalError, Listed,
};
use pointsman_core::ports::sharing::{Branch, Sharing};
use pointsman_core::redact::{redacted, without_secrets_of};
use pointsman_core::release::ReleaseLabel;
use pointsman_core::time::Timestamp;
use pointsman_core::view::RunView;

impl Journal for SqliteStore {
    fn create(
        &mut self,
        plan: &Plan,
        entry: Entry<'_>,
        take_over: bool,
    ) -> Result<RunView, JournalError> {
        if let Some(link) = self.link.clone() {
            return self.begin_shared(&link, plan, &entry, take_over);
        }
        let own = text(&self.here.runner())?;
        let (here, job) = (self.here.clone(), self.job.clone());
        let job = job.as_deref();
        let transaction = immediate(&mut self.connection).sql()?;
        if let Some(lock) = leases::lock_of(&transaction, &plan.environment)?
            && !plan.passes_lock()
        {
            return Err(JournalError::Locked(plan.environment.clone(), lock));
        }
        let unfinished = leases::unfinished(&transaction, &plan.environment)?;
        for (run, runner) in &unfinished {
            if let Some(living) = leases::living(&transaction, &here, *run, runner)? {
                let holder = leases::holder(&transaction, *run, living, entry.at)?;
                if !(take_over && holder.stale) {
                    return Err(JournalError::Busy(holder));
                }
            }
        }
        transaction
            .run(
                "INSERT INTO runs (environment, kind, head_seq, head_hash, runner, renewed)
             VALUES (?1, ?2, 0, ?3, ?4, ?5)",
                params![
                    plan.environment.as_str(),
                    plan.kind.label(),
                    Hash::zero().0,
                    own,
                    entry.at.to_string()
                ],
            )
            .sql()?;
        let number = RunNumber(transaction.last_insert_rowid().unsigned_abs());
        for (run, _) in &unfinished {
            let event = Event::RunSuperseded { by: number };
            let fact =
                facts::append(&transaction, *run, &Entry { step: None, event: &event, ..entry })?;
            let view = self.chains.view(&transaction, *run);
            if let Err(error) =
                view.and_then(|view| outbox::report_deployment(&transaction, &view, &fact, job))
            {
                tracing::warn!(%error, "a deployment is not reported to GitHub");
            }
            ledger::close(&transaction, *run)?;
        }
        let fact = facts::append(&transaction, number, &entry)?;
        ledger::note(&transaction, number)?;
        let view = RunView::begin(number, &fact).map_err(|illegal| JournalError::Damaged {
            run: number,
            seq: 1,
            because: illegal.to_string(),
        })?;
        // As for every other fact: a message that cannot be queued prevents no run.
        if let Err(error) = outbox::report_deployment(&transaction, &view, &fact, job) {
            tracing::warn!(%error, "a deployment is not reported to GitHub");
        }
        transaction.commit().sql()?;
        Ok(view)
    }

    fn claim(
        &mut self,
        run: RunNumber,
        from: Option<u32>,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        if let Some(link) = self.link.clone() {
            let actor = self.run(run)?.view.actor;
            return link.claim(run, from, (actor, at));
        }
        let own = self.here.runner();
        let transaction = immediate(&mut self.connection).sql()?;
        facts::head(&transaction, run)?;
        let runner = leases::runner_of(&transaction, run)?;
        if let Some(living) = leases::living(&transaction, &self.here, run, &runner)?
            && living.pid != own.process.pid
            && Some(living.pid) != from
            && facts::view(&transaction, run)?.handed.is_none()
        {
            return Err(JournalError::Busy(leases::holder(&transaction, run, living, at)?));
        }
        let claim = "UPDATE runs SET runner = ?2, renewed = ?3 WHERE number = ?1";
        transaction.run(claim, params![run.0, text(&own)?, at.to_string()]).sql()?;
        transaction.commit().sql()
    }

    fn renew(&mut self, run: RunNumber, at: Timestamp) -> Result<(), JournalError> {
        let own = text(&self.here.runner())?;
        self.still_there()?;
        self.still_held(run)?;
        let renew = "UPDATE runs SET renewed = ?3 WHERE number = ?1 AND runner = ?2 AND ended = 0";
        match self.connection.run(renew, params![run.0, own, at.to_string()]).sql()? {
            1 => Ok(()),
            _ => Err(JournalError::LeaseLost(run)),
        }
    }

    fn lock(
        &mut self,
        environment: &EnvironmentName,
        lock: &HumanLock,
    ) -> Result<(), JournalError> {
        if let Some(link) = self.link.clone() {
            let lock = HumanLock { reason: redacted(&lock.reason), ..lock.clone() };
            return match link.lock(environment, Some(&lock))? {
                Some(other) => Err(JournalError::Locked(environment.clone(), other)),
                None => Ok(()),
            };
        }
        let transaction = immediate(&mut self.connection).sql()?;
        if let Some(lock) = leases::lock_of(&transaction, environment)? {
            return Err(JournalError::Locked(environment.clone(), lock));
        }
        transaction
            .run(
                "INSERT INTO locks VALUES (?1, ?2, ?3, ?4)",
                params![
                    environment.as_str(),
                    lock.actor,
                    redacted(&lock.reason),
                    lock.since.to_string()
                ],
            )
            .sql()?;
        transaction.commit().sql()
    }

    fn unlock(&mut self, environment: &EnvironmentName) -> Result<bool, JournalError> {
        if let Some(link) = self.link.clone() {
            return Ok(link.lock(environment, None)?.is_some());
        }
        let delete = "DELETE FROM locks WHERE environment = ?1";
        Ok(self.connection.run(delete, [environment.as_str()]).sql()? == 1)
    }

    fn locked(&self, environment: &EnvironmentName) -> Result<Option<HumanLock>, JournalError> {
        self.refresh();
        leases::lock_of(&self.connection, environment)
    }

    fn busy(
        &self,
        environment: &EnvironmentName,
        now: Timestamp,
    ) -> Result<Option<Holder>, JournalError> {
        self.refresh();
        leases::busy(&self.connection, &self.here, environment, now)
    }

    fn behind(&self) -> Option<Problem> {
        self.read_behind()
    }

    fn append(&mut self, run: RunNumber, entry: Entry<'_>) -> Result<Fact, JournalError> {
        let own = text(&self.here.runner())?;
        self.still_there()?;
        self.still_held(run)?;
        let known = self.heads.get(&run).cloned();
        let transaction = immediate(&mut self.connection).sql()?;
        let head = facts::head(&transaction, run)?;
        // The fence: a runner that lost the run cannot write, and it does nothing that it could not write first.
        if head.ended || leases::runner_of(&transaction, run)? != own {
            return Err(JournalError::LeaseLost(run));
        }
        // Check this after the fence: a take-over writes to the run too, and must not be reported as a replaced store.
        if known.is_some_and(|known| known != (head.seq, head.hash.clone())) {
            return Err(replaced(&format!(
                "the last record of run {run} is not the one written last"
            )));
        }
        let fact = facts::append(&transaction, run, &entry)?;
        // A failed alert must not prevent a fact from being written.
        if let Err(error) =
            outbox::of_fact(&transaction, run, &fact, (&self.chains, self.job.as_deref()))
        {
            tracing::warn!(%error, "an alert is lost");
        }
        if let Event::CommandAccepted { id, .. } | Event::CommandRefused { id, .. } = entry.event {
            let answered = "UPDATE commands SET answered = ?2 WHERE id = ?1";
            transaction.run(answered, params![id, fact.seq]).sql()?;
        }
        if matches!(entry.event, Event::RunEnded { .. } | Event::RunSuperseded { .. }) {
            ledger::close(&transaction, run)?;
        }
        transaction.commit().sql()?;
        self.heads.insert(run, (fact.seq, fact.hash.clone()));
        if let Some(link) = &self.link {
            link.appended();
        }
        Ok(fact)
    }

    fn facts(&self, run: RunNumber, after: u64) -> Result<Vec<Fact>, JournalError> {
        self.refresh();
        self.chains.facts(&self.connection, run, after)
    }

    fn run(&self, run: RunNumber) -> Result<Listed, JournalError> {
        self.refresh();
        facts::head(&self.connection, run)?;
        self.listed(&[run])?.pop().unwrap_or(Err(JournalError::NoSuchRun(run)))
    }

    fn runs(
        &self,
        environment: Option<&EnvironmentName>,
        limit: usize,
    ) -> Result<Vec<Listed>, JournalError> {
        self.refresh();
        let mut listed = Vec::new();
        let mut before = None;
        // More than one round only if runs are damaged.
        while listed.len() < limit {
            let numbers = self.numbers(environment, before, limit - listed.len())?;
            let Some(last) = numbers.last() else { break };
            before = Some(*last);
            for run in self.listed(&numbers)? {
                match run {
                    Ok(run) => listed.push(run),
                    // One damaged record must not hide all other runs.
                    Err(JournalError::Damaged { run, seq, because }) => {
                        tracing::warn!(%run, seq, because, "a damaged run is left out");
                        let ended = facts::head(&self.connection, run).is_ok_and(|head| head.ended);
                        self.note_damage(Damage { run, seq, because, ended });
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(listed)
    }

    fn damage(&self) -> Vec<Damage> {
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if self.link.is_some() {
            damaged.extend(self.shared_damage().unwrap_or_default());
        }
        damaged
    }

    fn ticks(
        &self,
        environment: &EnvironmentName,
        release: &ReleaseLabel,
    ) -> Result<Vec<Tick>, JournalError> {
        self.refresh();
        let mut ticks = ticks::read(&self.connection, environment, release)?;
        if self.link.is_some() {
            // Those of other machines arrive later than they were made, and the last one counts.
            ticks.sort_by_key(|tick| tick.at);
        }
        Ok(ticks)
    }

    fn delivered(&self, channel: &Channel) -> Result<Option<Timestamp>, JournalError> {
        outbox::delivered(&self.connection, channel)
    }

    fn tick(
        &mut self,
        environment: &EnvironmentName,
        release: &ReleaseLabel,
        tick: &Tick,
    ) -> Result<(), JournalError> {
        let Some(link) = &self.link else {
            return ticks::keep(&self.connection, environment, release, tick);
        };
        ticks::keep_last(&self.connection, environment, release, tick)?;
        link.share_soon();
        Ok(())
    }

    fn send(
        &mut self,
        run: RunNumber,
        actor: &str,
        seen: u64,
        command: &Command,
        at: Timestamp,
    ) -> Result<u64, JournalError> {
        self.refresh();
        facts::head(&self.connection, run)?;
        if let Some(link) = self.link.clone() {
            let command = without_secrets_of(command);
            let actor = actor.to_owned();
            return self.send_shared(&link, CommandEntry { run, actor, seen, command, at });
        }
        self.connection
            .run(
                "INSERT INTO commands (run, at, actor, seen, command) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![run.0, at.to_string(), actor, seen, text(&without_secrets_of(command))?],
            )
            .sql()?;
        Ok(self.connection.last_insert_rowid().unsigned_abs())
    }

    fn withdraw(&mut self, command: u64) -> Result<bool, JournalError> {
        if let Some(link) = self.link.clone()
            && let Some(withdrawn) = self.withdraw_shared(&link, command)?
        {
            return Ok(withdrawn);
        }
        // Fact numbers start at 1, so 0 marks a withdrawn command.
        let withdraw = "UPDATE commands SET answered = 0 WHERE id = ?1 AND answered IS NULL";
        Ok(self.connection.run(withdraw, [command]).sql()? == 1)
    }

    fn unanswered(&self, run: RunNumber) -> Result<Vec<Sent>, JournalError> {
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT id, actor, seen, command FROM commands
             WHERE run = ?1 AND answered IS NULL ORDER BY id",
            )
            .sql()?;
        let rows = statement
            .query_map([run.0], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, String>(3)?))
            })
            .sql()?;
        rows.map(|row| {
            let (id, actor, seen, command) = row.sql()?;
            let command = serde_json::from_str(&command).map_err(unreadable)?;
            Ok(Sent { id, actor, seen, command })
        })
        .collect()
    }

    fn sharing(&self) -> Option<Arc<dyn Sharing>> {
        self.link.clone().map(|link| link as Arc<dyn Sharing>)
    }

    fn branches(&self, run: RunNumber) -> Result<Vec<Branch>, JournalError> {
        self.branches_of(run)
    }
}

pub(super) fn text<T: serde::Serialize>(value: &T) -> Result<String, JournalError> {
    serde_json::to_string(value).map_err(unreadable)
}

#[expect(clippy::needless_pass_by_value, reason = "map_err hands it over")]
pub(super) fn unreadable(error: serde_json::Error) -> JournalError {
    JournalError::Unusable(
        Problem::new("the store holds something unreadable").because(error.to_string()),
    )
}
