//! Journeys: keys pressed in a real terminal at the real binary, with real services behind it.

use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::sandbox::{Sandbox, wait_until};

/// The screen in a terminal of its own.
struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn std::io::Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    shown: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    fn open(sandbox: &Sandbox, rows: u16, cols: u16) -> Self {
        Self::run(sandbox, env!("CARGO_BIN_EXE_pointsman"), &[], rows, cols)
    }

    /// Runs a program with the sandbox's options behind its own arguments.
    fn run(sandbox: &Sandbox, program: &str, before: &[&str], rows: u16, cols: u16) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(before);
        command.arg("--config");
        command.arg(sandbox.folder.path().join("config.yaml"));
        command.arg("--state-dir");
        command.arg(sandbox.state());
        command.cwd(sandbox.folder.path());
        for (name, value) in [("TERM", "xterm-256color"), ("LC_ALL", "C.UTF-8"), ("USER", "ana")] {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let shown = Arc::new(Mutex::new(vt100::Parser::new(some(rows), some(cols), 0)));
        let (mut reader, to) = (pair.master.try_clone_reader().unwrap(), shown.clone());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                to.lock().unwrap().process(&bytes[..length]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { master: pair.master, keys, child, shown }
    }

    fn size(&self) -> String {
        let (rows, cols) = self.shown.lock().unwrap().screen().size();
        format!("{cols}x{rows}")
    }

    fn text(&self) -> String {
        self.shown.lock().unwrap().screen().contents()
    }

    #[track_caller]
    fn wants(&self, text: &str) {
        let began = Instant::now();
        while !self.text().contains(text) {
            let patience = began.elapsed() < Duration::from_secs(90);
            assert!(patience, "{text:?} is not on the screen:\n{}", self.text());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// A picture for `screenshots/`, once the screen shows a text.
    #[track_caller]
    fn picture(&self, text: &str, name: &str) {
        self.wants(text);
        super::picture::take(self.shown.lock().unwrap().screen(), name);
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Answers the box that asks `question` with yes. A box is deaf at first, so yes is said until
    /// it is heard; once it closed, a y does nothing.
    #[track_caller]
    fn says_yes(&mut self, question: &str) {
        self.wants(question);
        self.wants("Yes");
        let began = Instant::now();
        while self.text().contains("Yes") {
            assert!(began.elapsed() < Duration::from_mins(1), "not heard:\n{}", self.text());
            std::thread::park_timeout(Duration::from_millis(150));
            self.press("y");
        }
        // The box closes when the answer is there, and takes every key until then.
        wait_until("the box closes", || !self.text().contains("working"));
    }

    /// Whether the usual screen is shown, with its cursor.
    fn usual_screen(&self) -> bool {
        let parser = self.shown.lock().unwrap();
        !parser.screen().alternate_screen() && !parser.screen().hide_cursor()
    }

    /// Whether the terminal is as it was. A shell asks for bracketed paste itself.
    fn given_back(&self) -> bool {
        self.usual_screen() && !self.shown.lock().unwrap().screen().bracketed_paste()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.process_id().unwrap().to_string();
        std::process::Command::new("kill").args([name, &pid]).status().unwrap();
    }

    fn resize(&self, rows: u16, cols: u16) {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        self.master.resize(size).unwrap();
        self.shown.lock().unwrap().screen_mut().set_size(some(rows), some(cols));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn some(length: u16) -> NonZero<u16> {
    NonZero::new(length).unwrap()
}

/// D, its picker and its question.
#[track_caller]
fn deploy(terminal: &mut Terminal, downs: usize) {
    terminal.press("D");
    terminal.wants("Deploy which release?");
    terminal.press(&"j".repeat(downs));
    terminal.press("\r");
    terminal.says_yes("DEVELOPMENT · Deploy ");
    terminal.picture("Enter or T", &format!("gate-{}", terminal.size()));
    terminal.press("T");
    terminal.picture("n  No", &format!("switch-{}", terminal.size()));
    terminal.says_yes("Switch traffic to GREEN");
    terminal.picture("Watch for 1.0s", &format!("soak-{}", terminal.size()));
    terminal.wants("PROMOTED");
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_config(
        "health: { attempts: 8, interval: 100ms, timeout: 2s, consecutive: 3 }\n    \
         attest: { consecutive: 3, interval: 20ms, within: 20s }\n    \
         soak: { for: 1s, interval: 100ms, failures: 2 }",
        "{ kind: list, labels: [\"1.0.0\", \"1.1.0\"] }",
    );
    sandbox
}

fn live(sandbox: &Sandbox) -> [String; 2] {
    [sandbox.app, sandbox.bo].map(|port| Sandbox::who(port).unwrap().0)
}

#[test]
fn a_release_goes_live_the_next_one_too_and_b_brings_the_first_back() {
    let sandbox = sandbox();
    let mut terminal = Terminal::open(&sandbox, 45, 160);
    terminal.picture("No runs yet for development. D starts one.", "first-160x45");
    deploy(&mut terminal, 0);
    assert_eq!(live(&sandbox), ["1.0.0", "1.0.0"]);
    terminal.resize(30, 100);
    deploy(&mut terminal, 1);
    assert_eq!(live(&sandbox), ["1.1.0", "1.1.0"]);
    terminal.resize(24, 80);
    terminal.press("B");
    terminal.picture("what served before", "rollback-80x24");
    terminal.press("\r");
    terminal.says_yes("DEVELOPMENT · Roll back");
    terminal.wants("ROLLED BACK");
    assert_eq!(live(&sandbox), ["1.0.0", "1.0.0"]);
    terminal.press("q");
    wait_until("the terminal is given back", || terminal.given_back());
    terminal.wants("pointsman emulator stop");
    assert!(terminal.child.wait().unwrap().success());
}

#[test]
fn a_killed_screen_is_nothing_to_its_run_and_a_killed_runner_waits_for_a_choice() {
    let sandbox = sandbox();
    let mut terminal = Terminal::open(&sandbox, 30, 100);
    terminal.wants("No runs yet");
    terminal.press("D");
    terminal.wants("Deploy which release?");
    terminal.press("\r");
    terminal.says_yes("DEVELOPMENT · Deploy ");
    terminal.wants("WAITING FOR YOU");
    terminal.signal("-9");
    terminal.child.wait().unwrap();
    let status = sandbox.run(&["status", "development", "--json"]).exits(0).json();
    assert_eq!(status["run"]["state"], "waiting", "{status}");

    // The runner dies while nobody looks.
    let pid = status["run"]["pid"].to_string();
    std::process::Command::new("kill").args(["-9", &pid]).status().unwrap();
    let mut terminal = Terminal::open(&sandbox, 30, 100);
    terminal.wants("INTERRUPTED");
    terminal.wants("recorded");
    terminal.picture("recommended", "interrupted-100x30");
    terminal.press("D");
    terminal.wants("is in doubt; decide about it first");
    terminal.press("\r");
    terminal.says_yes("Take the run over");
    // Never past a human gate by itself.
    terminal.wants("WAITING FOR YOU");
    assert_eq!(Sandbox::who(sandbox.app), Err(503), "traffic never moved");
    terminal.press("T");
    terminal.says_yes("Switch traffic to GREEN");
    terminal.wants("PROMOTED");
    assert_eq!(live(&sandbox), ["1.0.0", "1.0.0"]);
}

#[test]
fn signals_leave_the_terminal_whole_and_the_run_alone() {
    let sandbox = sandbox();
    sandbox.run(&["emulator", "start"]).exits(0);
    for (name, code) in [("-TERM", 143), ("-HUP", 0)] {
        let mut terminal = Terminal::open(&sandbox, 24, 80);
        terminal.wants("No runs yet");
        assert!(!terminal.given_back());
        terminal.signal(name);
        assert_eq!(terminal.child.wait().unwrap().exit_code(), code, "{name}");
        wait_until("the terminal is given back", || terminal.given_back());
    }
}

#[test]
fn a_suspended_screen_comes_back_whole() {
    let sandbox = sandbox();
    // A shell with job control, as somebody sits at it.
    let mut terminal = Terminal::run(&sandbox, "bash", &["--norc", "-i", "-s", "--"], 24, 80);
    let command = format!(
        "{} --config {} --state-dir {}\r",
        env!("CARGO_BIN_EXE_pointsman"),
        sandbox.folder.path().join("config.yaml").display(),
        sandbox.state().display()
    );
    terminal.press(&command);
    terminal.wants("No runs yet");
    terminal.press("\u{1a}");
    terminal.wants("Stopped");
    assert!(terminal.usual_screen());
    terminal.press("fg\r");
    terminal.wants("No runs yet");
    terminal.wants("2 Deploy");
    terminal.press("q");
    wait_until("the terminal is given back", || terminal.usual_screen());
}

#[test]
fn a_broken_config_opens_no_screen_and_is_told_with_its_place() {
    let sandbox = sandbox();
    let file = sandbox.folder.path().join("config.yaml");
    let text =
        std::fs::read_to_string(&file).unwrap().replace("protection: open", "protection: opne");
    std::fs::write(&file, text).unwrap();
    let mut terminal = Terminal::open(&sandbox, 24, 80);
    terminal.wants("opne");
    assert_eq!(terminal.child.wait().unwrap().exit_code(), 2);
    assert!(terminal.given_back());
}
