//! Which versions of a schema a build can work with.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::error::Problem;
use crate::domain::release::SchemaVersion;

/// A range in Cargo's way of writing: `>=1.0.0, <2.0.0`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SchemaRange(semver::VersionReq);

impl SchemaRange {
    /// Whether a build of this range can work with a version.
    pub fn accepts(&self, version: &SchemaVersion) -> bool {
        version.is_in(&self.0)
    }
}

impl FromStr for SchemaRange {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        semver::VersionReq::parse(text).map(Self).map_err(|e| {
            Problem::new(format!("{text:?} is no range of versions"))
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

/// The first database whose version a build does not accept, in words (N4). A build that says nothing of
/// a database is taken to work with it: unknown is not outside.
pub fn outside(
    accepts: &BTreeMap<String, SchemaRange>,
    at: &BTreeMap<String, SchemaVersion>,
) -> Option<String> {
    accepts.iter().find_map(|(database, range)| {
        let version = at.get(database)?;
        let fits = range.accepts(version);
        (!fits).then(|| format!("it accepts {database} {range}, and {database} is at {version}"))
    })
}
