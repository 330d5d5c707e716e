//! A program and everything it starts, in its own process group, without stdin. Ending the wait for
//! it ends them all. A killed process cannot end its programs: so each group that changes something is noted, and
//! the next process with the same purpose ends the leftovers before it does anything itself.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::process::ThisMachine;
use pointsman_core::ports::processes::{ProcessIdentity, Processes as _};

/// An ended program may have started another one: number of further searches.
const KILL_ROUNDS: usize = 3;

/// A killed process disappears within a moment: number of checks…
const END_POLLS: u32 = 200;
const END_POLL: Duration = Duration::from_millis(5);

/// The program, and through it the group.
pub(super) struct Group {
    pub(super) child: Child,
    note: Option<PathBuf>,
}

/// The groups of one purpose: the runs of an environment, say. Who comes for another one leaves them alone.
#[derive(Debug, Clone)]
pub struct Groups {
    folder: PathBuf,
}

/// The record of one.
#[derive(Serialize, Deserialize)]
struct Note {
    /// Who waits for it.
    starter: ProcessIdentity,
    leader: ProcessIdentity,
    program: String,
    /// The machine, or the part of it, whose processes these are: a state folder may be shared over the network.
    place: String,
}

impl Group {
    /// Starts a program with both pipes open, for the caller to read.
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

    /// Waits until the program ended, handing over what it writes meanwhile. What it left behind (an `ssh`
    /// that stays connected, a daemon) may keep its pipes open for hours: after its end they are read on
    /// for a moment and then let go.
    pub(super) async fn finish(
        &mut self,
        left: LeftBehind,
        out: impl FnMut(&[u8]),
        err: impl FnMut(&[u8]),
    ) -> io::Result<ExitStatus> {
        let (out_pipe, err_pipe) = (self.child.stdout.take(), self.child.stderr.take());
        let leader = self.child.id();
        let (let_go, over) = watch::channel(false);
        let reads = async {
            tokio::join!(drain(out_pipe, over.clone(), out), drain(err_pipe, over.clone(), err));
        };
        tokio::pin!(reads);
        let mut all_read = false;
        let status = tokio::select! {
            () = &mut reads => {
                all_read = true;
                self.child.wait().await
            }
            status = self.child.wait() => status,
        };
        if let Some(leader) = leader.filter(|_| left == LeftBehind::Ended) {
            ThisMachine.end_group(leader, true);
        }
        if !all_read && tokio::time::timeout(OUTPUT_LINGER, &mut reads).await.is_err() {
            let_go.send_replace(true);
            reads.await;
        }
        status
    }
}

/// What becomes of what a program leaves behind in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeftBehind {
    /// It is none of our business.
    Kept,
    /// It is ended: the program is run again and again.
    Ended,
}

/// The pipes of a program that ended are read on for this long.
const OUTPUT_LINGER: Duration = Duration::from_millis(500);

/// Hands over what comes out of a pipe until it ends, or until we stop reading.
async fn drain(
    pipe: Option<impl AsyncRead + Unpin>,
    mut over: watch::Receiver<bool>,
    mut heard: impl FnMut(&[u8]),
) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = vec![0; 16 * 1024];
    loop {
        tokio::select! {
            read = pipe.read(&mut chunk) => match read {
                Ok(read @ 1..) => heard(&chunk[..read]),
                _ => return,
            },
            _ = over.changed() => return,
        }
    }
}

/// Bytes as they come, as lines without their ends. A line that never ends is handed over in parts.
pub(super) struct Lines {
    rest: Vec<u8>,
}

/// A line is not kept beyond this before it is handed over.
const LONGEST_LINE: usize = 256 * 1024;

impl Lines {
    pub(super) fn new() -> Self {
        Self { rest: Vec::new() }
    }

    /// Takes bytes, and hands over each line that is whole.
    pub(super) fn push(&mut self, bytes: &[u8], mut line: impl FnMut(&[u8])) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(part);
            if part.ends_with(b"\n") || self.rest.len() >= LONGEST_LINE {
                line(self.rest.strip_suffix(b"\n").unwrap_or(&self.rest));
                self.rest.clear();
            }
        }
    }

    /// Hands over what is left at the end.
    pub(super) fn end(&mut self, mut line: impl FnMut(&[u8])) {
        if !self.rest.is_empty() {
            line(&self.rest);
            self.rest.clear();
        }
    }
}

impl Groups {
    /// Those noted in a folder.
    pub fn of(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The same of a part: of one environment among all.
    #[must_use]
    pub fn within(&self, part: &str) -> Self {
        Self { folder: self.folder.join(part) }
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
        let starter = Some(ThisMachine.own()).filter(|own| !own.began.is_empty());
        // A program runs even if it cannot be recorded: a full disk must not prevent a rollback.
        group.note = leader.zip(starter).and_then(|(leader, starter)| {
            let (program, place) = (program.to_owned(), ThisMachine.place());
            let note = Note { starter, leader, program, place };
            self.note(&note).inspect_err(|error| tracing::warn!(%error, "not noted")).ok()
        });
        Ok(group)
    }

    /// Whole or not at all, under a name that is never used again.
    fn note(&self, note: &Note) -> io::Result<PathBuf> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let name = uuid::Uuid::new_v4().simple().to_string();
        let (new, file) = (self.folder.join(format!(".{name}")), self.folder.join(name));
        let mut options = fs::OpenOptions::new();
        let written = options.write(true).create_new(true).mode(0o600).open(&new);
        let written = written.and_then(|mut new| new.write_all(&serde_json::to_vec(note)?));
        written
            .and_then(|()| fs::rename(&new, &file))
            .inspect_err(|_| drop(fs::remove_file(&new)))?;
        Ok(file)
    }

    /// Whether any orphan is alive.
    pub fn any_orphans(&self) -> bool {
        self.orphans().any(|(_, note)| ThisMachine.group_lives(&note.leader))
    }

    fn orphans(&self) -> impl Iterator<Item = (PathBuf, Note)> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let read = |entry: fs::DirEntry| {
            let text = fs::read(entry.path()).ok()?;
            Some((entry.path(), serde_json::from_slice::<Note>(&text).ok()?))
        };
        let here = ThisMachine.place();
        let left = move |(_, note): &(PathBuf, Note)| {
            note.place == here && ThisMachine.surely_gone(&note.starter)
        };
        files.filter_map(read).filter(left)
    }

    /// Ends the groups whose starter is gone, and tells of each in a sentence.
    pub fn end_orphans(&self) -> Vec<String> {
        let mut ended = Vec::new();
        for _ in 0..KILL_ROUNDS {
            let before = ended.len();
            for (file, note) in self.orphans() {
                if ThisMachine.group_lives(&note.leader) {
                    ThisMachine.end_group(note.leader.pid, true);
                    wait_for_end(&note.leader);
                    let Note { program, leader, .. } = &note;
                    let who = format!("{program} (process {})", leader.pid);
                    ended.push(format!("ended {who}: the process that began it is gone"));
                }
                let _ = fs::remove_file(file);
            }
            if ended.len() == before {
                break;
            }
        }
        ended
    }
}

/// What it holds, a port say, is free only then.
fn wait_for_end(leader: &ProcessIdentity) {
    for _ in 0..END_POLLS {
        if !ThisMachine.group_lives(leader) {
            return;
        }
        std::thread::sleep(END_POLL);
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
