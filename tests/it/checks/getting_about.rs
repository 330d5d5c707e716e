//! Sizes, focus, help, and the keys that change nothing.

use super::*;

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
fn check_4_help_begins_with_this_pane_and_says_why_keys_are_off() {
    at_every_size(help_says_why_keys_are_off);
}

fn help_says_why_keys_are_off(look: Look) {
    let mut demo = look.open("gate");
    demo.wants("WAITING FOR YOU");
    demo.terminal.opens("?", "THIS PANE: 2 Deploy");
    let shown = demo.terminal.text();
    let retry = shown.lines().find(|line| line.contains(" R  ")).unwrap();
    assert!(retry.contains("off: no step has failed"), "{retry}");
    demo.press("pause");
    demo.wants("filter: pause");
    wait_until("other rows are hidden", || !demo.terminal.text().contains("no step has failed"));
    demo.wants("the run waits at its gate anyway");
    demo.press("\x1b");
    demo.wants("THIS PANE");
    demo.press("\x1b");
    wait_until("the help is closed", || !demo.terminal.text().contains("THIS PANE"));
    demo.wants(if look.size == SMALL { "2 Deploy" } else { "▶ 2 Deploy" });
    let moved = demo.facts().iter().any(|fact| fact["data"]["name"] == "traffic.set");
    assert!(!moved, "help sends nothing");
}

#[test]
fn check_5_prefix_and_palette_lead_to_panes_and_commands() {
    at_every_size(prefix_and_palette_lead_anywhere);
}

fn prefix_and_palette_lead_anywhere(look: Look) {
    let mut demo = look.open("gate");
    demo.wants("WAITING FOR YOU");
    demo.terminal.opens("g", "go to");
    demo.press("h");
    demo.wants("▶ 4 Health");
    demo.press(":roll");
    demo.wants("Command ·");
    demo.wants("rollback");
    demo.press("\x1b");
    wait_until("the palette is closed", || !demo.terminal.text().contains("Command ·"));
    demo.press(":goto logs");
    demo.wants("Logs pane; again: zoom");
    demo.press("\r");
    demo.wants("▶ 3 Logs");
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
