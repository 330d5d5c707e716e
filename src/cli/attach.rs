//! `attach`: follows a run, and drives it from a plain terminal. Facts go to stdout, one per line; commands come from
//! stdin. Commands, questions and rules are those of the screen.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::time::Duration;

use tokio::sync::mpsc;

use super::Session;
use super::exit::{Failed, Finished, IN_DOUBT, OK};
use super::print;
use crate::domain::approvals::Approval;
use crate::domain::code::Code;
use crate::domain::command::Command;
use crate::domain::describe;
use crate::domain::error::Problem;
use crate::domain::ids::RunNumber;
use crate::domain::policy::Protection;
use crate::domain::run::RunState;
use crate::domain::view::RunView;
use crate::engine::proposal;
use crate::ports::journal::Journal as _;

/// Poll interval for new facts in the store.
const FACT_POLL: Duration = Duration::from_millis(50);

/// The accepted commands.
const WORDS: &str = "approve [NOTE] · extend · claim · pause · resume · retry · skip REASON · rollback · abort · quit";

/// Prints new facts of a run until the run ends or its process dies.
pub(super) async fn attach(session: &Session, run: RunNumber) -> Finished {
    let drives = !session.arguments.json
        && !session.arguments.read_only
        && (session.arguments.plain || io::stdin().is_terminal());
    let mut typed = drives.then(typed_lines);
    if drives {
        print::note(format!("type: {WORDS}"));
    }
    session.app.follow_shared();
    if !session.arguments.read_only {
        session.app.watch(vec![run]);
    }
    let store = session.app.store()?;
    let (mut seen, mut asked) = (0, None);
    loop {
        let listed = store.run(run)?;
        for fact in store.facts(run, seen)? {
            seen = fact.seq;
            // The pending question was about the run before this fact, so it is dropped.
            if asked.take().is_some() {
                print::note("the run has changed; nothing was sent");
            }
            if session.arguments.json {
                print::value(&fact.to_json());
            } else {
                print::result(describe::fact(&fact));
            }
        }
        if matches!(listed.view.state, RunState::Ended { .. }) && seen >= listed.view.last_seq {
            return Ok(listed.view.exit_code());
        }
        if listed.runner.is_none() {
            let problem = Problem::coded(Code::IN_DOUBT, format!("run {run} is in doubt"))
                .because("its process died");
            let problem = problem.try_this(format!("pointsman resume {}", run.0));
            return Err(Failed::with(IN_DOUBT, problem));
        }
        let line = tokio::select! {
            line = next(&mut typed) => line,
            () = session.app.clock.sleep(FACT_POLL) => continue,
        };
        match heard(&listed.view, asked.take(), line.trim()) {
            Heard::Quit => {
                print::note(format!(
                    "run {run} continues; pointsman attach {} follows it again",
                    run.0
                ));
                return Ok(OK);
            }
            Heard::Nothing => {}
            Heard::Told(text) => print::note(text),
            Heard::Asks(command, question) => {
                print::note(question);
                asked = Some(command);
            }
            Heard::Sends(command) => {
                let sent =
                    proposal::command(&session.app.services(), run, Some(seen), &command).await;
                if let Err(refusal) = sent {
                    print::note(print::lines::problem(&refusal.problem()));
                }
            }
        }
    }
}

/// Lines of stdin, read on a separate thread because a blocking read cannot be cancelled.
fn typed_lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The next line. Never resolves without a terminal or at the end of stdin.
async fn next(typed: &mut Option<mpsc::Receiver<String>>) -> String {
    if let Some(lines) = typed
        && let Some(line) = lines.recv().await
    {
        return line;
    }
    *typed = None;
    std::future::pending().await
}

enum Heard {
    Quit,
    Nothing,
    Told(String),
    Asks(Command, String),
    Sends(Command),
}

/// Interprets a typed line: the answer to a pending question, or a command.
fn heard(view: &RunView, asked: Option<Command>, line: &str) -> Heard {
    let environment = view.plan.environment.as_str();
    let typed = view.plan.policy.protection == Protection::Typed;
    if let Some(command) = asked {
        let yes = if typed { line == environment } else { matches!(line, "y" | "yes") };
        return if yes { Heard::Sends(command) } else { Heard::Told("nothing was sent".into()) };
    }
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let command = match word {
        "" => return Heard::Nothing,
        "quit" | "q" => return Heard::Quit,
        // Safe commands need no confirmation.
        "claim" => return Heard::Sends(Command::Claim),
        "extend" => return Heard::Sends(Command::Extend),
        "pause" => return Heard::Sends(Command::Pause),
        "resume" => return Heard::Sends(Command::Resume),
        "approve" => {
            let note = Some(rest.trim().to_owned()).filter(|note| !note.is_empty());
            Command::Approve(Approval { plan: None, note })
        }
        "retry" => Command::Retry,
        "skip" => Command::Skip { reason: rest.trim().to_owned() },
        "rollback" => Command::Rollback,
        "abort" => Command::Abort { now: false },
        _ => return Heard::Told(format!("unknown command {word:?}; type: {WORDS}")),
    };
    let what = describe::command(&command);
    let how = if typed { format!("Type {environment}:") } else { "Continue? [y/N]".to_owned() };
    Heard::Asks(command, format!("Run {} on {environment}: {what}. {how}", view.number))
}
