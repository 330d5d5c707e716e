//! A platform driven by the team's commands: for each verb an argv list, with JSON on stdout.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::BuildId;
use super::project::Target;
use super::release::ReleaseLabel;
use super::time::text_form;

/// Verbs that a platform must have.
pub const NEEDED: [&str; 4] = ["traffic", "builds", "create_build", "set_active"];
/// Verbs that a platform may lack.
pub const OPTIONAL: [&str; 3] = ["stop_build", "delete_build", "log"];

/// The commands of the platform, as stored in a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandPlatform {
    pub folder: String,
    /// Program and arguments of each verb.
    pub verbs: BTreeMap<String, Vec<String>>,
    /// Timeout of `set_active`.
    #[serde(default = "minute", with = "text_form", skip_serializing_if = "is_minute")]
    pub switch_within: Duration,
}

/// Default timeout of `set_active`.
pub const SWITCH_WITHIN: Duration = Duration::from_mins(1);

fn minute() -> Duration {
    SWITCH_WITHIN
}

fn is_minute(length: &Duration) -> bool {
    *length == SWITCH_WITHIN
}

/// The arguments of a verb.
#[derive(Debug, Clone, Default)]
pub struct About<'a> {
    pub target: Option<&'a Target>,
    pub build: Option<&'a BuildId>,
    pub release: Option<&'a ReleaseLabel>,
    /// The commit to build from, 40 hex digits.
    pub commit: Option<&'a str>,
    /// The folder or archive to build from.
    pub archive: Option<&'a str>,
    /// The container image to use.
    pub image: Option<&'a str>,
    /// The request id: the same when a call is repeated.
    pub request: Option<&'a str>,
}

impl About<'_> {
    fn words(&self) -> Vec<(&'static str, String)> {
        let target = self.target;
        let all = [
            ("environment", target.map(|t| t.environment().to_string())),
            ("service", target.map(|t| t.service().to_string())),
            ("backend", target.map(|t| t.backend().to_string())),
            ("build", self.build.map(ToString::to_string)),
            ("release", self.release.map(ToString::to_string)),
            ("commit", self.commit.map(str::to_owned)),
            ("archive", self.archive.map(str::to_owned)),
            ("image", self.image.map(str::to_owned)),
            ("request", self.request.map(str::to_owned)),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Fills in the placeholders `{service}`, `{build}` and so on. Each argument stays one argument,
    /// whatever it contains: no shell is involved.
    pub fn fill(&self, argv: &[String]) -> Vec<String> {
        let words = self.words();
        let one = |argument: &String| {
            words.iter().fold(argument.clone(), |text, (name, value)| {
                text.replace(&format!("{{{name}}}"), value)
            })
        };
        argv.iter().map(one).collect()
    }

    /// The values as environment variables: `POINTSMAN_SERVICE`, `POINTSMAN_BUILD`.
    pub fn variables(&self) -> Vec<(String, String)> {
        let name = |name: &str| format!("POINTSMAN_{}", name.to_uppercase());
        self.words().into_iter().map(|(word, value)| (name(word), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_stay_one_argument() {
        let build = BuildId::new("b-1-r2-abc").unwrap();
        let about =
            About { build: Some(&build), archive: Some("/a b; rm -rf"), ..About::default() };
        let argv = ["deploy", "--from={archive}", "{build}", "{service}"].map(str::to_owned);
        assert_eq!(about.fill(&argv), ["deploy", "--from=/a b; rm -rf", "b-1-r2-abc", "{service}"]);
        assert!(about.variables().contains(&("POINTSMAN_BUILD".into(), "b-1-r2-abc".into())));
    }
}
