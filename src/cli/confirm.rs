//! The confirmation of an action. On a terminal it is a question, typed where the environment demands it;
//! anywhere else the answers are flags of the command, or the action is refused with exit code 3.

use std::io::{self, BufRead as _, IsTerminal as _};

use super::args::{Confirmation, why};
use super::exit::{Failed, REFUSED, USAGE};
use super::print;
use crate::domain::gate::{Answers, permitted};
use crate::domain::guard::Justification;
use crate::domain::ids::EnvironmentName;
use crate::domain::policy::Protection;
use crate::engine::proposal::Proposal;

impl Confirmation {
    /// The reason, and the overridden guards.
    pub(super) fn why(&self) -> Result<Justification, Failed> {
        why(self.reason.as_ref(), &self.overrides).map_err(|problem| Failed::with(USAGE, problem))
    }

    /// Answers given beforehand.
    pub(super) fn answers(&self) -> Answers {
        Answers { yes: self.yes, confirm: self.confirm.clone() }
    }
}

/// Returns if the act may begin. `word` is what is typed where the environment wants that; `what` says what
/// will be done and what it leads to.
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
            Protection::Open | Protection::Confirm => format!("{what}\nGo on? [y/N] "),
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

/// Returns if a run of that plan may start. The plan is shown even without a question.
pub(super) fn begin(proposal: &Proposal, confirmation: &Confirmation) -> Result<(), Failed> {
    if confirmation.yes {
        print::note(&proposal.what);
    }
    let plan = &proposal.plan;
    let (word, answers) = (plan.typed(), confirmation.answers());
    confirm(&plan.environment, &word, plan.policy.protection, answers, &proposal.what)
}

/// Asks on the terminal.
pub(super) fn ask(question: &str) -> String {
    let mut line = String::new();
    print::question(question);
    // No answer is a no.
    let _ = io::stdin().lock().read_line(&mut line);
    line.trim().to_owned()
}
