//! The page of figures, from what the benches found. A test compares the page with the record (`tests/it/docs.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::figure::{Figure, number};

/// The benches, in the order of the page, with what each is about.
pub(crate) const BENCHES: &[(&str, &str)] = &[
    ("deploy", "A deploy, beside the same commands in a shell script"),
    ("proxy", "The emulator's traffic proxy, beside nginx"),
    ("scale", "Many services, environments and runs"),
    ("screen", "The screen"),
    ("probes", "Probes, beside prometheus-blackbox-exporter"),
    ("migrate", "Migrations, beside Google's client"),
    ("simulate", "The simulation"),
];

/// What one bench found, when and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) date: String,
    pub(crate) machine: String,
    /// Their names and versions.
    pub(crate) peers: Vec<String>,
    pub(crate) figures: Vec<Figure>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) benches: BTreeMap<String, Measured>,
}

/// The page in Markdown.
pub(crate) fn page(record: &Record) -> String {
    let all = || record.benches.values();
    let figures = || all().flat_map(|measured| &measured.figures);
    let judged = figures().filter_map(|figure| Some((figure.goal?, figure.value)));
    let (reached, goals) = judged.fold((0, 0), |(reached, all), (goal, value)| {
        (reached + usize::from(goal.reached(value)), all + 1)
    });
    let machines: BTreeSet<&str> = all().map(|measured| measured.machine.as_str()).collect();
    let peers: BTreeSet<&str> =
        all().flat_map(|measured| measured.peers.iter().map(String::as_str)).collect();
    let list = |of: BTreeSet<&str>| of.into_iter().collect::<Vec<_>>().join("; ");
    let mut text = format!(
        "# Figures\n\n\
         What the benches measured, written by `cargo bench --bench figures`. {reached} of {goals} goals are reached; \
         what limits the others, and each figure, is in [Limits](../internals/limits.md). A figure with the unit × is a \
         ratio to a peer or to a smaller case, measured alternately in one run.\n\n\
         - machine: {}\n- peers: {}\n",
        list(machines),
        list(peers)
    );
    for (bench, about) in BENCHES {
        let Some(measured) = record.benches.get(*bench) else { continue };
        let _ = write!(
            text,
            "\n## {about}\n\n`cargo bench --bench {bench}`, {}\n\n\
             | figure | measured | goal | | of |\n|---|---|---|---|---|\n",
            measured.date
        );
        for Figure { what, value, unit, goal, of } in &measured.figures {
            let (limit, judged) =
                goal.map_or_else(Default::default, |goal| (goal.words(unit), goal.verdict(*value)));
            let value = format!("{} {unit}", number(*value));
            let _ = writeln!(
                text,
                "| {what} | {} | {} | {judged} | {of} |",
                value.trim(),
                limit.trim()
            );
        }
    }
    text
}
