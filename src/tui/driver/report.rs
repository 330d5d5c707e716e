//! The terminal report (F12): why copying or notifications may not work.

use std::process::{Command, Stdio};

use crate::config::schema::Motion;
use crate::tui::theme::{Depth, Looks, Theme};

/// The rows of the report, each with a name and a value.
pub(crate) fn terminal(looks: &Looks, theme: &Theme) -> Vec<(String, String)> {
    let inside = multiplexer();
    let term = of("TERM").unwrap_or_else(|| "not set".to_owned());
    let program = of("TERM_PROGRAM").map(|name| format!(", {name}")).unwrap_or_default();
    let colours = match looks.depth {
        Depth::Never => "none (NO_COLOR or --no-color)",
        Depth::Ansi => "16",
        Depth::Indexed => "256; COLORTERM=truecolor would give all",
        Depth::True => "16 million",
    };
    let glyphs = match (theme.ascii, looks.utf8) {
        (false, _) => "Unicode".to_owned(),
        (true, true) => "ASCII (configured)".to_owned(),
        (true, false) => "ASCII: LC_ALL, LC_CTYPE or LANG name no UTF-8".to_owned(),
    };
    let mut rows = vec![
        (
            "Terminal",
            format!("{term}{program}{}", inside.map(|i| format!(" in {i}")).unwrap_or_default()),
        ),
        ("Colours", format!("{colours}; theme {}", theme.name)),
        ("Glyphs", glyphs),
        ("Copy", copy(inside).to_owned()),
        ("Call", call(inside).to_owned()),
        ("Mouse", "F2 takes it; while it is off the terminal selects text".to_owned()),
    ];
    if let Some(note) = inside.filter(|i| *i == "tmux").and_then(|_| escape_time()) {
        rows.push(("Esc", note));
    }
    if looks.motion == Motion::Reduced {
        rows.push(("Motion", "reduced (NO_MOTION): clocks advance every five seconds".to_owned()));
    }
    if far_away() {
        let safe = "over SSH: if the connection drops, runs continue; start pointsman to come back";
        rows.push(("Far away", safe.to_owned()));
    }
    rows.into_iter().map(|(name, told)| (name.to_owned(), told)).collect()
}

fn of(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether this terminal is connected over SSH.
pub(crate) fn far_away() -> bool {
    ["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"].into_iter().any(|name| of(name).is_some())
}

/// Whether the screen is lost when an SSH connection drops, because no multiplexer keeps it.
pub(super) fn connection_alone() -> bool {
    far_away() && multiplexer().is_none()
}

/// The terminal multiplexer, if any: it keeps the session alive without a terminal.
fn multiplexer() -> Option<&'static str> {
    let names = [("TMUX", "tmux"), ("STY", "screen"), ("ZELLIJ", "zellij")];
    names.into_iter().find(|(name, _)| of(name).is_some()).map(|(_, called)| called)
}

fn copy(inside: Option<&str>) -> &'static str {
    match inside {
        Some("tmux") => "tmux's buffer, and clip.txt in the state folder",
        _ => "OSC 52, where the terminal allows it, and clip.txt in the state folder",
    }
}

fn call(inside: Option<&str>) -> &'static str {
    match inside {
        Some("tmux") => "bell; OSC 9 too, where tmux has allow-passthrough on",
        _ => "bell and OSC 9, where the terminal knows it",
    }
}

/// A note if tmux waits more than 50 ms after Esc, which is noticeable.
fn escape_time() -> Option<String> {
    let asked = Command::new("tmux")
        .args(["show-options", "-sv", "escape-time"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let told = String::from_utf8(asked.ok()?.stdout).ok()?;
    let slow = told.trim().parse::<u32>().ok().filter(|ms| *ms > 50)?;
    Some(format!("tmux delays it by {slow} ms; set -s escape-time 10 fixes that"))
}
