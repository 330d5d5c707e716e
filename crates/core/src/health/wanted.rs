//! The expected build, and whether an answer comes from it.

use super::revision::{Match, Revision};
use super::{Identity, Sample};
use crate::ids::BuildId;
use crate::release::ReleaseLabel;

/// The expected build. An answer's version is the release's label or commit, its revision is the build id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The accepted versions. Empty if the release of the build is unknown.
    pub versions: Vec<ReleaseLabel>,
    pub build: BuildId,
    /// Whether the config says where an answer contains the version. If so, an answer without one does not match.
    pub version_told: bool,
    /// The revision, if the config says where an answer contains it and the platform tells the service its own. If so, an
    /// answer without one does not match.
    pub revision: Option<Revision>,
    /// Versions that the other build of the run may report too. An answer with one of these and no revision
    /// does not tell the two builds apart.
    pub shared: Vec<ReleaseLabel>,
}

impl Wanted {
    /// An expected build that answers identify by the revision alone.
    #[cfg(test)]
    pub(crate) fn by_revision(build: &str) -> Self {
        Self {
            versions: Vec::new(),
            build: BuildId::new(build).unwrap(),
            version_told: false,
            revision: Some(Revision::exact(build)),
            shared: Vec::new(),
        }
    }

    /// Accepts a healthy answer from the expected build. The error states what differs.
    pub fn judge(&self, sample: &Sample) -> Result<(), String> {
        match sample {
            Sample::Healthy(identity) => self.differs(identity).map_or(Ok(()), Err),
            Sample::Unhealthy(why) => Err(why.clone()),
            Sample::Blind(why) => Err(format!("could not ask: {why}")),
        }
    }

    /// Whether no answer could identify this build: its release is unknown, and the platform reports no revision.
    pub fn proves_nothing(&self) -> bool {
        self.versions.is_empty() && self.revision.is_none()
    }

    /// Whether every matching answer distinguishes this build from the other one of the run.
    pub fn tells_apart(&self) -> bool {
        self.revision.as_ref().is_some_and(Revision::is_promised) || self.shared.is_empty()
    }

    /// Whether a matching answer distinguishes this build from the other one.
    pub fn proven_by(&self, sample: &Sample) -> bool {
        let Sample::Healthy(identity) = sample else { return false };
        let version = identity.version.as_deref();
        let told = self.revision.as_ref().zip(identity.revision.as_ref());
        let by_revision = told.is_some_and(|(wanted, told)| wanted.compare(told) == Match::Same);
        by_revision || !self.shared.iter().any(|shared| Some(shared.as_str()) == version)
    }

    /// The revision of an answer that names revisions in another way than expected, so that it proves the version only.
    pub fn other_form<'a>(&self, sample: &'a Sample) -> Option<&'a str> {
        let Sample::Healthy(Identity { revision: Some(told), .. }) = sample else { return None };
        let wanted = self.revision.as_ref()?;
        (wanted.compare(told) == Match::OtherForm).then_some(told.as_str())
    }

    fn differs(&self, identity: &Identity) -> Option<String> {
        let labels = &self.versions;
        let wanted = labels.iter().map(ReleaseLabel::as_str).collect::<Vec<_>>().join(" or ");
        let known = |v: &String| labels.is_empty() || labels.iter().any(|w| w.as_str() == v);
        match &identity.version {
            Some(version) if !known(version) => {
                return Some(format!("version is {version}, wanted {wanted}"));
            }
            None if self.version_told => {
                let wanted = if wanted.is_empty() { "one" } else { &wanted };
                return Some(format!("the answer has no version, wanted {wanted}"));
            }
            _ => {}
        }
        let neither = || {
            let none = identity.version.is_none();
            none.then(|| "the service reports neither version nor revision".to_owned())
        };
        let Some(wanted) = &self.revision else { return neither() };
        let Some(told) = &identity.revision else {
            return Some(format!("the answer has no revision, wanted {}", wanted.name));
        };
        match wanted.compare(told) {
            Match::Same => None,
            Match::Other => Some(format!("revision is {told}, wanted {}", wanted.name)),
            Match::OtherForm => identity.version.is_none().then(|| {
                format!(
                    "revision {told} names no build of this backend, and the answer has no version"
                )
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(version_told: bool, revision_told: bool) -> Wanted {
        Wanted {
            versions: vec![ReleaseLabel::new("v1.0.2").unwrap()],
            build: BuildId::new("b-2").unwrap(),
            version_told,
            revision: revision_told.then(|| Revision::exact("b-2")),
            shared: Vec::new(),
        }
    }

    #[test]
    fn revision_of_a_backend_proves_the_build() {
        let wanted = |shared: &[&str]| Wanted {
            revision: Revision::of_backend("toto-app", "b-2"),
            shared: shared.iter().map(|label| ReleaseLabel::new(*label).unwrap()).collect(),
            ..wanted(true, false)
        };
        let version = Some("v1.0.2");
        let said = |revision| wanted(&[]).judge(&answer(version, Some(revision)));
        assert_eq!(said("toto-app-b-2"), Ok(()));
        assert!(said("toto-app-b-1").unwrap_err().contains("wanted toto-app-b-2"));
        // Another form: the platform names revisions differently, so only the version is known.
        assert_eq!(said("toto-app-00012-abc"), Ok(()), "Cloud Run's own name, of no known build");
        assert!(!wanted(&["v1.0.2"]).tells_apart(), "the form was never promised");
        let other = answer(version, Some("revision-7"));
        assert_eq!(wanted(&[]).judge(&other), Ok(()));
        assert_eq!(wanted(&[]).other_form(&other), Some("revision-7"));
        assert!(wanted(&[]).proven_by(&other), "no other build reports this version");
        assert!(!wanted(&["v1.0.2"]).proven_by(&other), "the other build may report it too");
        assert!(wanted(&["v1.0.2"]).proven_by(&answer(version, Some("toto-app-b-2"))));
        let nothing = wanted(&[]).judge(&answer(None, Some("revision-7")));
        assert!(nothing.unwrap_err().contains("no version"));
    }

    fn answer(version: Option<&str>, revision: Option<&str>) -> Sample {
        let text = |t: Option<&str>| t.map(str::to_owned);
        Sample::Healthy(Identity { version: text(version), revision: text(revision) })
    }

    #[test]
    fn missing_value_never_matches_a_configured_one() {
        let both = wanted(true, true);
        assert_eq!(both.judge(&answer(Some("v1.0.2"), Some("b-2"))), Ok(()));
        let said = |version, revision| both.judge(&answer(version, revision)).unwrap_err();
        assert_eq!(said(Some("v1.0.2"), None), "the answer has no revision, wanted b-2");
        assert_eq!(said(None, Some("b-2")), "the answer has no version, wanted v1.0.2");
        assert_eq!(said(Some("1.0.0"), Some("b-2")), "version is 1.0.0, wanted v1.0.2");
        assert_eq!(said(Some("v1.0.2"), Some("b-1")), "revision is b-1, wanted b-2");
    }

    #[test]
    fn unconfigured_values_are_not_compared() {
        assert_eq!(wanted(true, false).judge(&answer(Some("v1.0.2"), Some("b-1"))), Ok(()));
        assert_eq!(wanted(false, true).judge(&answer(None, Some("b-2"))), Ok(()));
        assert!(wanted(false, false).judge(&answer(None, None)).is_err(), "that proves nothing");
    }
}
