//! What a rollback may do to a database: keep it, or undo migrations after or before traffic moves. An option is
//! offered only if every build that is live meanwhile accepts every version that the database has meanwhile (N4).

use super::{Migration, Schema, SchemaRange, Undo};
use crate::release::SchemaVersion;

/// The database part of a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SchemaWay {
    Keep,
    /// Undoes migrations once traffic has moved.
    After,
    Before,
}

impl SchemaWay {
    /// The word on the command line.
    pub fn label(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::After => "after",
            Self::Before => "before",
        }
    }
}

/// A migration to undo, and the version that remains.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Undone {
    pub migration: Migration,
    /// The version after it is undone.
    pub leaves: SchemaVersion,
}

impl Undone {
    /// Pairs each migration to undo with the version that remains.
    pub fn each(down: &[Migration], schema: &Schema) -> Vec<Self> {
        let one = |m: &Migration| Self { migration: m.clone(), leaves: schema.below(&m.version) };
        down.iter().map(one).collect()
    }
}

/// The three options from a version, each open, or closed with a reason. `live` and `target` are the ranges of
/// the live build and of the rollback target.
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
        .and_then(|()| on_the_way(live, "the live build"))
        .and_then(|()| accepts(target, last, "the target"));
    [(SchemaWay::Keep, keep), (SchemaWay::After, after), (SchemaWay::Before, before)]
}

/// The rollback options for one database.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct WaysBack {
    pub database: String,
    /// The current version of the database.
    pub now: SchemaVersion,
    /// The migrations to undo, latest first.
    pub undone: Vec<Undone>,
    /// Each option, open, or closed with a reason.
    pub ways: [(SchemaWay, Result<(), String>); 3],
}

impl WaysBack {
    /// Whether an option is open, or why not.
    pub fn open(&self, way: SchemaWay) -> Result<(), String> {
        let found = self.ways.iter().find(|(w, _)| *w == way);
        found.map_or(Ok(()), |(_, open)| open.clone())
    }
}

impl WaysBack {
    /// The option that undoes migrations, if one is open. After the switch is preferred, since traffic comes first.
    pub fn undo(&self) -> Option<SchemaWay> {
        [SchemaWay::After, SchemaWay::Before].into_iter().find(|way| self.open(*way).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use proptest::prelude::*;

    use super::*;
    use crate::migration::Phase;

    fn version(n: u64) -> SchemaVersion {
        format!("1.{n}.0").parse().unwrap()
    }

    fn range((from, to): (u64, u64)) -> SchemaRange {
        format!(">={}, <={}", version(from), version(to)).parse().unwrap()
    }

    /// A version, an earlier version to roll back to, and the range of the live build, which includes the current
    /// version: every plan must keep the live build compatible with the database.
    fn whence() -> impl Strategy<Value = ((u64, u64), (u64, u64))> {
        (1_u64..6).prop_flat_map(|now| ((Just(now), 0..now), (0..=now, now..6)))
    }

    fn undone(n: u64, undo: Undo) -> Undone {
        let (up, down) = (Vec::new(), Vec::new());
        let (version_of, description) = (version(n), String::new());
        let migration =
            Migration { version: version_of, description, phase: Phase::Expand, undo, up, down };
        Undone { migration, leaves: version(n - 1) }
    }

    proptest! {
        /// N4: with an open option, no build is live while the database is outside its range;
        /// and every safe option is open.
        #[test]
        fn no_way_serves_a_build_outside_its_range(
            ((now, to), live) in whence(), target in (0_u64..6, 0_u64..6), irreversible in 0_u64..12,
        ) {
            let (live, target) = (range(live), range(target));
            let undo = |n| if n == irreversible { Undo::No } else { Undo::Yes };
            let down: Vec<_> = (to + 1..=now).rev().map(|n| undone(n, undo(n))).collect();
            let undoable = down.iter().all(|u| u.migration.undo != Undo::No);
            let passed: Vec<_> = down.iter().map(|u| u.leaves.clone()).collect();
            for (way, open) in ways(from_ref(&live), from_ref(&target), &version(now), &down) {
                // The live builds at each version, step by step.
                let moments: Vec<(&SchemaRange, SchemaVersion)> = match way {
                    SchemaWay::Keep => vec![(&target, version(now))],
                    SchemaWay::After => std::iter::once(version(now))
                        .chain(passed.clone())
                        .map(|v| (&target, v))
                        .collect(),
                    SchemaWay::Before => passed
                        .iter()
                        .map(|v| (&live, v.clone()))
                        .chain([(&target, version(to))])
                        .collect(),
                };
                let safe = moments.iter().all(|(range, version)| range.accepts(version));
                let possible = way == SchemaWay::Keep || undoable;
                prop_assert_eq!(open.is_ok(), safe && possible, "{:?}: {:?}", way, open);
            }
        }
    }
}
