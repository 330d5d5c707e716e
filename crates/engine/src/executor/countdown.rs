//! The countdown between a failed soak and the automatic rollback. An operator can hold it, for instance when the probe
//! itself is wrong.

use super::{COMMAND_POLL, Engine};
use crate::error::EngineError;
use crate::outside::Attendance;
use pointsman_core::command::counts_down;
use pointsman_core::ports::log::LogLine;

impl Engine {
    /// Whether to roll back now. Unattended runs have no countdown.
    pub(super) async fn counted_down(&mut self) -> Result<bool, EngineError> {
        if self.supervisor.view().held {
            // The hold was honoured; it does not apply to a later failure.
            self.supervisor.wishes.pause = None;
        }
        let view = self.supervisor.view();
        if self.asking == Attendance::Unattended || !counts_down(view) {
            return Ok(true);
        }
        let now = self.outside.clock.elapsed();
        let failed = *self.failed.get_or_insert(now);
        let left = view.plan.policy.soak.countdown.saturating_sub(now.saturating_sub(failed));
        if left.is_zero() && !view.held {
            return Ok(true);
        }
        let text = if view.held {
            "held: a person decides".to_owned()
        } else {
            // Whole seconds: one message per second.
            format!("rolling back in {} s", left.as_secs() + 1)
        };
        if let Some(step) = view.state.step().cloned() {
            let at = self.outside.clock.now();
            self.outside.log.progress(&LogLine {
                at,
                step,
                service: None,
                text: text.clone(),
                tints: Vec::new(),
            });
        }
        self.progress.send_replace(text);
        self.idle(COMMAND_POLL).await?;
        Ok(false)
    }

    /// Ends the countdown once the failure has been handled.
    pub(super) fn stop_counting(&mut self) {
        if self.failed.take().is_some() {
            self.outside.log.over();
            self.progress.send_replace(String::new());
        }
    }
}
