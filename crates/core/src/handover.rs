//! The handover, a few lines for the next shift: the live release, the rollback target, pending work, unhealthy
//! and muted probes, and the last changes.

use super::checklist::may_pass;
use super::drift::drift;
use super::freeze::frozen;
use super::gate::green_may_serve;
use super::probe::{ProbeSnapshot, State};
use super::run::RunState;
use super::snapshot::EnvironmentSnapshot;
use super::step::StepKind;
use super::time::Timestamp;
use super::verdict::{Evidence, Live, LiveService, Undo};
use super::view::{RunView, WaitsFor};

/// A probe that is unhealthy or muted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worry {
    pub name: String,
    /// Its last known state.
    pub state: State,
    pub since: Option<Timestamp>,
    pub why: String,
    /// The end of its mute, and the reason.
    pub muted: Option<(Timestamp, String)>,
}

/// What is known about one environment.
#[derive(Debug)]
pub struct Post<'a> {
    pub name: &'a str,
    /// The environment's state; None: not read.
    pub seen: Option<&'a EnvironmentSnapshot>,
    /// Its runs, newest first.
    pub runs: &'a [&'a RunView],
    /// Whether a process drives the newest run.
    pub driven: bool,
    /// The holder and reason of its lock.
    pub lock: Option<&'a str>,
    /// Unhealthy and muted probes.
    pub worries: &'a [Worry],
    /// The states of its probes. Empty: none runs, so the health is that of one answer just now.
    pub probes: &'a [ProbeSnapshot],
}

impl Post<'_> {
    pub(super) fn evidence(&self, now: Timestamp) -> Evidence<'_> {
        let unfinished = self.runs.first().filter(|view| view.ended.is_none());
        Evidence {
            seen: self.seen,
            stale: false,
            driven: unfinished.filter(|_| self.driven).copied(),
            switched: self.runs.iter().find(|view| view.touched_traffic()).copied(),
            probes: self.probes,
            now: Some(now),
        }
    }
}

/// Number of past runs that are listed.
const LAST_RUNS: usize = 3;

/// One entry of a handover: its label and its text. The same for people and in JSON.
pub type Entry = (&'static str, String);

/// The handover entries of an environment.
pub fn entries(post: &Post<'_>, now: Timestamp) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut say = |word: &'static str, text: String| entries.push((word, text));
    let evidence = post.evidence(now);
    say("live", live(&evidence.live()));
    if let Some(undo) = undo(post, &evidence.undo()) {
        say("undo", undo);
    }
    match post.runs.first().filter(|view| view.ended.is_none()) {
        Some(view) => say("now", under_way(view, post.driven, now)),
        None => say("now", "no run under way".to_owned()),
    }
    if let Some(lock) = post.lock {
        say("locked", lock.to_owned());
    }
    if let Some(told) = post.seen.and_then(|seen| frozen(&seen.freeze, now)) {
        say("frozen", told);
    }
    let last = post.runs.first().copied();
    for told in post.seen.map(|seen| drift(seen, last)).unwrap_or_default() {
        say("drift", told);
    }
    for service in post.seen.iter().flat_map(|s| &s.services).filter(|s| s.rollouts_held) {
        let (service, environment) = (&service.service, post.name);
        let now = format!("pointsman allow-rollouts {environment}");
        say("held", format!("{service}: automatic rollouts are disabled; to enable them: {now}"));
    }
    for worry in post.worries {
        let since = worry.since.map(|at| format!(" since {}", clock(at))).unwrap_or_default();
        // `Off` means that there are too few answers yet.
        if !matches!(worry.state, State::Ok | State::Off) {
            say(
                "not well",
                format!("{} {}{since}: {}", worry.name, worry.state.label(), worry.why),
            );
        }
        if let Some((until, why)) = &worry.muted {
            say("muted", format!("{} until {}: {why}", worry.name, clock(*until)));
        }
    }
    let over = post.runs.iter().filter(|view| view.ended.is_some()).take(LAST_RUNS);
    over.for_each(|view| say("last", past(view)));
    entries
}

/// The entries as lines, under the environment's name. A repeated label is written once.
pub fn lines(post: &Post<'_>, now: Timestamp) -> Vec<String> {
    let mut lines = vec![post.name.to_uppercase()];
    let mut before = "";
    for (word, text) in entries(post, now) {
        let shown = if word == before { "" } else { word };
        lines.push(format!("  {shown:<9}{text}"));
        before = word;
    }
    lines
}

fn clock(at: Timestamp) -> String {
    at.strftime("%d %b %H:%MZ").to_string()
}

fn live(live: &Live) -> String {
    let Live::Services(all) = live else { return live.sentence() };
    let one = |of: &LiveService| {
        let health = of.health.map(|state| format!(" ({})", state.word())).unwrap_or_default();
        format!("{} {}{health}", of.service, of.name)
    };
    all.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The rollback target and how long it stays warm, or why there is none.
fn undo(post: &Post<'_>, undo: &Undo) -> Option<String> {
    match undo {
        // Said with the live release.
        Undo::NotRead | Undo::Unknown(_) => None,
        Undo::To { .. } => {
            Some(format!("{}: B, or pointsman rollback {}", undo.sentence(), post.name))
        }
        Undo::UnderWay | Undo::NothingMoved | Undo::Impossible(_) => Some(undo.sentence()),
    }
}

fn under_way(view: &RunView, driven: bool, now: Timestamp) -> String {
    let (run, title, by) = (view.number, view.plan.title(), &view.actor);
    let stands = match &view.state {
        _ if !driven => {
            format!("IN DOUBT, its process is gone: pointsman resume {}", run.0)
        }
        RunState::Waiting { .. } if view.waits_for() == Some(WaitsFor::Rules) => {
            "checks its checklist".to_owned()
        }
        RunState::Waiting { gate } if view.waits_for() == Some(WaitsFor::Health) => {
            let why =
                green_may_serve(view).err().map(|problem| format!(": {}", problem.sentence()));
            format!("WAITS FOR HEALTH at {gate}{}", why.unwrap_or_default())
        }
        RunState::Waiting { gate } => {
            let list = view.gate().and_then(StepKind::guarded_by);
            let open = list.and_then(|list| may_pass(view, list).err());
            let open = open.map(|problem| format!(": {}", problem.sentence())).unwrap_or_default();
            let due = view.deadline().map(|due| {
                format!(", {} {}", if due.ends { "expires" } else { "due" }, clock(due.at))
            });
            let given = view.approvals_sentence().map(|told| format!(", {told}"));
            let more = [given, due].into_iter().flatten().collect::<String>();
            format!("WAITS FOR APPROVAL at {gate}{open}{more}")
        }
        RunState::Failed { step, .. } => format!("FAILED in {step}, waits for a decision"),
        RunState::Paused { next } => format!("PAUSED before {next}"),
        state @ (RunState::Planned
        | RunState::Ready { .. }
        | RunState::Running { .. }
        | RunState::Done
        | RunState::Ended { .. }) => format!("is {}", state.sentence()),
    };
    let offered =
        view.offered.as_ref().map(|by| format!("; OFFERED by {by}: pointsman accept {}", run.0));
    let claimed = view.claimed(now).map(|told| format!("; {told}")).unwrap_or_default();
    format!(
        "run {run} {title} by {by}, since {}: {stands}{claimed}{}",
        clock(view.started),
        offered.unwrap_or_default()
    )
}

fn past(view: &RunView) -> String {
    let outcome = if let RunState::Ended { outcome } = &view.state {
        outcome.word().to_owned()
    } else {
        view.state.sentence()
    };
    let ended = view.ended.map(clock).unwrap_or_default();
    let why =
        view.failure.as_ref().filter(|_| !matches!(outcome.as_str(), "promoted" | "cleaned up"));
    let why =
        why.map(|(step, problem, _)| format!(" ({step}: {})", problem.what)).unwrap_or_default();
    format!("{ended}  {} {} by {}: {outcome}{why}", view.number, view.plan.title(), view.actor)
}
