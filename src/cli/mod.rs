//! The command line. Results go to stdout, everything else to stderr. Without a terminal, no command prompts.

#![expect(clippy::disallowed_methods, reason = "the command line reads the environment")]

mod alerts;
pub mod args;
mod attach;
mod check;
mod checklist;
mod cleanup;
mod commands;
mod complete;
mod confirm;
mod demos;
mod deploy;
mod doctor;
mod doctor_apis;
mod drive;
mod emulator;
mod exit;
mod explain;
mod find_config;
mod follow;
mod handover;
mod health;
pub mod help;
mod init;
mod lint;
mod live_logs;
mod lock;
mod log_files;
mod looks;
mod man;
mod migrate;
mod migrate_export;
mod needs;
mod past;
mod pipeline;
pub mod print;
mod read_only;
mod resume;
mod rollback;
mod rollouts;
mod screen;
mod signals;
mod status;
mod steer;
mod store;
mod theme;
mod version;

use std::fs;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Duration;

use clap::FromArgMatches as _;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap_complete::CompleteEnv;
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

use self::args::{Arguments, ConfigVerb, RunWord, ThemeVerb, Verb};
use self::exit::{FAILED, Failed, Finished, USAGE};
use self::log_files::log_to_files;
use self::needs::{drives, needs_calendars};
use crate::app::{App, SqliteStore};
use crate::config::{Document, Findings, Loaded, know_usual_secrets};
use crate::domain::code::Code;
use crate::domain::command::Command;
use crate::domain::describe;
use crate::domain::error::Problem;
use crate::domain::ids::{EnvironmentName, RunNumber};
use crate::domain::recover::Choice;
use crate::ports::journal::{Journal as _, Listed};

/// The context of every command.
struct Session {
    app: App,
    arguments: Arguments,
    /// The config, parsed once at start: its secrets must be registered before any output.
    document: Document,
    checked: OnceLock<Result<Loaded, Findings>>,
}

/// Unreadable parts of the history, as sentences.
struct Unread {
    /// Damaged runs, which are left out.
    damaged: Vec<String>,
    /// Why newer runs and facts may be missing.
    behind: Option<String>,
}

impl Unread {
    /// The unreadable parts of what was read of a store. They are also reported on stderr.
    fn of(store: &SqliteStore) -> Self {
        let damaged: Vec<_> = store.damage().iter().map(ToString::to_string).collect();
        let behind = store.behind().map(|problem| problem.to_string());
        for one in behind.iter().chain(&damaged) {
            print::note(one);
        }
        Self { damaged, behind }
    }
}

impl Session {
    fn config(&self) -> Result<Loaded, Failed> {
        if !self.arguments.config.exists() {
            let file = self.arguments.config.display();
            let problem = Problem::coded(Code::CONFIG_MISSING, format!("there is no {file}"))
                .try_this("pointsman init, or name another config with --config FILE");
            return Err(Failed::with(USAGE, problem));
        }
        let checked = self.checked.get_or_init(|| {
            let checked = self.document.check();
            // A rollback obeys no freeze, and waits for no file.
            let rolls_back = matches!(self.arguments.verb, Some(Verb::Rollback(_)));
            checked.inspect(|loaded| {
                if !rolls_back {
                    self.app.read_calendars(loaded);
                }
            })
        });
        checked.clone().map_err(Failed::config)
    }

    /// The number of a run named on the command line.
    fn run(&self, word: &RunWord) -> Result<RunNumber, Failed> {
        let environment = match word {
            RunWord::Number(number) => return Ok(*number),
            RunWord::Last => None,
            RunWord::LastOf(environment) => {
                self.config()?.spec(environment.as_str()).map_err(|p| Failed::with(USAGE, p))?;
                Some(environment)
            }
        };
        let latest = self.app.readable_store()?.runs(environment, 1)?;
        latest.first().map(|listed| listed.view.number).ok_or_else(|| {
            let on = environment.map_or(String::new(), |name| format!(" of {name}"));
            Failed::with(
                USAGE,
                Problem::coded(Code::NO_SUCH_RUN, format!("there is no run{on} yet")),
            )
        })
    }

    /// The runs of one environment or of all, newest first. Unreadable parts are reported on stderr.
    fn runs(
        &self,
        environment: Option<&EnvironmentName>,
        limit: usize,
    ) -> Result<(Vec<Listed>, Unread), Failed> {
        let store = self.app.readable_store()?;
        let runs = store.runs(environment, limit)?;
        Ok((runs, Unread::of(&store)))
    }

    /// Prints the result: as text, or with `--json` as one object.
    fn result(&self, text: &str, json: &serde_json::Value) {
        if self.arguments.json { print::value(json) } else { print::result(text) }
    }
}

/// Runs the command line of this process and returns its exit code.
pub fn main() -> ExitCode {
    // If the shell asks for completions, this prints candidates and exits.
    CompleteEnv::with_factory(help::command).complete();
    let arguments = match parsed() {
        Ok(arguments) => arguments,
        Err(said) => return usage(&said),
    };
    let json = arguments.json;
    match begin(arguments) {
        Ok(code) => match print::unwritten() {
            Some(error) => {
                let problem = Problem::new("the result could not be written completely");
                let problem = problem.because(error.to_string());
                print::failed(&Failed::with(code.max(FAILED), problem), false);
                ExitCode::from(code.max(FAILED))
            }
            None => ExitCode::from(code),
        },
        Err(failed) => {
            print::failed(&failed, json);
            ExitCode::from(failed.code)
        }
    }
}

fn parsed() -> Result<Arguments, clap::Error> {
    let matches = help::command().try_get_matches()?;
    let mut arguments = Arguments::from_arg_matches(&matches)?;
    if matches.value_source("config") == Some(ValueSource::DefaultValue) {
        let here = std::env::current_dir().unwrap_or_default();
        arguments.config = find_config::nearest(&here);
    }
    // A rehearsal must not write into the state of a project; only --state-dir keeps one.
    if arguments.demo.is_some()
        && matches.value_source("state_dir") == Some(ValueSource::EnvVariable)
    {
        arguments.state_dir = None;
    }
    Ok(arguments)
}

/// Prints the parser's output: help and version on stdout, errors on stderr. Errors repeat the user's arguments, so
/// they go through `print::note`, which redacts and sanitizes them.
fn usage(said: &clap::Error) -> ExitCode {
    if said.kind() == ErrorKind::DisplayVersion && std::env::args().any(|word| word == "--json") {
        print::value(&version::json());
        return ExitCode::SUCCESS;
    }
    if !said.use_stderr() {
        // Help and version do not repeat arguments, so they may keep their colours.
        let about_program = said.kind() == ErrorKind::DisplayHelp && help::asks_about_program();
        let whole = about_program.then(|| help::program().try_get_matches().err()).flatten();
        let _ = whole.as_ref().unwrap_or(said).print();
        return ExitCode::SUCCESS;
    }
    print::note(said.render().to_string());
    ExitCode::from(USAGE)
}

fn begin(arguments: Arguments) -> Finished {
    if arguments.demo.as_deref() == Some("help") {
        return Ok(demos::list(arguments.json));
    }
    let (mut app, arguments) = match arguments.demo.clone() {
        None => (App::new(arguments.state_dir.clone(), &arguments.config)?, arguments),
        Some(name) => {
            let own = std::env::temp_dir().join(format!("pointsman-demo-{}", std::process::id()));
            let state = arguments.state_dir.clone().unwrap_or(own);
            let config = state.join("config.yaml");
            (App::demo(&name, &state)?, Arguments { config, ..arguments })
        }
    };
    app.config = std::path::absolute(&arguments.config).ok().filter(|config| config.is_file());
    know_usual_secrets();
    let document = Document::read(&arguments.config);
    if !app.is_demo() {
        app.share(document.shared_store());
    }
    let _guard = log_to_files(&app);
    let session = Session { app, arguments, document, checked: OnceLock::new() };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Problem::new("no runtime").because(e.to_string()))?;
    let finished = runtime.block_on(async {
        session.app.begin_demo().await?;
        carried(&session).await
    });
    forget_demo(&session);
    // Do not wait for tasks that are still sleeping.
    runtime.shutdown_background();
    finished
}

/// Time limit for delivering alerts after a command ends.
const DELIVER_WITHIN: Duration = Duration::from_secs(10);

/// Runs a command, with an alert dispatcher beside it if it runs for a while. The next process delivers any alerts
/// that are still pending at its end.
async fn carried(session: &Session) -> Finished {
    let verb = session.arguments.verb.as_ref();
    if let Some(older) = needs_calendars(verb)
        && let Ok(loaded) = session.config()
    {
        session.app.fetch_calendars(&loaded, older).await;
    }
    let (ended, over) = oneshot::channel();
    let carrying = drives(verb).then(|| {
        let app = session.app.clone();
        AbortOnDropHandle::new(tokio::spawn(async move {
            // Opened inside the task, so that the first frame does not wait for the store. If it cannot be opened, a
            // rollback continues without alerts.
            match app.courier() {
                Ok(Some(courier)) => courier.carry(over, DELIVER_WITHIN).await,
                _ => Ok(0),
            }
        }))
    });
    let acts = |verb| read_only::acts(verb) || matches!(verb, Verb::Plan(_) | Verb::Attach { .. });
    if verb.is_some_and(acts) {
        session.app.identity().await;
    }
    let finished = dispatch(session).await;
    if let Some(standing) = session.app.settle_shared() {
        print::note(describe::unshared(&standing));
    }
    // Leaving the screen does not wait for deliveries.
    let Some(carrying) = carrying.filter(|_| verb.is_some()) else { return finished };
    let _ = ended.send(());
    if let Ok(Ok(waiting @ 1..)) = carrying.await {
        print::note(format!(
            "{} pending; any pointsman process on this machine retries. Errors: pointsman alerts",
            describe::counted(waiting, "alert")
        ));
    }
    finished
}

async fn dispatch(session: &Session) -> Finished {
    let Some(verb) = &session.arguments.verb else {
        return screen::screen(session).await;
    };
    if session.arguments.read_only {
        read_only::permits(verb)?;
    }
    match verb {
        Verb::Init { yes } => init::init(session, *yes),
        Verb::Check => check::check(session),
        Verb::Config { verb: ConfigVerb::Explain { key } } => explain::key(session, key.as_deref()),
        Verb::Explain { code } => explain::code(session, *code),
        Verb::Lint { between, .. } if !between.is_empty() => lint::between(session, between).await,
        Verb::Lint { files, strict, .. } => lint::judge(session, files, *strict),
        Verb::Schema { of } => Ok(check::schema(of)),
        Verb::Alerts { verb } => alerts::alerts(session, verb.as_ref()).await,
        Verb::Store { verb } => store::store(session, verb.as_ref()),
        Verb::Checklist(arguments) => checklist::checklist(session, arguments),
        Verb::Plan(arguments) => deploy::plan(session, arguments).await,
        Verb::Deploy(arguments) => deploy::deploy(session, arguments).await,
        Verb::Rollback(arguments) => rollback::rollback(session, arguments).await,
        Verb::Cleanup(arguments) => cleanup::cleanup(session, arguments).await,
        // On the heap, with what runs an engine below: the largest of these futures decides the size of all.
        Verb::Migrate(arguments) => Box::pin(migrate::migrate(session, arguments)).await,
        Verb::Status { environment } => status::status(session, environment.as_deref()).await,
        Verb::Handover { environment } => handover::handover(session, environment.as_deref()).await,
        Verb::Commands { verb } => commands::commands(session, verb.as_ref()).await,
        Verb::Pipeline(arguments) => pipeline::pipeline(session, arguments).await,
        Verb::Health(arguments) => health::health(session, arguments).await,
        Verb::History { environment: Some(of), figures: true, .. } => past::figures(session, of),
        Verb::History { environment, limit, .. } => {
            past::history(session, environment.as_deref(), *limit)
        }
        Verb::Events { run } => past::events(session, session.run(run)?),
        Verb::Logs(arguments) => match (&arguments.run, &arguments.live) {
            (Some(run), _) => past::logs(session, session.run(run)?),
            (None, live) => {
                live_logs::logs(session, live.as_deref().unwrap_or_default(), arguments).await
            }
        },
        Verb::Attach { run } => attach::attach(session, session.run(run)?).await,
        Verb::Resume(arguments) => resume::resume(session, arguments).await,
        Verb::Approve(arguments) => steer::approve(session, arguments).await,
        Verb::Extend(to) => steer::at_once(session, to, &Command::Extend).await,
        Verb::Claim(to) => steer::at_once(session, to, &Command::Claim).await,
        Verb::Offer(to) => steer::at_once(session, to, &Command::Offer).await,
        Verb::Accept(to) => steer::accept(session, to).await,
        Verb::Pause(to) => steer::at_once(session, to, &Command::Pause).await,
        Verb::Retry(to) => steer::risk(session, to, &Command::Retry).await,
        Verb::Skip { steer: to, reason } => {
            let reason = reason.clone();
            steer::risk(session, to, &Command::Skip { reason }).await
        }
        Verb::Abort { steer: to, now } => {
            steer::at_once(session, to, &Command::Abort { now: *now }).await
        }
        Verb::Lock { environment, act, reason } => {
            lock::lock(session, environment, *act, reason.as_ref())
        }
        Verb::AllowRollouts { environment, yes } => {
            rollouts::allow(session, environment, yes).await
        }
        Verb::Replay { run } => past::replay(session, session.run(run)?).await,
        Verb::Report { run } => past::report(session, session.run(run)?),
        Verb::Card { run } => past::card(session, session.run(run)?),
        Verb::Verify { run } => past::verify(session, session.run(run)?),
        Verb::Emulator { verb } => emulator::emulator(session, verb).await,
        Verb::Theme { verb: ThemeVerb::List } => Ok(theme::list(session)),
        Verb::Theme { verb: ThemeVerb::Check { theme } } => theme::judge(session, theme),
        Verb::Theme { verb: ThemeVerb::Import { file, name, .. } } => {
            theme::import(session, file, name.as_deref())
        }
        Verb::Doctor { environment } => doctor::doctor(session, environment.as_deref()).await,
        Verb::Completions { shell } => complete::script(shell),
        Verb::Man { dir } => man::man(dir.as_deref()),
        Verb::Runner { run, choose, take_on } => {
            let entrance = drive::entrance(choose.map(Choice::from), *take_on);
            Box::pin(drive::runner(session, *run, entrance)).await
        }
        Verb::SampleApp => session.app.sample_app().await.map(|()| 0).map_err(Failed::from),
    }
}

/// Removes the state of a rehearsal, unless `--state-dir` names its folder.
fn forget_demo(session: &Session) {
    if session.app.is_demo() && session.arguments.state_dir.is_none() {
        let _ = fs::remove_dir_all(&session.app.state);
    }
}
