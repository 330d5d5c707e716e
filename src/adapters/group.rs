//! A program and everything it starts, in a process group of its own, without stdin. Whatever ends the wait for
//! it ends them all.

use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};

use super::process::ThisMachine;
use crate::ports::processes::Processes as _;

/// The program, and through it the group.
pub(super) struct Group(pub(super) Child);

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
            .map(Self)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // One that was waited for has no number any more.
        if let Some(leader) = self.0.id() {
            ThisMachine.end_group(leader, true);
        }
    }
}
