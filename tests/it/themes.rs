//! Themes: the shipped ones are readable for everyone, and errors in others are reported with their places.

use std::fs;
use std::path::Path;

use pointsman::tui::theme::{Themes, check};

use super::sandbox::{Sandbox, wait_until};
use super::terminal::Terminal;

#[test]
fn shipped_themes_are_readable() {
    let themes = Themes::default();
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("themes")).unwrap();
    let mut files: Vec<_> = files
        .map(|f| f.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let mut names = themes.names();
    files.sort_unstable();
    names.sort_unstable();
    assert_eq!(names, files, "every file of themes/ is in the program, and the other way round");
    for name in names {
        let text = themes.text(&name).unwrap().unwrap();
        let palette = themes.mix(&text).unwrap();
        assert_eq!(palette.name, name);
        assert_eq!(check(&text, &palette).errors, [], "{name}");
    }
}

#[test]
fn theme_errors_have_places() {
    let sandbox = Sandbox::new();
    let file = sandbox.folder.path().join("mine.yaml");
    let judged = |text: &str, code: i32| {
        fs::write(&file, text).unwrap();
        sandbox.run(&["theme", "check", file.to_str().unwrap()]).exits(code)
    };
    let head = "name: mine\nkind: dark\n";
    let wrong = judged(&format!("{head}roles:\n  state.fialed: {{fg: \"#ff\"}}\n"), 2).err;
    assert!(
        wrong.contains("mine.yaml:4:") && wrong.contains("did you mean \"state.failed\"?"),
        "{wrong}"
    );
    assert!(wrong.contains("\"#ff\" is no colour"), "{wrong}");
    let ring = judged(&format!("{head}inherits: {}\n", file.display()), 2).err;
    assert!(ring.contains("inherit from one another"), "{ring}");
    let dim =
        judged(&format!("{head}inherits: default-dark\npalette: {{ink: \"#333a44\"}}\n"), 1).err;
    assert!(dim.contains("text has a contrast of"), "{dim}");
    let same = judged(
        &format!("{head}inherits: default-dark\nroles: {{slot.green: {{link: state.ok}}}}\n"),
        1,
    );
    assert!(same.err.contains("GREEN is a slot, not a success"), "{}", same.err);
    let told = judged(&format!("{head}colour_blind: true\ninherits: catppuccin-mocha\n"), 1).err;
    assert!(told.contains("apart with deuteranopia"), "{told}");
    judged(&format!("{head}inherits: nord\n"), 0);
}

#[test]
fn user_theme_wins_over_the_shipped_one() {
    let sandbox = Sandbox::new();
    let folder = sandbox.folder.path().join("themes");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("nord.yaml"), "name: nord\nkind: light\n").unwrap();
    let listed = sandbox.run(&["theme", "list", "--json"]).exits(0).json();
    let nord =
        listed.as_array().unwrap().iter().filter(|t| t["name"] == "nord").collect::<Vec<_>>();
    assert_eq!(nord.len(), 1);
    assert_eq!(nord[0]["kind"], "light");
    assert!(nord[0]["file"].as_str().unwrap().ends_with("themes/nord.yaml"));
    sandbox.run(&["--theme", "nosuch", "theme", "list"]).exits(0);
    sandbox.run(&["theme", "check", "nosuch"]).exits(2);
}

#[test]
fn base16_scheme_converts_to_a_theme() {
    let sandbox = Sandbox::new();
    let home = sandbox.folder.path().join("home");
    let file = sandbox.folder.path().join("Evening Sky.yaml");
    let import = |text: &str, more: &[&str], code: i32| {
        fs::write(&file, text).unwrap();
        let before = ["theme", "import", "base16", file.to_str().unwrap()];
        let mut command = sandbox.command(&[&before[..], more].concat());
        let output = command.env("XDG_CONFIG_HOME", &home).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        said
    };
    let colours = [
        "101418", "1c222a", "2a323c", "5a6878", "a0acba", "dde4ec", "eef2f6", "ffffff", "ff8080",
        "ffb070", "f0d060", "90e0b0", "70c0d0", "80b0ff", "d0a0ff", "c09070",
    ];
    let lines = |mark: &str| {
        let line = |(n, hex): (usize, &&str)| format!("  base{n:02X}: \"{mark}{hex}\"\n");
        colours.iter().enumerate().map(line).collect::<String>()
    };
    let today = format!("system: base16\nname: Evening Sky\npalette:\n{}", lines("#"));
    assert!(import(&today, &[], 0).contains("--theme evening-sky"));
    let written = home.join("pointsman/themes/evening-sky.yaml");
    let text = fs::read_to_string(&written).unwrap();
    assert!(text.contains("kind: dark") && text.contains("ink: \"#dde4ec\""), "{text}");
    assert!(import(&today, &[], 1).contains("give it another name with --name"));
    assert_eq!(fs::read_to_string(&written).unwrap(), text, "what is there stays");
    // The original format has its colours at the top level, without `#`.
    let first = format!("scheme: Evening Sky\n{}", lines("").replace("  base", "base"));
    import(&first, &["--name", "../Old one"], 0);
    let old = fs::read_to_string(home.join("pointsman/themes/old-one.yaml")).unwrap();
    assert!(old.contains("ink: \"#dde4ec\""), "{old}");
    for name in ["evening-sky", "old-one"] {
        let mut check = sandbox.command(&["theme", "check", name]);
        assert!(check.env("XDG_CONFIG_HOME", &home).status().unwrap().success(), "{name}");
    }
    let wrong = today.replace("  base0B: \"#90e0b0\"\n", "").replace("#ff8080", "#ff808");
    let told = import(&wrong, &["--name", "x"], 2);
    assert!(told.contains("base0B is missing") && told.contains("Sky.yaml:12:"), "{told}");
    assert!(told.contains("which is not rrggbb"), "{told}");
    assert!(import(&first.replace("\"101418\"", "101418"), &[], 2).contains("in quotes"));
}

#[test]
fn theme_follows_the_terminal_background() {
    let sandbox = Sandbox::new();
    let mut terminal = Terminal::open(&sandbox, 24, 100);
    terminal.wants("theme default-dark");
    terminal.receives("\u{1b}]11;?");
    // Keys typed while the answer arrives are kept.
    terminal.press("?\u{1b}]11;rgb:ffff/ffff/ffff\u{1b}\\");
    terminal.wants("Help");
    terminal.press("\u{1b}");
    terminal.wants("theme default-light");
    let config = sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(
        &config,
        format!("{text}ui: {{ theme: {{ dark: nord, light: solarized-light }} }}\n"),
    )
    .unwrap();
    terminal.wants("theme solarized-light");
    terminal.press("\u{1b}[I\u{1b}]11;rgb:0000/0000/0000\u{7}");
    terminal.wants("theme nord");
    fs::write(&config, format!("{text}ui: {{ theme: {{ dark: nord }} }}\n")).unwrap();
    terminal.wants("needs \"light\"; the last one stays");
    terminal.press("q");
    wait_until("it ended", || terminal.child.try_wait().unwrap().is_some());
}
