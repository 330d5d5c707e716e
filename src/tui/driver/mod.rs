//! Connects the model to the terminal, the store and the runs' processes. Each has its own task that sends messages.

#![expect(clippy::disallowed_methods, reason = "the driver joins the model to a real terminal")]

mod acts;
mod clipboard;
mod custom_commands;
mod databases;
mod figures;
mod health;
mod idle;
mod input;
mod lints;
mod log;
mod look;
mod past;
mod pipelines;
mod poll_backoff;
mod preview;
mod remember;
mod replay;
mod report;
mod run_report;
mod session_replay;
mod setup;
mod signals;
mod start;
mod store;
mod terminal_background;
mod watch;

use std::time::Duration;

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_util::task::AbortOnDropHandle;

use self::acts::Acts;
use self::remember::Memory;
pub use self::replay::replay;
pub(crate) use self::report::{far_away, terminal as terminal_report};
pub use self::session_replay::replay_session;
use self::setup::setup;
use self::signals::Signals;
use self::start::Sources;
use self::watch::{Reload, Told};
use super::effect::Effect;
use super::keys::bindings::{Bindings, Wrong};
use super::model::Model;
use super::msg::Msg;
use super::session::Recorder;
use super::terminal::{Screen, give_back};
use super::theme::{Looks, Theme};
use super::update::update;
use crate::app::App;
use crate::config::{Findings, Loaded};
use crate::domain::error::Problem;

/// Update interval of clocks and ages.
const TICK: Duration = Duration::from_secs(1);

/// The options of the screen.
#[derive(Debug)]
pub struct Options {
    /// Appearance: themes, colours, glyphs and motion.
    pub looks: Looks,
    /// Path of the config. It is reloaded before each action, and its `ui` section whenever the file is saved.
    pub config: std::path::PathBuf,
    /// Whether all changes are disabled.
    pub read_only: bool,
    /// The file to record the screen's messages to.
    pub record: Option<std::path::PathBuf>,
}

/// Runs the screen until the user quits; returns the exit code. Runs continue without the screen.
pub async fn run(app: App, loaded: Loaded, options: Options) -> Result<u8, Problem> {
    let failed = |e: std::io::Error| {
        Problem::new("the screen cannot be shown")
            .because(e.to_string())
            .try_this("use the commands: pointsman status, pointsman --help")
    };
    // What is saved from here on is a change, however long the first frame takes.
    let stamps = watch::stamps(&options.looks, &loaded.config, &options.config);
    let memory = Memory::of(&app, &options.config);
    let setup = setup(&app, &loaded, &options, memory.recall())?;
    let mut recorder = None;
    if let Some(file) = &options.record {
        recorder = Some(Recorder::create(file, &setup)?);
    }
    let mut model = setup.model().map_err(|wrong| unusable_keys(&wrong))?;
    let theme = options
        .looks
        .theme(&loaded.config.ui)
        .unwrap_or_else(|_| Theme::without_colour(options.looks.ascii));
    let signals = Signals::listen().map_err(failed)?;
    let mut screen = Screen::take(app.state.join("crash.txt")).map_err(failed)?;
    let (width, height) = crossterm::terminal::size().map_err(failed)?;
    for message in [Msg::Resize(width, height), Msg::Tick(app.clock.now(), Duration::ZERO)] {
        apply(&mut model, &mut recorder, message);
    }
    // Nothing else is started before the first frame is drawn: the readers would compete with it for the processor.
    screen.draw(&model, &theme).map_err(failed)?;
    let looks = options.looks.clone();
    let Sources { acts, receiver, reloads, watcher, watching } =
        start::sources(&app, &model, (loaded, stamps), options);
    let answers = terminal_background::Answers::default();
    let mut driver = Driver {
        app,
        model,
        recorder,
        looks,
        theme,
        theme_before: None,
        screen,
        acts,
        receiver,
        reloads,
        watcher,
        _watching: watching,
        answers,
        signals,
        memory,
        kept: 0,
    };
    let left = driver.run().await.map_err(failed)?;
    driver.memory.keep(&driver.model);
    drop(driver);
    Ok(left)
}

/// The key bindings of a config. The error lists the invalid ones with their positions.
pub fn bindings(loaded: &Loaded) -> Result<Bindings, Findings> {
    Bindings::with(&loaded.config.ui.keys).map_err(|wrong| {
        loaded.refused(wrong.iter().map(|(name, why)| (["ui", "keys", name.as_str()], why.clone())))
    })
}

/// The problem to report for invalid key bindings. The config's were checked when it was
/// loaded; a recording's may come from another version.
fn unusable_keys(wrong: &[Wrong]) -> Problem {
    let (name, why) = wrong.first().cloned().unwrap_or_default();
    Problem::new(format!("the keys of {name} cannot be used")).because(why)
}

/// `:debug panic`, to test that the terminal is restored.
#[expect(clippy::panic, reason = "the user typed :debug panic")]
fn panic_for_a_test() {
    panic!("requested with :debug panic");
}

struct Driver {
    app: App,
    model: Model,
    recorder: Option<Recorder>,
    looks: Looks,
    theme: Theme,
    /// The usual theme, while another one is shown.
    theme_before: Option<Theme>,
    screen: Screen,
    acts: Acts,
    receiver: mpsc::Receiver<Msg>,
    reloads: mpsc::Receiver<Reload>,
    /// Passes a new terminal background to the thread that chooses the theme.
    watcher: std::sync::mpsc::Sender<Told>,
    /// Follows the runs for their alerts, until the screen closes.
    _watching: AbortOnDropHandle<()>,
    answers: terminal_background::Answers,
    signals: Signals,
    memory: Memory,
    /// Number of serious messages that are saved.
    kept: usize,
}

/// Waits until the screen's next scheduled change; forever if there is none.
async fn due(at: Option<Duration>, elapsed: Duration) {
    match at {
        Some(at) => tokio::time::sleep(at.saturating_sub(elapsed)).await,
        None => std::future::pending().await,
    }
}

/// Exit code after SIGTERM: 128 plus the signal number.
const EXIT_TERMINATED: u8 = 143;

impl Driver {
    async fn run(&mut self) -> std::io::Result<u8> {
        let began = self.app.clock.elapsed();
        if self.model.mouse {
            self.screen.mouse(true)?;
        }
        self.ask_ground()?;
        let mut events = EventStream::new();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let elapsed = self.app.clock.elapsed().saturating_sub(began);
            let (mut messages, mut waits) = (Vec::new(), false);
            tokio::select! {
                biased;
                event = events.next() => match event {
                    Some(Ok(event)) => {
                        // The terminal may have switched between light and dark meanwhile.
                        if event == Event::FocusGained {
                            self.ask_ground()?;
                        }
                        let (events, background) = self.answers.take(event);
                        if let Some(background) = background {
                            let _ = self.watcher.send(Told::Background(background));
                        }
                        // Dialogs judge keys by their time, so a tick precedes each key.
                        messages.push(Msg::Tick(self.app.clock.now(), elapsed));
                        let (model, theme) = (&self.model, &self.theme);
                        messages.extend(events.into_iter().filter_map(|e| input::message(e, model, theme)));
                    }
                    // The terminal is closed.
                    Some(Err(_)) | None => return Ok(0),
                },
                Some(first) = self.receiver.recv() => {
                    (messages, waits) = self.received(first, elapsed);
                }
                Some(reload) = self.reloads.recv() => {
                    if let Some(theme) = reload.theme {
                        // While another one is shown, it is the one to restore.
                        *self.theme_before.as_mut().unwrap_or(&mut self.theme) = theme;
                    }
                    if let Some(ui) = reload.ui {
                        if ui.mouse != self.model.mouse {
                            self.screen.mouse(ui.mouse)?;
                        }
                        messages.push(Msg::Configured(ui));
                    }
                    messages.extend(reload.config.map(|read| Msg::ConfigProblem(read.err())));
                    messages.extend(reload.told.map(Msg::Tell));
                }
                () = due(self.model.due(), elapsed) => {
                    let now = self.app.clock.elapsed().saturating_sub(began);
                    messages.push(Msg::Tick(self.app.clock.now(), now));
                }
                _ = tick.tick() => messages.push(Msg::Tick(self.app.clock.now(), elapsed)),
                _ = self.signals.term.recv() => return Ok(EXIT_TERMINATED),
                _ = self.signals.hangup.recv() => return Ok(0),
                // In raw mode Ctrl-C is a key; the signal comes from another process.
                _ = self.signals.int.recv() => messages.push(input::interrupt()),
                _ = self.signals.window.recv() => messages.extend(resized()),
                _ = self.signals.proceed.recv() => self.screen.take_again()?,
            }
            for message in messages {
                for effect in self.update(message) {
                    match effect {
                        Effect::Quit => return Ok(0),
                        Effect::Redraw => self.screen.redraw()?,
                        Effect::Panic => panic_for_a_test(),
                        Effect::Suspend => {
                            // Otherwise the stream would read the keys typed into the shell.
                            drop(events);
                            self.suspend().await?;
                            events = EventStream::new();
                        }
                        Effect::Ring(text) => self.screen.ring(&text)?,
                        Effect::Terminal => {
                            let report = report::terminal(&self.looks, &self.theme);
                            self.update(Msg::Terminal(report));
                        }
                        Effect::Mouse(taken) => self.screen.mouse(taken)?,
                        Effect::Theme(choice) => self.use_theme(choice),
                        Effect::Replay(run) => {
                            drop(events);
                            self.replay(run).await?;
                            events = EventStream::new();
                        }
                        Effect::ToClipboard(text) => self.screen.copy(&text)?,
                        effect => self.acts.carry_out(effect),
                    }
                }
            }
            // Saved at once, so that a kill does not lose them.
            if std::mem::replace(&mut self.kept, self.model.messages.serious)
                != self.model.messages.serious
            {
                self.memory.keep(&self.model);
            }
            if !waits {
                self.screen.draw(&self.model, &self.theme)?;
            }
        }
    }

    /// A message with those that came after it, and whether the next tick can draw them.
    fn received(&mut self, first: Msg, elapsed: Duration) -> (Vec<Msg>, bool) {
        // A dialog that opens on a result needs the current time.
        let mut messages = vec![Msg::Tick(self.app.clock.now(), elapsed), first];
        while let Ok(next) = self.receiver.try_recv() {
            messages.push(next);
        }
        let waits = messages.iter().skip(1).all(|m| idle::can_wait(&self.model.environments, m));
        (messages, waits)
    }

    fn update(&mut self, message: Msg) -> Vec<Effect> {
        apply(&mut self.model, &mut self.recorder, message)
    }

    /// Queries the terminal's background colour, if that is allowed. The first frame does not wait for the reply.
    fn ask_ground(&mut self) -> std::io::Result<()> {
        if !self.looks.may_ask {
            return Ok(());
        }
        self.answers.await_one();
        self.screen.ask_ground()
    }

    /// Restores the terminal and stops this process until the shell resumes it.
    async fn suspend(&mut self) -> std::io::Result<()> {
        give_back();
        let own = rustix::process::getpid();
        rustix::process::kill_process(own, rustix::process::Signal::TSTP)?;
        // The process stops here and resumes with SIGCONT. Consume that
        // signal, or the loop would count it as another one.
        let _ = tokio::time::timeout(Duration::from_millis(50), self.signals.proceed.recv()).await;
        self.screen.take_again()?;
        let (width, height) = crossterm::terminal::size()?;
        self.update(Msg::Resize(width, height));
        Ok(())
    }
}

/// Records a message and applies it to a model.
fn apply(model: &mut Model, recorder: &mut Option<Recorder>, message: Msg) -> Vec<Effect> {
    let failed = recorder.as_mut().and_then(|recorder| recorder.message(&message).err());
    if let Some(error) = failed {
        *recorder = None;
        update(model, Msg::Alarm(format!("the recording ended: {error}")));
    }
    update(model, message)
}

/// The current window size. The size in a resize event may be outdated.
fn resized() -> Option<Msg> {
    crossterm::terminal::size().ok().map(|(width, height)| Msg::Resize(width, height))
}
