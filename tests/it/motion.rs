//! Reduced motion (`ui.motion`, `NO_MOTION`), and a screen that depends on an SSH connection.

use pointsman::config::schema::Motion;
use pointsman::domain::ids::RunNumber;
use pointsman::domain::policy::Protection;
use pointsman::tui::msg::Msg;
use pointsman::tui::panes::deploy::model::Progress;

use super::health::watched;
use super::sandbox::{Sandbox, wait_until};
use super::screen::{Screen, at_gate, plain};
use super::terminal::Terminal;

/// The number of different frames in 20 s, sampled once per second.
fn pictures(motion: Motion) -> usize {
    let mut screen = Screen::new(Protection::Open);
    screen.model.motion = motion;
    screen.run(&at_gate(), Some(7));
    screen.send(Msg::Resize(160, 45));
    // Give each probe answer a different second; one answer is stale.
    let mut probes = watched().0.seen();
    for (second, probe) in (0_i64..).zip(&mut probes) {
        probe.answered = probe.answered.map(|at| at + jiff::SignedDuration::from_secs(second));
    }
    screen.wait(149_000);
    screen.look();
    let name = screen.model.environments[0].name.clone();
    screen.send(Msg::Probed(name, probes, Vec::new()));
    screen.char('4');
    let mut seen = Vec::new();
    for _ in 0..20 {
        screen.wait(1000);
        screen.look();
        seen.push(screen.draw(&plain()));
    }
    seen.dedup();
    seen.len()
}

#[test]
fn reduced_motion_clocks_step_by_five_seconds() {
    assert_eq!(pictures(Motion::Full), 20);
    let reduced = pictures(Motion::Reduced);
    assert!((4..=5).contains(&reduced), "{reduced}");
}

#[test]
fn reduced_motion_countdowns_follow_the_clock() {
    let mut screen = Screen::new(Protection::Open);
    screen.model.motion = Motion::Reduced;
    screen.run(&at_gate(), Some(7));
    screen.wait(5000);
    let says = |screen: &mut Screen, step: &str, text: &str| {
        let word = Progress { step: step.into(), service: None, text: text.into() };
        screen.send(Msg::Progress(RunNumber(1), vec![word]));
        screen.model.panes.deploy.progress.clone().unwrap().1[0].text.clone()
    };
    assert_eq!(says(&mut screen, "soak", "60 s to go"), "60 s to go", "the first word");
    assert_eq!(says(&mut screen, "soak", "59 s to go"), "60 s to go");
    assert_eq!(says(&mut screen, "soak", "58 s to go"), "60 s to go");
    screen.wait(5000);
    let shown = screen.model.panes.deploy.progress.clone().unwrap().1;
    assert_eq!(shown[0].text, "58 s to go", "the newest, not the next");
    assert_eq!(says(&mut screen, "cleanup", "begins"), "begins", "another step is news");
}

/// Reads the clock until it has shown a number of values.
fn times(terminal: &Terminal, many: usize) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    wait_until("the clock has gone on", || {
        let first = terminal.text().lines().next().unwrap_or_default().to_owned();
        let now = first.split_whitespace().last().unwrap_or_default();
        if seen.last().is_none_or(|last| last != now) {
            seen.push(now.to_owned());
        }
        seen.len() >= many
    });
    seen
}

#[test]
fn no_motion_variable_overrides_the_config() {
    let sandbox = Sandbox::new();
    let program = env!("CARGO_BIN_EXE_pointsman");
    let mut terminal = Terminal::run(&sandbox, "env", &["NO_MOTION=1", program], 30, 100);
    terminal.wants("No runs yet");
    let seen = times(&terminal, 3);
    let fives = seen.iter().all(|time| time.ends_with("0Z") || time.ends_with("5Z"));
    assert!(fives, "{seen:?}");
    terminal.press("\u{1b}[24~");
    terminal.wants("reduced (NO_MOTION)");
    drop(terminal);

    let terminal = Terminal::open(&sandbox, 30, 100);
    terminal.wants("No runs yet");
    let config = sandbox.folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}ui: {{ motion: reduced }}\n")).unwrap();
    terminal.wants("config read again; the screen follows it");
    let seen = times(&terminal, 4);
    let fives = seen[1..].iter().all(|time| time.ends_with("0Z") || time.ends_with("5Z"));
    assert!(fives, "{seen:?}");
}

#[test]
fn ssh_deploy_warns_and_survives_a_dropped_connection() {
    let sandbox = Sandbox::new();
    let program = env!("CARGO_BIN_EXE_pointsman");
    let far = "SSH_CONNECTION=192.0.2.1 50022 192.0.2.2 22";
    let mut terminal = Terminal::run(&sandbox, "env", &[far, "TMUX=x,1,0", program], 30, 100);
    terminal.opens("D", "Deploy which release?");
    terminal.press("\r");
    terminal.wants("Traffic moves only after its gate");
    assert!(!terminal.text().contains("connection drops"), "tmux keeps the screen");
    drop(terminal);

    let mut terminal = Terminal::run(&sandbox, "env", &[far, program], 24, 80);
    terminal.opens("D", "Deploy which release?");
    terminal.press("\r");
    terminal.wants("If this connection drops, the run holds at its next gate");
    terminal.wants("Inside tmux the screen would be kept too");
    terminal.says_yes("DEVELOPMENT · Deploy ");
    terminal.wants("#1 deploy");
    // The kernel sends this signal to the session leader when its terminal goes away.
    terminal.signal("-HUP");
    terminal.child.wait().unwrap();
    wait_until("the run holds at its gate", || {
        let status = sandbox.run(&["status", "development", "--json"]).exits(0).json();
        status["run"]["state"] == "waiting" && status["run"]["pid"].is_u64()
    });
    assert_eq!(Sandbox::who(sandbox.app), Err(503), "traffic never moved");
    let terminal = Terminal::open(&sandbox, 24, 80);
    terminal.wants("WAITING FOR YOU");
}
