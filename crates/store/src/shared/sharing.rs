//! Implements the port `sharing`: what the runner and the dispatcher of alerts wait for from the shared store.

use std::time::Duration;

use futures_util::future::{BoxFuture, LocalBoxFuture};
use tokio::sync::oneshot;

use super::announcements;
use super::link::Link;
use super::worker::{Job, PROVEN_WITHIN, State, Worker};
use pointsman_core::alert::{Alert, Channel};
use pointsman_core::ids::RunNumber;
use pointsman_core::ports::sharing::{Announce, Shared, Sharing};

/// Maximum time of the question which machine sends an alert.
const CLAIMED_WITHIN: Duration = Duration::from_secs(8);

impl Sharing for Link {
    fn shared(&self, run: RunNumber, seq: u64) -> BoxFuture<'_, Shared> {
        Box::pin(async move {
            let mut state = self.state.subscribe();
            let before = state.borrow().attempts;
            self.urgent.notify_one();
            let told = |state: &State| {
                let clock = self.parts.clock.as_ref();
                let proven = state.proven.is_some_and(|at| at.age(clock) < PROVEN_WITHIN);
                let there = state.shared.get(&run).is_some_and(|shared| *shared >= seq) && proven;
                let problem = state.unreachable.clone().filter(|_| state.attempts > before);
                match problem {
                    _ if state.taken_over.contains(&run) => Some(Shared::TakenOver),
                    _ if there => Some(Shared::Yes),
                    problem => problem.map(Shared::NotYet),
                }
            };
            loop {
                let found = told(&state.borrow_and_update());
                match found {
                    Some(found) => return found,
                    None if state.changed().await.is_err() => return Shared::TakenOver,
                    None => {}
                }
            }
        })
    }

    fn announce(&self, alert: &Alert, channel: &Channel) -> BoxFuture<'_, Announce> {
        let (alert, channel) = (alert.clone(), channel.clone());
        let clock = self.parts.clock.clone();
        let age = clock.now().duration_since(alert.at).try_into().unwrap_or_default();
        let claim = self.ask(move |worker| {
            Box::pin(async move {
                let Some(machine) = worker.mirror.here.machine.clone() else {
                    return Announce::Here;
                };
                let of = (&alert, &channel);
                let claimed = announcements::claim(&worker.remote, &machine, of, age).await;
                claimed.unwrap_or_else(|error| {
                    tracing::warn!(?error, "which machine sends an alert is unknown");
                    Announce::Here
                })
            })
        });
        // A claim in the queue of alerts does not last as long as a store that is cut off may take.
        Box::pin(async move {
            let claimed = clock.within(CLAIMED_WITHIN, claim).await;
            claimed.flatten().unwrap_or(Announce::Here)
        })
    }

    fn announced(&self, alert: &Alert, channel: &Channel, sent: bool) -> BoxFuture<'_, ()> {
        let (alert, channel) = (alert.clone(), channel.clone());
        let settled = self.ask(move |worker| {
            Box::pin(async move {
                let Some(machine) = worker.mirror.here.machine.clone() else { return };
                let of = (&alert, &channel);
                let settled = announcements::settle(&worker.remote, &machine, of, sent).await;
                if let Err(error) = settled {
                    tracing::warn!(?error, "other machines may send an alert again");
                }
            })
        });
        Box::pin(async move { settled.await.unwrap_or_default() })
    }
}

impl Link {
    /// Runs an operation on the thread. `None`: the thread has ended, or cannot start.
    fn ask<T: Send + 'static>(
        &self,
        job: impl for<'a> FnOnce(&'a mut Worker) -> LocalBoxFuture<'a, T> + Send + 'static,
    ) -> BoxFuture<'static, Option<T>> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |worker| {
            Box::pin(async move {
                let _ = answer.send(job(worker).await);
            })
        });
        let sent = self.hands().is_ok_and(|hands| hands.give(job));
        Box::pin(async move { if sent { answered.await.ok() } else { None } })
    }
}
