//! Copying: into a file in any case, and by the way that reaches the clipboard from here
//! (terminal.md 2.16).

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::tui::terminal::Screen;

/// Terminals take no more by OSC 52: 74,994 bytes of base64.
const MOST: usize = 56_000;

/// How to copy from this terminal.
#[derive(Debug)]
pub(super) struct Clipboard {
    file: PathBuf,
    tmux: bool,
}

impl Clipboard {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, tmux: std::env::var_os("TMUX").is_some_and(|v| !v.is_empty()) }
    }

    /// Copies a text of so many lines, and says where it went.
    pub(super) fn copy(&self, text: &str, lines: usize, screen: &mut Screen) -> String {
        let what = if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") };
        let kept = self.keep(text);
        // tmux passes OSC 52 on only where it is told to; its own buffer always works.
        let route = if self.tmux && to_tmux(text) {
            Some("tmux buffer")
        } else if text.len() <= MOST && screen.copy(text).is_ok() {
            Some("sent to the terminal, OSC 52")
        } else {
            None
        };
        match (route, kept) {
            (Some(route), Ok(())) => format!("Copied {what} ({route}; {})", self.file.display()),
            (Some(route), Err(_)) => format!("Copied {what} ({route})"),
            (None, Ok(())) => format!("Copied {what} to {}", self.file.display()),
            (None, Err(error)) => format!("Nothing was copied: {error}"),
        }
    }

    fn keep(&self, text: &str) -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&self.file);
        file?.write_all(text.as_bytes())
    }
}

/// Gives a text to tmux, which hands it to the outer terminal where that can take it.
fn to_tmux(text: &str) -> bool {
    let started = Command::new("tmux")
        .args(["load-buffer", "-w", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut tmux) = started else {
        return false;
    };
    let written =
        tmux.stdin.take().is_some_and(|mut stdin| stdin.write_all(text.as_bytes()).is_ok());
    written && tmux.wait().is_ok_and(|status| status.success())
}
