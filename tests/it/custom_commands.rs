//! Custom commands: run only where allowed, recorded, listed and stopped.

use std::fs;
use std::net::TcpListener;
use std::process::Stdio;

use pointsman::domain::custom_command::{CustomCommand, On};
use pointsman::domain::policy::Protection;
use pointsman::tui::effect::Effect;
use pointsman::tui::keys::Code;
use pointsman::tui::model::dialog::CustomCommandAct;
use pointsman::tui::msg::Msg;

use super::health::watched;
use super::sandbox::{Sandbox, wait_until};
use super::screen::{Screen, at_gate, plain};
use super::terminal::Terminal;

fn sandbox(commands: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let file = sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}commands:\n{commands}")).unwrap();
    sandbox
}

const COMMANDS: &str = "  - { name: says, run: [sh, -c, 'echo for $POINTSMAN_ENVIRONMENT; printf api_%s=abcdef123456 key >&2'] }
  - { name: fails, run: [sh, -c, 'echo why not; exit 4'], environment: development }
  - { name: smoke, run: [echo, smoke], environment: production }
  - { name: dev, run: [sh, -c, 'echo up; exec sleep 600'], cwd: ., environment: development, long: true }
";

#[test]
fn custom_command_runs_where_allowed_and_is_recorded() {
    let sandbox = sandbox(COMMANDS);
    let run = |name: &str, more: &[&str]| {
        let mut arguments = vec!["commands", "run", name];
        arguments.extend(more);
        sandbox.run(&arguments)
    };
    let said = run("says", &["--environment", "development", "--yes"]).exits(0);
    assert!(said.err.contains("for development"), "{}", said.err);
    assert!(!said.err.contains("abcdef123456"), "{}", said.err);
    let failed = run("fails", &["--yes"]).exits(1);
    assert!(
        failed.out.contains("exit status: 4") && failed.err.contains("why not"),
        "{}",
        failed.out
    );
    // Refused: the wrong environment, no environment, and a typed environment without `--confirm`.
    let other = run("smoke", &["--environment", "development", "--yes"]).exits(3);
    assert!(other.err.contains("for production alone"), "{}", other.err);
    run("says", &["--yes"]).exits(2);
    run("smoke", &["--yes"]).exits(3);
    run("smoke", &["--yes", "--confirm", "production"]).exits(0);
    run("none", &["--yes"]).exits(2);
    let listed = sandbox.run(&["commands"]).exits(0).out;
    assert!(listed.contains("run 2") && listed.contains("failed: exit status: 4"), "{listed}");
    let log = sandbox.run(&["commands", "log", "1"]).exits(0).out;
    assert!(log.contains("for development") && !log.contains("abcdef123456"), "{log}");
}

#[test]
fn long_running_command_stops_and_respects_ports() {
    let sandbox = sandbox(COMMANDS);
    let start = || {
        let mut command = sandbox.command(&["commands", "run", "dev", "--yes"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let state = |id: usize| {
        let listed = sandbox.run(&["commands", "--json"]).exits(0).json();
        listed[3]["last"].as_object().filter(|last| last["id"] == id).map(|l| l["state"].clone())
    };
    let mut child = start();
    wait_until("it says that it is up", || {
        sandbox.run(&["commands", "log", "1"]).out.contains("up")
    });
    assert_eq!(state(1).unwrap(), "running");
    let again = sandbox.run(&["commands", "run", "dev", "--yes"]).exits(3);
    assert!(again.err.contains("is already running"), "{}", again.err);
    sandbox.run(&["commands", "stop", "1"]).exits(0);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(state(1).unwrap(), "stopped");
    sandbox.run(&["commands", "stop", "1"]).exits(1);

    // A killed command has no recorded end, and its leftover processes do not count as running.
    let mut child = start();
    // The record exists before the program runs, so wait for the program's output.
    let up = |id: &str| sandbox.run(&["commands", "log", id]).out.contains("up");
    wait_until("it is up again", || up("2"));
    assert_eq!(state(2).unwrap(), "running");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(state(2).unwrap(), "lost");
    // Its program keeps running and holds its port until the command is started again.
    let noted = || fs::read_dir(sandbox.state().join("groups/commands")).map_or(0, Iterator::count);
    assert_eq!(noted(), 1);
    let mut child = start();
    wait_until("it is up for a third time", || up("3"));
    assert_eq!(noted(), 1, "the second one's program was ended");
    sandbox.run(&["commands", "stop", "3"]).exits(0);
    child.wait().unwrap();
    assert_eq!(noted(), 0);

    let file = sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::create_dir_all(sandbox.folder.path().join("toto-app")).unwrap();
    fs::write(&file, text.replace("cwd: .,", "cwd: toto-app,")).unwrap();
    let taken = TcpListener::bind(("127.0.0.1", sandbox.app)).unwrap();
    let refused = sandbox.run(&["commands", "run", "dev", "--yes"]).exits(3);
    assert!(refused.err.contains(&format!("needs port {}", sandbox.app)), "{}", refused.err);
    drop(taken);
    sandbox.deploy("1.0.0").exits(0);
    let refused = sandbox.run(&["commands", "run", "dev", "--yes"]).exits(3);
    assert!(refused.err.contains("pointsman emulator stop"), "{}", refused.err);
}

const ON: &str =
    "  - { name: tail, run: [echo, '{service} at {url} of {environment}'], on: service }
  - { name: show, run: [sh, -c, 'echo $POINTSMAN_RUN $POINTSMAN_RELEASE'], on: run }
  - { name: ask, run: [echo, 'asks {probe}'], on: probe }
";

#[test]
fn command_acts_on_a_service_a_run_or_a_probe() {
    let sandbox = sandbox(ON);
    sandbox.deploy("1.0.0").exits(0);
    let run = |arguments: &[&str]| {
        let fixed = ["commands", "run", "--environment", "development", "--yes"];
        sandbox.run(&[&fixed[..], arguments].concat())
    };
    let tail = run(&["tail", "--on", "toto-app"]).exits(0);
    let wanted = format!("toto-app at http://127.0.0.1:{} of development", sandbox.app);
    assert!(tail.err.contains(&wanted) || tail.err.contains("toto-app at http"), "{}", tail.err);
    assert!(tail.out.contains("tail toto-app (run 1): ok"), "{}", tail.out);
    assert!(run(&["show", "--on", "last"]).exits(0).err.contains("1 1.0.0"));
    assert!(run(&["ask", "--on", "toto-bo"]).exits(0).err.contains("asks toto-bo"));
    for (arguments, told) in [
        (&["tail"][..], "acts on a service"),
        (&["tail", "--on", "nope"], "name one of toto-bo, toto-app"),
        (&["show", "--on", "77"], "there is no run \"77\" in development"),
        (&["ask", "--on", "nope"], "there is no probe \"nope\""),
    ] {
        let refused = run(arguments).exits(2);
        assert!(refused.err.contains(told), "{arguments:?}: {}", refused.err);
    }
}

#[test]
fn actions_of_a_row_include_the_teams_commands() {
    let command = |name: &str, on: On, argument: &str| CustomCommand {
        name: name.into(),
        argv: vec!["echo".into(), argument.into()],
        folder: "/repo".into(),
        environment: None,
        on,
        subject: None,
        long: false,
        port: None,
    };
    let mut screen = Screen::new(Protection::Open);
    let (board, turned) = watched();
    let name = screen.model.environments[0].name.clone();
    screen.send(Msg::Probed(name, board.seen(), turned));
    screen.run(&at_gate(), Some(7));
    screen.model.custom_commands = vec![
        command("tail", On::Service, "{service}"),
        command("show", On::Run, "{run} {release}"),
        command("ask", On::Probe, "{probe}"),
        command("smoke", On::Environment, "{environment}"),
    ];
    // A dependency is no service, so nothing is offered that acts on one.
    screen.char('4');
    screen.char('/');
    screen.text("stripe");
    screen.key(Code::Enter);
    screen.char('x');
    screen.shows("Actions · probe stripe on development");
    let drawn = screen.draw(&plain());
    for text in ["mute", "ask stripe", "smoke"] {
        assert!(drawn.contains(text), "{text} is not in\n{drawn}");
    }
    assert!(!drawn.contains("tail"), "{drawn}");
    screen.text("ask");
    screen.key(Code::Enter);
    screen.shows("Runs echo stripe");
    screen.key(Code::Esc);
    screen.char('2');
    screen.char('x');
    screen.shows("Actions · run #2");
    screen.text("show");
    screen.shows("echo 2 1.1.0");
    screen.key(Code::Esc);
    screen.key(Code::Esc);
    // What acts on the environment asks, as its own key does.
    screen.char('1');
    screen.char('x');
    screen.text("switch");
    screen.key(Code::Enter);
    screen.shows("Switch traffic to GREEN");
    screen.key(Code::Esc);
    screen.char('C');
    for text in ["tail toto-app", "tail toto-bo", "ask stripe"] {
        screen.shows(text);
    }
}

#[test]
fn screen_picks_confirms_and_follows_a_command() {
    let sandbox = sandbox(COMMANDS);
    let mut terminal = Terminal::open(&sandbox, 30, 100);
    terminal.wants("No runs yet");
    terminal.press("C");
    terminal.wants("Commands of the team");
    terminal.wants("echo for");
    assert!(!terminal.text().contains("smoke"), "it is for production alone");
    terminal.press("\r");
    terminal.wants("continues without this screen");
    terminal.picture("continues without", "command-100x30");
    terminal.says_yes("Run a command");
    terminal.wants("says · run 1 on");
    terminal.wants("ok");
    terminal.press("\x1b");
    wait_until("its log is closed", || !terminal.text().contains("says · run 1"));
    // Run it by name in the palette. The running command is listed in its environment, and can be stopped there.
    terminal.press(":run dev");
    terminal.wants("run dev");
    terminal.press("\r");
    terminal.wants("exec sleep 600");
    terminal.says_yes("Run a command");
    terminal.wants("dev · run 2");
    terminal.wants("up");
    terminal.press("\x1b");
    wait_until("its log is closed", || !terminal.text().contains("dev · run 2"));
    terminal.wants("dev runs (run 2)");
    terminal.press("C");
    terminal.wants("runs (run 2); Enter stops it");
    terminal.press("dev\r");
    terminal.wants("Stops dev (run 2)");
    terminal.says_yes("Stop a command");
    wait_until("it is stopped", || {
        let listed = sandbox.run(&["commands", "--json"]).exits(0).json();
        listed[3]["last"]["state"] == "stopped"
    });
}

#[test]
fn screen_offers_allowed_commands_and_read_only_runs_none() {
    let mut screen = Screen::new(Protection::Typed);
    screen.look();
    screen.char('C');
    screen.shows("run is off: no command of the config is for development");
    let command = CustomCommand {
        name: "smoke".into(),
        argv: vec!["npm".into(), "run".into(), "smoke".into()],
        folder: "/repo".into(),
        environment: None,
        on: On::Environment,
        subject: None,
        long: false,
        port: None,
    };
    screen.model.custom_commands = vec![command];
    screen.char('C');
    screen.key(Code::Enter);
    screen.shows("Runs npm run smoke");
    screen.text("development");
    let sent = screen.key(Code::Enter);
    assert!(
        matches!(&sent[..], [Effect::CustomCommands(_, _, CustomCommandAct::Run(_))]),
        "{sent:?}"
    );
    screen.key(Code::Esc);
    screen.model.dialog = None;
    screen.model.read_only = true;
    screen.char('C');
    screen.shows("read-only");
}
