//! Confirmation of actions. On a terminal it is a question, with a typed answer on restricted environments. Elsewhere
//! the answers are flags, and an action without them is refused with exit code 3.

use std::io::{self, BufRead as _, IsTerminal as _};

use super::args::{Confirmation, why};
use super::exit::{Failed, REFUSED, USAGE};
use super::print;
use crate::domain::gate::{Answers, permitted};
use crate::domain::guard::Justification;
use crate::domain::ids::EnvironmentName;
use crate::domain::plan::RunKind;
use crate::domain::policy::Protection;
use crate::engine::proposal::Proposal;

impl Confirmation {
    /// The reason and the overrides.
    pub(super) fn why(&self) -> Result<Justification, Failed> {
        why(self.reason.as_ref(), &self.overrides).map_err(|problem| Failed::with(USAGE, problem))
    }

    /// The answers given as flags.
    pub(super) fn answers(&self) -> Answers {
        Answers { yes: self.yes, confirm: self.confirm.clone() }
    }
}

/// Returns `Ok` if the action is confirmed. `word` is the text to type on a restricted environment; `what` describes
/// the action and its effects.
pub(super) fn confirm(
    environment: &EnvironmentName,
    word: &str,
    protection: Protection,
    mut answers: Answers,
    what: &str,
) -> Result<(), Failed> {
    let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    if terminal && !answers.yes {
        let question = match protection {
            Protection::Typed => format!("{what}\nType {word} to continue: "),
            Protection::Open | Protection::Confirm => format!("{what}\nContinue? [y/N] "),
        };
        let said = ask(&question);
        match protection {
            Protection::Typed => {
                answers.yes = said == word;
                answers.confirm = Some(said);
            }
            Protection::Open | Protection::Confirm => {
                answers.yes = matches!(said.as_str(), "y" | "yes");
            }
        }
    }
    permitted(environment, word, protection, &answers)
        .map_err(|problem| Failed::with(REFUSED, problem))
}

/// Returns `Ok` if a run of the plan is confirmed. With `--yes` it prints the description, because no question shows
/// it.
pub(super) fn begin(proposal: &Proposal, confirmation: &Confirmation) -> Result<(), Failed> {
    if confirmation.yes {
        print::note(&proposal.what);
    }
    let plan = &proposal.plan;
    let (word, answers) = (plan.typed(), confirmation.answers());
    // The command line does not ask again at the gate.
    let gate =
        if plan.kind == RunKind::Deploy { " Your answer also approves the switch." } else { "" };
    let what = format!("{}{gate}", proposal.what);
    confirm(&plan.environment, &word, plan.policy.protection, answers, &what)
}

/// Asks a question on the terminal and returns the answer.
pub(super) fn ask(question: &str) -> String {
    let mut line = String::new();
    print::question(question);
    // A read error leaves the answer empty, which means no.
    let _ = io::stdin().lock().read_line(&mut line);
    line.trim().to_owned()
}
