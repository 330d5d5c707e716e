//! The name of the revision that runs a build: an answer that contains it proves the build, not only the release.

use serde::{Deserialize, Serialize};

/// The revision that a build's answers should contain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    pub name: String,
    /// How every revision of this backend begins, where that was observed and never promised by the platform. An answer
    /// whose revision begins otherwise shows that the platform names revisions in another way, and proves no build.
    pub prefix: Option<String>,
}

/// Maximum characters of a Cloud Run name.
const LONGEST: usize = 63;
/// How ids of builds begin: ours, and those of Google's CLI and console.
const BUILD_IDS: [&str; 2] = ["b-", "build-"];

/// What an answer's revision says about the expected one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    Same,
    /// Another build of the backend.
    Other,
    /// A form that names no build of the backend.
    OtherForm,
}

impl Revision {
    /// A platform that passes the id of the build itself.
    pub fn exact(build: &str) -> Self {
        Self { name: build.to_owned(), prefix: None }
    }

    /// Cloud Run's name of a build of an App Hosting backend: `toto-app-build-2025-04-21-001`. Seen in public reports, not
    /// documented. `None` if it would not fit a name.
    pub fn of_backend(backend: &str, build: &str) -> Option<Self> {
        let name = format!("{backend}-{build}");
        (name.len() <= LONGEST).then(|| Self { name, prefix: Some(format!("{backend}-")) })
    }

    /// Whether only builds of this platform have such a revision, so that a matching answer always proves the build.
    pub fn is_promised(&self) -> bool {
        self.prefix.is_none()
    }

    /// What a revision says about this one.
    pub fn compare(&self, told: &str) -> Match {
        let Some(prefix) = &self.prefix else {
            return if told == self.name { Match::Same } else { Match::Other };
        };
        // Cloud Run's own names begin with the service too (`toto-app-00012-abc`): only a build id names another build.
        let named = told
            .strip_prefix(prefix)
            .is_some_and(|rest| BUILD_IDS.iter().any(|begin| rest.starts_with(begin)));
        match named {
            _ if told == self.name => Match::Same,
            true => Match::Other,
            false => Match::OtherForm,
        }
    }
}
