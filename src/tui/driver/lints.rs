//! Lints only files that changed: environments are polled every few seconds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::config::Loaded;
use crate::domain::ids::EnvironmentName;
use crate::domain::lint_report::LintFinding;
use crate::domain::planner::EnvironmentSpec;
use crate::engine::proposal;

/// A file with its modification time and size. A change within the same timestamp mostly changes the size.
type Stamp = (PathBuf, Option<(SystemTime, u64)>);

/// The state of the files when they were linted, and the result.
type Found = (Vec<Stamp>, Linted);

/// A summary in words, and each finding.
type Linted = (Option<String>, Vec<LintFinding>);

/// The last result of each environment.
#[derive(Debug, Default)]
pub(super) struct Lints(Mutex<BTreeMap<EnvironmentName, Found>>);

impl Lints {
    /// The problems in an environment's files.
    pub(super) fn look(&self, loaded: &Loaded, spec: &EnvironmentSpec) -> Linted {
        let files = proposal::hosting_files(loaded, spec);
        let stamp = |file: &PathBuf| {
            let about = std::fs::metadata(file).ok();
            (file.clone(), about.and_then(|about| Some((about.modified().ok()?, about.len()))))
        };
        let stamps: Vec<Stamp> = files.iter().map(stamp).collect();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, said)) = kept.get(&spec.environment).filter(|k| k.0 == stamps) {
            return said.clone();
        }
        let said = proposal::troubles(loaded, spec);
        kept.insert(spec.environment.clone(), (stamps, said.clone()));
        said
    }
}
