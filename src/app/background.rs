//! Pointsman's background processes.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{App, MUST_START, private_folder};
use crate::adapters::group::Groups;
use crate::adapters::run_log::{FileLog, file_of, progress_of};
use crate::domain::error::Problem;
use crate::domain::ids::RunNumber;
use crate::domain::recover::Choice;
use crate::domain::view::RunView;
use crate::ports::journal::{Journal as _, Listed};
use crate::ports::log::{LogLine, RunLog as _};

/// The file that this program runs from.
fn own_program() -> std::io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    // The kernel marks a replaced binary with this suffix.
    Ok(match own.to_str().and_then(|path| path.strip_suffix(" (deleted)")) {
        Some(path) => PathBuf::from(path),
        None => own,
    })
}

/// How a process comes to drive a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// The run was just created.
    Begin,
    /// Its driver died, and a person chose how to continue.
    TakeOver(Choice),
    /// Its driver handed it over.
    TakeOn,
}

impl App {
    /// Records of started programs. Each purpose has a separate folder.
    pub(super) fn groups(&self, purpose: &str) -> Groups {
        Groups::of(self.state.join("groups").join(purpose))
    }

    /// The shell command for this program with its state folder and config. Works from any folder.
    pub fn own_command(&self) -> String {
        let quoted =
            |path: &Path| format!("'{}'", path.display().to_string().replace('\'', "'\\''"));
        let program = own_program().map_or("pointsman".to_owned(), |path| quoted(&path));
        let config = self.config.as_deref().map(|config| format!(" --config {}", quoted(config)));
        format!("{program}{} --state-dir {}", config.unwrap_or_default(), quoted(&self.state))
    }

    /// Kills programs left behind by a killed process, because they may still change something. Called before a run
    /// is driven or its state is observed; the run's log lists them.
    pub fn end_orphans(&self, view: &RunView) {
        let orphans = self.runs_groups().within(view.plan.environment.as_str()).end_orphans();
        let first = view.steps.first().map(|step| &step.plan.id);
        let (Some(step), false) = (view.state.step().or(first), orphans.is_empty()) else { return };
        let Ok(log) = FileLog::open(&self.records, view.number) else { return };
        for text in orphans {
            let (at, step) = (self.clock.now(), step.clone());
            log.line(&LogLine { at, step, service: None, text, tints: Vec::new() });
        }
    }

    /// Processes started by runs, one part per environment.
    pub(super) fn runs_groups(&self) -> Groups {
        self.groups("runs")
    }

    /// The file of a run's log.
    pub fn log_file(&self, run: RunNumber) -> PathBuf {
        file_of(&self.records, run)
    }

    /// The file with the progress of a run's current step.
    pub fn progress_file(&self, run: RunNumber) -> PathBuf {
        progress_of(&self.records, run)
    }

    /// Starts the background process of a run, and returns its pid once it drives the run.
    pub async fn detach(&self, run: RunNumber, entry: Entrance) -> Result<u32, Problem> {
        if self.is_demo() {
            return self.drive_here(run, entry).await;
        }
        let failed = |why: String| {
            Problem::new(format!("{run}: its background process did not start")).because(why)
        };
        let store = self.store().map_err(|e| failed(e.to_string()))?;
        // A process that takes over checks the state first and may refuse: its claim alone does not mean that it
        // started.
        let last_fact = store.run(run).map(|listed| listed.view.last_seq).unwrap_or_default();
        let before = if entry == Entrance::Begin { 0 } else { last_fact };
        let number = run.0.to_string();
        let mut arguments = vec!["runner", number.as_str()];
        match entry {
            Entrance::Begin => {}
            Entrance::TakeOver(choice) => arguments.extend(["--choose", choice.name()]),
            Entrance::TakeOn => arguments.push("--take-on"),
        }
        let log = self.log_file(run).with_file_name("runner.log");
        let mut child = self.background(&arguments, &log).map_err(failed)?;
        let pid = child.id();
        let began = self.clock.elapsed();
        loop {
            let drives = |l: Listed| l.runner == Some(pid) && l.view.last_seq > before;
            if store.run(run).is_ok_and(drives) {
                return Ok(pid);
            }
            if let Ok(Some(status)) = child.try_wait() {
                // A short run may end before we look.
                if store.run(run).is_ok_and(|listed| listed.view.ended.is_some()) {
                    return Ok(pid);
                }
                // Earlier runners wrote to this file too; the last lines are from this one.
                let said = fs::read_to_string(&log).unwrap_or_default();
                let last = said.lines().rev().take(3).collect::<Vec<_>>();
                let last: Vec<_> = last.into_iter().rev().map(str::trim).collect();
                return Err(failed(format!("it ended with {status}: {}", last.join("; "))));
            }
            if self.clock.elapsed().saturating_sub(began) > MUST_START {
                // It must not claim the run after we have reported that it did not start.
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed("it did not register in the store".to_owned()));
            }
            self.clock.sleep(Duration::from_millis(20)).await;
        }
    }

    /// Starts a background process that outlives this one: no terminal, no inherited streams, output to a file.
    pub(super) fn background(
        &self,
        arguments: &[&str],
        log: &Path,
    ) -> Result<std::process::Child, String> {
        if let Some(folder) = log.parent() {
            private_folder(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(log);
        let file = file.map_err(|e| format!("{}: {e}", log.display()))?;
        let errors = file.try_clone().map_err(|e| e.to_string())?;
        let config = self.config.as_deref().filter(|_| !arguments.contains(&"--config"));
        let config = config.map(|config| [OsStr::new("--config"), config.as_os_str()]);
        Command::new(own_program().map_err(|e| e.to_string())?)
            .args(config.into_iter().flatten())
            .arg("--state-dir")
            .arg(&self.state)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::from(file))
            .stderr(Stdio::from(errors))
            .spawn()
            .map_err(|e| e.to_string())
    }
}
