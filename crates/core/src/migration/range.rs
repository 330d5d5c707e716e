//! The schema versions that a build accepts.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use semver::{BuildMetadata, Comparator, Op, Prerelease, Version};
use serde::{Deserialize, Serialize};

use crate::error::Problem;
use crate::release::SchemaVersion;

/// A version range in Cargo's syntax: `>=1.0.0, <2.0.0`. A pre-release is included by precedence alone, as with npm's
/// `includePrerelease`: 1.1.0-rc.1 lies between 1.0.0 and 2.0.0. A range written with fewer numbers is bounded by the
/// pre-release `-0`, which keeps 2.0.0-rc.1 out of `^1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SchemaRange(semver::VersionReq);

impl SchemaRange {
    /// Whether the range includes a version.
    pub fn accepts(&self, version: &SchemaVersion) -> bool {
        let version = version.parts();
        self.0.comparators.iter().all(|comparator| holds(comparator, version))
    }
}

/// The lowest version with these numbers, below any other pre-release.
fn first(major: u64, minor: u64, patch: u64) -> Version {
    let pre = Prerelease::new("0").unwrap_or(Prerelease::EMPTY);
    Version { major, minor, patch, pre, build: BuildMetadata::EMPTY }
}

fn holds(comparator: &Comparator, version: &Version) -> bool {
    let Comparator { op, major, minor, patch, .. } = comparator;
    let (major, minor_or_0, patch_or_0) = (*major, minor.unwrap_or(0), patch.unwrap_or(0));
    let whole = patch.is_some();
    let named = if whole {
        let (pre, build) = (comparator.pre.clone(), BuildMetadata::EMPTY);
        Version { major, minor: minor_or_0, patch: patch_or_0, pre, build }
    } else {
        first(major, minor_or_0, 0)
    };
    // The first version above the range of a version with fewer numbers.
    let after = match minor {
        None => first(major.saturating_add(1), 0, 0),
        Some(minor) => first(major, minor.saturating_add(1), 0),
    };
    let order = version.cmp_precedence(&named);
    let below = |bound: &Version| version.cmp_precedence(bound).is_lt();
    match op {
        Op::Exact | Op::Wildcard if whole => order.is_eq(),
        Op::Greater if whole => order.is_gt(),
        Op::Greater => !below(&after),
        Op::GreaterEq => order.is_ge(),
        Op::Less => order.is_lt(),
        Op::LessEq if whole => order.is_le(),
        Op::LessEq => below(&after),
        Op::Exact | Op::Wildcard | Op::Tilde => order.is_ge() && below(&after),
        Op::Caret => order.is_ge() && below(&incompatible(major, *minor, *patch)),
        // An operator that semver added later: no version is known to match.
        _ => false,
    }
}

/// The first incompatible version: the leftmost non-zero number must not change.
fn incompatible(major: u64, minor: Option<u64>, patch: Option<u64>) -> Version {
    match (major, minor, patch) {
        (0, None, _) => first(1, 0, 0),
        (0, Some(0), None) => first(0, 1, 0),
        (0, Some(0), Some(patch)) => first(0, 0, patch.saturating_add(1)),
        (0, Some(minor), _) => first(0, minor.saturating_add(1), 0),
        (major, ..) => first(major.saturating_add(1), 0, 0),
    }
}

impl FromStr for SchemaRange {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        semver::VersionReq::parse(text).map(Self).map_err(|e| {
            Problem::new(format!("{text:?} is not a range of versions"))
                .because(e.to_string())
                .try_this("write it like \">=1.0.0, <2.0.0\"")
        })
    }
}

impl fmt::Display for SchemaRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A database whose version is outside the range that a build accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outside<'a> {
    pub database: &'a str,
    /// The range that the build accepts.
    pub range: &'a SchemaRange,
    /// The version of the database.
    pub version: &'a SchemaVersion,
}

impl fmt::Display for Outside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { database, range, version } = self;
        write!(f, "it accepts {database} {range}, and {database} is at {version}")
    }
}

/// The first database whose version a build does not accept (N4). A build without a range for a database is
/// assumed to accept it: unknown is not outside.
pub fn outside<'a>(
    accepts: &'a BTreeMap<String, SchemaRange>,
    at: &'a BTreeMap<String, SchemaVersion>,
) -> Option<Outside<'a>> {
    accepts.iter().find_map(|(database, range)| {
        let version = at.get(database)?;
        (!range.accepts(version)).then_some(Outside { database, range, version })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn accepts(range: &str, version: &str) -> bool {
        let range: SchemaRange = range.parse().unwrap();
        range.accepts(&version.parse().unwrap())
    }

    /// Each range with versions inside and outside, as determined by npm's `semver` 7 with `includePrerelease`.
    #[test]
    fn ranges_order_pre_releases_by_precedence() {
        let table: [(&str, &[&str], &[&str]); 12] = [
            (
                ">=1.0.0, <2.0.0",
                &["1.0.0", "1.1.0-rc.1", "1.9.9", "2.0.0-rc.1"],
                &["1.0.0-rc.1", "2.0.0"],
            ),
            ("^1.2.3", &["1.2.3", "1.3.0-rc.1", "1.10.0"], &["1.2.3-rc.1", "2.0.0-rc.1", "2.0.0"]),
            ("^1", &["1.0.0-rc.1", "1.99.0"], &["2.0.0-0", "0.9.9"]),
            ("^0.2.3", &["0.2.3", "0.2.9-rc.1"], &["0.3.0-rc.1", "0.3.0"]),
            ("^0.0.3", &["0.0.3"], &["0.0.4-rc.1", "0.0.4"]),
            ("~1.2.3", &["1.2.3", "1.2.4-rc.1"], &["1.3.0-rc.1", "1.3.0"]),
            ("~1.2", &["1.2.0-rc.1", "1.2.9"], &["1.3.0-rc.1"]),
            ("1.*", &["1.0.0-rc.1", "1.5.0"], &["2.0.0-rc.1"]),
            ("=1.0.0", &["1.0.0", "1.0.0+build.5"], &["1.0.0-rc.1", "1.0.1"]),
            (">1.2", &["1.3.0-rc.1", "1.3.0"], &["1.2.9", "1.2.0"]),
            ("<=1.2", &["1.2.9", "1.2.0-rc.1"], &["1.3.0-rc.1"]),
            ("<2", &["1.9.9", "1.0.0-rc.1"], &["2.0.0-rc.1"]),
        ];
        for (range, inside, outside) in table {
            for version in inside {
                assert!(accepts(range, version), "{version} in {range}");
            }
            for version in outside {
                assert!(!accepts(range, version), "{version} not in {range}");
            }
        }
    }

    fn version() -> impl Strategy<Value = Version> {
        let pre = prop_oneof![Just(""), Just("rc.2"), Just("rc.10"), Just("0")];
        (0..3_u64, 0..3_u64, 0..3_u64, pre).prop_map(|(major, minor, patch, pre)| Version {
            pre: Prerelease::new(pre).unwrap(),
            ..Version::new(major, minor, patch)
        })
    }

    proptest! {
        /// Every comparator matches one contiguous part of the version order, and judges releases as Cargo does.
        #[test]
        fn ranges_are_contiguous(
            op in prop_oneof![Just(""), Just("="), Just(">"), Just(">="), Just("<"), Just("<="), Just("~"), Just("^")],
            named in version(),
            numbers in 1..=3_usize,
            mut some in proptest::collection::vec(version(), 3),
        ) {
            let whole = named.to_string();
            let text = if numbers == 3 {
                whole
            } else {
                let parts = [named.major, named.minor];
                parts[..numbers].iter().map(ToString::to_string).collect::<Vec<_>>().join(".")
            };
            let text = format!("{op}{text}");
            let range: SchemaRange = text.parse().unwrap();
            let fits = |v: &Version| range.accepts(&v.to_string().parse().unwrap());
            some.sort_by(Version::cmp_precedence);
            prop_assert!(!(fits(&some[0]) && !fits(&some[1]) && fits(&some[2])), "{text}: {some:?}");
            for version in some.iter().filter(|v| v.pre.is_empty()) {
                prop_assert_eq!(fits(version), range.0.matches(version), "{} and {}", text, version);
            }
        }
    }
}
