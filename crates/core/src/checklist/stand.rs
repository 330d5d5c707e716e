//! The state of checklist items, and whether the step that a list guards may start.

use std::time::Duration;

use super::{Act, Item, ItemStatus, List, Proof, Standing, Tick};
use crate::error::Problem;
use crate::event::AnsweredBy;
use crate::guard::Guard;
use crate::hash::Hash;
use crate::health::Verdict;
use crate::plan::Plan;
use crate::policy::Protection;
use crate::step::StepState;
use crate::time::{Timestamp, spoken};
use crate::view::RunView;

/// Validity of a person's tick.
pub const TICK_HOLDS: Duration = Duration::from_hours(4);

/// What a tick is about: the source of a release before it is built, its builds afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    source: String,
    builds: Option<String>,
}

impl Subject {
    #[cfg(test)]
    pub(super) fn new(source: &str, builds: Option<&str>) -> Self {
        Self { source: source.to_owned(), builds: builds.map(str::to_owned) }
    }

    /// The subject of a plan that has not started.
    pub fn of_plan(plan: &Plan) -> Self {
        let sources = plan.members.iter().map(|m| (m.service(), &m.source));
        let text = serde_json::to_string(&sources.collect::<Vec<_>>()).unwrap_or_default();
        Self { source: format!("source {}", Hash::of(text.as_bytes()).short()), builds: None }
    }

    /// The subject of a run in its current state.
    pub fn of(view: &RunView) -> Self {
        let greens = view.services.values().map(|s| s.green.as_ref().filter(|_| s.ready));
        let all: Option<Vec<_>> = greens.map(|green| Some(green?.as_str())).collect();
        let builds = all.map(|builds| format!("build {}", builds.join(" ")));
        Self { builds, ..Self::of_plan(&view.plan) }
    }

    /// The subject of evidence collected now.
    pub fn now(&self) -> &str {
        self.builds.as_deref().unwrap_or(&self.source)
    }

    /// Whether a tick's evidence still applies to this subject.
    fn holds(&self, list: List, tick: &Tick) -> bool {
        let about_build = self.builds.as_deref() == Some(tick.subject.as_str());
        let about_source = self.source == tick.subject;
        // A tick after the soak must be about a build: the source alone could not have been checked by then.
        about_build || (about_source && (list != List::Post || tick.act != Act::Tick))
    }
}

/// The state of an item, from the last action of a person and the result of the automatic check.
pub fn stand(
    item: &Item,
    ticks: &[Tick],
    proof: Option<&Proof>,
    subject: &Subject,
    now: Timestamp,
) -> ItemStatus {
    let seen = |standing, said: String| ItemStatus { id: item.id.clone(), standing, said };
    let last = ticks.iter().rev().find(|tick| tick.item == item.id);
    if let Some(tick) = last.filter(|tick| tick.act != Act::Untick) {
        let note = if tick.note.is_empty() { String::new() } else { format!(": {}", tick.note) };
        let by = format!("{} {}{note}", tick.actor, tick.at.strftime("%d %b %H:%MZ"));
        let age = Duration::try_from(now.duration_since(tick.at)).unwrap_or_default();
        match tick.act {
            _ if !subject.holds(item.list, tick) && item.source.is_none() => {
                return seen(Standing::Stale, format!("of another build; {by}"));
            }
            _ if !subject.holds(item.list, tick) => {}
            Act::NotApplicable => return seen(Standing::NotApplicable, by),
            Act::Override => return seen(Standing::Overridden, by),
            Act::Tick if item.source.is_some() => {}
            Act::Tick if age > TICK_HOLDS => {
                return seen(Standing::Stale, format!("{} ago; {by}", spoken(age)));
            }
            Act::Tick => return seen(Standing::Done, by),
            Act::Untick => {}
        }
    }
    match (&item.source, proof) {
        (None, _) => seen(Standing::Open, String::new()),
        (Some(source), None) => seen(Standing::Open, format!("{source}: not asked yet")),
        (Some(_), Some(proof)) => {
            let standing = match proof.verdict {
                Verdict::Pass => Standing::Done,
                Verdict::Fail => Standing::Failed,
                Verdict::Inconclusive => Standing::Unknown,
            };
            seen(standing, proof.said.clone())
        }
    }
}

/// Whether a person may take an action on an item. The error states why not.
pub fn may_act(item: &Item, act: Act, note: &str, run: Option<&RunView>) -> Result<(), Problem> {
    let moved = run.is_some_and(|view| view.touched_traffic() && !view.undoing());
    match act {
        Act::Tick if item.list == List::Post && item.source.is_none() && !moved => {
            Err(Problem::new(format!("{:?} cannot be seen yet", item.text))
                .because("traffic has not moved to this release"))
        }
        Act::Tick if item.source.is_some() => {
            let source = item.source.as_ref().map(ToString::to_string).unwrap_or_default();
            Err(Problem::new(format!("{:?} is verified automatically", item.text))
                .because(format!("its source: {source}"))
                .try_this("fix it, or override it with a reason"))
        }
        Act::NotApplicable | Act::Override if note.trim().is_empty() => {
            Err(Problem::new(format!("{} needs a reason", act.label())))
        }
        Act::Tick | Act::Untick | Act::NotApplicable | Act::Override => Ok(()),
    }
}

/// The state of every item of a run's plan, from the actions of people and the last results of automatic checks.
pub fn listed(view: &RunView, ticks: &[Tick], now: Timestamp) -> Vec<ItemStatus> {
    let subject = Subject::of(view);
    // A gate that was passed keeps the evidence that it was passed with.
    let passed = |list: List| {
        let gate = view.steps.iter().find(|step| step.plan.kind.guarded_by() == Some(list));
        view.ended.is_some() || gate.is_some_and(|gate| gate.state == StepState::Ok)
    };
    let one = |item: &Item| {
        let seen = view.checklists.get(&item.list);
        let seen = seen.and_then(|seen| seen.iter().find(|seen| seen.id == item.id));
        if let Some(seen) = seen.filter(|_| passed(item.list)) {
            return seen.clone();
        }
        stand(item, ticks, seen.and_then(proof_of).as_ref(), &subject, now)
    };
    view.plan.checklist.iter().map(one).collect()
}

/// The result of an item that is done, failed or unknown; None for any other standing.
fn proof_of(seen: &ItemStatus) -> Option<Proof> {
    let verdict = match seen.standing {
        Standing::Done => Verdict::Pass,
        Standing::Failed => Verdict::Fail,
        Standing::Unknown => Verdict::Inconclusive,
        Standing::Open | Standing::Stale | Standing::NotApplicable | Standing::Overridden => {
            return None;
        }
    };
    Some(Proof { verdict, said: seen.said.clone() })
}

/// The required items of a list that are not settled, each with its state and evidence.
pub fn open_items(items: &[Item], seen: &[ItemStatus], list: List) -> Vec<String> {
    let required = items.iter().filter(|item| item.list == list && item.required);
    let open = required.filter_map(|item| {
        let seen = seen.iter().find(|seen| seen.id == item.id)?;
        let (word, said) = (seen.standing.label(), seen.because());
        (!seen.standing.settled()).then(|| format!("{} is {word}{said}", item.text))
    });
    open.collect()
}

/// Whether the automatic check of a required item failed. Unknown does not count as failed.
pub fn seen_to_fail(view: &RunView, list: List) -> bool {
    let required = |seen: &ItemStatus| {
        view.plan.checklist.iter().any(|item| item.id == seen.id && item.required)
    };
    let seen = view.checklists.get(&list);
    let fails = |item: &ItemStatus| item.standing == Standing::Failed && required(item);
    seen.is_some_and(|seen| seen.iter().any(fails))
}

/// How the gate of a list that may be passed is approved.
pub fn passed_by(view: &RunView, list: List) -> AnsweredBy {
    let seen = view.checklists.get(&list).map_or(&[][..], Vec::as_slice);
    if open_items(&view.plan.checklist, seen, list).is_empty() {
        AnsweredBy::Checklist
    } else if view.plan.overrides.contains_key(&Guard::Checklist) {
        AnsweredBy::Override
    } else {
        AnsweredBy::Advice
    }
}

/// Whether the step that a list guards may start, given the item states recorded in the run. In an
/// open environment, lists are advisory.
pub fn may_pass(view: &RunView, list: List) -> Result<(), Problem> {
    let guards = view.plan.checklist.iter().any(|item| item.list == list);
    let overridden = view.plan.overrides.contains_key(&Guard::Checklist);
    if !guards || overridden || view.plan.policy.protection == Protection::Open {
        return Ok(());
    }
    let Some(seen) = view.checklists.get(&list) else {
        return Err(Problem::new(format!(
            "the checklist {:?} has not been checked yet",
            list.title()
        )));
    };
    let open = open_items(&view.plan.checklist, seen, list);
    let what = match open.len() {
        0 => return Ok(()),
        1 => format!("the checklist {:?} has an open item", list.title()),
        many => format!("the checklist {:?} has {many} open items", list.title()),
    };
    let run = view.number.0;
    Err(Problem::new(what)
        .because(open.join("; "))
        .try_this(format!("pointsman checklist {run}, or the pane Checklists")))
}
