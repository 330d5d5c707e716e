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

#[test]
fn check_1_every_size_shows_waiting_and_undo() {
    for size in [(160, 45), (100, 30), (80, 24)] {
        let demo = Demo::open("gate", size, &[]);
        for text in ["WAITING FOR YOU", "[PRODUCTION]", "BLUE 100", "undo", "◆ WAIT", "REHEARSAL"]
        {
            demo.wants(text);
        }
        demo.wants(if size.0 == 160 { "Enter or T" } else { "switch" });
    }
}

#[test]
fn check_2_too_small_window_takes_no_action() {
    for bare in [false, true] {
        too_small_window_takes_no_action(Look { size: WIDE, bare });
    }
}

fn too_small_window_takes_no_action(look: Look) {
    let mut demo = look.open("gate");
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
    at_every_size(|look| focus_is_visible(look, false));
    in_every_look(|look| focus_is_visible(look, true));
}

fn focus_is_visible(look: Look, mono: bool) {
    let more: &[&str] = match (look.bare, mono) {
        (true, _) => &["--color", "never", "--ascii"],
        (false, true) => &["--color", "never"],
        (false, false) => &[],
    };
    let mut demo = Demo::open("gate", look.size, more);
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
    let cursor = look.glyph("▶", ">");
    for title in titles.iter().map(|title| format!("{cursor} {title}")) {
        demo.press("\t");
        demo.wants(&title);
        let text = demo.terminal.text();
        let corner = look.glyph("┏", "#");
        let focused =
            titles.iter().filter(|name| text.contains(&format!("{corner} {cursor} {name}")));
        assert_eq!(focused.count(), 1, "one frame is heavy, at {look:?}\n{text}");
    }
    demo.press("3");
    demo.wants(&format!("{cursor} 3 Logs"));
    demo.press("3");
    wait_until("it is alone", || !demo.terminal.text().contains(" Environments "));
    demo.press("0");
    if look.size == WIDE {
        demo.wants("7 History");
    }
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
    in_every_look(only_the_typed_name_confirms);
}

fn only_the_typed_name_confirms(look: Look) {
    let mut demo = look.open("gate");
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
    at_every_size(opening_key_never_confirms);
}

fn opening_key_never_confirms(look: Look) {
    let mut demo = look.open("run");
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
    in_every_look(change_under_a_box_clears_the_answer);
}

fn change_under_a_box_clears_the_answer(look: Look) {
    let mut demo = look.open("flap");
    demo.wants("WAITING FOR YOU");
    demo.press("\r");
    demo.wants("Type production to continue");
    demo.press("produc");
    demo.wants("CHANGED");
    demo.wants("BLOCKED");
    if look.size == USUAL && !look.bare {
        demo.terminal.picture("CHANGED", "changed-under-the-box");
    }
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
    at_every_size(health_shows_only_what_is_known);
}

fn health_shows_only_what_is_known(look: Look) {
    let mut demo = look.open("stale");
    demo.wants("WAITING FOR YOU");
    demo.press("44");
    demo.wants("1 down");
    demo.wants("2 stale");
    demo.wants("do not trust it");
    demo.press("o");
    let roles = if look.size == SMALL {
        ["toto-app BLUE live", "toto-app GREEN idle"]
    } else {
        ["toto-app BLUE    live", "toto-app GREEN   idle"]
    };
    for text in roles {
        demo.wants(text);
    }
    demo.wants("p95");
    let drawn = demo.terminal.text();
    let row = |name: &str| drawn.lines().find(|l| l.contains(name)).unwrap_or(&drawn).to_owned();
    assert!(row("auth").contains("✓ OK"), "one 503 alone changes nothing: {drawn}");
    assert!(row("functions").contains("✗ DOWN"), "{drawn}");
    assert!(row("stripe").contains("? STALE"), "{drawn}");
    if look.size == WIDE {
        demo.terminal.picture("STATE CHANGES", "health-160x45");
    }
    demo.press("2T");
    demo.wants("switch is off");
}

#[test]
fn checks_10_and_11_read_only_and_esc_are_harmless() {
    at_every_size(read_only_and_esc_are_harmless);
}

fn read_only_and_esc_are_harmless(look: Look) {
    let mut demo = Demo::open("gate", look.size, &["--read-only"]);
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
    at_every_size(ctrl_c_and_q_never_end_a_run);
}

fn ctrl_c_and_q_never_end_a_run(look: Look) {
    let mut demo = look.open("run");
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
    let mut demo = look.open("idle");
    demo.wants("PROMOTED");
    demo.press("\x03");
    demo.wants("again");
    demo.press("\x03");
    assert!(demo.terminal.child.wait().unwrap().success());
    wait_until("the terminal is restored", || demo.terminal.given_back());
}

#[test]
fn check_13_rollback_takes_thirteen_keys() {
    at_every_size(rollback_takes_thirteen_keys);
}

fn rollback_takes_thirteen_keys(look: Look) {
    let mut demo = look.open("soak");
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
    in_every_look(a_failed_step_explains_itself);
}

fn a_failed_step_explains_itself(look: Look) {
    let mut demo = look.open("health-fail");
    demo.wants("FAIL");
    for text in ["503", "because", "Customers are still on 1.4.1", "R retry", "A abort"] {
        demo.wants(text);
    }
    if look.size == USUAL && !look.bare {
        demo.terminal.picture("Customers are still on", "failed-100x30");
    }
    demo.press("\r");
    demo.wants(look.glyph("▶ 3 Logs", "> 3 Logs"));
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
    at_every_size(search_counts_while_typing);
}

fn search_counts_while_typing(look: Look) {
    let mut demo = look.open("run");
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
    at_every_size(hostile_lines_are_harmless_and_redacted);
}

fn hostile_lines_are_harmless_and_redacted(look: Look) {
    let mut demo = look.open("hostile");
    demo.press("3z");
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
    at_every_size(copy_reaches_the_clipboard);
}

fn copy_reaches_the_clipboard(look: Look) {
    let mut demo = look.open("run");
    demo.press("3");
    demo.wants("npm ci");
    demo.press("/added 1204\r");
    demo.wants("match 1 of");
    demo.press("y");
    demo.wants("Copied 1 line");
    let clip = fs::read_to_string(demo.file("clip.txt")).unwrap();
    assert!(clip.contains("added 1204 packages") && !clip.contains('\x1b'), "{clip}");
    demo.terminal.receives("\x1b]52;c;");
}

#[test]
fn check_20_unfocused_operator_is_notified() {
    at_every_size(unfocused_operator_is_notified);
}

fn unfocused_operator_is_notified(look: Look) {
    let mut demo = look.open("soak");
    demo.wants("RUNNING");
    demo.press("\x1b[O");
    let seen = demo.sandbox.run(&["abort", "9"]);
    assert_eq!(seen.code, 0, "{}", seen.err);
    demo.terminal.receives("\x1b]9;run #9");
}

#[test]
fn check_21_ascii_without_colour_shows_everything() {
    at_every_size(ascii_without_colour_shows_everything);
}

fn ascii_without_colour_shows_everything(look: Look) {
    let demo = Demo::open("gate", look.size, &["--color", "never", "--ascii"]);
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
    demo.wants("has 4 open items");
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
    demo.wants("has an open item");
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
