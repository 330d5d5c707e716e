//! What whoever takes the next shift must know, in a few lines: what is live, what is warm, what waits,
//! what is not well or muted, and what changed last.

use super::probe::State;
use super::run::RunState;
use super::seen::EnvironmentSeen;
use super::time::Timestamp;
use super::view::RunView;

/// A probe that is not well, or that calls nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worry {
    /// Its name.
    pub name: String,
    /// How it stood when it was heard last.
    pub state: State,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Why.
    pub why: String,
    /// Until when it is muted, and why.
    pub muted: Option<(Timestamp, String)>,
}

/// What is known of one environment.
#[derive(Debug)]
pub struct Post<'a> {
    /// Its name.
    pub name: &'a str,
    /// What was seen of it; nothing: nobody looked.
    pub seen: Option<&'a EnvironmentSeen>,
    /// Its runs, newest first.
    pub runs: &'a [&'a RunView],
    /// Whether a process drives the newest one.
    pub driven: bool,
    /// Who has locked it and why.
    pub lock: Option<&'a str>,
    /// What is not well or muted.
    pub worries: &'a [Worry],
}

/// So many of the last runs are told.
const LAST: usize = 3;

/// The lines of an environment.
pub fn lines(post: &Post<'_>, now: Timestamp) -> Vec<String> {
    let mut lines = vec![post.name.to_uppercase()];
    let mut say = |word: &str, text: String| lines.push(format!("  {word:<9}{text}"));
    say("live", live(post));
    if let Some(warm) = post.runs.first().and_then(|view| warm(view, now)) {
        say("warm", warm);
    }
    match post.runs.first().filter(|view| view.ended.is_none()) {
        Some(view) => say("now", under_way(view, post.driven)),
        None => say("now", "nothing is under way".to_owned()),
    }
    if let Some(lock) = post.lock {
        say("locked", lock.to_owned());
    }
    for worry in post.worries {
        let since = worry.since.map(|at| format!(" since {}", clock(at))).unwrap_or_default();
        // OFF says nothing yet.
        if !matches!(worry.state, State::Ok | State::Off) {
            say("not well", format!("{} {}{since}: {}", worry.name, worry.state.word(), worry.why));
        }
        if let Some((until, why)) = &worry.muted {
            say("muted", format!("{} until {}: {why}", worry.name, clock(*until)));
        }
    }
    let over = post.runs.iter().filter(|view| view.ended.is_some()).take(LAST);
    for (at, view) in over.enumerate() {
        say(if at == 0 { "last" } else { "" }, past(view));
    }
    lines
}

fn clock(at: Timestamp) -> String {
    at.strftime("%d %b %H:%MZ").to_string()
}

fn live(post: &Post<'_>) -> String {
    let Some(seen) = post.seen else { return "not looked yet".to_owned() };
    if let Some(problem) = &seen.unseen {
        return format!("not to be seen: {}", problem.what);
    }
    let one = |service: &super::seen::ServiceSeen| {
        let live = service.live.as_ref();
        let release = live.map(|b| b.release.as_ref().map_or(b.build.as_str(), |r| r.as_str()));
        format!("{} {} ({})", service.service, release.unwrap_or("nothing"), service.health.word())
    };
    seen.services.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What instant undo goes to, and until when.
fn warm(view: &RunView, now: Timestamp) -> Option<String> {
    let ended = view.ended.filter(|_| view.touched_traffic() && !view.undoing())?;
    let until = ended.checked_add(view.plan.policy.keep_blue).ok().filter(|until| *until > now)?;
    let blue = view.services.values().find_map(|s| s.blue_release.as_ref())?;
    Some(format!(
        "{blue} until {}: B, or pointsman rollback {}",
        clock(until),
        view.plan.environment
    ))
}

fn under_way(view: &RunView, driven: bool) -> String {
    let release = view.plan.release.as_ref().map(|r| format!(" {r}")).unwrap_or_default();
    let (run, kind, by) = (view.number, view.plan.kind.word(), &view.actor);
    let stands = match &view.state {
        _ if !driven => {
            format!("IN DOUBT, its process is gone: pointsman resume {}", run.0)
        }
        RunState::Waiting { .. } if view.looks_at_list() => "looks at its checklist".to_owned(),
        RunState::Waiting { gate } => format!("WAITS FOR SOMEBODY at {gate}"),
        RunState::Failed { step, .. } => format!("FAILED in {step}, waits for somebody"),
        RunState::Paused { next } => format!("PAUSED before {next}"),
        state => format!("is {}", state.sentence()),
    };
    format!("run {run} {kind}{release} by {by}, since {}: {stands}", clock(view.started))
}

fn past(view: &RunView) -> String {
    let release = view.plan.release.as_ref().map(|r| format!(" {r}")).unwrap_or_default();
    let outcome = match &view.state {
        RunState::Ended { outcome } => outcome.word().replace('_', " "),
        state => state.sentence(),
    };
    let ended = view.ended.map(clock).unwrap_or_default();
    let why =
        view.failure.as_ref().filter(|_| !matches!(outcome.as_str(), "promoted" | "cleaned up"));
    let why =
        why.map(|(step, problem, _)| format!(" ({step}: {})", problem.what)).unwrap_or_default();
    format!(
        "{ended}  {} {}{release} by {}: {outcome}{why}",
        view.number,
        view.plan.kind.word(),
        view.actor
    )
}
