//! Runs the other benches and writes the page of figures, `docs/reference/figures.md`, from what they find. What they
//! found last is kept in `benches/figures.json`, so that one of them can be repeated alone.
//!
//! `cargo bench --bench figures`, or `cargo bench --bench figures -- proxy scale` for some of them.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench is a program for a terminal"
)]

#[expect(dead_code, reason = "the benches themselves use the rest")]
mod figure;
#[path = "figure/page.rs"]
mod page;

use std::path::Path;
use std::process::Command;

use figure::{FILE, Figure};
use page::{BENCHES, Measured, Record, page};

fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let said = Command::new(program).args(arguments).output().ok()?;
    // nginx names its version on stderr; a failure there is no version.
    let text =
        if said.stdout.is_empty() && said.status.success() { said.stderr } else { said.stdout };
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned())
}

/// The processor, its number and the system, as far as they are known.
fn machine() -> String {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let name = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let name = name.map_or("an unknown processor", |(_, name)| name).to_owned();
    let memory = read("/proc/meminfo");
    let kilobytes = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes: Option<u64> =
        kilobytes.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let system = first_line("uname", &["-sr"]).unwrap_or_default();
    let memory = kilobytes.map_or_else(String::new, |kb| format!(", {} GiB", kb / 1024 / 1024));
    format!("{cores} cores of {name}{memory}, {system}")
}

fn peers() -> Vec<String> {
    let client = "from importlib.metadata import version as v; print('google-cloud-firestore', v('google-cloud-firestore'))";
    let all: [(&str, &[&str]); 8] = [
        ("rustc", &["--version"]),
        ("nginx", &["-v"]),
        ("wrk", &["-v"]),
        ("curl", &["--version"]),
        ("btop", &["--version"]),
        ("lnav", &["--version"]),
        ("prometheus-blackbox-exporter", &["--version"]),
        ("python3", &["-c", client]),
    ];
    let named = |line: String| line.split(['(', '[']).next().unwrap_or_default().trim().to_owned();
    all.iter().filter_map(|(name, arguments)| first_line(name, arguments).map(named)).collect()
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (json, markdown) =
        (root.join("benches/figures.json"), root.join("docs/reference/figures.md"));
    let text = std::fs::read_to_string(&json).unwrap_or_default();
    let mut record: Record = serde_json::from_str(&text).unwrap_or_default();
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let date = first_line("date", &["-u", "+%Y-%m-%d"]).unwrap_or_default();
    for (bench, _) in BENCHES {
        if !wanted.is_empty() && !wanted.iter().any(|word| word == bench) {
            continue;
        }
        println!("== {bench}");
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new(env!("CARGO"));
        command.args(["bench", "--bench", bench]).current_dir(root).env(FILE, file.path());
        // What cargo told this program about itself would make it build everything again.
        let own = |name: &str| name.starts_with("CARGO_") || name == "OUT_DIR";
        for (name, _) in std::env::vars().filter(|(name, _)| own(name)) {
            command.env_remove(name);
        }
        let done = command.status().unwrap();
        assert!(done.success(), "{bench} failed");
        let lines = std::fs::read_to_string(file.path()).unwrap();
        let figures: Vec<Figure> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let measured = Measured { date: date.clone(), machine: machine(), peers: peers(), figures };
        record.benches.insert((*bench).to_owned(), measured);
        std::fs::write(&json, serde_json::to_string_pretty(&record).unwrap() + "\n").unwrap();
        std::fs::write(&markdown, page(&record)).unwrap();
    }
    println!("written: docs/reference/figures.md");
}
