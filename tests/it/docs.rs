//! The manual: generated pages are current, and links have targets.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use pointsman::tui::keys::commands::COMMANDS;

use super::house::files;

#[path = "../../benches/figure/mod.rs"]
#[expect(dead_code, clippy::print_stdout, reason = "the benches use all of it, and print")]
mod figure;
#[path = "../../benches/figure/page.rs"]
mod page;

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares a page with the generated text. `UPDATE_DOCS=1` writes it.
pub(crate) fn generated(page: &str, wanted: &str) {
    let path = root().join("docs/reference").join(page);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "{page} is stale: UPDATE_DOCS=1 cargo test --test it -- docs");
}

#[test]
fn page_of_keys_is_current() {
    let mut page = "# Keys\n\nGenerated from `src/tui/keys/commands.rs`. `ui.keys` in the config \
                    gives a command other keys, by its name.\n\n| key | command | |\n|---|---|---|\n"
        .to_owned();
    for row in COMMANDS {
        let keys: Vec<_> = row.keys.iter().map(|key| format!("`{key}`")).collect();
        let only = row.pane.map_or(String::new(), |pane| format!(" (in {})", &pane.title()[2..]));
        writeln!(page, "| {} | {} | {}{only} |", keys.join(" "), row.name, row.doc).unwrap();
    }
    generated("keys.md", &page);
}

#[test]
fn page_of_figures_is_what_the_benches_found() {
    let text = std::fs::read_to_string(root().join("benches/figures.json")).unwrap();
    let record: page::Record = serde_json::from_str(&text).unwrap();
    generated("figures.md", &page::page(&record));
}

/// Every Markdown file that users read.
fn pages() -> Vec<PathBuf> {
    let below =
        ["docs", "examples"].into_iter().flat_map(|folder| files(&root().join(folder), &["md"]));
    [root().join("README.md"), root().join("CONTRIBUTING.md")].into_iter().chain(below).collect()
}

/// The link targets of a page (the text after `](`), outside code blocks.
fn targets(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    prose
        .flat_map(|part| part.split("](").skip(1))
        .filter_map(|rest| rest.split(')').next())
        .collect()
}

/// The anchor of a heading, as GitHub and `mdBook` generate it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_link_leads_to_a_file_and_its_heading() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for target in targets(&text).into_iter().filter(|target| !target.contains("://")) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path =
                if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let linked = std::fs::read_to_string(&path).ok();
            let mut headings =
                linked.iter().flat_map(|text| text.lines()).filter(|line| line.starts_with('#'));
            let known = heading.is_empty()
                || headings.any(|line| anchor(line.trim_start_matches('#').trim()) == heading);
            if !path.exists() || !known {
                broken.push(format!("{}: {target}", page.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert_eq!(broken, [] as [String; 0]);
}

#[test]
fn every_page_of_the_book_is_in_its_summary() {
    let book = root().join("docs");
    let summary = std::fs::read_to_string(book.join("SUMMARY.md")).unwrap();
    let listed: Vec<_> = targets(&summary).into_iter().map(|target| book.join(target)).collect();
    let of_the_book = pages().into_iter().filter(|page| page.starts_with(&book));
    let missing: Vec<_> = of_the_book
        .filter(|page| !page.ends_with("SUMMARY.md") && !listed.contains(page))
        .collect();
    assert_eq!(missing, [] as [PathBuf; 0]);
}
