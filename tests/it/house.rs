//! Architecture rules that the compiler does not check: allowed dependencies between modules and crates, and maximum
//! file length. clippy.toml restricts access to the clock and the environment.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the application, and the modules and crates that each may use.
const WALLS: [(&str, &[&str]); 4] = [
    (
        "app",
        &[
            "adapters",
            "config",
            "domain",
            "emulator",
            "engine",
            "ports",
            "rehearsal",
            "source",
            "store",
        ],
    ),
    ("tui", &["app", "config", "domain", "engine", "ports", "source"]),
    ("cli", &["app", "config", "domain", "engine", "git", "init", "ports", "source", "tui"]),
    ("init", &["domain", "git", "source"]),
];

/// The crates from the bottom up, and the crates that each may use.
const FLOORS: [(&str, &[&str]); 8] = [
    ("core", &[]),
    ("source", &[]),
    ("config", &["core", "source"]),
    ("engine", &["config", "core"]),
    ("store", &["core"]),
    ("platform", &["core", "source"]),
    ("emulator", &["core", "source"]),
    ("rehearsal", &["core"]),
];

const MOST_LINES: usize = 400;

/// The files below a folder with one of these extensions.
pub(crate) fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, endings));
        } else if path.extension().is_some_and(|e| endings.iter().any(|ending| e == *ending)) {
            found.push(path);
        }
    }
    found
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    files(folder, &["rs"])
}

/// All source files of the application and its crates.
fn everywhere() -> Vec<PathBuf> {
    let mut files = sources(&src());
    for entry in fs::read_dir(root().join("crates")).unwrap().flatten() {
        files.extend(sources(&entry.path().join("src")));
    }
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn src() -> PathBuf {
    root().join("src")
}

/// The modules used in a text: the names after `crate::` anywhere in its code.
fn rooms_used(text: &str) -> Vec<String> {
    let code = text.lines().filter(|l| !l.trim_start().starts_with("//"));
    code.flat_map(|line| {
        line.match_indices("crate::").map(move |(at, found)| &line[at + found.len()..])
    })
    .flat_map(|rest| match rest.strip_prefix('{') {
        Some(list) => list.split(',').map(str::trim).map(str::to_owned).collect(),
        None => vec![rest.to_owned()],
    })
    .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
    .collect()
}

#[test]
fn modules_use_only_what_their_walls_allow() {
    let mut broken = Vec::new();
    for (room, allowed) in WALLS {
        let files = sources(&src().join(room));
        assert!(!files.is_empty(), "there is no room {room}");
        for file in files {
            for used in rooms_used(&fs::read_to_string(&file).unwrap()) {
                if used != room && !allowed.contains(&used.as_str()) {
                    broken.push(format!("{} uses {used}", file.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn crates_use_only_lower_crates() {
    for entry in fs::read_dir(root().join("crates")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let text = fs::read_to_string(entry.path().join("Cargo.toml")).unwrap();
        let named = text.lines().filter_map(|line| line.strip_prefix("pointsman-"));
        let mut found: Vec<_> = named.map(|line| line.split(' ').next().unwrap()).collect();
        found.sort_unstable();
        let floor = FLOORS.iter().find(|(floor, _)| *floor == name);
        let (_, below) = floor.unwrap_or_else(|| panic!("crates/{name} has no floor"));
        assert_eq!(found, *below, "crates/{name}");
    }
}

#[test]
fn wall_check_detects_a_violation() {
    assert_eq!(rooms_used("use crate::store::Sqlite;\n// crate::app\n"), ["store"]);
    assert_eq!(rooms_used("use crate::{app, cli::x};"), ["app", "cli"]);
    assert_eq!(rooms_used("fn f(x: &crate::domain::plan::Plan) {}"), ["domain"]);
}

#[test]
fn every_module_is_on_the_map() {
    let map = fs::read_to_string(src().join("lib.rs")).unwrap();
    for entry in fs::read_dir(src()).unwrap().flatten().filter(|e| e.path().is_dir()) {
        let room = entry.file_name().into_string().unwrap();
        assert!(map.contains(&format!("[`{room}`]")), "{room} is not on the map in lib.rs");
        assert!(WALLS.iter().any(|(name, _)| *name == room), "{room} has no walls");
    }
}

/// The public types in a text that have no doc comment.
fn undocumented_types(text: &str) -> Vec<String> {
    let mut documented = false;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        let types = ["pub struct ", "pub enum ", "pub trait ", "pub type "];
        if types.iter().any(|kind| line.starts_with(kind)) && !documented && !line.contains('$') {
            found.push(line.to_owned());
        }
        // Attributes may come between a comment and its type.
        let between = !line.is_empty() && !line.ends_with(['}', ';', '{']);
        documented = line.starts_with("///") || (documented && between);
    }
    found
}

#[test]
fn public_types_are_documented() {
    assert_eq!(undocumented_types("/// A.\npub struct A;\npub enum B {}"), ["pub enum B {}"]);
    let mut missing = Vec::new();
    for file in everywhere() {
        let found = undocumented_types(&fs::read_to_string(&file).unwrap());
        missing.extend(found.into_iter().map(|what| format!("{}: {what}", file.display())));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn no_file_is_too_long() {
    for file in everywhere() {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= MOST_LINES, "{} has {lines} lines", file.display());
    }
}

/// Tokio takes the branches of a `select!` in random order unless it says `biased`, and then the simulation could not
/// play a seed twice.
#[test]
fn every_select_of_a_run_has_an_order() {
    let mut without = Vec::new();
    for floor in ["core", "engine", "store", "rehearsal"] {
        for path in sources(&root().join("crates").join(floor).join("src")) {
            let text = fs::read_to_string(&path).unwrap();
            let bodies = text.split("select! {").skip(1);
            let line = |body: &str| {
                let mut lines = body.lines().map(str::trim);
                lines.find(|line| !line.is_empty() && !line.starts_with("//")).map(str::to_owned)
            };
            without.extend(
                bodies
                    .filter(|body| line(body).as_deref() != Some("biased;"))
                    .map(|_| path.clone()),
            );
        }
    }
    assert!(without.is_empty(), "{without:#?}");
}

#[test]
fn core_does_no_io() {
    for file in sources(&root().join("crates/core/src")) {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|l| !l.trim_start().starts_with("//"));
        let text = code.collect::<Vec<_>>().join("\n");
        for foreign in
            ["tokio", "std::fs", "std::net", "std::process", "std::env", "reqwest", "rusqlite"]
        {
            assert!(!text.contains(foreign), "{} uses {foreign}", file.display());
        }
    }
}

/// The pages cited in the comments of a text, such as `docs/internals/screen.md`.
fn cited_pages(text: &str) -> Vec<String> {
    let comments = text.lines().filter_map(|line| line.split_once("//").map(|(_, rest)| rest));
    let words = comments
        .flat_map(|rest| rest.split(|c: char| !(c.is_ascii_alphanumeric() || "./_-".contains(c))));
    words
        .map(|w| w.trim_end_matches('.'))
        .filter(|w| Path::new(w).extension().is_some_and(|e| e == "md"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn comments_cite_only_pages_of_the_repository() {
    assert_eq!(cited_pages("x; // as in `a/b.md`, twice"), ["a/b.md"]);
    let mut missing = Vec::new();
    for file in everywhere().into_iter().chain(sources(&root().join("tests"))) {
        for page in cited_pages(&fs::read_to_string(&file).unwrap()) {
            if !root().join(&page).exists()
                && page != "a/b.md"
                && page != ".md"
                && !page.starts_with("//")
            {
                missing.push(format!("{} cites {page}", file.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The fault ids cited in the comments of a text, such as F10, N4 and dM9.
fn fault_ids(text: &str) -> Vec<String> {
    let cited = |word: &str| {
        let digits = ["dM", "F", "N"].iter().find_map(|kind| word.strip_prefix(kind));
        digits
            .is_some_and(|d| !d.is_empty() && d.len() < 3 && d.bytes().all(|b| b.is_ascii_digit()))
    };
    let comments = text.lines().filter_map(|line| line.split_once("//").map(|(_, rest)| rest));
    let words = comments.flat_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()));
    words.filter(|word| cited(word)).map(str::to_owned).collect()
}

#[test]
fn cited_faults_are_listed_with_an_existing_test() {
    let page = fs::read_to_string(root().join("docs/internals/faults.md")).unwrap();
    let listed = |id: &str| page.contains(&format!("| {id} |"));
    let mut unlisted = Vec::new();
    // In these files such names are function keys of the screen.
    let keys = ["tui/keys/commands.rs", "tui/driver/report.rs"];
    for file in everywhere().into_iter().filter(|file| !keys.iter().any(|of| file.ends_with(of))) {
        let text = fs::read_to_string(&file).unwrap();
        let ids = fault_ids(&text).into_iter().filter(|id| !listed(id));
        unlisted.extend(ids.map(|id| format!("{}: {id}", file.display())));
    }
    assert!(unlisted.is_empty(), "{unlisted:#?}");
    let names = page.split('`').skip(1).step_by(2).filter(|name| name.contains("::"));
    for name in names {
        let (module, function) = name.rsplit_once("::").unwrap();
        let file = root().join("tests/it").join(module.replace("::", "/")).with_extension("rs");
        let text = fs::read_to_string(&file).unwrap_or_default();
        assert!(text.contains(&format!("fn {function}(")), "there is no test {name}");
    }
}
