//! Copies text: always to a file, and to the clipboard through tmux or the terminal (`docs/internals/screen.md`). This
//! never runs on the screen's event loop, because tmux and the disk may be slow.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::domain::describe;
use crate::tui::msg::Msg;

/// Maximum size of a text for OSC 52, in bytes: terminals accept 74,994 bytes of base64.
const MOST_OSC52_BYTES: usize = 56_000;

/// Copies a text of `lines` lines. Returns a message that reports the destination or passes the text to the terminal.
pub(super) fn copy(file: &Path, text: &str, lines: usize) -> Msg {
    let what = describe::counted(lines, "line");
    let kept = keep(file, text);
    let inside = std::env::var_os("TMUX").is_some_and(|value| !value.is_empty());
    let also = match &kept {
        Ok(()) => format!("; {}", file.display()),
        Err(_) => String::new(),
    };
    // tmux forwards OSC 52 only if configured; its buffer always works.
    if inside && to_tmux(text) {
        return Msg::Tell(format!("Copied {what} (tmux buffer{also})"));
    }
    match kept {
        _ if text.len() <= MOST_OSC52_BYTES => {
            let told = format!("Copied {what} (sent to the terminal, OSC 52{also})");
            Msg::ToClipboard(text.to_owned(), told)
        }
        Ok(()) => Msg::Tell(format!("Copied {what} to {}", file.display())),
        Err(error) => Msg::Alarm(format!("nothing was copied: {error}")),
    }
}

fn keep(file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(file);
    file?.write_all(text.as_bytes())
}

/// Loads a text into the tmux buffer. tmux also passes it to the outer terminal, if that terminal supports it.
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
