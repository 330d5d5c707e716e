//! Text from people, platforms and services cannot control the terminal, whichever command prints it.

use std::fs::OpenOptions;

use portable_pty::CommandBuilder;

use super::sandbox::Sandbox;
use super::stand_in::{Reply, StandIn};
use super::terminal::Terminal;

/// Control sequences, and characters that hide or reorder text.
pub(crate) const HOSTILE: &str = "a\u{1b}[77;77H\u{1b}[2J\u{1b}[31mb\u{1b}]0;t\u{7}c\u{1b}]52;c;aGFja2Vk\u{7}d\u{1b}]8;;http://x\u{1b}\\e\
     \u{1b}P1$r\u{1b}\\f\u{1b}_x\u{1b}\\g\u{9b}31mh\u{85}i\u{61c}\u{202e}j\u{200b}\u{2066}k\u{e0041}\u{2028}l\r\u{8}m";

/// The characters in a text that must not reach a terminal.
pub(crate) fn odd(text: &str) -> Vec<char> {
    let odd = |c: &char| {
        let shown = matches!(c, '\n' | '\t') || !c.is_control();
        let invisible = matches!(u32::from(*c), 0xad | 0x61c | 0x200b..=0x200f | 0x2028..=0x202e
            | 0x2060..=0x206f | 0xfeff | 0xe0000..=0xe0fff);
        !shown || invisible
    };
    text.chars().filter(odd).collect()
}

#[test]
fn user_text_never_controls_a_terminal() {
    let sandbox = Sandbox::new();
    let file = sandbox.folder.path().join("config.yaml");
    let list = "checklists: { pre: [ { text: Backup taken } ] }\n";
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}{list}")).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        let output = command.env("USER", HOSTILE.replace('\u{0}', "")).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert_eq!(odd(&said), Vec::<char>::new(), "{arguments:?}: {said:?}");
        (output.status.code().unwrap(), said)
    };
    let development = "development";
    let acts: Vec<(i32, Vec<&str>)> = vec![
        (0, vec!["plan", development, "--release", "1.0.0", "--reason", HOSTILE]),
        (0, vec!["deploy", development, "--release", "1.0.0", "--yes", "--reason", HOSTILE]),
        (0, vec!["deploy", development, "--release", "1.1.0", "--yes", "--reason", HOSTILE]),
        (0, vec!["checklist", "2", "tick", "Backup", "--note", HOSTILE]),
        (0, vec!["alerts", "silence", "--for", "1h", "--reason", HOSTILE]),
        (0, vec!["lock", development, "take", "--reason", HOSTILE]),
        (4, vec!["deploy", development, "--release", "1.0.0", "--yes"]),
        (4, vec!["rollback", development, "--yes"]),
        // Errors repeat the invalid argument.
        (2, vec!["deploy", development, "--release", HOSTILE, "--yes"]),
        (2, vec!["plan", HOSTILE, "--release", "1.0.0"]),
        (2, vec![HOSTILE]),
        (2, vec!["status", HOSTILE]),
        (2, vec!["status", "--format", HOSTILE]),
        (2, vec!["checklist", "2", "tick", HOSTILE]),
        (2, vec!["theme", "check", HOSTILE]),
    ];
    for (code, arguments) in &acts {
        let (ended, said) = run(arguments);
        assert_eq!(ended, *code, "{arguments:?}: {said}");
        if *code != 2 || arguments.contains(&"deploy") {
            let (_, said) = run(&[&arguments[..], &["--json"]].concat());
            assert!(!said.is_empty());
        }
    }
    let looks = [
        "status",
        "handover",
        "history",
        "lock development",
        "events 2",
        "logs 2",
        "report 2",
        "card 2",
        "checklist 2",
        "alerts",
        "health development",
        "doctor",
        "attach 2 --plain",
        "verify 2",
        "resume 2 --yes",
        "check",
    ];
    for look in looks {
        let arguments: Vec<_> = look.split(' ').collect();
        run(&arguments);
        run(&[&arguments[..], &["--json"]].concat());
    }
    // The original text is stored; JSON output has it unchanged.
    let lock = sandbox.run(&["lock", development, "--json"]).exits(0).json();
    assert_eq!(lock["lock"]["reason"], HOSTILE);
    // An error in the config names the place of the character.
    std::fs::write(&file, text.replacen("protection: open", "protection: \"o\u{202e}pen\"", 1))
        .unwrap();
    let (code, said) = run(&["check"]);
    assert!(code == 2 && said.contains("U+202E") && said.contains("config.yaml:"), "{said}");
}

#[test]
fn unwritable_output_is_a_failure() {
    let sandbox = Sandbox::new();
    let verbs: [&[&str]; 7] = [
        &["history"],
        &["status", "development"],
        &["check", "--json"],
        &["handover"],
        &["emulator", "status"],
        &["completions", "bash"],
        &["man"],
    ];
    for verb in verbs {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = sandbox.command(verb).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{verb:?}: {said}");
        assert!(said.contains("could not be written completely"), "{verb:?}: {said}");
    }
    // A closed pipe is not an error.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = sandbox.command(&["man"]).stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The values of variables that the config names, and secrets that people paste into a reason.
#[test]
fn secrets_are_absent_from_every_output_of_a_run() {
    let sandbox = Sandbox::new();
    let file = sandbox.folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let hook = StandIn::new(|_, _| Reply::Says(200, String::new(), String::new()));
    let port = hook.port;
    let notify = format!(
        "notify: {{ webhook: {{ url: 'http://localhost:{port}', secret_env: HOOK_SECRET }}, on: [promoted, rolled_back] }}\n"
    );
    std::fs::write(&file, format!("{text}{notify}")).unwrap();
    // A webhook secret without its usual prefix, so its format does not give it away.
    let value = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let shaped = "ghp_abcdefghijklmnop1234";
    let pasted = format!("said {value}, DB_PASS=hunter2 and {shaped}");
    let run = |arguments: &[&str]| {
        let output = sandbox.command(arguments).env("HOOK_SECRET", value).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    };
    let mut told = String::new();
    let deploy = |release| ["deploy", "development", "--release", release, "--yes", "--reason"];
    for release in ["1.0.0", "1.1.0"] {
        let (code, said) = run(&[&deploy(release)[..], &[&pasted]].concat());
        assert_eq!(code, 0, "{said}");
        told.push_str(&said);
    }
    for act in [
        &["lock", "development", "take", "--reason", &pasted][..],
        &[
            "rollback",
            "development",
            "--yes",
            "--reason",
            &pasted,
            "--override",
            &format!("lock={pasted}"),
        ],
        &["alerts", "silence", "--for", "1h", "--reason", &pasted],
        &["health", "development", "--mute", "toto-app", "--for", "1h", "--reason", &pasted],
        &["report", "2"],
        &["report", "3", "--json"],
        &["events", "2", "--json"],
        &["logs", "2"],
        &["alerts", "--json"],
        &["status", "--json"],
        &["lock", "development"],
    ] {
        let (code, said) = run(act);
        assert_eq!(code, 0, "{act:?}: {said}");
        told.push_str(&said);
    }
    told.push_str(&screen_of_a_run(&sandbox, value));
    for asked in hook.asked() {
        told.push_str(&asked.body);
    }
    assert!(hook.count("POST", "/") >= 3, "{:?}", hook.asked());
    for entry in walk(&sandbox.state()) {
        told.push_str(&String::from_utf8_lossy(&std::fs::read(entry).unwrap()));
    }
    for secret in [value, "hunter2", shaped] {
        let at = told.find(secret).map(|at| &told[at.saturating_sub(200)..at]);
        assert_eq!(at, None, "{secret} is kept behind this");
    }
    assert!(told.contains("DB_PASS=[redacted]"));
}

/// The output of the screen while all panes and the page of a run are opened.
fn screen_of_a_run(sandbox: &Sandbox, value: &str) -> String {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_pointsman"));
    command.arg("--config");
    command.arg(sandbox.folder.path().join("config.yaml"));
    command.arg("--state-dir");
    command.arg(sandbox.state());
    command.env("HOOK_SECRET", value);
    let mut terminal = Terminal::of(command, 45, 160);
    terminal.wants("said [redacted], DB_PASS=[redacted]");
    terminal.opens("7", "▶ 7 History");
    terminal.opens("\r", "overrides lock: said [redacted]");
    String::from_utf8_lossy(&terminal.raw()).into_owned()
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            files.extend(walk(&entry));
        } else if entry.is_file() {
            files.push(entry);
        }
    }
    files
}

#[test]
fn loopback_requests_bypass_proxies() {
    let sandbox = Sandbox::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let file = sandbox.folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let notify =
        format!("notify: {{ webhook: {{ url: 'http://localhost:{port}/hook' }}, on: [failed] }}\n");
    std::fs::write(&file, format!("{text}{notify}")).unwrap();
    let heard = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    });
    let dead = format!("http://bob:pw@127.0.0.1:{}", super::sandbox::free_port());
    let with = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(name, &dead);
        }
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    };
    let (code, said) = with(&["alerts", "test"]);
    assert_eq!(code, 0, "{said}");
    assert!(heard.join().unwrap().starts_with("POST /hook"), "and not through the proxy");
    let (code, said) = with(&["deploy", "development", "--release", "1.0.0", "--yes"]);
    assert_eq!(code, 0, "{said}");
    let (_, said) = with(&["doctor"]);
    assert!(said.contains("https through 127.0.0.1:") && said.contains("(HTTPS_PROXY)"), "{said}");
    assert!(!said.contains("bob:pw"), "{said}");
}

/// Text from runs, platforms and people on the screen cannot reorder or hide other cells.
#[test]
fn foreign_controls_never_reach_a_cell() {
    use pointsman::tui::keys::Code;
    use pointsman::tui::msg::Msg;
    let bench = super::world::Bench::new();
    let mut plan = super::world::deploy_plan("1.0.0");
    plan.reason = Some(HOSTILE.to_owned());
    plan.overrides = [(pointsman::domain::guard::Guard::Freeze, HOSTILE.to_owned())].into();
    plan.warnings = vec![HOSTILE.to_owned()];
    let view = bench.drive(&plan);
    let protection = pointsman::domain::policy::Protection::Open;
    let mut screen = super::screen::Screen::new(protection);
    let mut seen = super::screen::seen();
    let problem = pointsman::domain::error::Problem::new(HOSTILE).because(HOSTILE);
    seen.services[0].rollback.why = Some(HOSTILE.to_owned());
    seen.unseen = Some(problem.clone());
    let name = screen.model.environments[0].name.clone();
    screen.send(Msg::Looked(name, seen));
    screen.run(&view, None);
    screen.send(Msg::Past(Ok(bench.runs().into())));
    screen.send(Msg::Stored(Err(problem)));
    for key in "0123456789?!".chars() {
        screen.char(key);
        for ascii in [false, true] {
            let drawn = screen.draw(&super::screen::coloured(ascii));
            assert_eq!(odd(&drawn), Vec::<char>::new(), "{key}: {drawn:?}");
        }
        screen.key(Code::Esc);
    }
}
