//! The scenarios: their events, and the log lines written meanwhile.

use std::time::Duration;

use super::prober::Answering;
use pointsman_core::health::Sample;

/// A scenario of `--demo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// No run is in progress.
    Idle,
    /// A run on production waits at its gate.
    Gate,
    /// A run on production builds slowly.
    Run,
    /// Traffic is on GREEN, and the soak is running.
    Soak,
    /// GREEN has a tenth of the traffic, and the soak of that is running.
    Shares,
    /// GREEN is not healthy.
    HealthFail,
    /// GREEN goes down while its gate waits.
    Flap,
    /// Some probe targets are down, slow or unreachable from here.
    Stale,
    /// A run on production waits for its first checklist.
    Checklist,
    /// Idle; a rollback has to cross a schema change.
    Schema,
    /// 5,000 log lines a second, for 20 s.
    Storm,
    /// Log lines with control sequences that would control the terminal.
    Hostile,
}

impl Scenario {
    pub const ALL: [Self; 12] = [
        Self::Idle,
        Self::Gate,
        Self::Run,
        Self::Soak,
        Self::Shares,
        Self::HealthFail,
        Self::Flap,
        Self::Stale,
        Self::Checklist,
        Self::Schema,
        Self::Storm,
        Self::Hostile,
    ];

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Gate => "gate",
            Self::Run => "run",
            Self::Soak => "soak",
            Self::Shares => "shares",
            Self::HealthFail => "health-fail",
            Self::Flap => "flap",
            Self::Stale => "stale",
            Self::Checklist => "checklist",
            Self::Schema => "schema",
            Self::Storm => "storm",
            Self::Hostile => "hostile",
        }
    }

    /// What it shows, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Idle => "no run",
            Self::Gate => "a production run that waits at its gate",
            Self::Run => "a slow build",
            Self::Soak => "a live candidate under observation; B rolls it back",
            Self::Shares => "a candidate that has a tenth of the traffic",
            Self::HealthFail => "a candidate that fails its health check",
            Self::Flap => "a candidate that goes down while you type",
            Self::Stale => "probes that are down, and others that cannot be reached",
            Self::Checklist => "a checklist with open items",
            Self::Schema => "a rollback across a schema change",
            Self::Storm => "5,000 log lines a second",
            Self::Hostile => "a log with control sequences, which are removed",
        }
    }

    /// The environment that it is about, if no run of it tells.
    pub fn environment(self) -> Option<&'static str> {
        (self == Self::Schema).then_some("production")
    }

    /// The scenario with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    /// How long a build takes in this scenario.
    pub fn build(self) -> Duration {
        match self {
            Self::Run | Self::Storm | Self::Hostile => Duration::from_mins(10),
            _ => Duration::from_millis(400),
        }
    }

    /// Whether its run passes the gate without an approval.
    pub fn passes_gate(self) -> bool {
        matches!(self, Self::Soak | Self::Shares)
    }

    /// Whether the build is unhealthy: a broken release, or this scenario's GREEN.
    pub(super) fn sick(self, who: &Answering) -> bool {
        let release = who.label();
        release.contains("broken") || (self == Self::HealthFail && release == "1.5.0" && !who.live)
    }
}

/// How long GREEN stays healthy in `Flap`.
const WELL: Duration = Duration::from_millis(6500);
/// How long an address stays reachable before it fails.
const SEEN: Duration = Duration::from_secs(4);

/// A probe of an address.
pub(super) struct Asked<'a> {
    pub(super) base: &'a str,
    /// Whether the address belongs to a build without traffic.
    pub(super) green: bool,
    /// Time since the start of the scenario.
    pub(super) after: Duration,
    /// Number of this probe of the address, from 1.
    pub(super) nth: u64,
}

/// The result that the scenario prescribes for a probe, if any.
pub(super) fn odd(
    scenario: Scenario,
    asked: &Asked<'_>,
    who: Option<&Answering>,
) -> Option<Sample> {
    let bad = |why: &str| Some(Sample::Unhealthy(why.to_owned()));
    let blind = || Some(Sample::Blind("no answer to DNS from here".to_owned()));
    let app = who.is_some_and(|who| asked.green && who.backend.ends_with("toto-app"));
    let is = |name: &str| asked.base.contains(name);
    match scenario {
        Scenario::Flap if app && asked.after > WELL => bad("HTTP 503: upstream connect error"),
        Scenario::Stale if is("auth") && asked.nth == 6 => bad("HTTP 503"),
        Scenario::Stale if is("functions") && asked.after > SEEN => bad("HTTP 503"),
        Scenario::Stale if (is("stripe") || app) && asked.after > SEEN => blind(),
        _ => None,
    }
}

/// The log lines of a build.
const BUILD: &[&str] = &[
    "> npm ci",
    "added 1204 packages in 11s",
    "WARN deprecated glob@7.2.3: versions before v9 are no longer supported",
    "> next build",
    "Creating an optimized production build",
    "WARN retry 1/2: timeout after 2000 ms fetching fonts",
    "Compiled successfully in 21.4s",
    "Linting and checking validity of types",
    "ERROR tests/stripe/refund.int.ts: timeout: exceeded 5000 ms waiting for charge.refunded",
    "retrying failed test (1 of 1)",
    "PASS tests/stripe/refund.int.ts (2.4 s)",
    "Collecting page data",
    "Generating static pages (0/42)",
    "Generating static pages (42/42)",
    "WARN image optimizer: timeout after 3000 ms, will retry",
    "Finalizing page optimization",
    "Uploading build cache",
];
/// Interval between the log lines of a build.
const PACE: Duration = Duration::from_millis(250);

/// The log lines that a build has written after some time, from line number `from`.
pub(super) fn build_lines(after: Duration, from: u64) -> Vec<String> {
    let there = u64::try_from(after.as_millis() / PACE.as_millis()).unwrap_or(0);
    let line = |n: u64| {
        let at = usize::try_from(n).unwrap_or(0);
        match BUILD.get(at) {
            Some(line) => (*line).to_owned(),
            None => format!("Generating static pages, part {}", at - BUILD.len() + 1),
        }
    };
    (from..there).map(line).collect()
}

/// One line of the `Storm` scenario.
pub fn storm_line(n: usize) -> String {
    match n % 400 {
        0 => format!("ERROR request {n}: upstream timeout"),
        1 => format!("WARN request {n}: slow answer, 912 ms"),
        _ => format!("GET /api/pets/{n} 200 in {} ms", n % 97),
    }
}

/// Lines with control sequences and secrets.
pub fn hostile_lines() -> Vec<String> {
    vec![
        "\u{1b}]52;c;aGFja2Vk\u{7}copies itself".to_owned(),
        "\u{1b}]0;OWNED\u{7}names the window".to_owned(),
        "\u{1b}[2J\u{1b}[Hclears the screen".to_owned(),
        "\u{1b}[31mred\u{1b}[0m and \u{9b}5m blinking".to_owned(),
        "moves up\u{1b}[5A and back\r over itself\u{8}\u{8}".to_owned(),
        "turns \u{202e}round\u{202c} and hides\u{200b} itself".to_owned(),
        "Authorization: Bearer ghp_0123456789abcdefghijABCDEFGHIJ012345".to_owned(),
        "wide 漢字 and combining e\u{301} letters".to_owned(),
        "a tab\there, and \0 a null".to_owned(),
    ]
}
