//! Runs a program and everything it starts in its own process group, without stdin. Dropping the `Group` kills them
//! all. A Pointsman process that is itself killed cannot do that: so each group that changes something is recorded,
//! and the next process with the same purpose kills the leftovers before it does anything itself.

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

/// Maximum searches for orphaned groups: a killed program may have started another one.
const KILL_ROUNDS: usize = 3;

/// Maximum polls for the end of a killed group, which disappears within a moment.
const END_POLLS: u32 = 200;
const END_POLL: Duration = Duration::from_millis(5);

/// A running program, which leads its process group.
pub(super) struct Group {
    pub(super) child: Child,
    note: Option<PathBuf>,
}

/// Recorded groups with one purpose, such as the runs of an environment. Clean-up for another purpose leaves them
/// alone.
#[derive(Debug, Clone)]
pub struct Groups {
    folder: PathBuf,
}

/// The record of a started group.
#[derive(Serialize, Deserialize)]
struct Note {
    /// The process that waits for the group.
    starter: ProcessIdentity,
    leader: ProcessIdentity,
    program: String,
    /// The machine, or the part of it, that the group runs on: a state folder may be shared over the network.
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

    /// Waits until the program ends, and passes on its output. Processes that it left behind (an `ssh` that stays
    /// connected, a daemon) may keep its pipes open for hours: after its end, the pipes are read for a moment
    /// longer and then dropped.
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

/// What to do with the processes that a program leaves behind in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeftBehind {
    /// Leave them alone.
    Kept,
    /// Kill them: the program runs again and again.
    Ended,
}

/// How long to read the pipes of a program after its end.
const OUTPUT_LINGER: Duration = Duration::from_millis(500);

/// Passes on the output of a pipe until it ends or `over` changes.
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

/// Splits bytes into lines without line ends. A line that never ends is passed on in parts.
pub(super) struct Lines {
    rest: Vec<u8>,
}

/// Maximum bytes of an incomplete line; a longer line is passed on in parts.
const LONGEST_LINE: usize = 256 * 1024;

impl Lines {
    pub(super) fn new() -> Self {
        Self { rest: Vec::new() }
    }

    /// Adds bytes, and passes on each complete line.
    pub(super) fn push(&mut self, bytes: &[u8], mut line: impl FnMut(&[u8])) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(part);
            if part.ends_with(b"\n") || self.rest.len() >= LONGEST_LINE {
                line(self.rest.strip_suffix(b"\n").unwrap_or(&self.rest));
                self.rest.clear();
            }
        }
    }

    /// Passes on the incomplete line at the end of the output.
    pub(super) fn end(&mut self, mut line: impl FnMut(&[u8])) {
        if !self.rest.is_empty() {
            line(&self.rest);
            self.rest.clear();
        }
    }
}

impl Groups {
    /// The groups recorded in `folder`.
    pub fn of(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The groups of a part, such as one environment.
    #[must_use]
    pub fn within(&self, part: &str) -> Self {
        Self { folder: self.folder.join(part) }
    }

    /// Starts a group like [`Group::start`], and records it.
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

    /// Writes a record atomically, under a name that is never reused.
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

    /// Whether any orphaned group is alive: a group whose starter is gone.
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

    /// Kills the groups whose starter is gone, and returns a sentence for each.
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

/// Waits until a killed group is gone: only then is a resource such as its port free.
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
        // A child that was waited for has no pid any more.
        if let Some(leader) = self.child.id() {
            ThisMachine.end_group(leader, true);
        }
        if let Some(note) = &self.note {
            let _ = fs::remove_file(note);
        }
    }
}
