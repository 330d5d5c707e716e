//! Runs each effect in a separate task, which sends its result back as a message.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender as Asks;
use std::time::Duration;

use tokio::sync::mpsc::Sender;

use super::clipboard;
use super::databases::Databases;
use super::figures::Figures;
use super::lints::Lints;
use super::past::Past;
use super::pipelines::{Pipelines, Whose};
use crate::app::{App, Entrance};
use crate::config::Loaded;
use crate::domain::checklist::Act;
use crate::domain::code::Code;
use crate::domain::command::Command;
use crate::domain::error::Problem;
use crate::domain::guard::Refused;
use crate::domain::ids::{EnvironmentName, RunNumber};
use crate::domain::plan::{Plan, RunKind};
use crate::domain::recover::{Doubt, reconcile};
use crate::engine::observe;
use crate::engine::proposal::{self, MigrationRequest};
use crate::engine::watch::Order;
use crate::ports::journal::{Journal as _, JournalError};
use crate::ports::mutes::{Muted, Mutes as _};
use crate::tui::effect::{Effect, Intent, LogAsk, Ticket};
use crate::tui::msg::Msg;
use crate::tui::panes::history::model::PastRuns;
use crate::tui::panes::pipeline::model::{JobLog, PipelineAct};

/// Maximum number of past runs loaded.
const RUNS_SEARCHED: usize = 200;

/// The resources that effects need.
#[derive(Clone)]
pub(super) struct Acts {
    pub(super) app: App,
    /// The config as loaded when the screen started.
    pub(super) loaded: Arc<Loaded>,
    pub(super) config: PathBuf,
    pub(super) sender: Sender<Msg>,
    pub(super) log: Asks<LogAsk>,
    pub(super) health: Sender<Order>,
    pub(super) past: Arc<Past>,
    pub(super) databases: Arc<Databases>,
    pub(super) lints: Arc<Lints>,
    pub(super) pipelines: Arc<Pipelines>,
    pub(super) figures: Arc<Figures>,
    /// One lock per environment, so that only one poll of it runs at a time.
    pub(super) looking: Arc<BTreeMap<String, tokio::sync::Mutex<()>>>,
}

impl Acts {
    pub(super) fn new(
        app: App,
        loaded: Loaded,
        config: PathBuf,
        sender: Sender<Msg>,
        log: Asks<LogAsk>,
        health: Sender<Order>,
    ) -> Self {
        let names = loaded.environments().into_iter().map(str::to_owned);
        let looking = Arc::new(names.map(|name| (name, tokio::sync::Mutex::new(()))).collect());
        let (loaded, past) = (Arc::new(loaded), Arc::default());
        let (databases, lints, pipelines) = (Arc::default(), Arc::default(), Arc::default());
        Self {
            app,
            loaded,
            config,
            sender,
            log,
            health,
            past,
            databases,
            lints,
            pipelines,
            figures: Arc::default(),
            looking,
        }
    }

    /// Sends an action to a pipeline, then polls the pipeline and reports its new state.
    async fn pipeline(&self, name: &EnvironmentName, act: &PipelineAct) -> Result<String, Problem> {
        let spec = self.loaded_now()?.spec(name.as_str())?;
        let said = self.pipelines.act(&self.app, &spec, &self.config, act).await?;
        let (app, config) = (&self.app, &self.config);
        if let Some(looked) = self.pipelines.look(app, &spec, config, Whose::AsBefore).await {
            self.say(Msg::Pipeline(name.clone(), looked)).await;
        }
        Ok(said)
    }

    async fn job_log(&self, name: &EnvironmentName, job: (u64, String)) -> Result<JobLog, Problem> {
        let spec = self.loaded.spec(name.as_str())?;
        self.pipelines.log(&self.app, &spec, &self.config, job).await
    }

    pub(super) async fn say(&self, message: Msg) {
        // Sending fails only if the screen is closing.
        let _ = self.sender.send(message).await;
    }

    pub(super) fn carry_out(&self, effect: Effect) {
        if let Effect::Log(ask) = effect {
            // The log thread runs as long as the screen does, so a failed send needs no handling.
            return drop(self.log.send(ask));
        }
        let (acts, ticket) = (self.clone(), ticket_of(&effect));
        tokio::spawn(async move {
            let work = tokio::spawn(acts.clone().answer(effect));
            let message = match (work.await, ticket) {
                (Ok(message), _) => message,
                // Report the panic, or the dialog would wait forever.
                (Err(_), Some(ticket)) => {
                    let problem = Problem::coded(
                        Code::BUG,
                        "an unexpected error (a bug in Pointsman)",
                    )
                    .because(
                        "Pointsman's own code panicked; its log in the state folder says where",
                    )
                    .try_this("look how things are before you do anything again");
                    Some(Msg::Done(ticket, Err(problem)))
                }
                (Err(_), None) => None,
            };
            if let Some(message) = message {
                acts.say(message).await;
            }
        });
    }

    async fn answer(self, effect: Effect) -> Option<Msg> {
        // Whatever a dialog begins is recorded under the account, which takes a moment to read the first time.
        if ticket_of(&effect).is_some() {
            self.app.identity().await;
        }
        Some(match effect {
            Effect::Look(name) => {
                self.look(name.as_str()).await;
                return None;
            }
            Effect::ProbeNow => {
                let _ = self.health.send(Order::Now).await;
                return None;
            }
            Effect::FindTargets(ticket, name) => Msg::Targets(ticket, self.targets(&name).await),
            Effect::Offer(ticket) => {
                let loaded = self.loaded.clone();
                let offered = tokio::task::spawn_blocking(move || loaded.offered()).await.ok()?;
                // The releases known so far stay on offer if git cannot be read now.
                Msg::Offered(ticket, offered.ok()?)
            }
            Effect::Compare(ticket, from, to) => {
                let (loaded, label) = (self.loaded.clone(), to.clone());
                let compare = move || loaded.changes(&from, &to);
                let compared = tokio::task::spawn_blocking(compare).await.ok()?;
                Msg::Compared(ticket, label, compared)
            }
            Effect::Propose(ticket, intent) => Msg::Proposed(ticket, self.propose(intent).await),
            Effect::Start(ticket, plan) => Msg::Done(ticket, self.start(&plan).await),
            Effect::Send(ticket, run, seen, command) => {
                Msg::Done(ticket, self.send(run, seen, &command).await)
            }
            Effect::Mute(ticket, probe, mute) => Msg::Done(ticket, self.mute(&probe, mute)),
            Effect::Tick(ticket, run, item, act, note) => {
                Msg::Done(ticket, self.tick(run, &item, act, &note))
            }
            Effect::TakeOver(ticket, run, choice) => {
                let begun = self.app.detach(run, Entrance::TakeOver(choice)).await;
                Msg::Done(ticket, begun.map(|pid| format!("run {run} continues in process {pid}")))
            }
            Effect::Accept(ticket, run) => {
                let taken = self.app.accept(run).await.map_err(proposal::Refusal::problem);
                Msg::Done(ticket, taken.map(|pid| format!("run {run} continues in process {pid}")))
            }
            Effect::Pipeline(ticket, name, act) => {
                Msg::Done(ticket, self.pipeline(&name, &act).await)
            }
            Effect::AskPushed(ticket, name) => {
                let spec = self.loaded.spec(name.as_str()).ok()?;
                let services = self.app.services();
                let pushed = proposal::pushed_meanwhile(&services, &self.loaded, &spec).await;
                Msg::Pushed(ticket, pushed)
            }
            Effect::AllowRollouts(ticket, name) => {
                Msg::Done(ticket, self.allow_rollouts(&name).await)
            }
            Effect::CustomCommands(ticket, name, act) => {
                Msg::Done(ticket, self.custom_command(&name, &act).await)
            }
            Effect::JobLog(name, job, called) => {
                Msg::JobLog(self.job_log(&name, (job, called)).await)
            }
            Effect::Observe(run) => Msg::Observed(run, self.observe(run).await),
            Effect::Copy(text, lines) => {
                let file = self.app.state.join("clip.txt");
                let copied = move || clipboard::copy(&file, &text, lines);
                tokio::task::spawn_blocking(copied).await.ok()?
            }
            Effect::Past => {
                let runs = self.past.runs(&self.app, None, RUNS_SEARCHED);
                let damaged = self.past.damage();
                let past = runs.map(|runs| PastRuns { runs, damaged });
                Msg::Past(past.map_err(JournalError::problem))
            }
            Effect::Report(run, what) => match self.report(run, what) {
                Ok(message) => message,
                Err(problem) => Msg::Alarm(problem.to_string()),
            },
            Effect::Log(_)
            | Effect::Mouse(_)
            | Effect::Theme(_)
            | Effect::Replay(_)
            | Effect::Terminal
            | Effect::ToClipboard(_)
            | Effect::Ring(_)
            | Effect::Suspend
            | Effect::Redraw
            | Effect::Panic
            | Effect::Quit => {
                return None;
            }
        })
    }

    fn mute(&self, probe: &str, mute: Option<(Duration, String)>) -> Result<String, Problem> {
        let until = mute.map(|(length, why)| {
            let until = self.app.clock.now().checked_add(length);
            until.map(|until| (until, why)).map_err(|e| Problem::new(e.to_string()))
        });
        let until = until.transpose()?;
        let (actor, now) = (self.app.actor(), self.app.clock.now());
        let limit = until.as_ref().map(|(until, why)| (*until, why.as_str()));
        let mut store = self.app.store().map_err(JournalError::problem)?;
        let muted = store.mute(Muted::Probe(probe), limit, (&actor, now));
        muted.map_err(JournalError::problem)?;
        Ok(match until {
            Some((until, _)) => format!("{probe} is muted until {}", until.strftime("%H:%MZ")),
            None => format!("{probe} calls again"),
        })
    }

    fn tick(&self, run: RunNumber, named: &str, act: Act, note: &str) -> Result<String, Problem> {
        let view = self.app.store().and_then(|s| s.run(run)).map_err(JournalError::problem)?.view;
        let listing =
            proposal::of_run(&self.app.services(), view).map_err(proposal::Refusal::problem)?;
        let item = listing.find(named)?;
        listing.act(&self.app.services(), item, act, note).map_err(proposal::Refusal::problem)?;
        Ok(format!("{}: {}", item.text, act.label()))
    }

    /// Reloads the config: it may have changed since the screen started, and an action must not use a stale one.
    fn loaded_now(&self) -> Result<Loaded, Problem> {
        crate::config::load(&self.config).map_err(|findings| {
            let place = |f: &crate::config::Finding| format!("line {}: {}", f.line, f.message);
            let first = findings.findings.first().map(place);
            Problem::new(format!("{} cannot be used any more", findings.file.display()))
                .because(first.unwrap_or_default())
                .try_this("pointsman check says everything that is wrong with it")
        })
    }

    async fn targets(
        &self,
        name: &EnvironmentName,
    ) -> Result<Vec<crate::domain::readiness::Target>, Problem> {
        let loaded = self.loaded_now()?;
        let spec = loaded.spec(name.as_str())?;
        proposal::targets(&self.app.services(), &loaded, &spec)
            .await
            .map_err(proposal::Refusal::problem)
    }

    async fn propose(&self, intent: Intent) -> Result<(Box<Plan>, String), Refused> {
        let loaded = self.loaded_now()?;
        let app = &self.app;
        let proposal = match intent {
            Intent::Deploy { environment, release, why } => {
                let ship = proposal::DeployRequest {
                    at_once: false,
                    environment: environment.as_str(),
                    release: &release,
                    services: &[],
                    attended: true,
                    why: &why,
                };
                let proposed = proposal::deploy(&app.services(), &loaded, &ship).await;
                proposed.map(|mut p| {
                    // The screen asks for approval at the gate, once the candidate has passed its checks.
                    (p.plan.ask_at_gates, p.plan.attended) = (true, false);
                    p
                })
            }
            Intent::Rollback { environment, to, undo, why } => {
                let spec = loaded.spec(environment.as_str())?;
                let undo_schema = undo.as_ref().map(|(_, version)| version);
                let database = undo.as_ref().map(|(database, _)| database.as_str());
                let (to, why, waits) = (to.as_ref(), &why, false);
                let back = proposal::RollbackRequest { to, why, undo_schema, database, waits };
                proposal::rollback(&app.services(), &loaded, spec, &back).await
            }
            Intent::Migrate { environment, database, to, down, why } => {
                let wish = if down {
                    MigrationRequest::Down(to)
                } else {
                    MigrationRequest::Up(Some(to), false)
                };
                let (name, database) = (environment.as_str(), Some(database.as_str()));
                let proposed =
                    proposal::migrate(&app.services(), &loaded, name, database, &wish, &why).await;
                let nothing = || proposal::Refusal::Usage(Problem::new("there is nothing to do"));
                proposed.and_then(|proposal| proposal.ok_or_else(nothing))
            }
            Intent::Cleanup { environment, why } => {
                let spec = loaded.spec(environment.as_str())?;
                proposal::cleanup(&app.services(), &loaded, spec, &why).await
            }
        };
        let proposal = proposal?;
        Ok((Box::new(proposal.plan), proposal.what))
    }

    async fn start(&self, plan: &Plan) -> Result<String, Problem> {
        // Connect before creating a run: an unreachable platform must not be recorded as a failed run.
        self.app.services().platform(&plan.endpoint).await?;
        let mut store = self.app.store().map_err(JournalError::problem)?;
        let view = self.app.create(&mut store, plan, false).map_err(|error| match error {
            JournalError::Unusable(problem) | JournalError::Unwritable(problem)
                if plan.kind == RunKind::Rollback =>
            {
                let way =
                    format!("pointsman rollback {} works without a journal", plan.environment);
                problem.try_this(way)
            }
            error => error.problem(),
        })?;
        match self.app.detach(view.number, Entrance::Begin).await {
            Ok(pid) => Ok(format!("run {} continues in process {pid}", view.number)),
            Err(problem) => {
                // Otherwise the abandoned run would block the environment until the screen closes.
                let ended = self.app.give_up(&mut store, view.number, &problem);
                Err(match ended {
                    Ok(()) => problem,
                    Err(error) => problem.because(error.to_string()),
                })
            }
        }
    }

    async fn send(&self, run: RunNumber, seen: u64, command: &Command) -> Result<String, Problem> {
        let answer = proposal::command(&self.app.services(), run, Some(seen), command).await;
        answer.map_err(proposal::Refusal::problem)?;
        Ok(format!("run {run}: asked to {}", crate::domain::describe::command(command)))
    }

    async fn allow_rollouts(&self, environment: &EnvironmentName) -> Result<String, Problem> {
        let spec = self.loaded_now()?.spec(environment.as_str())?;
        let allowed = proposal::allow_rollouts(&self.app.services(), &spec).await;
        let allowed = allowed.map_err(proposal::Refusal::problem)?;
        let names: Vec<_> = allowed.iter().map(ToString::to_string).collect();
        Ok(match names.as_slice() {
            [] => "no run left automatic rollouts disabled here".to_owned(),
            names => format!("automatic rollouts are enabled again: {}", names.join(", ")),
        })
    }

    async fn observe(&self, run: RunNumber) -> Result<Doubt, Problem> {
        let listed = self.app.store().and_then(|s| s.run(run));
        let view = listed.map_err(JournalError::problem)?.view;
        let platform = self.app.services().platform(&view.plan.endpoint).await?;
        let observed = observe(platform.as_ref(), &view).await.map_err(|e| e.problem)?;
        reconcile(&view, &observed)
    }
}

fn ticket_of(effect: &Effect) -> Option<Ticket> {
    match effect {
        Effect::FindTargets(ticket, _)
        | Effect::Offer(ticket)
        | Effect::Compare(ticket, ..)
        | Effect::Propose(ticket, _)
        | Effect::Start(ticket, _)
        | Effect::Send(ticket, ..)
        | Effect::Tick(ticket, ..)
        | Effect::Pipeline(ticket, ..)
        | Effect::CustomCommands(ticket, ..)
        | Effect::AllowRollouts(ticket, ..)
        | Effect::Mute(ticket, ..)
        | Effect::Accept(ticket, _)
        | Effect::TakeOver(ticket, ..) => Some(*ticket),
        _ => None,
    }
}
