//! Watches the config and the theme for changes on a separate thread, and reports their effect. Polls
//! size and modification time rather than using inotify: editors replace files, folders may be
//! network mounts, and one check a second costs little.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc::Sender;

use crate::config::schema::Config;
use crate::config::theme::ThemeKind;
use crate::config::{Findings, load};
use crate::tui::driver::bindings;
use crate::tui::msg::UiChange;
use crate::tui::theme::{Looks, Theme, ThemeError};

const FILE_POLL: Duration = Duration::from_secs(1);

/// The effect of a saved file.
#[derive(Debug)]
pub(super) struct Reload {
    /// The new theme, if one was loaded.
    pub(super) theme: Option<Theme>,
    /// The new `ui` section, if the config was reloaded.
    pub(super) ui: Option<UiChange>,
    /// Whether the config can be used, if it was read; the error says what is wrong with it.
    pub(super) config: Option<Result<(), String>>,
    /// The message to show, if any.
    pub(super) told: Option<String>,
}

/// What the screen tells the watcher, because it decides which theme is shown.
#[derive(Debug)]
pub(super) enum Told {
    /// The terminal's background changed.
    Background(ThemeKind),
    /// A theme was kept for this session.
    Kept(String),
}

/// Starts the thread and returns the sender for what it must be told. It ends when that
/// sender or the receiver of reloads is dropped. `stamps`: of the files as they were read.
pub(super) fn spawn(
    looks: Looks,
    file: PathBuf,
    config: Config,
    stamps: Stamps,
    sender: Sender<Reload>,
) -> std::sync::mpsc::Sender<Told> {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let started_with = looks.asked.clone();
        let mut watched = Watched { looks, started_with, file, config, stamps };
        loop {
            let reload = match told.recv_timeout(FILE_POLL) {
                Ok(Told::Background(background)) => watched.on_background(background),
                Ok(Told::Kept(theme)) => watched.on_kept(theme),
                Err(RecvTimeoutError::Timeout) => watched.look(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if reload.is_some_and(|reload| sender.blocking_send(reload).is_err()) {
                return;
            }
        }
    });
    tell
}

/// The last content, and the metadata of the files at that time.
struct Watched {
    looks: Looks,
    /// The theme of `--theme`, if it was given.
    started_with: Option<String>,
    file: PathBuf,
    config: Config,
    stamps: Stamps,
}

type Stamp = (SystemTime, u64);

/// Modification time and size of the config, and of the theme's file if there is one.
pub(super) type Stamps = [Option<Stamp>; 2];

fn stamp(file: &Path) -> Option<Stamp> {
    let about = std::fs::metadata(file).ok()?;
    Some((about.modified().ok()?, about.len()))
}

pub(super) fn stamps(looks: &Looks, config: &Config, file: &Path) -> Stamps {
    let theme = looks.themes.file(looks.name(&config.ui));
    [stamp(file), theme.as_deref().and_then(stamp)]
}

impl Watched {
    fn look(&mut self) -> Option<Reload> {
        let now = stamps(&self.looks, &self.config, &self.file);
        let [config, theme] = [now[0] != self.stamps[0], now[1] != self.stamps[1]];
        if !config && !theme {
            return None;
        }
        let (mut told, mut read, mut problem) = (Vec::new(), false, None);
        if config {
            match load(&self.file).and_then(|loaded| bindings(&loaded).map(|_| loaded)) {
                Ok(loaded) => {
                    (read, problem) = (true, Some(Ok(())));
                    told.extend(self.changed(loaded.config));
                }
                Err(findings) => {
                    let text = format!("config not used: {}; the last one stays", first(&findings));
                    problem = Some(Err(text));
                }
            }
        }
        self.stamps = stamps(&self.looks, &self.config, &self.file);
        let mixed = match self.looks.theme(&self.config.ui) {
            Ok(theme) => Some(theme),
            Err(error) => {
                told.push(format!("{}; the old theme stays", why(&error)));
                None
            }
        };
        if let Some(theme) = mixed.as_ref().filter(|_| told.is_empty() && problem.is_none()) {
            told.push(format!("theme {} read again", theme.name));
        }
        let now = &self.config.ui;
        let ui = read.then(|| UiChange {
            mouse: now.mouse,
            motion: self.looks.motion(now),
            keys: Some(now.keys.clone()),
        });
        let told = Some(told.join(" · ")).filter(|told| !told.is_empty());
        Some(Reload { theme: mixed, ui, config: problem, told })
    }

    /// Takes a new terminal background, and loads another theme if that background needs one.
    fn on_background(&mut self, background: ThemeKind) -> Option<Reload> {
        let before = self.looks.name(&self.config.ui).to_owned();
        self.looks.told = Some(background);
        if self.looks.name(&self.config.ui) == before {
            return None;
        }
        self.stamps = stamps(&self.looks, &self.config, &self.file);
        let theme = self.looks.theme(&self.config.ui);
        let told = theme.as_ref().err().map(|error| format!("{}; {before} stays", why(error)));
        Some(Reload { theme: theme.ok(), ui: None, config: None, told })
    }

    /// Takes the theme that was kept for this session: saving the config for another reason does not end it.
    fn on_kept(&mut self, theme: String) -> Option<Reload> {
        self.looks.asked = Some(theme);
        // A config saved in the last second is still to be read.
        self.stamps[1] = stamps(&self.looks, &self.config, &self.file)[1];
        None
    }

    /// Replaces the config. A theme that was saved in it ends the one kept for this session. Returns a message that says when the changes take effect.
    fn changed(&mut self, new: Config) -> Option<String> {
        let before = std::mem::replace(&mut self.config, new);
        let looks = before.ui != self.config.ui;
        if before.ui.theme != self.config.ui.theme {
            self.looks.asked.clone_from(&self.started_with);
        }
        let rest = Config { ui: self.config.ui.clone(), ..before } != self.config;
        match (looks, rest) {
            (_, true) => Some("config read again; it applies to the next run".to_owned()),
            (true, false) => Some("config read again; the screen follows it".to_owned()),
            (false, false) => None,
        }
    }
}

fn why(error: &ThemeError) -> String {
    match error {
        ThemeError::Missing(problem) => problem.to_string(),
        ThemeError::Wrong(findings) => first(findings),
    }
}

/// The first finding, with its position in the file.
pub(super) fn first(findings: &Findings) -> String {
    let file = findings.file.file_name().unwrap_or_default().to_string_lossy();
    findings.findings.first().map_or_else(
        || format!("{file} cannot be read"),
        |found| {
            let hint = found.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("{file} line {} column {}: {}{hint}", found.line, found.column, found.message)
        },
    )
}
