//! Probes green while its gate waits, and records every change: approval may take an hour, and a build that was healthy
//! before may not be healthy any longer.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::context::wanted;
use super::outside::Outside;
use super::steps::preview::is_gone;
use pointsman_core::event::{Event, GREEN_GATE};
use pointsman_core::gate::GateWatch;
use pointsman_core::health::{Sample, Verdict};
use pointsman_core::ids::{BuildId, ServiceName};
use pointsman_core::ports::prober::Question;
use pointsman_core::step::Side;
use pointsman_core::time::Timestamp;
use pointsman_core::view::RunView;

/// Number of intervals for which an answer counts as fresh.
const MISSED_PROBES: u32 = 3;

/// Watches the green builds of one gate until it is dropped.
pub(super) struct GreenWatch {
    /// `None` instead of a sample: the address was taken away, which says nothing about GREEN.
    heard: mpsc::Receiver<(ServiceName, Option<Sample>)>,
    watches: BTreeMap<ServiceName, GateWatch>,
    /// Time of each service's last sufficient result, and how long that result is valid.
    answered: BTreeMap<ServiceName, (Timestamp, Duration)>,
    /// The builds whose address may be taken away.
    tagged: BTreeMap<ServiceName, BuildId>,
    _asking: Vec<AbortOnDropHandle<()>>,
}

impl GreenWatch {
    /// Starts probing every green that has an address and was judged. If a person skipped its probe step, that decision
    /// applies.
    pub(super) fn start(view: &RunView, outside: &Outside) -> Self {
        let (sender, heard) = mpsc::channel(16);
        let (mut watches, mut answered) = (BTreeMap::new(), BTreeMap::new());
        let (mut asking, mut builds) = (Vec::new(), BTreeMap::new());
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
            let judged = seen.green_judged.as_ref().map_or(Timestamp::UNIX_EPOCH, |(at, _)| *at);
            answered.insert(service.clone(), (judged, interval * MISSED_PROBES + timeout));
            let (outside, sender) = (outside.clone(), sender.clone());
            let tagged = view.plan.preview.and(seen.green.clone());
            let target = member.target.clone();
            builds.extend(tagged.iter().map(|build| (service.clone(), build.clone())));
            let ask = async move {
                loop {
                    let sample = outside.prober.ask(&question).await;
                    let bad = !matches!(sample, Sample::Healthy(_));
                    let gone = match tagged.as_ref().filter(|_| bad) {
                        Some(build) => is_gone(&outside, &target, build).await,
                        None => false,
                    };
                    let heard = Some(sample).filter(|_| !gone);
                    if sender.send((service.clone(), heard)).await.is_err() || gone {
                        return;
                    }
                    outside.clock.sleep(interval).await;
                }
            };
            asking.push(AbortOnDropHandle::new(tokio::spawn(ask)));
        }
        Self { heard, watches, answered, tagged: builds, _asking: asking }
    }

    /// A service without a recent probe: a result from before a pause, or from before this machine slept, approves no
    /// gate.
    pub(super) fn unheard(&self, now: Timestamp) -> Option<&ServiceName> {
        let old = |(at, counts): &(Timestamp, Duration)| {
            let age = Duration::try_from(now.duration_since(*at)).unwrap_or_default();
            age > *counts
        };
        self.answered.iter().find(|(_, heard)| old(heard)).map(|(service, _)| service)
    }

    /// The changes since the last poll, as facts.
    pub(super) fn turned(&mut self, now: Timestamp) -> Vec<Event> {
        let mut turned = Vec::new();
        while let Ok((service, sample)) = self.heard.try_recv() {
            let Some(sample) = sample else {
                self.watches.remove(&service);
                self.answered.remove(&service);
                let build = self.tagged.remove(&service);
                turned.extend(build.map(|build| Event::GreenReady {
                    service,
                    build,
                    preview: None,
                }));
                continue;
            };
            let Some(watch) = self.watches.get_mut(&service) else { continue };
            let decision = watch.push(&sample);
            if let Some((at, _)) = self.answered.get_mut(&service).filter(|_| watch.steady()) {
                *at = now;
            }
            if let Some(decision) = decision {
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

    /// Whether any green has failed.
    pub(super) fn failed(&self) -> bool {
        self.watches.values().any(|watch| watch.verdict() == Verdict::Fail)
    }

    /// The progress text: the services whose green does not pass, or has no recent result.
    pub(super) fn progress(&self, now: Timestamp) -> String {
        let bad = self.watches.iter().filter(|(_, watch)| watch.verdict() != Verdict::Pass);
        let bad: Vec<_> =
            bad.map(|(service, watch)| format!("{service}: {}", watch.verdict())).collect();
        if let Some(service) = self.unheard(now) {
            return format!("waiting for a health answer of {service} GREEN");
        }
        if bad.is_empty() { "GREEN is still probed".to_owned() } else { bad.join(", ") }
    }
}
