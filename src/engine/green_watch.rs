//! Green while its gate waits: somebody may take an hour to open it, and what was healthy then need not
//! be so any more. Its own address is asked again and again, and what turns is written down.

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::context::wanted;
use super::outside::Outside;
use crate::domain::event::Event;
use crate::domain::gate::GateWatch;
use crate::domain::health::{Sample, Verdict};
use crate::domain::ids::ServiceName;
use crate::domain::step::Side;
use crate::domain::view::{GREEN_GATE, RunView};
use crate::ports::prober::Question;

/// The watch over the greens of one gate. It ends when it is dropped.
pub(super) struct GreenWatch {
    heard: mpsc::Receiver<(ServiceName, Sample)>,
    watches: BTreeMap<ServiceName, GateWatch>,
    _asking: Vec<AbortOnDropHandle<()>>,
}

impl GreenWatch {
    /// Begins to ask every green that has an address and was judged. Where a person stands for it, since
    /// its probe was left out, nobody else judges it.
    pub(super) fn start(view: &RunView, outside: &Outside) -> Self {
        let (sender, heard) = mpsc::channel(16);
        let (mut watches, mut asking) = (BTreeMap::new(), Vec::new());
        for member in &view.plan.members {
            let service = member.service().clone();
            let Some(seen) = view.services.get(&service) else { continue };
            let (Some(base), Some(verdict)) = (seen.preview.clone(), seen.green_health) else {
                continue;
            };
            let Ok(wanted) = wanted(view, outside.hosting.as_ref(), member, Side::Green) else {
                continue;
            };
            let policy = view.plan.policy.health.clone();
            let (interval, timeout) = (policy.interval, policy.timeout);
            let question = Question {
                base,
                health: member.health.clone(),
                timeout,
                controls: policy.controls.clone(),
            };
            watches.insert(service.clone(), GateWatch::new(policy, wanted, verdict));
            let (outside, sender) = (outside.clone(), sender.clone());
            let ask = async move {
                loop {
                    let sample = outside.prober.ask(&question).await;
                    if sender.send((service.clone(), sample)).await.is_err() {
                        return;
                    }
                    outside.clock.sleep(interval).await;
                }
            };
            asking.push(AbortOnDropHandle::new(tokio::spawn(ask)));
        }
        Self { heard, watches, _asking: asking }
    }

    /// What has turned since the last look, as facts.
    pub(super) fn turned(&mut self) -> Vec<Event> {
        let mut turned = Vec::new();
        while let Ok((service, sample)) = self.heard.try_recv() {
            let Some(watch) = self.watches.get_mut(&service) else { continue };
            if let Some(decision) = watch.push(&sample) {
                turned.push(Event::Judged {
                    service,
                    verdict: decision.verdict,
                    rule: GREEN_GATE.to_owned(),
                    evidence: decision.evidence,
                });
            }
        }
        turned
    }

    /// A word for the live line: who is not as the gate wants it.
    pub(super) fn progress(&self) -> String {
        let bad = self.watches.iter().filter(|(_, watch)| watch.verdict() != Verdict::Pass);
        let bad: Vec<_> =
            bad.map(|(service, watch)| format!("{service}: {}", watch.verdict())).collect();
        if bad.is_empty() { "green is watched meanwhile".to_owned() } else { bad.join(", ") }
    }
}
