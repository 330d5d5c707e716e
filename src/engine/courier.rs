//! Takes alerts from the outbox to where they belong. It runs beside everything else: a receiver that
//! is down or slow is in nobody's way, and whatever process of ours is there goes on where another one
//! stopped.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};

use tokio::sync::oneshot::{self, error::TryRecvError};

use crate::domain::time::Timestamp;
use crate::ports::clock::Clock;
use crate::ports::journal::JournalError;
use crate::ports::outbox::{Delivery, Fate, Letter, Notifier, Outbox};

/// How often it is looked for something new.
const LOOK: Duration = Duration::from_secs(2);
/// After so many failures it is tried again after so long…
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
/// …until it is so old that it is no news.
const GIVE_UP: Duration = Duration::from_hours(24);

/// A channel whose setting is missing here is tried again after this, by any process of ours…
const ELSEWHERE: Duration = Duration::from_mins(1);
/// …and given up when no process had it for this long.
const CONFIGURED_WITHIN: Duration = Duration::from_mins(10);

/// The courier.
pub struct Courier {
    outbox: Box<dyn Outbox>,
    notifier: Arc<dyn Notifier>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Courier")
    }
}

impl Courier {
    /// A courier with a connection to the outbox of its own.
    pub fn new(
        outbox: Box<dyn Outbox>,
        notifier: Arc<dyn Notifier>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { outbox, notifier, clock }
    }

    /// Delivers until the work beside it is over, and then for so long what is left. How many wait then.
    pub async fn carry(
        mut self,
        mut over: oneshot::Receiver<()>,
        within: Duration,
    ) -> Result<usize, JournalError> {
        while over.try_recv() == Err(TryRecvError::Empty) {
            // What cannot be read or written is tried again.
            if let Err(error) = self.until_none_is_due(None).await {
                tracing::warn!(%error, "alerts wait");
            }
            tokio::select! {
                _ = &mut over => break,
                () = self.clock.sleep(LOOK) => {}
            }
        }
        self.empty(within).await
    }

    /// Delivers until nothing waits; so long new tries are begun. How many wait then.
    pub async fn empty(&mut self, within: Duration) -> Result<usize, JournalError> {
        let until = self.clock.elapsed() + within;
        loop {
            self.until_none_is_due(Some(until)).await?;
            let waiting = self.outbox.waiting()?;
            // What is due later than that is not waited for.
            let left = until.saturating_sub(self.clock.elapsed());
            let last = self.clock.now().checked_add(left).unwrap_or_default();
            if waiting == 0 || left.is_zero() || self.outbox.soonest()?.is_none_or(|at| at > last) {
                return Ok(waiting);
            }
            self.clock.sleep(LOOK.min(until.saturating_sub(self.clock.elapsed()))).await;
        }
    }

    /// Delivers what is due now, each channel at its own pace.
    async fn until_none_is_due(&mut self, until: Option<Duration>) -> Result<(), JournalError> {
        let mut open = FuturesUnordered::new();
        loop {
            let late = until.is_some_and(|until| self.clock.elapsed() >= until);
            // A look that takes no lock: most of the time there is nothing.
            let now = self.clock.now();
            if !late && self.outbox.soonest()?.is_some_and(|at| at <= now) {
                while let Some(letter) = self.outbox.due(self.clock.now())? {
                    let (notifier, clock) = (self.notifier.clone(), self.clock.clone());
                    open.push(async move {
                        let delivery = notifier.deliver(&letter).await;
                        (fate(&letter, delivery, clock.now()), letter)
                    });
                }
            }
            // What was begun is waited for: whoever left it would have it claimed by nobody.
            if open.is_empty() {
                return Ok(());
            }
            tokio::select! {
                Some((fate, letter)) = open.next() => {
                    if let Fate::GivenUp(why) = &fate {
                        tracing::warn!(channel = %letter.channel, why, "an alert is given up");
                    }
                    self.outbox.settle(&letter, &fate)?;
                }
                // A slow channel keeps no other one waiting.
                () = self.clock.sleep(LOOK) => {}
            }
        }
    }
}

fn fate(letter: &Letter, delivery: Delivery, now: Timestamp) -> Fate {
    match delivery {
        Delivery::Taken => Fate::Delivered(now),
        Delivery::Refused(why) => Fate::GivenUp(why),
        // Another process may have the setting. If none delivers soon, the alert must not wait forever.
        Delivery::NotConfigured(why) => {
            let age = Duration::try_from(now.duration_since(letter.alert.at)).unwrap_or_default();
            if age > CONFIGURED_WITHIN {
                return Fate::GivenUp(why);
            }
            Fate::Waits { until: now.checked_add(ELSEWHERE).unwrap_or(now), why }
        }
        Delivery::Later(why, after) => {
            let nth = usize::try_from(letter.attempts).unwrap_or(usize::MAX).saturating_sub(1);
            let usual = AGAIN[nth.min(AGAIN.len() - 1)];
            let age = Duration::try_from(now.duration_since(letter.alert.at)).unwrap_or_default();
            if age > GIVE_UP {
                return Fate::GivenUp(why);
            }
            // Nobody is asked sooner than it wants.
            let wait = after.map_or(usual, |after| after.max(Duration::from_secs(1)));
            Fate::Waits { until: now.checked_add(wait).unwrap_or(now), why }
        }
    }
}
