//! Checks the list that guards a gate while the gate waits: verifies machine items repeatedly, reads people's ticks,
//! and records every change.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::error::EngineError;
use super::evidence;
use super::outside::Outside;
use super::supervisor::Supervisor;
use pointsman_core::checklist::{
    Asked, Item, ItemStatus, List, Proof, Source, Standing, Subject, stand,
};
use pointsman_core::event::Event;
use pointsman_core::health::Verdict;
use pointsman_core::policy::Protection;
use pointsman_core::ports::journal::JournalError;
use pointsman_core::probe::Check;
use pointsman_core::view::RunView;

/// Interval of repeated checks.
const CHECK_EVERY: Duration = Duration::from_secs(10);
/// Interval of repeated team commands, each of which may take minutes.
const COMMAND_EVERY: Duration = Duration::from_mins(10);
/// Maximum wait for the first result of a check that the gate does not need.
const WAIT_FOR_REPORTS: Duration = Duration::from_secs(5);
/// Poll interval of people's ticks.
const TICK_POLL: Duration = Duration::from_millis(500);

/// The addresses that a probe item checks: the public one once a build is live there, and green's own address before
/// the switch.
fn who_answers(asked: &[Asked], view: &RunView, list: List) -> Vec<Asked> {
    let mut all = Vec::new();
    for one in asked {
        let member = view.plan.members.iter().find(|m| m.service().as_str() == one.name);
        let seen = member.and_then(|member| Some((member, view.services.get(member.service())?)));
        let Some((member, seen)) = seen else {
            all.push(one.clone());
            continue;
        };
        if seen.blue.is_some() || view.touched_traffic() {
            all.push(one.clone());
        }
        let green = seen.preview.as_ref().filter(|_| list == List::Deploy);
        all.extend(green.map(|preview| Asked {
            name: format!("{} GREEN", one.name),
            check: Some(Check::Http {
                url: format!("{preview}{}", member.health.path),
                expect: Box::default(),
                fresh: true,
            }),
            timeout: one.timeout,
        }));
    }
    all
}

/// Reads the pipeline once per round for all items that depend on it.
fn ask_pipeline(
    view: &RunView,
    items: &[Item],
    outside: &Outside,
    sender: mpsc::Sender<(String, Proof)>,
) -> Option<AbortOnDropHandle<()>> {
    let of = |item: &Item| match &item.source {
        Some(Source::Pipeline { job }) => Some((item.id.clone(), job.clone())),
        _ => None,
    };
    let (ids, jobs): (Vec<String>, Vec<String>) = items.iter().filter_map(of).unzip();
    if ids.is_empty() {
        return None;
    }
    let (outside, plan) = (outside.clone(), view.plan.clone());
    Some(AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            let proofs = evidence::pipeline(&jobs, &plan, &outside).await;
            for (id, proof) in ids.iter().zip(proofs) {
                if sender.send((id.clone(), proof)).await.is_err() {
                    return;
                }
            }
            let every = match &outside.pipeline {
                Some(Ok(pipeline)) => pipeline.every(),
                _ => CHECK_EVERY,
            };
            outside.clock.sleep(CHECK_EVERY.max(every)).await;
        }
    })))
}

/// Watches one list until it is dropped.
pub(super) struct Checking {
    list: List,
    items: Vec<Item>,
    heard: mpsc::Receiver<(String, Proof)>,
    proofs: BTreeMap<String, Proof>,
    /// Times of the start, of the last evaluation, and of the last read of earlier runs.
    began: Option<Duration>,
    looked: Option<Duration>,
    past: Option<Duration>,
    written: bool,
    _asking: Vec<AbortOnDropHandle<()>>,
}

impl Checking {
    pub(super) fn start(view: &RunView, list: List, outside: &Outside) -> Self {
        let items = view.plan.checklist.iter().filter(|item| item.list == list);
        let items: Vec<Item> = items.cloned().collect();
        let (sender, heard) = mpsc::channel(16);
        let outside_asked = |item: &Item| match &item.source {
            Some(
                source @ (Source::Command { .. } | Source::Indexes { .. } | Source::Metrics { .. }),
            ) => Some((item.id.clone(), source.clone())),
            Some(Source::Probe { name, asked }) => {
                let asked = who_answers(asked, view, list);
                Some((item.id.clone(), Source::Probe { name: name.clone(), asked }))
            }
            _ => None,
        };
        let asking = items.iter().filter_map(outside_asked).map(|(id, source)| {
            let (outside, sender) = (outside.clone(), sender.clone());
            let view = view.clone();
            let again =
                if matches!(source, Source::Command { .. }) { COMMAND_EVERY } else { CHECK_EVERY };
            AbortOnDropHandle::new(tokio::spawn(async move {
                loop {
                    let proof = evidence::ask(&source, &view, &outside).await;
                    if sender.send((id.clone(), proof)).await.is_err() {
                        return;
                    }
                    outside.clock.sleep(again).await;
                }
            }))
        });
        let mut asking: Vec<_> = asking.collect();
        asking.extend(ask_pipeline(view, &items, outside, sender));
        Self {
            list,
            items,
            heard,
            proofs: BTreeMap::new(),
            began: None,
            looked: None,
            past: None,
            written: false,
            _asking: asking,
        }
    }

    pub(super) fn list(&self) -> List {
        self.list
    }

    /// Whether the state of the list was recorded since this watch started.
    pub(super) fn written(&self) -> bool {
        self.written
    }

    /// The states of the items as a fact, if they changed.
    pub(super) fn turned(
        &mut self,
        supervisor: &Supervisor,
        outside: &Outside,
    ) -> Result<Option<Event>, EngineError> {
        while let Ok((id, proof)) = self.heard.try_recv() {
            self.proofs.insert(id, proof);
        }
        let now = outside.clock.elapsed();
        let began = *self.began.get_or_insert(now);
        if self.looked.is_some_and(|looked| now.saturating_sub(looked) < TICK_POLL) {
            return Ok(None);
        }
        self.looked = Some(now);
        // Less often, because this folds many runs.
        if self.past.is_none_or(|past| now.saturating_sub(past) >= CHECK_EVERY) {
            self.past = Some(now);
            self.hear_the_past(supervisor);
        }
        let view = supervisor.view();
        let ticks = supervisor.ticks().map_err(EngineError::Journal)?;
        let (subject, at) = (Subject::of(view), outside.clock.now());
        let one = |item: &Item| stand(item, &ticks, self.proofs.get(&item.id), &subject, at);
        let items: Vec<ItemStatus> = self.items.iter().map(one).collect();
        // Judge a checklist only after every required machine check has reported; the others get a little time.
        let advice = view.plan.policy.protection == Protection::Open;
        let waits = |item: &Item, seen: &ItemStatus| {
            let silent = item.source.is_some() && !self.proofs.contains_key(&item.id);
            let needed = item.required && !seen.standing.settled() && !advice;
            silent && (needed || now.saturating_sub(began) < WAIT_FOR_REPORTS)
        };
        // A failed one decides without the others.
        let fails = |(item, seen): (&Item, &ItemStatus)| {
            item.required && seen.standing == Standing::Failed && !advice
        };
        let failed = self.items.iter().zip(&items).any(fails);
        if !failed && self.items.iter().zip(&items).any(|(item, seen)| waits(item, seen)) {
            return Ok(None);
        }
        let word = |seen: &ItemStatus| (seen.id.clone(), seen.standing);
        let before = view.checklists.get(&self.list).map_or(&[][..], Vec::as_slice);
        let same = before.iter().map(word).eq(items.iter().map(word));
        // Record it once in any case: after a take-over, the new runner has checked it itself.
        let again = std::mem::replace(&mut self.written, true);
        Ok((!same || !again).then_some(Event::ChecklistSeen { list: self.list, items }))
    }

    /// Evidence from the journal. Unreadable evidence is unknown and does not end the run.
    fn hear_the_past(&mut self, supervisor: &Supervisor) {
        for item in &self.items {
            let unread = |error: JournalError| Proof {
                verdict: Verdict::Inconclusive,
                said: format!("history cannot be read: {error}"),
            };
            let proof = match &item.source {
                None => continue,
                Some(Source::Promoted { from: Some(from) }) => match supervisor.runs_on(from) {
                    Ok(runs) => evidence::promoted(supervisor.view(), from, &runs),
                    Err(error) => unread(error),
                },
                Some(Source::Alerts) => match supervisor.alerts_arrived() {
                    Ok(arrived) => evidence::alerts(&arrived, supervisor.now()),
                    Err(error) => unread(error),
                },
                Some(source) => match evidence::of_the_run(source, supervisor.view()) {
                    Some(proof) => proof,
                    // Its own task asks, and sends its proof when it has one.
                    None => continue,
                },
            };
            self.proofs.insert(item.id.clone(), proof);
        }
    }
}
