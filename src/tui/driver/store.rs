//! Polls the store on a separate thread.

use std::time::Duration;

use tokio::sync::mpsc::Sender;

use super::poll_backoff::PollBackoff;
use crate::app::App;
use crate::domain::ids::EnvironmentName;
use crate::domain::time::Timestamp;
use crate::ports::journal::{Journal, JournalError, Listed};
use crate::ports::mutes::Mutes;
use crate::ports::outbox::Outbox;
use crate::tui::model::environments::RunSnapshot;
use crate::tui::msg::{Msg, Stored};
use crate::tui::panes::alerts::model::Queue;

/// Maximum number of alerts shown.
const ALERTS_SHOWN: usize = 100;
/// Delay before the next attempt to read an unreadable store.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Polls between two reads of an unchanged store: a runner's death writes nothing to the store. The other
/// polls of an unchanged store cost one pragma each.
const LIVENESS_EVERY: u32 = 7;
/// Polls between two reads of the alert silence in an unchanged store.
const SILENCE_EVERY: u32 = LIVENESS_EVERY * 10;
/// Polls of an old snapshot before the store itself is tried again.
const UNREADABLE_POLLS: u32 = 20;

/// Starts the thread. It ends when the screen's message channel closes.
/// `tells`: others learn what is on this screen.
pub(super) fn spawn(app: App, names: Vec<EnvironmentName>, tells: bool, sender: Sender<Msg>) {
    std::thread::spawn(move || {
        let mut told = String::new();
        while !sender.is_closed() {
            let problem = match read(&app, &names, tells, &sender) {
                Ok(()) => return,
                Err(error) => error.problem(),
            };
            if told != problem.to_string() {
                told = problem.to_string();
                if sender.blocking_send(Msg::Stored(Err(problem))).is_err() {
                    return;
                }
            }
            std::thread::sleep(RETRY_AFTER);
        }
    });
}

/// Polls until the message channel closes or the store fails.
fn read(
    app: &App,
    names: &[EnvironmentName],
    tells: bool,
    sender: &Sender<Msg>,
) -> Result<(), JournalError> {
    app.follow_shared();
    let store = app.readable_store()?;
    let shared = app.standing().is_some();
    // The store as of its last checkpoint is better than no data, but it is outdated: report that too.
    let old = store.behind().filter(|_| !shared);
    let (mut version, mut told, mut round) = (None, None, 0_u32);
    let (mut alerts_told, mut pace) = (None, PollBackoff::default());
    let mut damaged_told = Vec::new();
    loop {
        let now = store.data_version()?;
        let changed = version != Some(now);
        version = Some(now);
        pace.looked(changed);
        if changed || round.is_multiple_of(LIVENESS_EVERY) {
            // A silence ends without a write to the store.
            if changed || round.is_multiple_of(SILENCE_EVERY) {
                let queue =
                    queue(&store, app.clock.now()).filter(|q| alerts_told.as_ref() != Some(q));
                if let Some(queue) = queue {
                    alerts_told = Some(queue.clone());
                    if sender.blocking_send(Msg::Alerts(queue)).is_err() {
                        return Ok(());
                    }
                }
            }
            // One unreadable run does not hide the other environments.
            let behind = if shared { store.behind() } else { old.clone() };
            let (mut stored, mut problem) = (Vec::new(), behind);
            for name in names {
                match self::stored(app, &store, name) {
                    Ok(one) => stored.push(one),
                    Err(error) => problem = Some(error.problem()),
                }
            }
            if tells {
                let runs = stored.iter().filter_map(|one: &Stored| one.run.as_ref());
                let under_way = runs.filter(|run| run.view.ended.is_none());
                app.watch(under_way.map(|run| run.view.number).collect());
            }
            let damaged = store.damage();
            if damaged_told != damaged {
                damaged_told.clone_from(&damaged);
                if sender.blocking_send(Msg::Damaged(damaged)).is_err() {
                    return Ok(());
                }
            }
            // Unchanged data is not sent again, so it is not drawn again.
            let now = (stored, problem);
            if told.as_ref() != Some(&now) {
                told = Some(now.clone());
                let (stored, problem) = now;
                let messages = [Some(Ok(stored)), problem.map(Err)];
                for message in messages.into_iter().flatten() {
                    if sender.blocking_send(Msg::Stored(message)).is_err() {
                        return Ok(());
                    }
                }
            }
        }
        if let Some(problem) = &old
            && round >= UNREADABLE_POLLS
        {
            return Err(JournalError::Unusable(problem.clone()));
        }
        if sender.is_closed() {
            return Ok(());
        }
        round = round.wrapping_add(1);
        std::thread::sleep(pace.wait());
    }
}

/// The alert queue; `None` if it cannot be read, as in an older store that is read-only. The pane then says that it
/// was not read, because an empty queue would be a false claim.
fn queue(store: &(impl Outbox + Mutes), now: Timestamp) -> Option<Queue> {
    let latest = store.letters(ALERTS_SHOWN).ok()?;
    let pending = store.waiting().ok()?;
    let silence = store.silence(now).ok()?;
    Some(Queue { latest, pending, silence })
}

fn stored(app: &App, store: &dyn Journal, name: &EnvironmentName) -> Result<Stored, JournalError> {
    let latest = store.runs(Some(name), 1)?.pop();
    let lock = store.locked(name)?.map(|lock| format!("{}: {}", lock.actor, lock.reason));
    let run = latest.map(|Listed { view, runner, host }| {
        let watchers = if view.ended.is_none() { app.watchers(view.number) } else { Vec::new() };
        RunSnapshot { view, runner, host, watchers }
    });
    let release = run.as_ref().and_then(|run| run.view.plan.release.clone());
    // An older store from before ticks existed, opened read-only, has none.
    let ticks = release.map(|release| store.ticks(name, &release).unwrap_or_default());
    Ok(Stored { environment: name.clone(), run, ticks: ticks.unwrap_or_default(), lock })
}
