//! A program and everything it starts, in a process group of its own, without stdin. Whatever ends the wait for
//! it ends them all. Who is killed ends nothing: so each group is noted, and whoever comes next in the same state
//! folder ends what nobody waits for any more, before it does anything itself.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

use super::process::ThisMachine;
use crate::ports::processes::{ProcessIdentity, Processes as _};

/// The program, and through it the group.
pub(super) struct Group {
    pub(super) child: Child,
    note: Option<PathBuf>,
}

impl Group {
    /// Starts one with both pipes open; whoever has it reads them.
    pub(super) fn start(
        program: &str,
        arguments: &[String],
        folder: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> io::Result<Self> {
        Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map(|child| Self { child, note: None })
    }
}

/// The groups of a state folder.
#[derive(Debug, Clone)]
pub struct Groups {
    folder: PathBuf,
}

/// What is noted of one.
#[derive(Serialize, Deserialize)]
struct Note {
    /// Who waits for it.
    starter: ProcessIdentity,
    leader: ProcessIdentity,
    program: String,
}

impl Groups {
    /// Those noted in a folder.
    pub fn of(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Starts one as [`Group::start`] does, and notes it.
    pub(super) fn start(
        &self,
        program: &str,
        arguments: &[String],
        folder: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> io::Result<Group> {
        let mut group = Group::start(program, arguments, folder, environment)?;
        let leader = group.child.id().and_then(|pid| ThisMachine.of(pid));
        // One that cannot be noted runs all the same: a full disk keeps nobody from giving traffic back.
        group.note = leader.and_then(|leader| {
            let starter = ThisMachine.own();
            let note = Note { starter, leader, program: program.to_owned() };
            self.note(&note).inspect_err(|error| tracing::warn!(%error, "not noted")).ok()
        });
        Ok(group)
    }

    fn note(&self, note: &Note) -> io::Result<PathBuf> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let file = self.folder.join(note.leader.pid.to_string());
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&file)?.write_all(&serde_json::to_vec(note)?)?;
        Ok(file)
    }

    /// Ends the groups whose starter is gone, and names their programs.
    pub fn end_orphans(&self) -> Vec<String> {
        let mut ended = Vec::new();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let file = entry.path();
            let Ok(text) = fs::read(&file) else { continue };
            // Half a note is of one who was killed while writing it, or writes it now: it is left.
            let Ok(note) = serde_json::from_slice::<Note>(&text) else { continue };
            if ThisMachine.alive(&note.starter) {
                continue;
            }
            // Its number alone is no proof: somebody else may have it by now.
            if ThisMachine.alive(&note.leader) {
                ThisMachine.end_group(note.leader.pid, true);
                ended.push(format!("{} (process {})", note.program, note.leader.pid));
            }
            let _ = fs::remove_file(file);
        }
        ended
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // One that was waited for has no number any more.
        if let Some(leader) = self.child.id() {
            ThisMachine.end_group(leader, true);
        }
        if let Some(note) = &self.note {
            let _ = fs::remove_file(note);
        }
    }
}
