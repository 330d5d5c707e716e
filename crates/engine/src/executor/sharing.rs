//! A fact that announces an effect must be in the shared store before the effect. A deploy waits for that as long as the
//! store is cut off; a rollback waits a moment, continues, and is shared later.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::Engine;
use crate::context::Asked;
use crate::error::EngineError;
use pointsman_core::error::Problem;
use pointsman_core::ids::RunNumber;
use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::journal::JournalError;
use pointsman_core::ports::sharing::{Shared, Sharing};
use pointsman_core::view::RunView;

/// How long a rollback waits for the shared store before each effect.
const ROLLBACK_WAITS: Duration = Duration::from_secs(2);

/// Pause between two questions while the shared store does not answer.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Steps that wait until the shared store holds the fact of their next effect.
pub(super) struct Unshared {
    sharing: Option<Arc<dyn Sharing>>,
    clock: Arc<dyn Clock>,
    gives_back: bool,
    run: RunNumber,
    /// Each waits for a fact, in the order of the facts.
    waiting: VecDeque<(u64, oneshot::Sender<()>)>,
    /// The wait for the first of them, kept over the polls of the engine.
    asked: Option<BoxFuture<'static, Shared>>,
    /// Whether the last answer was a failure: the next question waits a moment.
    failed: bool,
}

/// Whether a step has an effect on the platform or a database right after this request.
pub(super) fn announces_effect(asked: &Asked) -> bool {
    match asked {
        Asked::Record(event) => event.announces_effect(),
        Asked::Lease => true,
    }
}

impl Unshared {
    pub(super) fn new(
        sharing: Option<Arc<dyn Sharing>>,
        clock: Arc<dyn Clock>,
        view: &RunView,
    ) -> Self {
        let (run, gives_back) = (view.number, view.returns_traffic());
        let waiting = VecDeque::new();
        Self { sharing, clock, gives_back, run, waiting, asked: None, failed: false }
    }

    /// Lets a step continue, at once or when the shared store holds the run as it is now.
    pub(super) fn answer(&mut self, seq: u64, effect: bool, done: oneshot::Sender<()>) {
        match &self.sharing {
            Some(_) if effect => self.waiting.push_back((seq, done)),
            // A step that has ended needs no reply.
            _ => drop(done.send(())),
        }
    }

    /// Whether an effect waits for the shared store.
    pub(super) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The answer about the first waiting step. Never resolves while none waits.
    pub(super) async fn next(&mut self) -> Shared {
        let (Some((seq, _)), Some(sharing)) = (self.waiting.front(), &self.sharing) else {
            return std::future::pending().await;
        };
        let (run, seq) = (self.run, *seq);
        let asked = self.asked.get_or_insert_with(|| {
            let (sharing, clock) = (sharing.clone(), self.clock.clone());
            let limit = self.gives_back.then_some(ROLLBACK_WAITS);
            let pause = self.failed;
            Box::pin(async move {
                if pause {
                    clock.sleep(ASK_AGAIN).await;
                }
                let Some(limit) = limit else { return sharing.shared(run, seq).await };
                let told = clock.within(limit, sharing.shared(run, seq)).await;
                told.unwrap_or_else(|| Shared::NotYet(Problem::new("no answer in time")))
            })
        });
        let told = asked.await;
        self.asked = None;
        self.failed = matches!(told, Shared::NotYet(_));
        told
    }

    /// Handles an answer. Returns the progress to show.
    ///
    /// # Errors
    /// Another machine has the run: this one must have no further effect.
    pub(super) fn heard(&mut self, told: Shared) -> Result<String, EngineError> {
        let progress = match told {
            Shared::TakenOver => {
                return Err(EngineError::Journal(JournalError::LeaseLost(self.run)));
            }
            Shared::NotYet(problem) if !self.gives_back => return Ok(waiting(&problem)),
            Shared::NotYet(problem) => {
                tracing::warn!(%problem, "a rollback continues without the shared store");
                "not shared: the rollback continues without the shared store"
            }
            Shared::Yes => "",
        };
        if let Some((_, done)) = self.waiting.pop_front() {
            // A step that has ended needs no reply.
            let _ = done.send(());
        }
        Ok(progress.to_owned())
    }
}

/// The progress of a step that waits for the shared store.
fn waiting(problem: &Problem) -> String {
    format!("waiting for the shared store: {problem}")
}

impl Engine {
    /// Checks the lease before an effect of the engine itself, also in the shared store. It waits as long as that is cut
    /// off, and answers commands meanwhile.
    pub(super) async fn surely_ours(&mut self) -> Result<(), EngineError> {
        self.supervisor.still_ours()?;
        let Some(sharing) = self.supervisor.sharing() else { return Ok(()) };
        let view = self.supervisor.view();
        let (run, seq) = (view.number, view.last_seq);
        let gives_back = view.returns_traffic();
        let limit = if gives_back { ROLLBACK_WAITS } else { ASK_AGAIN };
        loop {
            let told = tokio::select! {
                biased;
                told = sharing.shared(run, seq) => told,
                Some(signal) = self.signals.recv() => {
                    self.heed(signal);
                    continue;
                }
                () = self.outside.clock.sleep(limit) => Shared::NotYet(Problem::new("no answer yet")),
            };
            match told {
                Shared::Yes => return Ok(()),
                Shared::TakenOver => {
                    return Err(EngineError::Journal(JournalError::LeaseLost(run)));
                }
                Shared::NotYet(_) if gives_back => return Ok(()),
                Shared::NotYet(problem) => {
                    self.progress.send_replace(waiting(&problem));
                    self.supervisor.take_commands()?;
                    if self.supervisor.wishes.leave.is_some() {
                        return Err(EngineError::Left);
                    }
                    // A failure may come at once.
                    self.outside.clock.sleep(ASK_AGAIN / 4).await;
                }
            }
        }
    }
}
