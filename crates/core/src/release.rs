//! A release is a label plus one build per service, shipped as one unit. Its label, a version and a database schema's
//! version are three different types (defects dR5, dM1: one string was used for all three, and was compared as text).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::Problem;

/// The label of a release: `1.2.0-broken`, `2026-11-22`, a commit. Compared for equality only; order comes from
/// [`ReleaseLabel::version`], never from the text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseLabel(String);

/// Maximum length: a longer label does not fit an annotation.
const LONGEST_LABEL: usize = 100;

impl ReleaseLabel {
    /// Validates the spelling: a label must fit an annotation value and an environment variable, and may be one of
    /// git's usual names: `release/1.2`, `@acme/web@1.3.0`. No part between slashes is empty or starts with a dot.
    pub fn new(label: impl Into<String>) -> Result<Self, Problem> {
        let label = label.into();
        let fits = |c: char| c.is_ascii_alphanumeric() || "._+-@/".contains(c);
        let starts_well = label.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '@');
        let parts_well = label.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
        if label.len() > LONGEST_LABEL || !starts_well || !parts_well || !label.chars().all(fits) {
            return Err(Problem::new(format!("{label:?} is not a release label")).because(format!(
                "labels are up to {LONGEST_LABEL} letters, digits and any of . _ + - @ /, and begin with a letter, digit or @"
            )));
        }
        Ok(Self(label))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The semantic version that the label spells, if it does: `v1.10.0` and `1.10.0` both do.
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

/// The name of a release, with the commit that distinguishes it from others with the same label: `main@1a2b3c4`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReleaseName {
    pub label: ReleaseLabel,
    /// The commit, 40 hex digits, if the release was built from one.
    pub commit: Option<String>,
}

/// Digits of a commit in a name.
const SHORT_COMMIT: usize = 7;

impl ReleaseName {
    fn short(&self) -> Option<&str> {
        let commit = self.commit.as_deref()?;
        // A label that is the commit itself needs no suffix.
        let itself = commit.starts_with(self.label.as_str());
        commit.get(..SHORT_COMMIT).filter(|_| !itself)
    }

    /// Whether a typed name matches: its label, its full name, or its label with more digits of the commit.
    pub fn is(&self, named: &ReleaseLabel) -> bool {
        let with_commit = || {
            let (label, commit) = named.as_str().rsplit_once('@')?;
            let known = self.commit.as_deref()?;
            let same = commit.len() >= SHORT_COMMIT && known.starts_with(commit);
            (same && label == self.label.as_str()).then_some(())
        };
        &self.label == named || with_commit().is_some()
    }
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.short() {
            Some(short) => f.pad(&format!("{}@{short}", self.label)),
            None => f.pad(self.label.as_str()),
        }
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
    /// The version of a release, ordered by <https://semver.org> §11.
    Version
);
semantic_version!(
    /// The version of a database schema. Not comparable with [`Version`], on purpose.
    SchemaVersion
);

impl SchemaVersion {
    /// The version before any migration.
    pub const ZERO: Self = Self(semver::Version::new(0, 0, 0));

    /// The parsed version.
    pub(super) fn parts(&self) -> &semver::Version {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_numerically() {
        let v = |s: &str| s.parse::<Version>().unwrap();
        assert!(v("1.10.0") > v("1.9.0"));
        assert!(v("1.2.0-broken") < v("1.2.0"));
        let s = |s: &str| s.parse::<SchemaVersion>().unwrap();
        assert!(s("1.10.0") > s("1.9.0"));
    }

    #[test]
    fn moving_labels_show_their_commit() {
        let label = |text: &str| ReleaseLabel::new(text).unwrap();
        let commit = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d";
        let name = |text: &str| ReleaseName { label: label(text), commit: Some(commit.to_owned()) };
        assert_eq!(name("main").to_string(), "main@1a2b3c4");
        assert_eq!(name("1a2b3c4d").to_string(), "1a2b3c4d");
        for meant in ["main", "main@1a2b3c4", "main@1a2b3c4d5e6f"] {
            assert!(name("main").is(&label(meant)), "{meant}");
        }
        for other in ["main@1a2b3c5", "main@1a2b", "next@1a2b3c4", "mai"] {
            assert!(!name("main").is(&label(other)), "{other}");
        }
    }

    #[test]
    fn labels_need_not_be_versions() {
        assert_eq!(ReleaseLabel::new("2026-11-22").unwrap().version(), None);
        assert_eq!(ReleaseLabel::new("v1.2.0").unwrap().version().unwrap().to_string(), "1.2.0");
        for good in ["release/1.2", "web@1.2.0", "@acme/web@1.3.0", "v2.0.0+build.5"] {
            assert!(ReleaseLabel::new(good).is_ok(), "{good:?}");
        }
        for bad in ["", "-x", "a b", "/b", "a/", "a//b", "a/../b", ".a", "a\u{202e}b", "{build}"] {
            assert!(ReleaseLabel::new(bad).is_err(), "{bad:?}");
        }
    }
}
