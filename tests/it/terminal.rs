//! The real binary in a pseudo-terminal. Tests press keys and read the screen.

use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::sandbox::{Sandbox, wait_until};

/// Begins and ends a synchronised update.
const FRAME_BEGINS: &[u8] = b"\x1b[?2026h";
const FRAME_ENDS: &[u8] = b"\x1b[?2026l";

/// The screen in a pseudo-terminal.
pub(crate) struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn std::io::Write + Send>,
    pub(crate) child: Box<dyn Child + Send + Sync>,
    shown: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Terminal {
    pub(crate) fn open(sandbox: &Sandbox, rows: u16, cols: u16) -> Self {
        Self::run(sandbox, env!("CARGO_BIN_EXE_pointsman"), &[], rows, cols)
    }

    /// Runs a program with the sandbox's options after the given arguments.
    pub(crate) fn run(
        sandbox: &Sandbox,
        program: &str,
        before: &[&str],
        rows: u16,
        cols: u16,
    ) -> Self {
        let mut command = CommandBuilder::new(program);
        command.args(before);
        command.arg("--config");
        command.arg(sandbox.folder.path().join("config.yaml"));
        command.arg("--state-dir");
        command.arg(sandbox.state());
        command.cwd(sandbox.folder.path());
        Self::of(command, rows, cols)
    }

    /// Runs a command in a pseudo-terminal.
    pub(crate) fn of(mut command: CommandBuilder, rows: u16, cols: u16) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let as_if = [
            ("TERM", "xterm-256color"),
            ("COLORTERM", "truecolor"),
            ("LC_ALL", "C.UTF-8"),
            ("USER", "ana"),
            ("POINTSMAN_MACHINE", "laptop-1"),
        ];
        for (name, value) in as_if {
            command.env(name, value);
        }
        // Hide the developer's multiplexer, SSH session and preferences from the tests.
        for name in [
            "TMUX",
            "STY",
            "ZELLIJ",
            "NO_COLOR",
            "NO_MOTION",
            "COLORFGBG",
            "POINTSMAN_THEME",
            "SSH_CONNECTION",
            "SSH_CLIENT",
            "SSH_TTY",
        ] {
            command.env_remove(name);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let shown = Arc::new(Mutex::new(vt100::Parser::new(some(rows), some(cols), 0)));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, to) = (pair.master.try_clone_reader().unwrap(), shown.clone());
        let kept = raw.clone();
        let reader = std::thread::spawn(move || {
            let (mut bytes, mut unread) = ([0; 4096], Vec::new());
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                kept.lock().unwrap().extend_from_slice(&bytes[..length]);
                unread.extend_from_slice(&bytes[..length]);
                let whole: Vec<u8> = unread.drain(..whole_frames(&unread)).collect();
                to.lock().unwrap().process(&whole);
            }
            to.lock().unwrap().process(&unread);
        });
        let keys = pair.master.take_writer().unwrap();
        Self { master: pair.master, keys, child, shown, raw, reader: Some(reader) }
    }

    pub(crate) fn size(&self) -> String {
        let (rows, cols) = self.shown.lock().unwrap().screen().size();
        format!("{cols}x{rows}")
    }

    /// All bytes written to the terminal so far.
    pub(crate) fn raw(&self) -> Vec<u8> {
        self.raw.lock().unwrap().clone()
    }

    /// Waits for the program to end. Returns its exit code and all of its output.
    pub(crate) fn ended(mut self) -> (u32, Vec<u8>) {
        let code = self.child.wait().unwrap().exit_code();
        // The reader ends when the last process closes the other side.
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        (code, self.raw())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// The screen's contents and styles.
    pub(crate) fn screen(&self) -> vt100::Screen {
        self.shown.lock().unwrap().screen().clone()
    }

    pub(crate) fn text(&self) -> String {
        self.shown.lock().unwrap().screen().contents()
    }

    #[track_caller]
    pub(crate) fn wants(&self, text: &str) {
        let began = Instant::now();
        while !self.text().contains(text) {
            let patience = began.elapsed() < Duration::from_secs(90);
            assert!(patience, "{text:?} is not on the screen:\n{}", self.text());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Waits for bytes that draw nothing. They can follow the frame that a test waited for, so reading
    /// [`Terminal::raw`] would be too early.
    #[track_caller]
    pub(crate) fn receives(&self, bytes: &str) {
        let arrived = || String::from_utf8_lossy(&self.raw()).contains(bytes);
        wait_until(&format!("{bytes:?} is written"), arrived);
    }

    /// Kills the program with SIGKILL and waits until all of its output is read.
    pub(crate) fn kill(&mut self) {
        // `Child::kill` sends SIGHUP first, which the screen catches to exit cleanly.
        let pid = self.pid().to_string();
        std::process::Command::new("kill").args(["-9", &pid]).status().unwrap();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Presses a key until its result is on the screen. A closing dialog may take the key, and right after Esc it would
    /// be read as Alt plus that key.
    #[track_caller]
    pub(crate) fn opens(&mut self, key: &str, text: &str) {
        let began = Instant::now();
        while !self.text().contains(text) {
            assert!(began.elapsed() < Duration::from_mins(1), "{key}:\n{}", self.text());
            self.press(key);
            let pressed = Instant::now();
            while !self.text().contains(text) && pressed.elapsed() < Duration::from_secs(3) {
                std::thread::park_timeout(Duration::from_millis(20));
            }
        }
    }

    /// Confirms the dialog with this question. A dialog ignores keys at first, so this presses y until the dialog
    /// closes; after that, y does nothing.
    #[track_caller]
    pub(crate) fn says_yes(&mut self, question: &str) {
        self.wants(question);
        self.wants("Yes");
        let began = Instant::now();
        // Check the dialog's title, not its contents: the title stays until the dialog closes.
        while self.text().contains(question) {
            assert!(began.elapsed() < Duration::from_mins(1), "not heard:\n{}", self.text());
            std::thread::park_timeout(Duration::from_millis(150));
            if self.text().contains("Yes") {
                self.press("y");
            }
        }
    }

    /// Whether the normal screen and its cursor are shown.
    pub(crate) fn usual_screen(&self) -> bool {
        let parser = self.shown.lock().unwrap();
        !parser.screen().alternate_screen() && !parser.screen().hide_cursor()
    }

    /// Whether the terminal is restored. Not for use in a shell, which enables bracketed paste itself.
    pub(crate) fn given_back(&self) -> bool {
        self.usual_screen() && !self.shown.lock().unwrap().screen().bracketed_paste()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        std::process::Command::new("kill").args([name, &pid]).status().unwrap();
    }

    pub(crate) fn resize(&self, rows: u16, cols: u16) {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        // Hold the lock, so that output for the new size is not parsed at the old one.
        let mut shown = self.shown.lock().unwrap();
        self.master.resize(size).unwrap();
        shown.screen_mut().set_size(some(rows), some(cols));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // `Child::kill` sends SIGHUP first, which the screen catches to exit cleanly.
        let pid = self.pid().to_string();
        std::process::Command::new("kill").args(["-9", &pid]).status().unwrap();
        let _ = self.child.wait();
    }
}

/// The length of the output without a frame that is not complete yet. Terminals show a synchronised update at its end;
/// a test that reads half a frame finds the title of a dialog without its contents.
fn whole_frames(output: &[u8]) -> usize {
    let last = |of: &[u8]| output.windows(of.len()).rposition(|bytes| bytes == of);
    match (last(FRAME_BEGINS), last(FRAME_ENDS)) {
        (Some(begins), ends) if ends.is_none_or(|ends| ends < begins) => begins,
        _ => {
            let cut = (1..FRAME_BEGINS.len()).rev();
            let cut = cut.into_iter().find(|many| output.ends_with(&FRAME_BEGINS[..*many]));
            output.len() - cut.unwrap_or(0)
        }
    }
}

fn some(length: u16) -> NonZero<u16> {
    NonZero::new(length).unwrap()
}

#[test]
fn half_a_frame_is_not_shown() {
    let frames = b"a\x1b[?2026hb\x1b[?2026lc\x1b[?2026hd\x1b[?2026le";
    let mut shown = Vec::new();
    for length in 0..=frames.len() {
        shown.push(
            String::from_utf8_lossy(&frames[..whole_frames(&frames[..length])])
                .replace("\x1b[?2026", ""),
        );
    }
    shown.dedup();
    assert_eq!(shown, ["", "a", "ahbl", "ahblc", "ahblchdl", "ahblchdle"]);
}
