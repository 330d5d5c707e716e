//! Creates a run and drives it, in this process or in a detached one.

use std::time::Duration;

use super::Session;
use super::args::Confirmation;
use super::exit::{Failed, Finished, LOCKED, OK, REFUSED};
use super::follow::{Following, follow};
use super::print;
use super::signals::{Listening, listen};
use crate::app::{App, Entrance, MemoryJournal, own_session};
use crate::domain::approvals::may_choose;
use crate::domain::code::Code;
use crate::domain::error::Problem;
use crate::domain::identity::Identity;
use crate::domain::ids::RunNumber;
use crate::domain::plan::{Plan, RunKind};
use crate::domain::recover::{Choice, reconcile};
use crate::domain::view::RunView;
use crate::engine::{Attendance, observe};
use crate::ports::journal::{Journal as _, JournalError, RENEWAL};

/// Creates a run of a confirmed plan and drives it to its end.
pub(super) async fn drive(session: &Session, plan: &Plan, how: &Confirmation) -> Finished {
    not_locked(&session.app, plan, how)?;
    // Reach the platform before creating the run: an unreachable platform must not leave a failed run.
    session.app.services().platform(&plan.endpoint).await?;
    let view = match make(session, plan, how).await {
        Ok(view) => view,
        Err(NotMade::Journal(JournalError::Unusable(why) | JournalError::Unwritable(why)))
            if plan.kind == RunKind::Rollback =>
        {
            return unrecorded(session, plan, &why).await;
        }
        Err(error) => return Err(error.into()),
    };
    let Listening { signals, told, .. } = listen()?;
    let run = view.number;
    let engine = session.app.engine(view, Attendance::Unattended, signals).await?;
    follow(session, engine, Following { run, seen: 0, interrupted: told, leave: None }).await
}

/// Refuses a run while a person holds the lock, unless `--lock-wait` is given or the plan overrides the lock. Checked
/// early, so that the emulator is not started in vain.
fn not_locked(app: &App, plan: &Plan, how: &Confirmation) -> Result<(), Failed> {
    // Creating the run reports an unreadable store.
    let locked = app.readable_store().and_then(|store| store.locked(&plan.environment));
    match locked {
        Ok(Some(lock)) if how.lock_wait.is_none() && !plan.passes_lock() => {
            Err(JournalError::Locked(plan.environment.clone(), lock).into())
        }
        _ => Ok(()),
    }
}

/// Why no run was created.
enum NotMade {
    /// The journal refused it.
    Journal(JournalError),
    /// The situation changed after the plan was made.
    Changed(Problem),
    /// Another run holds the lock of one of its databases.
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

/// Creates the run. Waits up to `--lock-wait` for another run to end.
async fn make(session: &Session, plan: &Plan, how: &Confirmation) -> Result<RunView, NotMade> {
    let (app, began) = (&session.app, session.app.clock.elapsed());
    let mut wait = how.lock_wait.unwrap_or_default();
    let mut told = false;
    if how.force && app.services().locked_elsewhere(plan).await.is_some() {
        app.ask_holders_to_stop(plan).await.map_err(NotMade::Locked)?;
        print::note("requested a stop from the holder of the database lock; waiting");
        wait = wait.max(FORCED_WAIT);
    }
    loop {
        let made = match app.services().locked_elsewhere(plan).await {
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
        app.clock.sleep(if asks_far { REMOTE_LOCK_POLL } else { LOCK_POLL }).await;
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

/// A lease that looks expired by this machine's clock may still be renewed by a process with another clock. Before a
/// takeover this waits a little longer than one renewal interval, and refuses if the lease was renewed.
async fn not_renewed(app: &App, plan: &Plan) -> Result<(), NotMade> {
    let store = app.store()?;
    let Some(holder) = store.busy(&plan.environment, app.clock.now())? else { return Ok(()) };
    if !holder.stale {
        return Err(NotMade::Journal(JournalError::Busy(holder)));
    }
    let before = store.renewed(&plan.environment)?;
    print::note(format!("run {} looks stalled; checking whether it renews its lease", holder.run));
    app.clock.sleep(RENEWAL + Duration::from_secs(5)).await;
    if store.renewed(&plan.environment)? == before {
        return Ok(());
    }
    let holder = crate::ports::journal::Holder { stale: false, ..holder };
    Err(NotMade::Journal(JournalError::Busy(holder)))
}

/// Refuses the plan if the run that it waited for is in doubt or moved traffic.
fn still_fits(app: &App, plan: &Plan) -> Result<(), NotMade> {
    let latest = app.store()?.runs(Some(&plan.environment), 1)?.pop();
    let Some(latest) = latest else { return Ok(()) };
    let view = &latest.view;
    let in_doubt = view.ended.is_none() && latest.runner.is_none();
    let moved = view.ended.is_some() && view.touched_traffic() && plan.kind != RunKind::Deploy;
    if !in_doubt && !moved {
        return Ok(());
    }
    let what = if in_doubt { "its process died" } else { "it moved traffic" };
    Err(NotMade::Changed(
        Problem::new("the situation changed during the wait")
            .because(format!("after run {}: {what}", view.number))
            .try_this("check pointsman status, then try again"),
    ))
}

/// Minimum wait after a stop request. A live holder sees the request at its next renewal and leaves its step within
/// 10 s; the lease of a dead one expires after a minute.
const FORCED_WAIT: Duration = Duration::from_secs(90);

/// Poll interval while waiting for another run.
const LOCK_POLL: Duration = Duration::from_millis(200);
/// Poll interval while waiting for a database lock. Longer, because each read is billed.
const REMOTE_LOCK_POLL: Duration = Duration::from_secs(2);

/// Runs a rollback without a record when the journal cannot be written, and prints a warning.
async fn unrecorded(session: &Session, plan: &Plan, why: &Problem) -> Finished {
    print::note(format!(
        "THE JOURNAL CANNOT BE WRITTEN ({why}).\nThis rollback is carried out, but is not recorded and holds no \
         lease: make sure that nobody else deploys."
    ));
    let mut journal = MemoryJournal::default();
    let view = session.app.create(&mut journal, plan, false)?;
    let Listening { signals, .. } = listen()?;
    let asking = Attendance::Unattended;
    let engine = session.app.engine_on(Box::new(journal), view, asking, signals).await?;
    let view = engine.run().await?;
    let code = view.exit_code();
    session.result(&print::lines::summary(&view), &print::json::run(&view, code, true));
    Ok(code)
}

/// Creates a run and starts a detached process that drives it.
pub(super) async fn detach(session: &Session, plan: &Plan, how: &Confirmation) -> Finished {
    not_locked(&session.app, plan, how)?;
    session.app.services().platform(&plan.endpoint).await?;
    let view = make(session, plan, how).await?;
    let pid = session.app.detach(view.number, Entrance::Begin).await?;
    let text = format!(
        "run {} of {} continues in process {pid}\n  now: pointsman status {}; pointsman events {}",
        view.number, plan.environment, plan.environment, view.number.0
    );
    session.result(&text, &serde_json::json!({"run": view.number, "pid": pid}));
    Ok(OK)
}

/// How a detached process comes to drive its run.
pub(super) fn entrance(choice: Option<Choice>, handed_over: bool) -> Entrance {
    match choice {
        Some(choice) => Entrance::TakeOver(choice),
        None if handed_over => Entrance::TakeOn,
        None => Entrance::Begin,
    }
}

/// Refuses a run that was handed over to another person, and one that this machine could not drive: its driver lets go of
/// it as soon as it is claimed.
async fn handed_to_us(app: &App, view: &RunView) -> Result<(), Failed> {
    if view.handed.as_deref() != Some(app.actor().as_str()) {
        let problem = Problem::new(format!("run {} is not handed over to you", view.number));
        return Err(Failed::with(REFUSED, problem.try_this("pointsman accept RUN")));
    }
    let (_, signals) = tokio::sync::mpsc::channel(1);
    app.engine(view.clone(), Attendance::Attended, signals).await.map(drop)?;
    Ok(())
}

/// The process of a detached run. It has no terminal, so a closed terminal does not end it. It takes over a run whose
/// runner died only if the choice is still safe.
pub(super) async fn runner(session: &Session, run: RunNumber, entrance: Entrance) -> Finished {
    own_session();
    let app = &session.app;
    let mut store = app.store()?;
    if let Entrance::TakeOver(choice) = entrance {
        may_choose(&store.run(run)?.view, choice, &Identity::of(&app.actor()))?;
    }
    if entrance == Entrance::TakeOn {
        handed_to_us(app, &store.run(run)?.view).await?;
    }
    // The parent process waits for this claim before it exits.
    let parent =
        rustix::process::getppid().and_then(|p| u32::try_from(p.as_raw_nonzero().get()).ok());
    store.claim(run, parent.filter(|_| entrance == Entrance::Begin), app.clock.now())?;
    let view: RunView = store.run(run)?.view;
    drop(store);
    let Listening { signals, .. } = listen()?;
    let choice = match entrance {
        Entrance::TakeOver(choice) => choice,
        Entrance::Begin | Entrance::TakeOn => {
            let mut engine = app.engine(view, Attendance::Attended, signals).await?;
            if entrance == Entrance::TakeOn {
                engine.take_on(&app.actor())?;
            }
            return Ok(engine.run().await?.exit_code());
        }
    };
    app.end_orphans(&view);
    let platform = app.services().platform(&view.plan.endpoint).await?;
    let observed = observe(platform.as_ref(), &view).await.map_err(|e| e.problem)?;
    let doubt = reconcile(&view, &observed)?;
    if !doubt.choices.contains(&choice) {
        let problem = Problem::coded(Code::UNSAFE_CHOICE, "that choice is no longer safe")
            .because(doubt.observed);
        return Err(problem.into());
    }
    let mut engine = app.engine(view, Attendance::Attended, signals).await?;
    engine.take_over(&doubt.observed, choice, &app.actor()).await?;
    Ok(engine.run().await?.exit_code())
}
