//! Follows the run that this process drives: prints its facts once they are stored, and the input it waits for.

use tokio::sync::{mpsc, watch};

use super::Session;
use super::exit::{Failed, Finished, IN_DOUBT, INCONCLUSIVE, INTERRUPTED, OK};
use super::print::{self, LiveLine};
use crate::domain::checklist::{Standing, may_pass};
use crate::domain::describe;
use crate::domain::error::Problem;
use crate::domain::event::{Event, Fact, Recorded};
use crate::domain::ids::RunNumber;
use crate::domain::step::StepKind;
use crate::domain::view::RunView;
use crate::engine::{Engine, EngineError, Signal};
use crate::ports::journal::Journal;

/// What to follow, and how.
pub(super) struct Following {
    pub(super) run: RunNumber,
    /// Sequence number of the last printed fact.
    pub(super) seen: u64,
    pub(super) interrupted: watch::Receiver<bool>,
    /// If set, the engine leaves the run once it waits for an approval (`--no-wait`).
    pub(super) leave: Option<mpsc::Sender<Signal>>,
}

/// Runs an engine to its end and prints the facts after `seen` once they are stored.
pub(super) async fn follow(session: &Session, engine: Engine, how: Following) -> Finished {
    let Following { run, seen, interrupted, leave } = how;
    let (mut changes, mut progress) = (engine.watch(), engine.progress());
    let store = Box::new(session.app.store()?);
    let mut printer = Printer { store, seen, live: LiveLine::new(), run, waits: None };
    printer.catch_up();
    let (running, mut asked) = (tokio::spawn(engine.run()), false);
    while !running.is_finished() {
        tokio::select! {
            published = changes.changed() => {
                if published.is_err() { break }
                printer.catch_up();
                if let (Some(wish), Some(_), false) = (&leave, &printer.waits, asked) {
                    // Sending fails only if the engine has already ended.
                    asked = wish.try_send(Signal::Leave).is_ok();
                }
            }
            Ok(()) = progress.changed() => {
                let text = progress.borrow_and_update().clone();
                printer.live.show(&text);
            }
        }
    }
    let ended = running.await.map_err(|e| {
        let problem = Problem::new("the run stopped unexpectedly");
        Failed::with(IN_DOUBT, problem.because(e.to_string()))
    })?;
    printer.catch_up();
    let view = match (ended, printer.waits) {
        (Err(EngineError::Left), Some(waits)) if leave.is_some() => {
            return Err(waits_instead(run, &waits));
        }
        // Its outcome is decided elsewhere: no exit code of a success or a failure would be true.
        (Err(error @ EngineError::HandedOver(_)), _) => {
            let problem = Problem::new(format!("run {run} was handed over"));
            let problem = problem.because(error.to_string());
            let todo = format!("pointsman attach {}", run.0);
            return Err(Failed::with(INCONCLUSIVE, problem.try_this(todo)));
        }
        (ended, _) => ended?,
    };
    let code = match view.exit_code() {
        OK => OK,
        _ if *interrupted.borrow() => INTERRUPTED,
        code => code,
    };
    session.result(&print::lines::summary(&view), &print::json::run(&view, code, true));
    Ok(code)
}

struct Printer {
    /// Opened once, so that the output does not depend on opening the store again during the run.
    store: Box<dyn Journal>,
    run: RunNumber,
    seen: u64,
    live: LiveLine,
    /// The approval that the run waits for.
    waits: Option<String>,
}

impl Printer {
    /// Prints the facts since the last call. They are read from the store, so that the output shows only stored facts.
    /// A read error is logged and does not stop the run.
    fn catch_up(&mut self) {
        match self.store.facts(self.run, self.seen) {
            Ok(facts) => {
                for fact in facts {
                    self.live.clear();
                    print::note(describe::fact(&fact));
                    self.seen = fact.seq;
                    self.tell_what_waits(&fact);
                }
            }
            Err(error) => tracing::warn!(%error, "the run continues, but its facts cannot be read"),
        }
    }

    /// Prints the input that the run waits for, and the command that provides it.
    fn tell_what_waits(&mut self, fact: &Fact) {
        let view = || self.store.run(self.run).ok().map(|listed| listed.view);
        match &fact.event {
            Recorded::Known(Event::GateOpened { .. }) => {
                let waits = view().as_ref().and_then(waiting);
                waits.iter().for_each(print::note);
                self.waits = waits;
            }
            // Another process answered the gate before the run was left, so the run no longer waits.
            Recorded::Known(Event::GateAnswered { .. }) => self.waits = None,
            Recorded::Known(Event::ChecklistSeen { list, items }) => {
                let open =
                    |view: &RunView| view.waits_for_tick(*list) && may_pass(view, *list).is_err();
                if !view().as_ref().is_some_and(open) {
                    return;
                }
                for item in items.iter().filter(|item| item.standing == Standing::Open) {
                    let (run, id) = (self.run.0, &item.id);
                    print::note(format!("  now: pointsman checklist {run} tick {id}"));
                }
            }
            _ => {}
        }
    }
}

/// The error with `--no-wait`, which names what the run waits for.
pub(super) fn waits_instead(run: RunNumber, waits: &str) -> Failed {
    Failed::with(INCONCLUSIVE, Problem::new(format!("run {run} {waits}")))
}

/// The approval that a run waits for, with the commands that approve or abort. `None` if it waits for none.
pub(super) fn waiting(view: &RunView) -> Option<String> {
    let gate = view.gate().filter(|gate| **gate == StepKind::GateSwitch)?;
    let title = view.steps.iter().rev().find(|step| step.plan.kind == *gate)?.plan.title.clone();
    let run = view.number.0;
    view.plan.ask_at_gates.then(|| {
        let changes = view.config_changes().into_iter().fold(String::new(), |all, (service, change)| {
            format!("{all}\n  besides code, {service}: {change}")
        });
        let approvals = view.approvals_sentence().map(|told| format!("\n  {told}"));
        let approvals = approvals.unwrap_or_default();
        format!(
            "waits for approval: {title}{changes}{approvals}\n  now: pointsman approve {run}; or pointsman abort {run}"
        )
    })
}
