//! Who runs the operations of a connection: a separate thread, or each caller in turn.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use tokio::sync::mpsc;

use super::worker::{Job, Wakes, Worker};
use pointsman_core::ports::clock::Clock;

/// The way to the worker.
#[derive(Clone)]
pub(super) enum Hands {
    Thread(mpsc::UnboundedSender<Job>),
    /// A simulation has one thread, and a database that answers at once.
    Caller(Arc<Mutex<Worker>>),
}

impl Hands {
    /// Starts the thread. It ends when the last of its callers is gone.
    pub(super) fn thread(
        worker: Worker,
        wakes: impl FnOnce(mpsc::UnboundedReceiver<Job>) -> Wakes,
    ) -> io::Result<Self> {
        let (jobs, received) = mpsc::unbounded_channel();
        let wakes = wakes(received);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("shared-store".to_owned());
        thread.spawn(move || runtime.block_on(worker.work(wakes)))?;
        Ok(Self::Thread(jobs))
    }

    /// Runs an operation soon, or at once. `false`: the thread has ended.
    pub(super) fn give(&self, job: Job) -> bool {
        match self {
            Self::Thread(jobs) => jobs.send(job).is_ok(),
            Self::Caller(worker) => at_once(worker, |worker| Box::pin(job(worker))),
        }
    }

    /// Does what the thread does, for a simulation. Never returns.
    pub(super) async fn serve(&self, mut wakes: Wakes, clock: &dyn Clock) {
        let Self::Caller(worker) = self else { return };
        loop {
            let wait = lock(worker).wait(&wakes);
            let wake = wakes.next(clock, wait).await;
            if !at_once(worker, |worker| Box::pin(worker.react(wake))) {
                return;
            }
        }
    }
}

fn lock(worker: &Mutex<Worker>) -> std::sync::MutexGuard<'_, Worker> {
    worker.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs an operation to its end. `false` if it would have to wait, which a simulated database never makes it.
fn at_once<T>(
    worker: &Mutex<Worker>,
    job: impl for<'a> FnOnce(&'a mut Worker) -> futures_util::future::LocalBoxFuture<'a, T>,
) -> bool {
    job(&mut lock(worker)).now_or_never().is_some()
}
