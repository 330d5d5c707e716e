//! What a rollback may do to a database: keep it, or undo migrations after or before traffic moves. Offered
//! only where everybody who serves on the way can work with every version on the way (N4).

use super::{Migration, Schema, SchemaRange, Undo};
use crate::domain::release::SchemaVersion;

/// What a rollback does to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaWay {
    /// Nothing.
    Keep,
    /// Undoes migrations once traffic has moved.
    After,
    /// Undoes them before.
    Before,
}

impl SchemaWay {
    /// One word, as the command line takes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::After => "after",
            Self::Before => "before",
        }
    }
}

/// A migration to undo, and the version that leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Undone {
    /// The migration.
    pub migration: Migration,
    /// The version after it.
    pub leaves: SchemaVersion,
}

impl Undone {
    /// The migrations of a way down, each with what it leaves.
    pub fn each(down: &[Migration], schema: &Schema) -> Vec<Self> {
        let one = |m: &Migration| Self { migration: m.clone(), leaves: schema.below(&m.version) };
        down.iter().map(one).collect()
    }
}

/// The three ways from a version, each open, or closed for a reason. `live` and `target` are the ranges of
/// whoever serves now, and of whoever is to serve.
pub fn ways(
    live: &[SchemaRange],
    target: &[SchemaRange],
    now: &SchemaVersion,
    down: &[Undone],
) -> [(SchemaWay, Result<(), String>); 3] {
    let accepts = |ranges: &[SchemaRange], version: &SchemaVersion, who: &str| {
        let refuses = ranges.iter().find(|range| !range.accepts(version));
        refuses.map_or(Ok(()), |range| Err(format!("{who} accepts {range}, not {version}")))
    };
    let on_the_way = |ranges: &[SchemaRange], who: &str| {
        down.iter().try_for_each(|undone| accepts(ranges, &undone.leaves, who))
    };
    let undoable = || match down.iter().find(|u| u.migration.undo == Undo::No) {
        Some(undone) => Err(format!("{} cannot be undone", undone.migration.version)),
        None if down.is_empty() => Err("there is nothing to undo".to_owned()),
        None => Ok(()),
    };
    let keep = accepts(target, now, "the target");
    let after = undoable()
        .and_then(|()| accepts(target, now, "the target"))
        .and_then(|()| on_the_way(target, "the target"));
    let last = down.last().map_or(now, |undone| &undone.leaves);
    let before = undoable()
        .and_then(|()| on_the_way(live, "what serves now"))
        .and_then(|()| accepts(target, last, "the target"));
    [(SchemaWay::Keep, keep), (SchemaWay::After, after), (SchemaWay::Before, before)]
}
