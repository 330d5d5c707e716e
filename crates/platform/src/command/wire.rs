//! Parses the output of verbs. Never treats an unknown value as a good one.

use serde_json::Value;

use pointsman_core::build_config::BuildConfig;
use pointsman_core::error::Problem;
use pointsman_core::event::Split;
use pointsman_core::ids::BuildId;
use pointsman_core::ports::hosting::{Automatic, Build, BuildState, HostingError, Traffic};
use pointsman_core::redact::redacted;
use pointsman_core::release::ReleaseLabel;
use pointsman_core::step::Failure;
use pointsman_core::text::harmless;

pub(super) fn unreadable(verb: &str, said: &str) -> HostingError {
    let first = said.trim().lines().next().unwrap_or_default();
    let problem = Problem::new(format!("{verb} answers what cannot be read"))
        .because(format!("JSON is expected, and this came: {:?}", redacted(&harmless(first, 120))));
    HostingError::new(problem, Failure::Inconclusive)
}

/// `{"live": "b-1"}`, `{"live": null}`, or `{"splits": [{"build", "percent"}], "moving": true}`.
pub(super) fn traffic(json: &Value) -> Result<Traffic, HostingError> {
    let bad = || unreadable("traffic", &json.to_string());
    let build = |name: &Value| BuildId::new(name.as_str().ok_or_else(bad)?).map_err(|_| bad());
    let splits = match (json.get("live"), json.get("splits")) {
        (Some(Value::Null), _) => Vec::new(),
        (Some(live), _) => vec![Split { build: build(live)?, percent: 100 }],
        (None, Some(Value::Array(splits))) => {
            let mut all = Vec::new();
            for split in splits {
                let percent = split["percent"].as_u64().and_then(|p| u8::try_from(p).ok());
                let percent = percent.filter(|percent| *percent <= 100).ok_or_else(bad)?;
                if percent > 0 {
                    all.push(Split { build: build(&split["build"])?, percent });
                }
            }
            all
        }
        // A response without traffic does not mean that no build has any.
        _ => return Err(bad()),
    };
    let moving = json["moving"] == true;
    Ok(Traffic { splits, moving, unfinished: Vec::new(), automatic: Automatic::Off })
}

/// `{"builds": [{"id", "state": "working|ready|failed", "release", "preview", "problem"}]}`.
pub(super) fn builds(json: &Value) -> Result<Vec<Build>, HostingError> {
    let bad = || unreadable("builds", &json.to_string());
    let list = json["builds"].as_array().ok_or_else(bad)?;
    list.iter()
        .map(|build| {
            let id = BuildId::new(build["id"].as_str().ok_or_else(bad)?).map_err(|_| bad())?;
            let word = build["state"].as_str().ok_or_else(bad)?;
            let text = |key: &str| build[key].as_str().map(str::to_owned);
            let state = match word {
                "ready" => BuildState::Ready,
                "failed" | "expired" => BuildState::Unusable,
                _ => BuildState::Working,
            };
            let problem = (state == BuildState::Unusable).then(|| {
                let why = text("problem").map(|why| redacted(&harmless(&why, 300)));
                Problem::new(format!("build {id} is {word}")).because(why.unwrap_or_default())
            });
            Ok(Build {
                state,
                state_word: harmless(word, 40),
                release: text("release").and_then(|release| ReleaseLabel::new(release).ok()),
                commit: text("commit"),
                created: text("created").and_then(|at| at.parse().ok()),
                accepts: serde_json::from_value(build["accepts"].clone()).unwrap_or_default(),
                preview: text("preview"),
                problem,
                config: BuildConfig::default(),
                id,
            })
        })
        .collect()
}
