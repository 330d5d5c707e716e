//! Recovery after a runner died: what is recorded, what is observed, and the safe choices, the recommended one first
//! (N8). Pure: the engine makes the observation.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::Problem;
use super::ids::ServiceName;
use super::plan::RunKind;
use super::run::RunState;
use super::step::Side;
use super::view::RunView;

/// The observed live build of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Serving {
    /// A build of this run.
    Side(Side),
    /// A build of this run or none, but a rollout is in flight: the observation is not final.
    Moving(Option<Side>),
    /// The builds of this run have a share each, in per cent for GREEN, as it set them.
    Shared { green: u8, moving: bool },
    /// No build, as when the run started.
    NoBuild,
    /// A build that is neither blue nor green of this run, or several builds.
    Foreign(String),
}

impl fmt::Display for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Side(side) => side.fmt(f),
            Self::Moving(Some(side)) => write!(f, "{side}, and a rollout is under way"),
            Self::Moving(None) => f.write_str("none yet, and a rollout is under way"),
            Self::Shared { green, moving: false } => write!(f, "{green} % green, the others blue"),
            Self::Shared { green, moving: true } => {
                write!(f, "{green} % green, the others blue, and a change is under way")
            }
            Self::NoBuild => f.write_str("none"),
            Self::Foreign(who) => write!(f, "{who}, which is not from this run"),
        }
    }
}

/// The observed live build of each service.
pub type Observed = BTreeMap<ServiceName, Serving>;

/// The recovery choices of a run in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Continues the run. The step in doubt is repeated; every step is idempotent.
    Continue,
    /// Returns traffic to the previous build.
    GoBack,
    /// Ends the run without further changes.
    Leave,
}

impl Choice {
    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::GoBack => "go-back",
            Self::Leave => "leave",
        }
    }

    /// The choice in a word or two.
    pub fn title(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::GoBack => "roll back",
            Self::Leave => "leave",
        }
    }

    /// What the choice does to this run.
    pub fn effect(self, view: &RunView) -> String {
        let title = view.current_step().map(|at| view.steps[at].plan.title.clone());
        let step = title.unwrap_or_else(|| "the next step".to_owned());
        match self {
            Self::Continue => match &view.state {
                RunState::Waiting { .. } => {
                    "wait at this gate again; nothing moves before it opens".to_owned()
                }
                RunState::Paused { .. } => format!("continue with \"{step}\""),
                RunState::Done => "all steps are done; record the end".to_owned(),
                RunState::Planned
                | RunState::Ready { .. }
                | RunState::Running { .. }
                | RunState::Failed { .. }
                | RunState::Ended { .. } => {
                    format!("repeat \"{step}\"; what was done is not done twice")
                }
            },
            Self::GoBack => {
                let blue = view.blue_name();
                let blue = blue.map_or("the build before".to_owned(), |name| name.to_string());
                format!("send all traffic back to {blue}")
            }
            Self::Leave => "end the run here; nothing more is changed".to_owned(),
        }
    }

    /// The choice and what it does to this run.
    pub fn sentence(self, view: &RunView) -> String {
        format!("{}: {}", self.title(), self.effect(view))
    }
}

/// The recorded and the observed state of an interrupted run, and the safe choices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// The last recorded state.
    pub recorded: String,
    pub observed: String,
    /// The safe choices, the recommended one first.
    pub choices: Vec<Choice>,
}

/// Compares the recorded state of an interrupted run with the observed one.
pub fn reconcile(view: &RunView, observed: &Observed) -> Result<Doubt, Problem> {
    if let Some(kind) = view.unknown.first() {
        return Err(Problem::new(format!("this version cannot continue run {}", view.number))
            .because(format!("it contains {kind:?}, written by a newer version"))
            .try_this("resume it with that version"));
    }
    if let RunState::Ended { outcome } = &view.state {
        let what = format!("run {} has ended: {}", view.number, outcome.word());
        return Err(Problem::new(what));
    }
    let seen: Vec<_> = observed.iter().map(|(name, who)| format!("{name}: {who}")).collect();
    Ok(Doubt {
        recorded: view.state.sentence(),
        observed: if seen.is_empty() { "nothing to observe".to_owned() } else { seen.join(", ") },
        choices: choices(view, observed),
    })
}

/// The safe choices, at least one. "Leave" is not offered while a rollout is in flight that the run can still watch: it
/// would make a build live that is neither verified nor monitored.
fn choices(view: &RunView, observed: &Observed) -> Vec<Choice> {
    let foreign = observed.values().any(|who| matches!(who, Serving::Foreign(_)));
    // Traffic was changed by someone else: never override it (F10). What is on its way beside it does not change that:
    // nothing but leaving would become safe by waiting, and the run ends as unknown.
    if foreign && view.touched_traffic() {
        return vec![Choice::Leave];
    }
    let mut choices = own_choices(view);
    let moves =
        |who: &Serving| matches!(who, Serving::Moving(_) | Serving::Shared { moving: true, .. });
    if observed.values().any(moves) {
        choices.retain(|choice| *choice != Choice::Leave);
    }
    choices
}

/// The choices while no one else has changed the traffic. "Continue" is always one of them.
fn own_choices(view: &RunView) -> Vec<Choice> {
    let may_go_back = view.can_go_back() && !view.undoing();
    // A rollback may be finished, but never reversed (F30).
    let giving_back = view.undoing() || view.plan.kind == RunKind::Rollback;
    if giving_back && view.touched_traffic() {
        return vec![Choice::Continue, Choice::Leave];
    }
    match (&view.state, may_go_back) {
        (RunState::Done, _) => vec![Choice::Continue],
        // A failed step waited for a decision; a rollback is the cautious one.
        (RunState::Failed { .. }, true) => {
            vec![Choice::GoBack, Choice::Continue, Choice::Leave]
        }
        (_, true) => vec![Choice::Continue, Choice::GoBack, Choice::Leave],
        (_, false) => vec![Choice::Continue, Choice::Leave],
    }
}
