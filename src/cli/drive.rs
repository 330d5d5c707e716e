//! Drives a run in this process and prints it as it goes, or is the process of a detached one.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::Session;
use super::args::Confirmation;
use super::exit::{Failed, Finished, IN_DOUBT, INTERRUPTED, LOCKED, OK, REFUSED};
use super::print::{self, LiveLine};
use crate::app::{App, MemoryJournal, own_session};
use crate::domain::checklist::{Standing, may_pass};
use crate::domain::error::Problem;
use crate::domain::event::{Event, Fact, Recorded};
use crate::domain::ids::RunNumber;
use crate::domain::plan::{Plan, RunKind};
use crate::domain::recover::{Choice, reconcile};
use crate::domain::step::StepKind;
use crate::domain::view::RunView;
use crate::domain::words;
use crate::engine::{Asking, Engine, Signal, observe};
use crate::ports::journal::{Journal, JournalError, RENEWAL};

/// Makes a run of a confirmed plan and drives it to its end.
pub(super) async fn drive(session: &Session, plan: &Plan, how: &Confirmation) -> Finished {
    not_locked(&session.app, plan, how)?;
    // Before there is a run: what cannot even be reached is no failed run.
    session.app.platform(&plan.endpoint).await?;
    let view = match make(session, plan, how).await {
        Ok(view) => view,
        Err(NotMade::Journal(JournalError::Unusable(why) | JournalError::Unwritable(why)))
            if plan.kind == RunKind::Rollback =>
        {
            return unrecorded(session, plan, &why).await;
        }
        Err(error) => return Err(error.into()),
    };
    let (signals, interrupted) = listen()?;
    let run = view.number;
    let engine = session.app.engine(view, Asking::Nobody, signals).await?;
    follow(session, engine, run, 0, interrupted).await
}

/// Refuses where a person holds the lock and is not waited for, before the emulator is started for nothing.
fn not_locked(app: &App, plan: &Plan, how: &Confirmation) -> Result<(), Failed> {
    // A store that cannot be read is reported when the run is made.
    let locked = app.readable_store().and_then(|store| store.locked(&plan.environment));
    match locked {
        Ok(Some(lock)) if how.lock_wait.is_none() && !plan.passes_lock() => {
            Err(JournalError::Locked(plan.environment.clone(), lock).into())
        }
        _ => Ok(()),
    }
}

/// Why there is no run.
enum NotMade {
    /// The journal says no.
    Journal(JournalError),
    /// What the plan was made for is no more.
    Changed(Problem),
    /// Somebody else works on one of its databases.
    Locked(Problem),
}

impl From<JournalError> for NotMade {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<NotMade> for Failed {
    fn from(error: NotMade) -> Self {
        match error {
            NotMade::Journal(error) => error.into(),
            NotMade::Changed(problem) => Self::with(REFUSED, problem),
            NotMade::Locked(problem) => Self::with(LOCKED, problem),
        }
    }
}

/// Makes the run, waiting for one under way as long as was allowed.
async fn make(session: &Session, plan: &Plan, how: &Confirmation) -> Result<RunView, NotMade> {
    let (app, began) = (&session.app, session.app.clock.elapsed());
    let mut wait = how.lock_wait.unwrap_or_default();
    let mut told = false;
    if how.force && app.locked_elsewhere(plan).await.is_some() {
        app.ask_holders_to_stop(plan).await.map_err(NotMade::Locked)?;
        print::note("asked the holder of the database lock to stop; waiting for its answer");
        wait = wait.max(FORCED_WAIT);
    }
    loop {
        let made = match app.locked_elsewhere(plan).await {
            Some(problem) => Err(NotMade::Locked(problem)),
            None => attempt(app, plan, how.take_over).await,
        };
        let held = match &made {
            Err(NotMade::Locked(problem)) => problem.to_string(),
            Err(NotMade::Journal(busy @ JournalError::Busy(_))) => busy.to_string(),
            _ => return made,
        };
        if app.clock.elapsed().saturating_sub(began) >= wait {
            return made;
        }
        if !std::mem::replace(&mut told, true) {
            print::note(format!("waiting: {held}"));
        }
        let asks_far = matches!(made, Err(NotMade::Locked(_)));
        app.clock.sleep(if asks_far { LOOK_FAR } else { LOOK }).await;
        if told {
            still_fits(app, plan)?;
        }
    }
}

async fn attempt(app: &App, plan: &Plan, take_over: bool) -> Result<RunView, NotMade> {
    if take_over {
        not_renewed(app, plan).await?;
    }
    Ok(app.create(&mut app.store()?, plan, take_over)?)
}

/// A lease that looks run out by this clock may be renewed by another one: it is watched for as long as a runner
/// takes to renew it before it is taken over.
async fn not_renewed(app: &App, plan: &Plan) -> Result<(), NotMade> {
    let store = app.store()?;
    let Some(holder) = store.busy(&plan.environment, app.clock.now())? else { return Ok(()) };
    if !holder.stale {
        return Err(NotMade::Journal(JournalError::Busy(holder)));
    }
    let before = store.renewed(&plan.environment)?;
    print::note(format!("run {} looks stalled; watching whether it renews its lease", holder.run));
    app.clock.sleep(RENEWAL + Duration::from_secs(5)).await;
    if store.renewed(&plan.environment)? == before {
        return Ok(());
    }
    let holder = crate::ports::journal::Holder { stale: false, ..holder };
    Err(NotMade::Journal(JournalError::Busy(holder)))
}

/// While somebody waited for a run to end, that run may have changed what the plan was made for.
fn still_fits(app: &App, plan: &Plan) -> Result<(), NotMade> {
    let latest = app.store()?.runs(Some(&plan.environment), 1)?.pop();
    let Some(latest) = latest else { return Ok(()) };
    let view = &latest.view;
    let in_doubt = view.ended.is_none() && latest.runner.is_none();
    let moved = view.ended.is_some() && view.touched_traffic() && plan.kind != RunKind::Deploy;
    if !in_doubt && !moved {
        return Ok(());
    }
    let what = if in_doubt { "its runner died" } else { "it moved traffic" };
    Err(NotMade::Changed(
        Problem::new("the world changed while this waited")
            .because(format!("run {} was waited for, and {what}", view.number))
            .try_this("look with pointsman status, then ask again"),
    ))
}

/// A holder sees a stop request with its next renewal, and leaves its step within ten seconds; one
/// that is dead has a lease of a minute.
const FORCED_WAIT: Duration = Duration::from_secs(90);

/// How often a run under way is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// A database that somebody else works on is paid for by the read.
const LOOK_FAR: Duration = Duration::from_secs(2);

/// A rollback that cannot be recorded is carried out all the same, and says so.
async fn unrecorded(session: &Session, plan: &Plan, why: &Problem) -> Finished {
    print::note(format!(
        "THE JOURNAL CANNOT BE WRITTEN ({why}).\nThis rollback is carried out, but is not recorded and holds no \
         lease: make sure that nobody else deploys."
    ));
    let mut journal = MemoryJournal::default();
    let view = session.app.create(&mut journal, plan, false)?;
    let (signals, _) = listen()?;
    let asking = Asking::Nobody;
    let engine = session.app.engine_on(Box::new(journal), view, asking, signals).await?;
    let view = engine.run().await?;
    let code = view.exit_code();
    session.result(&print::lines::summary(&view), &print::json::run(&view, code, true));
    Ok(code)
}

/// Runs an engine to its end, printing what becomes durable after a fact.
pub(super) async fn follow(
    session: &Session,
    engine: Engine,
    run: RunNumber,
    seen: u64,
    interrupted: watch::Receiver<bool>,
) -> Finished {
    let (mut changes, mut progress) = (engine.watch(), engine.progress());
    let store = Box::new(session.app.store()?);
    let mut printer = Printer { store, seen, live: LiveLine::new(), run };
    printer.catch_up();
    let running = tokio::spawn(engine.run());
    while !running.is_finished() {
        tokio::select! {
            published = changes.changed() => {
                if published.is_err() { break }
                printer.catch_up();
            }
            Ok(()) = progress.changed() => {
                let text = progress.borrow_and_update().clone();
                printer.live.show(&text);
            }
        }
    }
    let ended = running.await.map_err(|e| {
        let problem = Problem::new("the run stopped in the middle");
        Failed::with(IN_DOUBT, problem.because(e.to_string()))
    })?;
    printer.catch_up();
    let view = ended?;
    let code = match view.exit_code() {
        OK => OK,
        _ if *interrupted.borrow() => INTERRUPTED,
        code => code,
    };
    session.result(&print::lines::summary(&view), &print::json::run(&view, code, true));
    Ok(code)
}

/// Makes a run and leaves it to its own process.
pub(super) async fn detach(session: &Session, plan: &Plan, how: &Confirmation) -> Finished {
    not_locked(&session.app, plan, how)?;
    session.app.platform(&plan.endpoint).await?;
    let view = make(session, plan, how).await?;
    let pid = session.app.detach(view.number, None).await?;
    let text = format!(
        "run {} of {} goes on in process {pid}\n  now: pointsman status {}; pointsman events {}",
        view.number, plan.environment, plan.environment, view.number.0
    );
    session.result(&text, &serde_json::json!({"run": view.number, "pid": pid}));
    Ok(OK)
}

/// Is the process of a detached run. Its terminal may go away: it has none. With a choice it takes
/// over a run whose runner died, if what is observed still allows that.
pub(super) async fn runner(session: &Session, run: RunNumber, choice: Option<Choice>) -> Finished {
    own_session();
    let app = &session.app;
    let mut store = app.store()?;
    // Whoever made the run waits for this, and then lets go.
    let parent =
        rustix::process::getppid().and_then(|p| u32::try_from(p.as_raw_nonzero().get()).ok());
    store.claim(run, parent.filter(|_| choice.is_none()), app.clock.now())?;
    let view: RunView = store.run(run)?.view;
    drop(store);
    let (signals, _) = listen()?;
    let Some(choice) = choice else {
        let engine = app.engine(view, Asking::Person, signals).await?;
        return Ok(engine.run().await?.exit_code());
    };
    app.end_orphans(&view);
    let platform = app.platform(&view.plan.endpoint).await?;
    let observed = observe(platform.as_ref(), &view).await.map_err(|e| e.problem)?;
    let doubt = reconcile(&view, &observed)?;
    if !doubt.choices.contains(&choice) {
        let problem = Problem::new("that is not safe here any more").because(doubt.observed);
        return Err(problem.into());
    }
    let mut engine = app.engine(view, Asking::Person, signals).await?;
    engine.take_over(&doubt.observed, choice).await?;
    Ok(engine.run().await?.exit_code())
}

struct Printer {
    /// Opened once: a run must not depend on a file being opened again and again.
    store: Box<dyn Journal>,
    run: RunNumber,
    seen: u64,
    live: LiveLine,
}

impl Printer {
    /// Prints the facts since the last time, from the store: what is printed is what is durable. A
    /// run never ends because it could not be printed.
    fn catch_up(&mut self) {
        match self.store.facts(self.run, self.seen) {
            Ok(facts) => {
                for fact in facts {
                    self.live.clear();
                    print::note(words::fact(&fact));
                    self.seen = fact.seq;
                    self.waits(&fact);
                }
            }
            Err(error) => tracing::warn!(%error, "the run goes on, but its facts cannot be read"),
        }
    }

    /// What is waited for that only a person can give, and the command for it.
    fn waits(&self, fact: &Fact) {
        let view = || self.store.run(self.run).ok().map(|listed| listed.view);
        match &fact.event {
            Recorded::Known(Event::GateOpened { .. }) => {
                view().as_ref().and_then(waiting).into_iter().for_each(print::note);
            }
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

/// What a run that waits for an approval waits for, and the commands for it.
pub(super) fn waiting(view: &RunView) -> Option<String> {
    let gate = view.gate().filter(|gate| **gate == StepKind::GateSwitch)?;
    let title = view.steps.iter().rev().find(|step| step.plan.kind == *gate)?.plan.title.clone();
    let run = view.number.0;
    view.plan.ask_at_gates.then(|| {
        format!(
            "waits for approval: {title}\n  now: pointsman approve {run}; or pointsman abort {run}"
        )
    })
}

pub(super) type Listening = (mpsc::Receiver<Signal>, watch::Receiver<bool>);

/// The first interrupt asks for a safe point, the second ends the step under way. TERM leaves the run
/// at the next safe point, to be resumed. A hang-up is nothing: the run does not need its terminal.
pub(super) fn listen() -> Result<Listening, Failed> {
    let handler =
        |kind| signal(kind).map_err(|e| Problem::new("no signals").because(e.to_string()));
    let (mut int, mut term) =
        (handler(SignalKind::interrupt())?, handler(SignalKind::terminate())?);
    let mut hangup = handler(SignalKind::hangup())?;
    let (sender, receiver) = mpsc::channel(4);
    let (interrupted, told) = watch::channel(false);
    tokio::spawn(async move {
        let mut asked = false;
        loop {
            let hard = tokio::select! {
                _ = int.recv() => asked,
                _ = term.recv() => {
                    // Another process can carry the run on; ending it would take traffic back.
                    let _ = sender.send(Signal::Leave).await;
                    continue;
                }
                _ = hangup.recv() => continue,
            };
            asked = true;
            interrupted.send_replace(true);
            print::note(if hard {
                "ending now; if traffic is being given back, after that"
            } else {
                "ending at the next safe point; interrupt again to end now"
            });
            let wish = if hard { Signal::Abort } else { Signal::Stop };
            if sender.send(wish).await.is_err() {
                return;
            }
        }
    });
    Ok((receiver, told))
}
