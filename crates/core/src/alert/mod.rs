//! Alerts: which facts notify the on-call engineer, in the words of the screen.

mod deployment;
mod probes;
mod reminders;
mod seen_by_all;

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checklist::may_pass;
use crate::code::Code;
use crate::command::counts_down;
use crate::describe;
use crate::error::Problem;
use crate::event::{Event, Fact, Outcome, Recorded};
use crate::gate::may_switch;
use crate::guard::Guard;
use crate::hash::Hash;
use crate::ids::{EnvironmentName, RunNumber};
use crate::redact::redacted;
use crate::release::ReleaseLabel;
use crate::step::{Failure, StepKind};
use crate::time::Timestamp;
use crate::view::RunView;

pub use deployment::{DeploymentReport, DeploymentState, deployment};
pub use probes::of_probe;
pub use reminders::{held_reminders, still_down, still_held, still_waits};
pub use seen_by_all::SeenByAll;

/// The kinds of alert: the words of `notify.on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A release was promoted.
    Promoted,
    /// A run failed, or a step of it failed and waits for a person.
    Failed,
    /// A rollback started or finished.
    RolledBack,
    /// A gate waits for a person.
    Gate,
    /// A probe went down.
    ProbeDown,
    /// A probe recovered.
    ProbeUp,
    /// A probe goes up and down.
    Flapping,
    /// A certificate ends soon.
    Certificate,
    /// Probing stopped: the last known state is stale.
    Blind,
    /// Automatic rollouts are still disabled by a run that has ended.
    RolloutsHeld,
    /// The process that drove a run is gone.
    InDoubt,
    /// A test of the delivery, on request.
    Test,
    /// A state of a deployment at GitHub. No other channel gets it, and `notify.on` does not name it.
    #[schemars(skip)]
    Deployment,
}

impl Kind {
    /// The type of a Standard Webhooks message.
    pub fn event_type(self) -> &'static str {
        match self {
            Self::Promoted => "deploy.promoted",
            Self::Failed => "deploy.failed",
            Self::RolledBack => "deploy.rolled_back",
            Self::Gate => "deploy.gate_waiting",
            Self::RolloutsHeld => "deploy.rollouts_held",
            Self::InDoubt => "deploy.in_doubt",
            Self::ProbeDown => "probe.down",
            Self::ProbeUp => "probe.up",
            Self::Flapping => "probe.flapping",
            Self::Certificate => "probe.certificate",
            Self::Blind => "probe.blind",
            Self::Test => "pointsman.test",
            Self::Deployment => "deploy.deployment",
        }
    }
}

/// A receiver of alerts. It holds the name of the environment variable with the secret, never the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A Slack incoming webhook.
    Slack {
        /// Environment variable that holds the webhook's URL, which is itself the secret.
        url_env: String,
    },
    /// A Standard Webhooks receiver.
    Webhook {
        url: String,
        /// Environment variable that holds the secret for signing messages.
        secret_env: Option<String>,
    },
    /// The deployments of a GitHub repository.
    Github(GithubRepository),
}

/// A GitHub repository that gets the deployments of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GithubRepository {
    /// `owner/name`.
    pub repository: String,
    /// The API's address, if it is not GitHub's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// Environment variable that holds the token.
    pub token_env: String,
}

impl fmt::Display for Channel {
    /// The kind of channel, with its variable or its URL without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slack { url_env } => write!(f, "slack ${url_env}"),
            Self::Github(of) => write!(f, "github {} deployments", of.repository),
            Self::Webhook { url, .. } => {
                let bare = url.split(['?', '#']).next().unwrap_or_default();
                write!(f, "webhook {}", redacted(bare.rsplit('@').next().unwrap_or_default()))
            }
        }
    }
}

/// The configured alert channels, and the kinds of alert sent to them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    pub channels: Vec<Channel>,
    /// The kinds of alert to send.
    pub on: Vec<Kind>,
    /// Interval of reminders while the cause persists. Zero means never.
    #[serde(with = "crate::time::text_form")]
    pub remind: Duration,
}

impl Notify {
    /// Whether no alert is configured.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty() || self.on.is_empty()
    }

    /// Whether alerts of this kind are sent. Test alerts always are.
    pub fn wants(&self, kind: Kind) -> bool {
        kind == Kind::Test || self.on.contains(&kind)
    }
}

/// A message about a change, with a key that identifies repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Identifies the event: two processes that see the same event produce one alert.
    pub key: String,
    /// For a lasting state: its subject and the state. The alert is sent only if the state differs from
    /// the last one recorded for the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<(String, String)>,
    pub kind: Kind,
    /// Time of the event.
    pub at: Timestamp,
    pub environment: Option<EnvironmentName>,
    pub run: Option<RunNumber>,
    pub release: Option<ReleaseLabel>,
    /// Who started the run, or sent the test.
    pub actor: Option<String>,
    /// The event in one sentence.
    pub text: String,
    /// The evidence.
    pub why: String,
    /// The next action.
    pub now: String,
    /// The report to GitHub, in a message about a deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Box<DeploymentReport>>,
    /// Set if every machine that watches raises this alert, so that one of them sends it for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_by_all: Option<SeenByAll>,
}

impl Alert {
    /// The id that receivers see: the same for every attempt and every sender.
    pub fn id(&self) -> String {
        format!("msg_{}", Hash::of(format!("{} {}", self.key, self.at).as_bytes()).short())
    }

    /// An alert without run or environment.
    fn new(kind: Kind, key: String, at: Timestamp, text: String) -> Self {
        Self {
            key,
            turns: None,
            kind,
            at,
            environment: None,
            run: None,
            release: None,
            actor: None,
            text,
            why: String::new(),
            now: String::new(),
            deployment: None,
            seen_by_all: None,
        }
    }

    /// Fills in the environment, number, release and actor of a run.
    fn about(self, view: &RunView) -> Self {
        Self {
            environment: Some(view.plan.environment.clone()),
            run: Some(view.number),
            release: view.plan.release.clone(),
            actor: Some(view.actor.clone()),
            ..self
        }
    }

    /// The alert that `alerts test` sends.
    pub fn test(actor: &str, at: Timestamp) -> Self {
        let text = format!("{actor} tries whether alerts of Pointsman arrive");
        let alert = Self::new(Kind::Test, format!("test/{at}"), at, text);
        Self { actor: Some(actor.to_owned()), ..alert }
    }
}

/// The alert for a fact, if it raises one. `view` is the run after that fact.
pub fn of(view: &RunView, fact: &Fact) -> Option<Alert> {
    let Recorded::Known(event) = &fact.event else { return None };
    let (kind, what, problem) = told(view, event)?;
    let (environment, run) = (&view.plan.environment, view.number);
    let clean = |text: String| redacted(&text);
    let Problem { what: failed, why, todo, .. } = problem.unwrap_or_else(|| Problem::new(""));
    let why = if why.is_empty() { failed } else { format!("{failed}: {why}") };
    let key = match (event, &fact.step) {
        // One alert per gate, however often the states of its items change.
        (Event::ChecklistSeen { .. }, Some(gate)) => format!("run/{run}/{gate}/waits"),
        _ => format!("run/{run}/{}", fact.seq),
    };
    // An on-call engineer first wants to know which release customers get.
    let not_promoted =
        matches!(event, Event::RunEnded { outcome, .. } if *outcome != Outcome::Promoted);
    let customers = view.customers(true).filter(|_| not_promoted);
    let customers = customers.map(|said| format!(". {said}")).unwrap_or_default();
    let text = format!(
        "{environment}: {} (run {run}) {what}{}{customers}",
        view.plan.title(),
        overridden(view)
    );
    let alert = Alert::new(kind, key, fact.at, clean(text)).about(view);
    Some(Alert { why: clean(why), now: clean(todo), ..alert })
}

/// Describes the guards overridden for this run, each with its reason, since the on-call engineer needs to know them.
fn overridden(view: &RunView) -> String {
    let one = |(guard, reason): (&Guard, &String)| match reason.as_str() {
        "" => guard.to_string(),
        reason => format!("{guard} ({reason})"),
    };
    let all: Vec<_> = view.plan.overrides.iter().map(one).collect();
    if all.is_empty() { String::new() } else { format!("; overridden: {}", all.join(", ")) }
}

fn expired(because: Option<&Problem>) -> bool {
    because.is_some_and(|problem| problem.code == Some(Code::GATE_EXPIRED))
}

fn told(view: &RunView, event: &Event) -> Option<(Kind, String, Option<Problem>)> {
    let waits = view.plan.waits_for_people() && view.ended.is_none();
    Some(match event {
        Event::GateOpened { .. }
            if view.plan.ask_at_gates && view.gate() == Some(&StepKind::GateSwitch) =>
        {
            let people = view.approvals_rule().map_or(1, |rule| rule.people);
            let what = match people {
                1 => "waits for approval to switch traffic".to_owned(),
                people => format!("waits for {people} approvals to switch traffic"),
            };
            (Kind::Gate, what, None)
        }
        // A run started from the screen waits at the switch gate anyway, and alerts there.
        Event::ChecklistSeen { list, .. }
            if (waits || (view.ended.is_none() && view.waits_for_tick(*list)))
                && (matches!(view.gate(), Some(StepKind::GateChecklist { .. }))
                    || !view.plan.ask_at_gates) =>
        {
            let problem = may_pass(view, *list).err()?;
            (Kind::Gate, "waits for its checklist".to_owned(), Some(problem))
        }
        Event::GateDue { at, ends } => {
            let run = view.number.0;
            let todo = match view.gate() {
                Some(StepKind::GateSwitch) if may_switch(view).is_ok() => {
                    format!("pointsman approve {run}, or pointsman extend {run}")
                }
                Some(StepKind::GateChecklist { .. }) => {
                    format!("pointsman checklist {run}, or pointsman extend {run}")
                }
                _ => format!("pointsman attach {run}, or pointsman extend {run}"),
            };
            let problem = Problem::new("").try_this(todo);
            (Kind::Gate, format!("still waits: {}", describe::due(*at, *ends)), Some(problem))
        }
        // No alert for a failure that is retried, or a step that was cancelled.
        Event::StepFailed { problem, class }
            if waits
                && !matches!(class, Failure::Passing | Failure::Cancelled)
                && !counts_down(view) =>
        {
            (Kind::Failed, "failed a step and waits for a person".to_owned(), Some(problem.clone()))
        }
        Event::RunEnded { outcome, because } => {
            let kind = match outcome {
                Outcome::Promoted => Kind::Promoted,
                Outcome::RolledBack => Kind::RolledBack,
                Outcome::Failed | Outcome::Unknown => Kind::Failed,
                // No one decided this end.
                Outcome::Aborted if expired(because.as_ref()) => Kind::Gate,
                Outcome::CleanedUp | Outcome::Migrated | Outcome::Aborted | Outcome::Superseded => {
                    return None;
                }
            };
            let what = format!("ended: {}", outcome.word());
            // One alert per rollback, once it is verified, with who decided it and why.
            match &view.undo {
                Some((by, why)) if *outcome == Outcome::RolledBack => {
                    let by = describe::decided_by(*by);
                    (kind, format!("{what} {by}"), Some(Problem::new(why.clone())))
                }
                _ => (kind, what, because.clone()),
            }
        }
        // The screen and the report show these; they raise no alert.
        Event::RunStarted { .. }
        | Event::StepStarted { .. }
        | Event::StepFinished { .. }
        | Event::StepFailed { .. }
        | Event::StepSkipped { .. }
        | Event::GateOpened { .. }
        | Event::GateAnswered { .. }
        | Event::BlueObserved { .. }
        | Event::RolloutsHeld { .. }
        | Event::RolloutsReleased { .. }
        | Event::FilesSeen { .. }
        | Event::BuildRequested { .. }
        | Event::GreenReady { .. }
        | Event::CandidateReady { .. }
        | Event::SwitchRequested { .. }
        | Event::ShiftRequested { .. }
        | Event::TrafficObserved { .. }
        | Event::Judged { .. }
        | Event::ReleaseFaulted { .. }
        | Event::ServingReported { .. }
        | Event::ConfigCompared { .. }
        | Event::ChecklistSeen { .. }
        | Event::UndoPlanned { .. }
        | Event::ReleaseMarked { .. }
        | Event::DatabaseLocked { .. }
        | Event::SchemaSeen { .. }
        | Event::MigrationRequested { .. }
        | Event::MigrationEnded { .. }
        | Event::BuildStopped { .. }
        | Event::BuildDeleted { .. }
        | Event::CommandAccepted { .. }
        | Event::CommandRefused { .. }
        | Event::RunPaused { .. }
        | Event::RunResumed {}
        | Event::RunHandedOver { .. }
        | Event::RunTakenOn {}
        | Event::RunnerLost { .. }
        | Event::RunSuperseded { .. } => return None,
    })
}

/// The alert for a run whose process died.
pub fn in_doubt(view: &RunView, now: Timestamp) -> Alert {
    let (environment, run) = (&view.plan.environment, view.number);
    let key = format!("run/{run}/in-doubt/{}", view.last_seq);
    let text = format!("{environment}: run {run} has no driver any more");
    Alert {
        why: format!("its process died while it was {}", view.state.sentence()),
        now: format!("pointsman resume {}", run.0),
        seen_by_all: Some(SeenByAll::Event),
        ..Alert::new(Kind::InDoubt, key, now, text).about(view)
    }
}
