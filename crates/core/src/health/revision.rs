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

/// What an answer's revision says about the expected one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
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
    /// documented.
    pub fn of_backend(backend: &str, build: &str) -> Self {
        Self { name: format!("{backend}-{build}"), prefix: Some(format!("{backend}-")) }
    }

    pub(super) fn matches(&self, told: &str) -> Match {
        match &self.prefix {
            _ if told == self.name => Match::Same,
            Some(prefix) if !told.starts_with(prefix) => Match::OtherForm,
            Some(_) | None => Match::Other,
        }
    }
}
