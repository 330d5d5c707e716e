//! Runs custom commands, and keeps a record and a log of each run.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::process::ThisMachine;
use super::program::MachinePrograms;
use pointsman_core::custom_command::{
    CustomCommand, CustomCommandRun, CustomCommandState, Subject,
};
use pointsman_core::error::Problem;
use pointsman_core::ids::EnvironmentName;
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::processes::{ProcessIdentity, Processes as _};
use pointsman_core::ports::programs::{Program, Programs as _};
use pointsman_core::redact::redacted;
use pointsman_core::text::harmless;

/// Maximum characters per line.
const LONGEST_LINE: usize = 4000;
/// Maximum runs kept.
const RECORDS_KEPT: usize = 100;

/// The stored record of a run.
#[derive(Serialize, Deserialize)]
struct Record {
    /// The Pointsman process that runs the command; stopping the run signals this process.
    process: ProcessIdentity,
    run: CustomCommandRun,
}

/// The stored runs of custom commands.
pub struct CustomCommandRuns {
    folder: PathBuf,
    programs: MachinePrograms,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for CustomCommandRuns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TeamRuns").field("folder", &self.folder).finish_non_exhaustive()
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(format!("{} cannot be written", path.display())).because(error.to_string())
}

impl CustomCommandRuns {
    /// The runs stored in `folder`.
    pub fn of(folder: PathBuf, programs: MachinePrograms, clock: Arc<dyn Clock>) -> Self {
        Self { folder, programs, clock }
    }

    fn place(&self, id: u64) -> PathBuf {
        self.folder.join(id.to_string())
    }

    /// The path of a run's output.
    pub fn log(&self, id: u64) -> PathBuf {
        self.place(id).join("log")
    }

    fn ids(&self) -> Vec<u64> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let id = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
        let mut ids: Vec<u64> = entries.filter_map(id).collect();
        ids.sort_unstable_by_key(|id| std::cmp::Reverse(*id));
        ids
    }

    fn record(&self, id: u64) -> Option<Record> {
        serde_json::from_slice(&fs::read(self.place(id).join("record.json")).ok()?).ok()
    }

    /// The id of the newest run, even if it is just starting.
    pub fn newest(&self) -> u64 {
        self.ids().first().copied().unwrap_or_default()
    }

    /// The stored runs, newest first. A run whose process is gone counts as lost, not as running.
    pub fn list(&self) -> Vec<CustomCommandRun> {
        self.latest(RECORDS_KEPT)
    }

    /// The newest runs, at most `most`.
    pub fn latest(&self, most: usize) -> Vec<CustomCommandRun> {
        let alive = |record: Record| {
            let mut run = record.run;
            if run.state == CustomCommandState::Running && !ThisMachine.alive(&record.process) {
                run.state = CustomCommandState::Lost;
            }
            run
        };
        self.ids().into_iter().take(most).filter_map(|id| self.record(id)).map(alive).collect()
    }

    fn keep(&self, run: &CustomCommandRun) -> Result<(), Problem> {
        let file = self.place(run.id).join("record.json");
        let new = file.with_extension("new");
        let record = Record { process: ThisMachine.own(), run: run.clone() };
        let text = serde_json::to_vec(&record).unwrap_or_default();
        let written = fs::write(&new, text).and_then(|()| fs::rename(&new, &file));
        written.map_err(|e| unwritable(&file, &e))
    }

    /// Reserves the next id by creating its folder: two processes never get the same one.
    fn begin(&self) -> Result<u64, Problem> {
        let make = |path: &Path, whole: bool| {
            fs::DirBuilder::new().recursive(whole).mode(0o700).create(path)
        };
        make(&self.folder, true).map_err(|e| unwritable(&self.folder, &e))?;
        let ids = self.ids();
        for old in ids.iter().skip(RECORDS_KEPT) {
            let _ = fs::remove_dir_all(self.place(*old));
        }
        let mut id = ids.first().map_or(1, |last| last + 1);
        loop {
            match make(&self.place(id), false) {
                Ok(()) => return Ok(id),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => id += 1,
                Err(error) => return Err(unwritable(&self.place(id), &error)),
            }
        }
    }

    /// Runs a command until it ends or `stop` completes, and passes each line of its output to `heard` immediately.
    pub async fn run(
        &self,
        command: &CustomCommand,
        (environment, actor): (&EnvironmentName, &str),
        heard: &(dyn Fn(&str) + Send + Sync),
        stop: impl Future<Output = ()>,
    ) -> Result<CustomCommandRun, Problem> {
        let mut run = CustomCommandRun {
            id: self.begin()?,
            name: command.name.clone(),
            subject: command.part().map(|subject| subject.name.clone()),
            argv: command.argv.clone(),
            folder: command.folder.clone(),
            environment: environment.clone(),
            actor: actor.to_owned(),
            started: self.clock.now(),
            ended: None,
            state: CustomCommandState::Running,
        };
        self.keep(&run)?;
        let path = self.log(run.id);
        let log = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        let log = Mutex::new(log.map_err(|e| unwritable(&path, &e))?);
        let say = |line: &str| {
            let line = redacted(&harmless(line, LONGEST_LINE));
            heard(&line);
            if let Ok(mut log) = log.lock() {
                // A failed log write must not end the command.
                let _ = writeln!(log, "{line}");
            }
        };
        let folder = command.folder.display().to_string();
        let mut set = vec![("POINTSMAN_ENVIRONMENT".to_owned(), environment.to_string())];
        set.extend(command.subject.iter().flat_map(Subject::variables));
        let program = Program { argv: &command.argv, folder: &folder, environment: &set };
        run.state = tokio::select! {
            ended = self.programs.run(program, &say) => match ended {
                Ok(()) => CustomCommandState::Ok,
                Err(why) => CustomCommandState::Failed(redacted(&harmless(&why, 300))),
            },
            () = stop => CustomCommandState::Stopped,
        };
        run.ended = Some(self.clock.now());
        self.keep(&run)?;
        Ok(run)
    }

    /// Asks the Pointsman process that runs the command to stop it.
    pub fn stop(&self, id: u64) -> Result<CustomCommandRun, Problem> {
        let none = || Problem::new(format!("there is no run {id} of a command"));
        let record = self.record(id).ok_or_else(none)?;
        if record.run.state != CustomCommandState::Running || !ThisMachine.alive(&record.process) {
            let what = format!("{} (run {id}) does not run", record.run.name);
            return Err(Problem::new(what));
        }
        ThisMachine.ask_to_end(record.process.pid);
        Ok(record.run)
    }
}
