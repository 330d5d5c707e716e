//! Runs a verb in its own process group, without stdin and with a timeout, and reads both pipes to the end.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::{Commands, wire};
use crate::group::LeftBehind;
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::platform::About;
use pointsman_core::ports::hosting::HostingError;
use pointsman_core::redact::redacted;
use pointsman_core::step::Failure;
use pointsman_core::text::harmless;
use pointsman_core::time::spoken;

/// Maximum output kept per pipe, in bytes.
const MOST_OUTPUT_BYTES: usize = 8 * 1024 * 1024;
/// `EX_TEMPFAIL` of sysexits.h: a retry may succeed.
const EXIT_TRY_AGAIN: i32 = 75;

impl Commands {
    /// Runs a verb that prints JSON.
    pub(super) async fn json(
        &self,
        verb: &str,
        about: &About<'_>,
        within: Duration,
    ) -> Result<Value, HostingError> {
        let text = self.text(verb, about, within).await.map_err(|error| HostingError {
            // A query changed nothing, and may be retried.
            class: if error.class == Failure::Inconclusive {
                Failure::Passing
            } else {
                error.class
            },
            ..error
        })?;
        serde_json::from_str(&text).map_err(|_| wire::unreadable(verb, &text))
    }

    /// Runs a verb that makes a change.
    pub(super) async fn act(
        &self,
        verb: &str,
        about: &About<'_>,
        within: Duration,
    ) -> Result<(), HostingError> {
        self.text(verb, about, within).await.map(drop)
    }

    pub(super) async fn text(
        &self,
        verb: &str,
        about: &About<'_>,
        within: Duration,
    ) -> Result<String, HostingError> {
        let lasting = |problem| HostingError::new(problem, Failure::Lasting);
        let argv = self.of.verbs.get(verb).map(|argv| about.fill(argv)).unwrap_or_default();
        let Some((program, arguments)) = argv.split_first() else {
            let what = format!("the platform has no command for {verb}");
            return Err(lasting(Problem::new(what).try_this("name one under platform: verbs:")));
        };
        let mut variables = about.variables();
        variables.push(("POINTSMAN_VERB".to_owned(), verb.to_owned()));
        let part = about.target.map_or("none", |target| target.environment().as_str());
        let started = self.groups.within(part).start(
            program,
            arguments,
            Path::new(&self.of.folder),
            variables,
        );
        let mut group = started.map_err(|e| {
            let what = format!("{program} cannot be started for {verb}");
            lasting(Problem::new(what).because(e.to_string()))
        })?;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let (heard_out, heard_err) = (|b: &[u8]| keep(&mut out, b), |b: &[u8]| keep(&mut err, b));
        let ended = group.finish(LeftBehind::Kept, heard_out, heard_err);
        let ended = tokio::time::timeout(within, ended).await;
        // The changes it started may still happen.
        let Ok(status) = ended else {
            let what = format!("{verb} did not end within {}", spoken(within));
            return Err(HostingError::new(Problem::new(what), Failure::Inconclusive));
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&out), text(&err));
        let status = status.map_err(|e| lasting(Problem::new(e.to_string())))?;
        if status.success() {
            return Ok(out);
        }
        let said = if err.trim().is_empty() { &out } else { &err };
        let last = said.trim().lines().last().unwrap_or("it says nothing");
        let class =
            if status.code() == Some(EXIT_TRY_AGAIN) { Failure::Passing } else { Failure::Lasting };
        let problem = Problem::coded(Code::PLATFORM_REFUSED, format!("{verb} failed: {status}"));
        Err(HostingError::new(problem.because(redacted(&harmless(last, 300))), class))
    }
}

/// Keeps output up to the maximum. Discards the rest, so that the program never waits for a full pipe.
fn keep(all: &mut Vec<u8>, bytes: &[u8]) {
    let room = MOST_OUTPUT_BYTES.saturating_sub(all.len()).min(bytes.len());
    all.extend_from_slice(&bytes[..room]);
}
