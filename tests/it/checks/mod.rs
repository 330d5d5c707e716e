//! The screen's checks: real key presses in a terminal running the binary, on scripted worlds.
//! Each test has the number of its check; 22 to 24 are in `journeys` and `benches/screen.rs`.
//!
//! A check runs at the three sizes of the layout, unless its size is part of it. Those whose content depends on colours
//! and glyphs run without colour and in ASCII too.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::sandbox::{Sandbox, wait_until};
use super::terminal::Terminal;

mod confirming;
mod enduring;
mod getting_about;
mod reading;

/// A demo in a terminal, with its state in the sandbox.
struct Demo {
    terminal: Terminal,
    sandbox: Sandbox,
}

/// How a demo is shown.
#[derive(Debug, Clone, Copy)]
struct Look {
    size: (u16, u16),
    /// Without colour, in ASCII.
    bare: bool,
}

const WIDE: (u16, u16) = (160, 45);
const USUAL: (u16, u16) = (100, 30);
const SMALL: (u16, u16) = (80, 24);

/// Runs a check at every size.
fn at_every_size(check: impl Fn(Look)) {
    for size in [WIDE, USUAL, SMALL] {
        check(Look { size, bare: false });
    }
}

/// Runs a check at every size, with colours and glyphs, and without.
fn in_every_look(check: impl Fn(Look)) {
    for bare in [false, true] {
        for size in [WIDE, USUAL, SMALL] {
            check(Look { size, bare });
        }
    }
}

impl Look {
    fn open(self, name: &str) -> Demo {
        let more: &[&str] = if self.bare { &["--color", "never", "--ascii"] } else { &[] };
        Demo::open(name, self.size, more)
    }

    /// What the screen shows: a glyph, or its spelling in ASCII.
    fn glyph(self, glyph: &'static str, ascii: &'static str) -> &'static str {
        if self.bare { ascii } else { glyph }
    }
}

impl Demo {
    fn open(name: &str, size: (u16, u16), more: &[&str]) -> Self {
        let sandbox = Sandbox::new();
        let mut arguments = vec!["--demo", name];
        arguments.extend(more);
        let (cols, rows) = size;
        let program = env!("CARGO_BIN_EXE_pointsman");
        let terminal = Terminal::run(&sandbox, program, &arguments, rows, cols);
        Self { terminal, sandbox }
    }

    fn press(&mut self, keys: &str) {
        self.terminal.press(keys);
    }

    #[track_caller]
    fn wants(&self, text: &str) {
        self.terminal.wants(text);
    }

    /// The facts of the run that the demo drives.
    fn facts(&self) -> Vec<Value> {
        let out = self.sandbox.run(&["events", "9", "--json"]).out;
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The number of facts of a kind.
    fn count(&self, kind: &str) -> usize {
        self.facts().iter().filter(|fact| fact["kind"] == kind).count()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.sandbox.state().join(name)
    }
}
