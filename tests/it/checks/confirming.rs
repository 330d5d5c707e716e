//! Boxes: what confirms, what does not, and what they notice.

use super::*;

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
    demo.wants("The switch is held");
    demo.press("\r");
    demo.wants("switch is off");
    demo.press("production\r");
    assert_eq!(demo.count("switch-requested"), 0);
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
