//! Logs, health, failures: what is shown is true, whole and can be copied.

use super::*;

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
    at_every_size(no_line_is_lost_while_scrolled);
}

fn no_line_is_lost_while_scrolled(look: Look) {
    let mut demo = look.open("storm");
    demo.wants("RUNNING");
    demo.press("3z");
    demo.wants("GET /api/pets");
    demo.press("\x1b[5~");
    demo.wants("PAUSED");
    // Leave out the frame at the end of the line: it shows the scroll position, which changes.
    let within = usize::from(look.size.0) - 1;
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
