//! The screen's checks: real key presses in a terminal running the binary, on scripted worlds.
//! Each test has the number of its check; 22 to 24 are in `journeys` and `benches/screen.rs`.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::sandbox::{Sandbox, wait_until};
use super::terminal::Terminal;

/// A demo in a terminal, with its state in the sandbox.
struct Demo {
    terminal: Terminal,
    sandbox: Sandbox,
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

const USUAL: (u16, u16) = (100, 30);

#[test]
fn check_1_every_size_shows_waiting_and_undo() {
    for size in [(160, 45), (100, 30), (80, 24)] {
        let demo = Demo::open("gate", size, &[]);
        for text in ["WAITING FOR YOU", "[PRODUCTION]", "BLUE 100", "undo", "◆ WAIT", "REHEARSAL"]
        {
            demo.wants(text);
        }
        demo.wants(if size.0 == 160 { "Enter or T" } else { "switch" });
        demo.terminal.picture("2 Deploy", &format!("waiting-{}x{}", size.0, size.1));
    }
}

#[test]
fn check_2_too_small_window_takes_no_action() {
    let mut demo = Demo::open("gate", (160, 45), &[]);
    demo.wants("WAITING FOR YOU");
    demo.terminal.resize(10, 50);
    demo.wants("too small");
    demo.wants("now 50x10");
    demo.press("\rproduction\rTB");
    for (rows, cols) in [(5, 24), (1, 1), (45, 160)] {
        demo.terminal.resize(rows, cols);
    }
    demo.wants("7 History");
    assert_eq!(demo.count("switch-requested") + demo.count("command-accepted"), 0);
}

#[test]
fn check_3_focus_is_visible_without_colour() {
    let mut demo = Demo::open("gate", (160, 45), &["--color", "never"]);
    demo.wants("WAITING FOR YOU");
    let titles = [
        "3 Logs",
        "4 Health",
        "5 Migrations",
        "6 Checklists",
        "7 History",
        "8 Pipeline",
        "9 Alerts",
        "1 Environments",
        "2 Deploy",
    ];
    for title in titles.map(|title| format!("▶ {title}")) {
        demo.press("\t");
        demo.wants(&title);
        let text = demo.terminal.text();
        assert_eq!(text.matches('┏').count(), 1, "{text}");
    }
    demo.press("3");
    demo.wants("▶ 3 Logs");
    demo.press("3");
    wait_until("it is alone", || !demo.terminal.text().contains("7 History"));
    demo.press("0");
    demo.wants("7 History");
}

#[test]
fn pipeline_pane_shows_pending_reviewers() {
    let mut demo = Demo::open("gate", USUAL, &[]);
    demo.wants("WAITING FOR YOU");
    demo.press("88");
    demo.wants("WAITS FOR YOU  V approve X reject · production");
    demo.terminal.picture("WAITS FOR YOU", "pipeline-100x30");
    demo.press("F");
    demo.wants("rerun is off");
    demo.press("V");
    demo.wants("Type production to continue");
}

#[test]
fn checks_6_and_7_only_the_typed_name_confirms() {
    let mut demo = Demo::open("gate", USUAL, &[]);
    demo.wants("WAITING FOR YOU");
    demo.press("\x1b[200~DABy\n\x1b[201~");
    demo.wants("paste is off");
    demo.press("\r");
    demo.wants("Type production to continue");
    demo.press("\x1b[200~production\n\x1b[201~");
    demo.wants("paste is off here");
    demo.press("produc\r");
    demo.wants("4 more to type");
    demo.press("\x15Production\r");
    demo.wants("case counts");
    assert_eq!(demo.count("switch-requested"), 0);
    demo.press("\x15production");
    demo.wants("matches");
    demo.press("\r");
    demo.wants("live 1.5.0");
    assert_eq!(demo.count("switch-requested"), 2, "once for each service");
}

#[test]
fn check_8_opening_key_never_confirms() {
    let mut demo = Demo::open("run", USUAL, &[]);
    // Wait for the build step: a step that starts while the dialog is open would clear the answer.
    demo.wants("BUILDING");
    demo.press("A");
    demo.wants("Abort the run");
    demo.press("AAA");
    let mut asks = true;
    while asks {
        // The dialog ignores keys at first.
        std::thread::park_timeout(std::time::Duration::from_millis(100));
        demo.press("\r");
        asks = demo.terminal.text().contains("Abort the run");
    }
    // An Enter too many opened the sheet of the step.
    demo.press("\x1b");
    demo.wants("RUNNING");
    assert_eq!(demo.count("command-accepted"), 0);
    demo.press("A");
    demo.terminal.says_yes("Abort the run");
    wait_until("the command is accepted", || demo.count("command-accepted") == 1);
}

#[test]
fn check_9_change_under_a_box_clears_the_answer() {
    let mut demo = Demo::open("flap", USUAL, &[]);
    demo.wants("WAITING FOR YOU");
    demo.press("\r");
    demo.wants("Type production to continue");
    demo.press("produc");
    demo.wants("CHANGED");
    demo.wants("BLOCKED");
    demo.terminal.picture("CHANGED", "changed-under-the-box");
    demo.press("tion\r");
    demo.press("\x1b");
    // Wait, because a key right after Esc would be read as Alt plus that key.
    wait_until("the box is gone", || !demo.terminal.text().contains("CHANGED"));
    demo.wants("T is off");
    demo.press("\r");
    demo.wants("switch is off");
    demo.press("production\r");
    assert_eq!(demo.count("switch-requested"), 0);
}

#[test]
fn check_14_health_shows_only_what_is_known() {
    let mut demo = Demo::open("stale", (160, 45), &[]);
    demo.wants("WAITING FOR YOU");
    demo.press("44");
    demo.wants("1 down");
    demo.wants("2 stale");
    demo.wants("do not trust it");
    demo.press("o");
    for text in ["toto-app BLUE    live", "toto-app GREEN   idle", "NEXT", "p95"] {
        demo.wants(text);
    }
    let drawn = demo.terminal.text();
    let row = |name: &str| drawn.lines().find(|l| l.contains(name)).unwrap_or(&drawn).to_owned();
    assert!(row("auth").contains("✓ OK"), "one 503 alone changes nothing: {drawn}");
    assert!(row("functions").contains("✗ DOWN"), "{drawn}");
    assert!(row("stripe").contains("? STALE"), "{drawn}");
    demo.terminal.picture("STATE CHANGES", "health-160x45");
    demo.press("2T");
    demo.wants("switch is off");
}

#[test]
fn checks_10_and_11_read_only_and_esc_are_harmless() {
    let mut demo = Demo::open("gate", USUAL, &["--read-only"]);
    demo.wants("READ-ONLY");
    demo.wants("WAITING FOR YOU");
    for key in ["D", "A", "R", "S", "B", "T", "K", "p"] {
        demo.press(key);
        demo.wants("this screen is read-only");
        demo.press("\x1b");
    }
    demo.press(&"\x1b".repeat(30));
    demo.press("\r/build\r");
    demo.wants("match 1 of");
    assert_eq!(demo.count("command-accepted") + demo.count("command-refused"), 0);
}

#[test]
fn check_12_ctrl_c_and_q_never_end_a_run() {
    let mut demo = Demo::open("run", (80, 24), &[]);
    demo.wants("RUNNING");
    demo.press("\x03\x03\x03");
    demo.wants("Stay");
    demo.press("\r");
    wait_until("it stays", || !demo.terminal.text().contains("Stay"));
    demo.wants("RUNNING");
    demo.press("q");
    demo.wants("Disconnect");
    demo.press("d");
    assert!(demo.terminal.child.wait().unwrap().success());
    let mut demo = Demo::open("idle", (80, 24), &[]);
    demo.wants("PROMOTED");
    demo.press("\x03");
    demo.wants("again");
    demo.press("\x03");
    assert!(demo.terminal.child.wait().unwrap().success());
    wait_until("the terminal is restored", || demo.terminal.given_back());
}

#[test]
fn check_13_rollback_takes_thirteen_keys() {
    let mut demo = Demo::open("soak", USUAL, &[]);
    demo.wants("live 1.5.0");
    demo.press("3z");
    demo.press("B");
    demo.wants("Type production to continue");
    demo.press("production\r");
    demo.wants("live 1.4.1");
    demo.wants("ROLLED BACK");
    let back = demo.facts().into_iter().filter(|f| f["kind"] == "switch-requested").skip(2);
    assert_eq!(back.count(), 2, "each service is pointed at its blue build, once");
}

#[test]
fn check_15_a_failed_step_explains_itself() {
    let mut demo = Demo::open("health-fail", USUAL, &[]);
    demo.wants("FAIL");
    for text in ["503", "because", "Customers are still on 1.4.1", "R retry", "A end"] {
        demo.wants(text);
    }
    demo.terminal.picture("Customers are still on", "failed-100x30");
    demo.press("\r");
    demo.wants("▶ 3 Logs");
    demo.wants("FAILED: ");
}

#[test]
fn check_16_no_line_is_lost_while_scrolled() {
    let mut demo = Demo::open("storm", USUAL, &[]);
    demo.wants("RUNNING");
    demo.press("3z");
    demo.wants("GET /api/pets");
    demo.press("\x1b[5~");
    demo.wants("PAUSED");
    // Leave out the frame at the end of the line: it shows the scroll position, which changes.
    let within = usize::from(USUAL.0) - 1;
    let line = || -> String {
        let text = demo.terminal.text();
        text.lines().nth(6).unwrap().chars().take(within).collect()
    };
    wait_until("the line is here", || line().contains("/api/pets") || line().contains("request"));
    let before = line();
    let new = || {
        let text = demo.terminal.text();
        let at = text.find("▼ ").map(|at| text[at + 4..].to_owned()).unwrap_or_default();
        let digits: String = at.chars().take_while(|c| c.is_ascii_digit() || *c == ',').collect();
        digits.replace(',', "").parse::<u64>().unwrap_or(0)
    };
    wait_until("more came", || new() > 5000);
    assert_eq!(line(), before, "what is read does not move");
    let written = || fs::read_to_string(demo.file("runs/9/log.jsonl")).unwrap().lines().count();
    wait_until("the storm is over", || written() >= 100_000);
    let facts = demo.facts().len();
    let all = || {
        let total = written() + facts;
        let (thousands, rest) = (total / 1000, total % 1000);
        demo.terminal.text().contains(&format!("{thousands},{rest:03} lines"))
    };
    wait_until("every line is counted", all);
    demo.press("f");
    demo.wants("FOLLOW");
}

#[test]
fn check_17_search_counts_while_typing() {
    let mut demo = Demo::open("run", USUAL, &[]);
    demo.press("3z");
    demo.wants("image optimizer");
    demo.press("/timeout");
    demo.wants("matches");
    demo.press("\rnn");
    demo.wants("match 3 of");
    demo.press("e");
    demo.wants(" E toto");
    demo.press("&");
    demo.wants("hides");
    demo.press("\x1b");
    wait_until("the filter is gone", || !demo.terminal.text().contains("hides"));
    demo.press("\x1b");
    wait_until("the search is gone", || !demo.terminal.text().contains("/timeout"));
}

#[test]
fn check_18_hostile_lines_are_harmless_and_redacted() {
    let demo = Demo::open("hostile", (160, 45), &[]);
    demo.wants("copies itself");
    demo.wants("wide 漢字");
    let raw = String::from_utf8_lossy(&demo.terminal.raw()).into_owned();
    for evil in ["\x1b]52;", "OWNED", "\x1b[5A", "\u{202e}", "ghp_0123456789"] {
        assert!(!raw.contains(evil), "{evil:?}");
    }
    let text = demo.terminal.text();
    assert!(text.contains('┏') && text.contains('┛'), "{text}");
    let log = fs::read_to_string(demo.file("runs/9/log.jsonl")).unwrap();
    assert!(!log.contains("ghp_0123456789"), "not on disk either");
}

#[test]
fn check_19_copy_reaches_the_clipboard() {
    let mut demo = Demo::open("run", USUAL, &[]);
    demo.wants("npm ci");
    demo.press("3/added 1204\r");
    demo.wants("match 1 of");
    demo.press("y");
    demo.wants("Copied 1 line");
    let clip = fs::read_to_string(demo.file("clip.txt")).unwrap();
    assert!(clip.contains("added 1204 packages") && !clip.contains('\x1b'), "{clip}");
    demo.terminal.receives("\x1b]52;c;");
}

#[test]
fn check_20_unfocused_operator_is_notified() {
    let mut demo = Demo::open("soak", USUAL, &[]);
    demo.wants("RUNNING");
    demo.press("\x1b[O");
    let seen = demo.sandbox.run(&["abort", "9"]);
    assert_eq!(seen.code, 0, "{}", seen.err);
    demo.terminal.receives("\x1b]9;run #9");
}

#[test]
fn check_21_ascii_without_colour_shows_everything() {
    let demo = Demo::open("gate", (80, 24), &["--color", "never", "--ascii"]);
    demo.wants("[?] WAITING FOR YOU");
    for text in ["[+] OK", "[ ] PEND", "BLUE 100 %", "GREEN"] {
        demo.wants(text);
    }
    let text = demo.terminal.text();
    assert!(text.is_ascii(), "{text}");
    let screen = demo.terminal.screen();
    let (rows, cols) = screen.size();
    let cells = (0..rows.get()).flat_map(|y| (0..cols.get()).map(move |x| (y, x)));
    let cells: Vec<_> = cells.filter_map(|(y, x)| screen.cell(y, x)).collect();
    assert!(cells.iter().all(|c| c.fgcolor() == vt100::Color::Default));
    assert!(cells.iter().any(|c| c.inverse()), "the environment is marked by more than its name");
}

#[test]
fn check_22_panic_restores_the_terminal_and_writes_a_report() {
    // Only debug builds have the `debug panic` command.
    if !cfg!(debug_assertions) {
        return;
    }
    let mut demo = Demo::open("gate", (80, 24), &[]);
    demo.wants("WAITING FOR YOU");
    demo.press(":debug panic");
    demo.wants("1 found");
    demo.press("\r");
    assert_eq!(demo.terminal.child.wait().unwrap().exit_code(), 101);
    assert!(demo.terminal.given_back());
    demo.wants("runs continue without it");
    let report = fs::read_to_string(demo.file("crash.txt")).unwrap();
    assert!(report.contains(":debug panic") && report.contains("terminal"), "{report}");
}

#[test]
fn check_25_saved_theme_and_config_reload() {
    let mut demo = Demo::open("run", USUAL, &["--theme", "mine"]);
    wait_until("it says why not", || demo.terminal.child.try_wait().unwrap().is_some());
    demo.wants("there is no theme \"mine\"");
    let mut demo = Demo::open("run", USUAL, &[]);
    demo.wants("RUNNING");
    demo.press("z");
    let themes = demo.file("themes");
    fs::create_dir_all(&themes).unwrap();
    let config = demo.file("config.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(themes.join("mine.yaml"), "name: mine\nkind: dark\ninherits: nord\n").unwrap();
    fs::write(&config, format!("{text}ui: {{ theme: mine }}\n")).unwrap();
    demo.wants("theme mine");
    fs::write(themes.join("mine.yaml"), "name: mine\nkind: dark\ninherits: gruvbox-dark\n")
        .unwrap();
    demo.wants("theme mine read again");
    fs::write(&config, format!("{text}helth: 1\n")).unwrap();
    demo.wants("has no key \"helth\"");
    fs::write(&config, text.replace("for: 2m", "for: 3m")).unwrap();
    demo.wants("applies to the next run");
    demo.wants("Soak for 2m");
}

#[test]
fn checklist_keys_open_the_switch_gate() {
    let mut demo = Demo::open("checklist", (160, 45), &[]);
    demo.wants("checklist pre has 4 open items");
    demo.press("T");
    demo.wants("opens by itself");
    demo.press("\r");
    demo.wants("▶ 6 Checklists");
    demo.press(" ");
    demo.wants("is verified automatically");
    demo.press("O");
    demo.wants("Override an item");
    demo.press("\r");
    demo.wants("this needs a reason");
    demo.press("\tno CI in a rehearsal\r");
    demo.wants("checklist 1/13, 1 overridden");
    demo.press("j ");
    demo.wants("checklist 2/13, 1 overridden");
    // Skip the next item: it is optional and stays open.
    demo.press("j ");
    demo.wants("checklist 3/13, 1 overridden");
    demo.press("ji");
    demo.wants("Tick, with a note");
    demo.press("snapshot of 17:00\r");
    demo.wants("◆ WAIT Gate: switch traffic");
    demo.press("T");
    demo.wants("checklist deploy has an open item");
    demo.terminal.picture("6 Checklists", "checklist-160x45");
    demo.press("o");
    demo.press("gg");
    demo.wants("▶ ○ Performance benchmarks");
    demo.press("j ");
    demo.wants("checklist 7/13, 1 overridden");
    demo.wants("Enter or T");
    demo.press("T");
    demo.wants("Type production to continue");
    // Untick the item while the dialog is open.
    let take = ["checklist", "9", "untick", "verify-functionality"];
    demo.sandbox.run(&take).exits(0);
    demo.wants("BLOCKED");
    demo.press("\r");
    wait_until("the box is closed", || !demo.terminal.text().contains("BLOCKED"));
    demo.sandbox.run(&["checklist", "9", "tick", "verify-functionality"]).exits(0);
    demo.wants("Enter or T");
    demo.press("T");
    demo.wants("Type production to continue");
    demo.press("production\r");
    demo.wants("live 1.5.0");
    assert_eq!(demo.count("switch-requested"), 2);
    assert!(demo.count("checklist-seen") >= 4);
}

#[test]
fn rollback_asks_about_the_database() {
    let mut demo = Demo::open("schema", USUAL, &[]);
    demo.wants("PROMOTED");
    demo.press("]]");
    demo.wants("[PRODUCTION]");
    demo.wants("schema 1.1.0 +1");
    demo.press("5");
    demo.press("5");
    demo.wants("database is here (1.1.0)");
    demo.wants("toto-bo needs >=1.1.0, <3.0.0");
    demo.press("jj");
    demo.wants("old code stops working");
    demo.terminal
        .picture("If you roll back now: no migration has to be undone", "migrations-100x30");
    demo.press("0B");
    demo.wants("was made for schema 1.0.0");
    demo.press("jj");
    demo.wants("▶ 1.3.2");
    demo.press("\r");
    demo.wants("1.3.2 was made for schema 1.0.0. main is at 1.1.0.");
    demo.wants("recommended: the target works with it");
    demo.terminal.picture("NOT offered: the live build", "rollback-schema-100x30");
    demo.press("jj");
    demo.wants("▶ undo before the switch");
    demo.press("\r");
    demo.wants("undo before the switch is not safe");
    demo.press("k");
    demo.wants("▶ undo after the switch");
    demo.press("\r");
    demo.wants("1.1.0 is undone on main after the switch");
    demo.press("production\r");
    demo.wants("ROLLED BACK");
    demo.wants("schema 1.0.0");
    let out = demo.sandbox.run(&["events", "10", "--json"]).out;
    let at = |word: &str| out.find(word).unwrap_or_else(|| panic!("no {word}"));
    assert!(
        at("traffic-observed") < at("migration-requested"),
        "traffic first, the database after"
    );
}
