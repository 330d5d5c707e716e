//! Alerts: their configuration and delivery.

use std::sync::Arc;
use std::time::Duration;

use super::App;
use crate::adapters::notify::Channels;
use crate::domain::alert::{self, Notify};
use crate::domain::error::Problem;
use crate::domain::ids::EnvironmentName;
use crate::domain::probe::{ProbeChange, ProbeSnapshot};
use crate::engine::AlertDispatcher;
use crate::ports::journal::{Journal as _, JournalError};
use crate::ports::outbox::Outbox;

/// How often persistent causes are checked: a probe still down, a run still waiting.
const CHECK_RUNS_EVERY: Duration = Duration::from_secs(10);

impl App {
    /// The courier that delivers alerts. None in a rehearsal.
    pub fn courier(&self) -> Result<Option<AlertDispatcher>, Problem> {
        if self.is_demo() {
            return Ok(None);
        }
        let store = self.store().map_err(JournalError::problem)?;
        let carrier = Arc::new(Channels::new(self.clock.clone()));
        Ok(Some(AlertDispatcher::new(Box::new(store), carrier, self.clock.clone())))
    }

    /// Tells of what turned. What cannot be kept is in our own log: nothing is decided by it.
    pub fn tell_of_probes(
        &self,
        notify: &Notify,
        environment: &EnvironmentName,
        turned: &[ProbeChange],
        seen: &[ProbeSnapshot],
    ) {
        let now = self.clock.now();
        let of = |key: &str| seen.iter().find(|probe| probe.key == key);
        // What is idle has no customers.
        let idle = |probe: &ProbeSnapshot| probe.side.is_some() && !probe.live;
        let mut alerts: Vec<_> = seen
            .iter()
            .filter(|probe| !idle(probe))
            .filter_map(|probe| alert::still_down(environment, probe, notify.remind, now))
            .collect();
        let mut quiet = Vec::new();
        for turned in turned.iter().filter(|turned| !of(&turned.key).is_some_and(idle)) {
            let muted = of(&turned.key).is_some_and(|probe| probe.muted.is_some());
            let told = alert::of_probe(environment, turned);
            if muted { quiet.extend(told) } else { alerts.extend(told) }
        }
        self.tell(notify, &alerts);
        // Muted changes raise no alert but are recorded; otherwise the next one would be missed.
        let nobody = Notify { channels: Vec::new(), ..notify.clone() };
        self.tell(&nobody, &quiet);
    }

    /// Periodically checks for waiting and abandoned runs.
    pub async fn watch_runs(self, notify: Notify, environments: Vec<EnvironmentName>) {
        while !notify.is_empty() {
            self.clock.sleep(CHECK_RUNS_EVERY).await;
            let Ok(store) = self.store() else { continue };
            let now = self.clock.now();
            let latest = environments.iter().filter_map(|e| store.runs(Some(e), 1).ok()?.pop());
            let under_way: Vec<_> = latest.filter(|run| run.view.ended.is_none()).collect();
            let alerts = under_way.iter().filter_map(|run| match run.runner {
                Some(_) => alert::still_waits(&run.view, notify.remind, now),
                None => Some(alert::in_doubt(&run.view, now)),
            });
            self.tell(&notify, &alerts.collect::<Vec<_>>());
        }
    }

    fn tell(&self, notify: &Notify, alerts: &[alert::Alert]) {
        if notify.on.is_empty() || alerts.is_empty() || self.is_demo() {
            return;
        }
        let told = self
            .store()
            .and_then(|mut store| alerts.iter().try_for_each(|alert| store.put(notify, alert)));
        if let Err(error) = told {
            tracing::warn!(%error, "alerts are lost");
        }
    }

    /// Number of pending alerts, and whether alerts are silenced.
    pub fn alerts_of(&self, outbox: &dyn Outbox) -> Result<(usize, bool), JournalError> {
        // A store of before there were alerts, read where it cannot be written, has none.
        let waiting = outbox.waiting().unwrap_or_default();
        Ok((waiting, outbox.silence(self.clock.now()).ok().flatten().is_some()))
    }
}
