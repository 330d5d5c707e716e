//! Lint findings about the files that configure a run's builds, as stored in the plan.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::build_config::SecretRef;
use super::checklist::Proof;
use super::describe::counted;
use super::health::Verdict;
use super::ids::ServiceName;

/// The topic of a finding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum About {
    /// Build and run of a service.
    #[default]
    Config,
    Secrets,
}

/// One finding of the linter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintFinding {
    pub about: About,
    /// File, line and column: `toto-app/apphosting.yaml:12:5`.
    pub place: String,
    pub what: String,
}

impl std::fmt::Display for LintFinding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// The linted files, and the findings. Errors are never among them: a plan with a lint error is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintReport {
    pub files: usize,
    pub flaws: Vec<LintFinding>,
    /// The variables that the files declare, by service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub declared: BTreeMap<ServiceName, BTreeSet<String>>,
    /// The secrets that the files name, by service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<ServiceName, BTreeSet<SecretRef>>,
    /// The environment's own file of each service that has one, with the variables that it declares.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub own_files: BTreeMap<ServiceName, OwnFile>,
}

/// A file of one environment, such as `apphosting.production.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnFile {
    pub name: String,
    pub variables: BTreeSet<String>,
}

/// Maximum findings in one line.
const FINDINGS_SHOWN: usize = 3;

impl LintReport {
    /// `2 warnings`, if there are any.
    pub fn warnings(&self) -> Option<String> {
        match self.flaws.len() {
            0 => None,
            many => Some(counted(many, "warning")),
        }
    }

    /// Describes the variables that a service's files declare but its build was not given.
    pub fn unbound(&self, service: &ServiceName, bound: &BTreeSet<String>) -> Option<String> {
        let declared = self.declared.get(service)?;
        let missing: Vec<_> = declared.difference(bound).map(String::as_str).collect();
        (!missing.is_empty()).then(|| format!("declared, and not bound: {}", missing.join(", ")))
    }

    /// The result of a checklist item for `config`, `secrets` or `all`, as `lint --strict` would report it.
    pub fn proof(&self, of: &str) -> Proof {
        let wanted = |flaw: &&LintFinding| match of {
            "config" => flaw.about == About::Config,
            "secrets" => flaw.about == About::Secrets,
            _ => true,
        };
        let found: Vec<&LintFinding> = self.flaws.iter().filter(wanted).collect();
        if found.is_empty() {
            let said = match self.files {
                // Unknown: there may be no file, or it cannot be read from here.
                0 => {
                    let said = "no apphosting.yaml found".to_owned();
                    return Proof { verdict: Verdict::Inconclusive, said };
                }
                1 => "1 file, nothing is wrong".to_owned(),
                many => format!("{many} files, nothing is wrong"),
            };
            return Proof { verdict: Verdict::Pass, said };
        }
        let told =
            found.iter().take(FINDINGS_SHOWN).map(|flaw| format!("{}: {}", flaw.place, flaw.what));
        let mut told: Vec<_> = told.collect();
        if found.len() > FINDINGS_SHOWN {
            told.push(format!("and {} more", found.len() - FINDINGS_SHOWN));
        }
        Proof { verdict: Verdict::Fail, said: told.join("; ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lint_item_fails_only_by_its_configured_severity() {
        let flaw = |about, what: &str| {
            let (place, what) = ("apphosting.yaml:1:1".to_owned(), what.to_owned());
            LintFinding { about, place, what }
        };
        let one = LintReport {
            files: 2,
            flaws: vec![flaw(About::Secrets, "exposed")],
            ..LintReport::default()
        };
        let proof = one.proof("config");
        assert_eq!(
            (proof.verdict, proof.said.as_str()),
            (Verdict::Pass, "2 files, nothing is wrong")
        );
        for of in ["secrets", "all"] {
            let proof = one.proof(of);
            assert_eq!(proof.verdict, Verdict::Fail);
            assert_eq!(proof.said, "apphosting.yaml:1:1: exposed");
        }
        let many = LintReport {
            files: 1,
            flaws: vec![flaw(About::Config, "odd"); 5],
            ..LintReport::default()
        };
        assert!(many.proof("all").said.ends_with("; and 2 more"));
        assert_eq!(many.warnings().as_deref(), Some("5 warnings"));
        assert_eq!(LintReport::default().proof("all").verdict, Verdict::Inconclusive);
    }
}
