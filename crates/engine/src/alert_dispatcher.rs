//! Delivers alerts from the outbox to their channels, concurrently with everything else: an unavailable or slow
//! receiver blocks nothing, and another Pointsman process continues where this one stopped.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};

use tokio::sync::oneshot::{self, error::TryRecvError};

use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::journal::JournalError;
use pointsman_core::ports::outbox::{Delivery, DeliveryResult, DeliveryState, Notifier, Outbox};
use pointsman_core::ports::sharing::{Announce, Sharing};
use pointsman_core::time::Timestamp;

/// Poll interval of the outbox.
const QUEUE_POLL: Duration = Duration::from_secs(2);
/// Back-off: the delays after the first, second, third… failure. The last one repeats.
const AGAIN: [Duration; 8] = [
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(40),
    Duration::from_mins(2),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_mins(30),
];
/// Maximum age of an alert that is still retried: an older one is given up.
const GIVE_UP_AFTER: Duration = Duration::from_hours(24);

/// Delay after which any process retries a channel whose setting was missing.
const UNSET_RETRY: Duration = Duration::from_mins(1);
/// An alert is given up after no process had the channel's setting for this long.
const CONFIGURED_WITHIN: Duration = Duration::from_mins(10);

/// Delivers queued alerts until it is stopped.
pub struct AlertDispatcher {
    outbox: Box<dyn Outbox>,
    notifier: Arc<dyn Notifier>,
    clock: Arc<dyn Clock>,
    /// The shared store, if there is one: it knows which machine sends an alert that each one raises.
    sharing: Option<Arc<dyn Sharing>>,
}

impl std::fmt::Debug for AlertDispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Courier")
    }
}

impl AlertDispatcher {
    /// A dispatcher with a separate connection to the outbox.
    pub fn new(
        outbox: Box<dyn Outbox>,
        notifier: Arc<dyn Notifier>,
        clock: Arc<dyn Clock>,
        sharing: Option<Arc<dyn Sharing>>,
    ) -> Self {
        Self { outbox, notifier, clock, sharing }
    }

    /// Delivers until `over` resolves, and then for a limited time. Returns the number of pending alerts.
    pub async fn carry(
        mut self,
        mut over: oneshot::Receiver<()>,
        within: Duration,
    ) -> Result<usize, JournalError> {
        while over.try_recv() == Err(TryRecvError::Empty) {
            // Failed reads and writes are retried in the next round.
            if let Err(error) = self.until_none_is_due(None).await {
                tracing::warn!(%error, "alerts wait");
            }
            tokio::select! {
                biased;
                _ = &mut over => break,
                () = self.clock.sleep(QUEUE_POLL) => {}
            }
        }
        self.empty(within).await
    }

    /// Delivers until no alert is pending, starting new attempts for a limited time. Returns the number of pending
    /// alerts.
    pub async fn empty(&mut self, within: Duration) -> Result<usize, JournalError> {
        let until = self.clock.elapsed() + within;
        loop {
            self.until_none_is_due(Some(until)).await?;
            let waiting = self.outbox.waiting()?;
            // Do not wait for deliveries that are due later than that.
            let left = until.saturating_sub(self.clock.elapsed());
            let last = self.clock.now().checked_add(left).unwrap_or_default();
            if waiting == 0 || left.is_zero() || self.outbox.soonest()?.is_none_or(|at| at > last) {
                return Ok(waiting);
            }
            self.clock.sleep(QUEUE_POLL.min(until.saturating_sub(self.clock.elapsed()))).await;
        }
    }

    /// Delivers all due alerts. Channels do not wait for each other.
    async fn until_none_is_due(&mut self, until: Option<Duration>) -> Result<(), JournalError> {
        let mut open = FuturesUnordered::new();
        loop {
            let late = until.is_some_and(|until| self.clock.elapsed() >= until);
            // Check without a lock first: usually nothing is due.
            let now = self.clock.now();
            if !late && self.outbox.soonest()?.is_some_and(|at| at <= now) {
                while let Some(letter) = self.outbox.due(self.clock.now())? {
                    open.push(self.attempt(letter));
                }
            }
            // Wait for a delivery in flight: otherwise its claim would stay until it expires.
            if open.is_empty() {
                return Ok(());
            }
            tokio::select! {
                biased;
                Some(done) = open.next() => {
                    let Some(((fate, letter), attempted)) = done else { continue };
                    if let DeliveryState::GivenUp(why) = &fate {
                        tracing::warn!(channel = %letter.channel, why, "an alert is given up");
                    }
                    self.outbox.settle(&letter, &fate)?;
                    // Only then: a slow store must not let the claim in the queue run out, and the alert go out twice.
                    if attempted {
                        open.extend(self.announced(letter, &fate));
                    }
                }
                // A slow channel must not delay the others.
                () = self.clock.sleep(QUEUE_POLL) => {}
            }
        }
    }
}

/// What happens beside the loop: an attempt with its result, or the word to other machines.
type Open = BoxFuture<'static, Option<Tried>>;

/// The new state of a delivery, and whether an attempt was made: another machine may send it.
type Tried = ((DeliveryState, Delivery), bool);

impl AlertDispatcher {
    /// Delivers an alert, unless another machine sends the same one.
    fn attempt(&self, letter: Delivery) -> Open {
        let (notifier, clock) = (self.notifier.clone(), self.clock.clone());
        let sharing = self.sharing.clone().filter(|_| letter.alert.seen_by_all.is_some());
        Box::pin(async move {
            let announce = match &sharing {
                Some(sharing) => sharing.announce(&letter.alert, &letter.channel).await,
                None => Announce::Here,
            };
            let attempt = match announce {
                Announce::Elsewhere(machine) => Attempt::Elsewhere(machine),
                Announce::Later(wait) => Attempt::Later(wait),
                Announce::Here => Attempt::Made(notifier.deliver(&letter).await),
            };
            let attempted = matches!(attempt, Attempt::Made(_));
            Some((came_out(letter, attempt, clock.now()), attempted))
        })
    }

    /// Tells other machines whether this one has sent an alert of all.
    fn announced(&self, letter: Delivery, fate: &DeliveryState) -> Option<Open> {
        let sent = matches!(fate, DeliveryState::Delivered(_));
        let sharing = self.sharing.clone().filter(|_| letter.alert.seen_by_all.is_some())?;
        Some(Box::pin(async move {
            sharing.announced(&letter.alert, &letter.channel, sent).await;
            None
        }))
    }
}

/// What an attempt came to.
enum Attempt {
    /// Another machine has sent the alert.
    Elsewhere(String),
    /// Another machine may be sending it.
    Later(Duration),
    Made(DeliveryResult),
}

/// The new state of a delivery after an attempt.
fn came_out(letter: Delivery, attempt: Attempt, now: Timestamp) -> (DeliveryState, Delivery) {
    let since = |at: Timestamp| Duration::try_from(now.duration_since(at)).unwrap_or_default();
    let waits = |wait: Duration, why| {
        let until = now.checked_add(wait).unwrap_or(now);
        DeliveryState::Waits { until, why }
    };
    let delivery = match attempt {
        Attempt::Elsewhere(machine) => return (DeliveryState::Elsewhere(machine), letter),
        // It was no attempt, and does not count as one.
        Attempt::Later(wait) => {
            let attempts = letter.attempts.saturating_sub(1);
            let state = waits(wait, "another machine sends it".to_owned());
            return (state, Delivery { attempts, ..letter });
        }
        Attempt::Made(delivery) => delivery,
    };
    match delivery {
        DeliveryResult::Taken => (DeliveryState::Delivered(now), letter),
        DeliveryResult::Refused(why) => (DeliveryState::GivenUp(why), letter),
        // Another process may have the setting. If no process has had it for long, the alert must not wait forever. The
        // age of the alert does not count here: a process with the setting may have tried until now.
        DeliveryResult::NotConfigured(why) => {
            let first = letter.unset_since.unwrap_or(now);
            let fate = if since(first) > CONFIGURED_WITHIN {
                DeliveryState::GivenUp(why)
            } else {
                waits(UNSET_RETRY, why)
            };
            (fate, Delivery { unset_since: Some(first), ..letter })
        }
        DeliveryResult::Later(why, after) => {
            let nth = usize::try_from(letter.attempts).unwrap_or(usize::MAX).saturating_sub(1);
            let usual = AGAIN[nth.min(AGAIN.len() - 1)];
            let fate = if since(letter.alert.at) > GIVE_UP_AFTER {
                DeliveryState::GivenUp(why)
            } else {
                // Never sooner than the receiver asks for.
                waits(after.map_or(usual, |after| after.max(Duration::from_secs(1))), why)
            };
            (fate, Delivery { unset_since: None, ..letter })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pointsman_core::alert::{Alert, Channel};

    fn minutes(count: i64) -> Timestamp {
        Timestamp::from_second(count * 60).unwrap()
    }

    fn after(letter: Delivery, delivery: DeliveryResult, minute: i64) -> (bool, Delivery) {
        let (fate, letter) = came_out(letter, Attempt::Made(delivery), minutes(minute));
        (matches!(fate, DeliveryState::GivenUp(_)), letter)
    }

    #[test]
    fn alert_without_its_channel_config_waits() {
        let unset = || DeliveryResult::NotConfigured("$HOOK is not set here".to_owned());
        let alert = Alert::test("ana", minutes(0));
        let channel = Channel::Slack { url_env: "HOOK".to_owned() };
        let new = Delivery { id: 1, channel, alert, attempts: 1, unset_since: None };
        // The ten minutes count from the first attempt without the setting, not from the alert.
        let (given_up, letter) = after(new, unset(), 60);
        assert!(!given_up);
        assert!(!after(letter.clone(), unset(), 70).0);
        assert!(after(letter.clone(), unset(), 71).0);
        // A process that has the setting tried meanwhile.
        let (given_up, letter) =
            after(letter, DeliveryResult::Later("HTTP 503".to_owned(), None), 65);
        assert!(!given_up);
        let (given_up, letter) = after(letter, unset(), 75);
        assert!(!given_up);
        assert!(after(letter, unset(), 86).0);
    }
}
