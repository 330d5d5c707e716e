//! How many people approve a switch, and who may do what. Refusals name the person and the rule.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::code::Code;
use super::describe::counted;
use super::error::Problem;
use super::hash::Hash;
use super::identity::{Identity, NameSource};
use super::ids::EnvironmentName;
use super::plan::{Plan, RunKind};
use super::recover::Choice;
use super::step::StepKind;
use super::view::RunView;

/// Whether the person who started a run may approve it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Requester {
    #[default]
    Excluded,
    Allowed,
}

/// The approvals that a switch needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approvals {
    /// Number of different people.
    pub people: u32,
    /// Who may approve. Empty: anyone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    pub requester: Requester,
    /// Whether only Google accounts count: the store can be reached with nothing else.
    #[serde(default)]
    pub proven: bool,
}

/// A person's approval, as sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The plan that its giver saw. None: sent by an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Hash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// An approval that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The command that gave it.
    pub command: u64,
    /// The actor of its fact.
    pub by: String,
    pub at: super::time::Timestamp,
    pub note: Option<String>,
}

/// The people who may do something. Empty: anyone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct People(pub Vec<String>);

/// Who may do what in an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct May {
    /// Start anything but a rollback.
    #[serde(default, skip_serializing_if = "People::is_anyone")]
    pub deploy: People,
    /// Approve a switch.
    #[serde(default, skip_serializing_if = "People::is_anyone")]
    pub approve: People,
    /// Roll back.
    #[serde(default, skip_serializing_if = "People::is_anyone")]
    pub rollback: People,
    /// Whether only Google accounts count: the store can be reached with nothing else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proven: bool,
}

impl May {
    /// Whether anyone may do anything.
    pub fn is_open(&self) -> bool {
        self == &Self::default()
    }

    /// Refuses a person whom one of these lists does not name, and an unproven name where only accounts count.
    fn permit(
        &self,
        people: &People,
        who: &Identity,
        environment: &EnvironmentName,
        what: &str,
    ) -> Result<(), Problem> {
        if self.proven && !people.is_anyone() {
            proven(who, environment)?;
        }
        people.permit(who, what)
    }
}

impl People {
    pub fn is_anyone(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses a person who is not named. `what` finishes "… may not": `deploy to production`.
    pub fn permit(&self, who: &Identity, what: &str) -> Result<(), Problem> {
        if self.is_anyone() || who.is_in(&self.0) {
            return Ok(());
        }
        Err(Problem::coded(Code::NOT_PERMITTED, format!("{who} may not {what}"))
            .because(format!("these may: {}", self.0.join(", ")))
            .try_this("ask one of them"))
    }
}

impl RunView {
    /// The rule for the gate that the run waits at. `None`: one approval by anyone, or not a gate of a switch.
    pub fn approvals_rule(&self) -> Option<&Approvals> {
        let switch = self.gate() == Some(&StepKind::GateSwitch);
        self.plan.policy.approvals.as_ref().filter(|_| switch)
    }

    /// Approvals that the gate still needs beside those given, where a rule counts them.
    pub fn approvals_missing(&self) -> Option<u32> {
        let given = u32::try_from(self.approvals.len()).unwrap_or(u32::MAX);
        Some(self.approvals_rule()?.people.saturating_sub(given))
    }

    /// How far the approvals are: `1 of 2 approvals: ana@example.com (Google)`. `None` without a rule.
    pub fn approvals_sentence(&self) -> Option<String> {
        let people = self.approvals_rule()?.people;
        let by = self.approvals.iter().map(|given| match &given.note {
            Some(note) => format!("{} \"{note}\"", given.by),
            None => given.by.clone(),
        });
        let by = by.collect::<Vec<_>>().join(", ");
        let told = format!("{} of {}", self.approvals.len(), counted(people, "approval"));
        Some(if by.is_empty() { told } else { format!("{told}: {by}") })
    }
}

/// Whether a person may start a run of a kind, or carry one on.
pub fn may_start(plan: &Plan, kind: RunKind, who: &Identity) -> Result<(), Problem> {
    let (may, environment) = (&plan.policy.may, &plan.environment);
    // Under an unproven name one person would be two.
    let counted = plan.policy.approvals.as_ref().is_some_and(|rule| rule.proven);
    if kind == RunKind::Deploy && counted {
        proven(who, environment)?;
    }
    let (people, what) = match kind {
        RunKind::Rollback => (&may.rollback, format!("roll {environment} back")),
        RunKind::Deploy => (&may.deploy, format!("deploy to {environment}")),
        RunKind::Cleanup => (&may.deploy, format!("clean {environment} up")),
        RunKind::Migrate => (&may.deploy, format!("migrate {environment}")),
    };
    may.permit(people, who, environment, &what)
}

/// Refuses a name that no Google account proves.
fn proven(who: &Identity, environment: &EnvironmentName) -> Result<(), Problem> {
    if who.source == NameSource::Google {
        return Ok(());
    }
    Err(Problem::coded(Code::NOT_PERMITTED, format!("{who} is not proven"))
        .because(format!("only Google accounts count on {environment}"))
        .try_this("gcloud auth application-default login"))
}

/// Whether a person may take over a run in doubt with a choice. Leaving it as it is changes nothing.
pub fn may_choose(view: &RunView, choice: Choice, who: &Identity) -> Result<(), Problem> {
    let plan = &view.plan;
    match choice {
        Choice::Continue if !view.undoing() => may_start(plan, plan.kind, who),
        Choice::Continue | Choice::GoBack => may_start(plan, RunKind::Rollback, who),
        Choice::Leave => Ok(()),
    }
}

/// Whether a person may approve the switch that the run waits to make.
pub fn may_approve(view: &RunView, by: &Identity) -> Result<(), Problem> {
    let environment = &view.plan.environment;
    let refused = |what: String| Problem::coded(Code::NOT_PERMITTED, what);
    let (may, what) = (&view.plan.policy.may, format!("approve on {environment}"));
    may.permit(&may.approve, by, environment, &what)?;
    let Some(rule) = view.approvals_rule() else { return Ok(()) };
    if rule.proven {
        proven(by, environment)?;
    }
    People(rule.from.clone()).permit(by, &what)?;
    if rule.requester == Requester::Excluded && by.is_same_as(&Identity::of(&view.actor)) {
        return Err(refused(format!("{by} started this run"))
            .because("another person approves it: approvals.requester is `excluded`")
            .try_this(format!("ask a colleague: pointsman approve {}", view.number.0)));
    }
    if view.approvals.iter().any(|given| Identity::of(&given.by).is_same_as(by)) {
        let missing = view.approvals_missing().unwrap_or_default();
        return Err(refused(format!("{by} has approved already"))
            .because(format!("{} needed", counted(missing, "more approval"))));
    }
    Ok(())
}

/// Whether an approval counts: its giver may approve, and saw the plan of this run.
pub fn counts(view: &RunView, by: &Identity, approval: &Approval) -> Result<(), Problem> {
    may_approve(view, by)?;
    let plan = view.plan.hash();
    match &approval.plan {
        Some(seen) if *seen != plan => {
            Err(Problem::coded(Code::PLAN_CHANGED, "the approval is for another plan")
                .because(format!("it is for {}; this run has {}", seen.short(), plan.short())))
        }
        None if view.approvals_rule().is_some() => {
            Err(Problem::coded(Code::PLAN_CHANGED, "the approval names no plan")
                .because("it was sent by a version that does not count approvals"))
        }
        _ => Ok(()),
    }
}
