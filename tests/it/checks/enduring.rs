//! A crash of the screen, and files that change under it.

use super::*;

#[test]
fn check_22_panic_restores_the_terminal_and_writes_a_report() {
    // Only debug builds have the `debug panic` command.
    if !cfg!(debug_assertions) {
        return;
    }
    at_every_size(panic_restores_the_terminal_and_writes_a_report);
}

fn panic_restores_the_terminal_and_writes_a_report(look: Look) {
    let mut demo = look.open("gate");
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
    at_every_size(saved_theme_and_config_reload);
}

fn saved_theme_and_config_reload(look: Look) {
    let mut demo = look.open("run");
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
    // A theme that is kept for the session survives a save that is about something else.
    demo.press(":theme high-contrast");
    demo.wants("theme high-contrast");
    demo.press("\r");
    demo.wants("theme high-contrast in this session");
    let text = format!("{text}ui: {{ theme: mine }}\n");
    fs::write(&config, text.replace("for: 2m", "for: 3m")).unwrap();
    demo.wants("applies to the next run");
    demo.wants("times in UTC");
    let text = demo.terminal.text();
    let status = text.lines().find(|line| line.contains("times in UTC")).unwrap();
    assert!(status.contains("theme high-contrast"), "{status}");
    // The smallest window has no room for the step, which is far below the current one.
    if look.size != SMALL {
        demo.wants("Soak for 2m");
    }
}
