//! A release is a label plus one build per service, shipped as one unit. Its label, a version and a
//! database schema's version are three different types (defects dR5, dM1: one string was all three,
//! and was compared as text).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::Problem;

/// What people call a release: `1.2.0-broken`, `2026-11-22`, a commit. Compared for equality only;
/// order comes from [`ReleaseLabel::version`], never from the text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseLabel(String);

impl ReleaseLabel {
    /// Checks the spelling: what fits an annotation value, an environment variable and a file name.
    pub fn new(label: impl Into<String>) -> Result<Self, Problem> {
        let label = label.into();
        let fits = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
        let starts_well = label.starts_with(|c: char| c.is_ascii_alphanumeric());
        if label.len() > 64 || !starts_well || !label.chars().all(fits) {
            return Err(Problem::new(format!("{label:?} is not a release label"))
                .because("labels are up to 64 letters, digits, '.', '_', '+', '-', and begin with a letter or digit"));
        }
        Ok(Self(label))
    }

    /// The label as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The semantic version the label spells, if it does: `v1.10.0` and `1.10.0` both do.
    pub fn version(&self) -> Option<Version> {
        self.0.strip_prefix('v').unwrap_or(&self.0).parse().ok()
    }
}

impl fmt::Display for ReleaseLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for ReleaseLabel {
    type Err = Problem;
    fn from_str(s: &str) -> Result<Self, Problem> {
        Self::new(s)
    }
}

impl TryFrom<String> for ReleaseLabel {
    type Error = Problem;
    fn try_from(s: String) -> Result<Self, Problem> {
        Self::new(s)
    }
}

impl From<ReleaseLabel> for String {
    fn from(label: ReleaseLabel) -> String {
        label.0
    }
}

macro_rules! semantic_version {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(semver::Version);

        impl FromStr for $type {
            type Err = Problem;
            fn from_str(s: &str) -> Result<Self, Problem> {
                semver::Version::parse(s).map(Self).map_err(|e| {
                    Problem::new(format!("{s:?} is not a semantic version")).because(e.to_string())
                })
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

semantic_version!(
    /// The version of a release, ordered as <https://semver.org> §11 orders it.
    Version
);
semantic_version!(
    /// The version of a database schema. Not comparable with [`Version`], on purpose.
    SchemaVersion
);

impl SchemaVersion {
    /// Before any migration.
    pub const ZERO: Self = Self(semver::Version::new(0, 0, 0));

    /// Whether it is one of a range.
    pub(super) fn is_in(&self, range: &semver::VersionReq) -> bool {
        range.matches(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_comes_after_nine() {
        let v = |s: &str| s.parse::<Version>().unwrap();
        assert!(v("1.10.0") > v("1.9.0"));
        assert!(v("1.2.0-broken") < v("1.2.0"));
        let s = |s: &str| s.parse::<SchemaVersion>().unwrap();
        assert!(s("1.10.0") > s("1.9.0"));
    }

    #[test]
    fn a_label_need_not_be_a_version() {
        assert_eq!(ReleaseLabel::new("2026-11-22").unwrap().version(), None);
        assert_eq!(ReleaseLabel::new("v1.2.0").unwrap().version().unwrap().to_string(), "1.2.0");
        for bad in ["", "-x", "a b", "a/b", "a\u{202e}b"] {
            assert!(ReleaseLabel::new(bad).is_err(), "{bad:?}");
        }
    }
}
