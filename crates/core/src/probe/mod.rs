//! Probes of services and their dependencies, and what counts as a good answer.

mod board;
mod compare;
mod judge;
mod placed;
mod snapshot;
mod watch;
mod word;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use board::{Board, Mute, ProbeChange};
pub use compare::{Difference, LEAST_SAMPLES, compare, differences};
pub use judge::{Heard, judge};
pub use placed::placed;
pub use snapshot::{Point, ProbeSnapshot, Stats};
pub(crate) use watch::MISSED_PROBES;
pub use watch::{CERTIFICATE, Change, NO_RECENT_PROBE, SET_UP, State, Watch};
pub use word::HealthWord;

use super::endpoint::Endpoint;
use super::health::{Identity, Sample, Wanted};
use super::plan::HealthEndpoint;
use super::project::Target;
use super::redact::redacted;
use super::step::Side;
use super::time::{Timestamp, spoken};

/// A configured or derived health probe.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The key of its stored samples, stable over restarts: the name and, for a service, the build.
    pub key: String,
    /// The service or dependency.
    pub name: String,
    /// For a service: the role of the probed build.
    pub side: Option<Side>,
    /// Whether customers reach this address.
    pub live: bool,
    pub check: Check,
    /// Interval between two probes.
    pub interval: Duration,
    /// Timeout of a whole request, from the name lookup to the last byte.
    pub timeout: Duration,
    /// The thresholds of its states.
    pub rules: Rules,
    /// A problem that the current run found. While it lasts, the probe is degraded even if its answers are good.
    pub found: Option<String>,
    /// Control addresses: if none of them answers either, our own network is at fault. Empty: the default ones.
    pub controls: Vec<String>,
}

impl Probe {
    /// The key of a mute. A mute survives switches and new builds, since the problem is the same.
    pub fn muted_by(&self) -> String {
        let environment = self.key.split('/').next().unwrap_or_default();
        format!("{environment}/{}", self.name)
    }

    /// The name, with the role if there is one: `toto-app GREEN`.
    pub fn label(&self) -> String {
        snapshot::label(&self.name, self.side)
    }
}

/// The check of a probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Check {
    Http {
        url: String,
        /// The expectations of a good answer.
        expect: Box<Expect>,
        /// Whether to bypass caches with a unique query.
        fresh: bool,
    },
    /// Whether something listens at `host:port`.
    Tcp(String),
    /// A program with its arguments: good if it exits with 0. Never a shell line.
    Command {
        argv: Vec<String>,
        /// Its working folder, if not the config's.
        folder: Option<PathBuf>,
    },
    /// What the platform reports about the public addresses of a backend: host, ownership, certificate.
    Domains { endpoint: Box<Endpoint>, target: Box<Target> },
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { url, .. } => f.write_str(&shown(url)),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Command { argv, .. } => f.write_str(&redacted(&argv.join(" "))),
            Self::Domains { target, .. } => write!(f, "domains of {}", target.backend_name()),
        }
    }
}

/// An address without the parts that may contain secrets: user information and query.
fn shown(url: &str) -> String {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = bare.split_once("://") else { return bare.to_owned() };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

/// The expectations of a good answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Expect {
    /// Accepted statuses. Empty: 200 to 299.
    pub status: Vec<u16>,
    /// JSON pointers into the body, and the expected values.
    pub json: Vec<(String, Value)>,
    /// Minimum size in bytes: an empty page is a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_bytes: Option<u64>,
    /// Maximum size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// Headers, and the text that each must contain.
    pub headers: Vec<(String, String)>,
    /// JSON pointer to the release's label.
    pub version: Option<String>,
    /// JSON pointer to the build id.
    pub revision: Option<String>,
    /// Which health words count as healthy. `None`: the word is not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word: Option<HealthWord>,
    /// The expected build, if known.
    #[serde(skip)]
    pub wanted: Option<Wanted>,
}

impl Expect {
    /// What a service's health answer must contain, besides its status.
    pub fn of_health(health: &HealthEndpoint) -> Self {
        Self {
            version: health.version.clone(),
            revision: health.revision.clone(),
            word: Some(health.word.clone()),
            ..Self::default()
        }
    }
}

/// The thresholds for up, down and slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Consecutive bad answers until DOWN.
    pub fall: u32,
    /// Consecutive good answers until UP.
    pub rise: u32,
    /// Degraded while the p95 of the last answers is above this.
    pub slow: Duration,
    /// Minimum duration of slowness before it counts.
    pub slow_for: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        let (slow, slow_for) = (Duration::from_secs(1), Duration::from_secs(30));
        Self { fall: 2, rise: 3, slow, slow_for }
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "up {} ok in a row · down {} fails in a row · degraded p95 > {} for {} · stale after 3 misses",
            self.rise,
            self.fall,
            spoken(self.slow),
            spoken(self.slow_for)
        )
    }
}

/// The cause of a bad answer: one word, the same on the screen, in JSON and in alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The name does not exist.
    NoSuchName,
    /// The host cannot be reached over the network.
    NoRoute,
    /// The connection was refused.
    Refused,
    /// The connection was made, then reset.
    Reset,
    /// No answer came in time.
    NoAnswer,
    /// The answer started, but did not finish.
    Hung,
    /// The certificate is not valid.
    Certificate,
    /// It redirects, often to a login page.
    Redirect,
    /// The status is not an accepted one.
    Status,
    /// The content is not as expected.
    Content,
    OtherBuild,
    Command,
    /// The platform reports that customers cannot use one of their addresses.
    Domain,
}

impl Fault {
    pub fn label(self) -> &'static str {
        match self {
            Self::NoSuchName => "no-such-name",
            Self::NoRoute => "no-route",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::NoAnswer => "no-answer",
            Self::Hung => "hung",
            Self::Certificate => "certificate",
            Self::Redirect => "redirect",
            Self::Status => "status",
            Self::Content => "content",
            Self::OtherBuild => "other-build",
            Self::Command => "command",
            Self::Domain => "domain",
        }
    }

    /// Whether our own side may be at fault: nothing was received from the target (N12).
    pub fn may_be_ours(self) -> bool {
        matches!(
            self,
            Self::NoSuchName | Self::NoRoute | Self::Refused | Self::Reset | Self::NoAnswer
        )
    }
}

/// The verdict on an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// As expected.
    Good,
    /// Not as expected: the cause and its description.
    Bad(Fault, String),
    /// We could not probe: our side is at fault.
    Blind(String),
}

/// Durations of the phases of a request. Phases that were not reached are left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Name lookup.
    pub lookup: Option<Duration>,
    pub connect: Option<Duration>,
    pub tls: Option<Duration>,
    /// From the connection to the first byte.
    pub first_byte: Option<Duration>,
    pub total: Duration,
}

impl fmt::Display for Timing {
    /// `connect 2 ms, TLS 11 ms, first byte 140 ms`; empty if no phase was reached.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A lookup of less than a millisecond is not worth showing.
        let lookup = self.lookup.filter(|lookup| lookup.as_millis() > 0);
        let parts = [
            ("look-up", lookup),
            ("connect", self.connect),
            ("TLS", self.tls),
            ("first byte", self.first_byte),
        ];
        let told = parts.iter().filter_map(|(name, time)| Some((name, (*time)?)));
        for (at, (name, time)) in told.enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            write!(f, "{comma}{name} {:.1} ms", time.as_secs_f64() * 1000.0)?;
        }
        Ok(())
    }
}

/// One probe result with its timing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measurement {
    /// End of the request.
    pub at: Timestamp,
    pub answer: Answer,
    /// Durations of the request and its phases.
    pub timing: Timing,
    /// Identity of the build that answered, if it was reported.
    pub identity: Identity,
    /// Expiry of the certificate, if TLS was used.
    pub certificate: Option<Timestamp>,
    /// A defect of an otherwise good answer.
    pub odd: Option<String>,
}

impl Measurement {
    /// A sample with this duration.
    pub fn of(sample: Sample, at: Timestamp, total: Duration) -> Self {
        let (answer, identity) = match sample {
            Sample::Healthy(identity) => (Answer::Good, identity),
            Sample::Unhealthy(why) => (Answer::Bad(Fault::Status, why), Identity::default()),
            Sample::Blind(why) => (Answer::Blind(why), Identity::default()),
        };
        let timing = Timing { total, ..Timing::default() };
        Self { at, answer, timing, identity, certificate: None, odd: None }
    }

    /// Converts it to a sample for a rule. The rule itself judges which build should answer.
    pub fn sample(self) -> Sample {
        match self.answer {
            Answer::Good => Sample::Healthy(self.identity),
            Answer::Bad(_, why) => Sample::Unhealthy(why),
            Answer::Blind(why) => Sample::Blind(why),
        }
    }
}
