//! Themes: those that come with the program can be read by whatever eyes, and what is wrong with
//! another is told with its place.

use std::fs;
use std::path::Path;

use pointsman::tui::theme::{Themes, check};

use super::sandbox::Sandbox;

#[test]
fn every_shipped_theme_can_be_read() {
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
fn what_is_wrong_with_a_theme_is_told_with_its_place() {
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
fn the_users_own_theme_comes_before_the_shipped_one() {
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
