//! Signals for a process that drives a run.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::exit::Failed;
use super::print;
use crate::domain::error::Problem;
use crate::engine::Signal;

/// The signals that this process receives.
pub(super) struct Listening {
    pub(super) signals: mpsc::Receiver<Signal>,
    /// Whether a person interrupted it.
    pub(super) told: watch::Receiver<bool>,
    /// A second sender to `signals`, for callers that leave the run themselves.
    pub(super) wish: mpsc::Sender<Signal>,
}

/// Starts listening. The first interrupt stops at the next safe point, the second ends the current step. TERM leaves
/// the run at the next safe point, to be resumed. A hang-up is ignored: the run does not need its terminal.
pub(super) fn listen() -> Result<Listening, Failed> {
    let handler =
        |kind| signal(kind).map_err(|e| Problem::new("no signals").because(e.to_string()));
    let (mut int, mut term) =
        (handler(SignalKind::interrupt())?, handler(SignalKind::terminate())?);
    let mut hangup = handler(SignalKind::hangup())?;
    let (sender, receiver) = mpsc::channel(4);
    let wish = sender.clone();
    let (interrupted, told) = watch::channel(false);
    tokio::spawn(async move {
        let mut asked = false;
        loop {
            let hard = tokio::select! {
                _ = int.recv() => asked,
                _ = term.recv() => {
                    // Leave the run so that another process can continue it; ending it would roll traffic back.
                    let _ = sender.send(Signal::Leave).await;
                    continue;
                }
                _ = hangup.recv() => continue,
            };
            asked = true;
            interrupted.send_replace(true);
            print::note(if hard {
                "stopping now; a rollback in progress finishes first"
            } else {
                "stopping at the next safe point; interrupt again to stop now"
            });
            let wish = if hard { Signal::Abort } else { Signal::Stop };
            if sender.send(wish).await.is_err() {
                return;
            }
        }
    });
    Ok(Listening { signals: receiver, told, wish })
}
