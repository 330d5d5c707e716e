//! Converts the probe configuration to the domain's probes.

use std::path::Path;
use std::time::Duration;

use super::file::Loaded;
use super::schema::deploy::DurationText;
use super::schema::probe::{ProbeConfig, WatchConfig};
use super::watched::domains_of;
use pointsman_core::error::Problem;
use pointsman_core::planner::EnvironmentSpec;
use pointsman_core::probe::{Check, Expect, Probe, Rules};

/// How an environment is probed: settings for its services, and additional probes.
#[derive(Debug, Clone)]
pub struct Watching {
    /// Time from one probe to the next.
    pub interval: Duration,
    pub timeout: Duration,
    /// The thresholds of probe states.
    pub rules: Rules,
    /// Whether to probe the status of domains on the platform.
    pub domains: bool,
    /// Additional probes, from `probes:`.
    pub others: Vec<Probe>,
}

const LOCAL_INTERVAL: Duration = Duration::from_secs(5);
const REMOTE_INTERVAL: Duration = Duration::from_secs(15);
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

impl Loaded {
    /// The probe settings of an environment.
    pub fn watching(&self, name: &str) -> Result<Watching, Problem> {
        let spec = self.spec(name)?;
        Ok(self.watching_on(name, &spec))
    }

    /// The names of the probes of an environment.
    pub fn probe_names(&self, name: &str) -> Result<Vec<String>, Problem> {
        let spec = self.spec(name)?;
        let services = spec.members.iter().map(|member| member.service().to_string());
        let domains = spec.members.iter().map(|member| domains_of(member.service().as_str()));
        let others = self.watching_on(name, &spec).others.into_iter().map(|probe| probe.name);
        Ok(services.chain(domains).chain(others).collect())
    }

    /// The probe settings of a resolved environment.
    pub(super) fn watching_on(&self, name: &str, spec: &EnvironmentSpec) -> Watching {
        let of = &self.config.environments[name];
        let given = |text: Option<DurationText>, usual: Duration| text.map_or(usual, |d| d.0);
        let WatchConfig { interval, timeout, fall, rise, slow, slow_for, domains } = of.watch;
        let usual = Rules::default();
        let rules = Rules {
            fall: fall.unwrap_or(usual.fall).max(1),
            rise: rise.unwrap_or(usual.rise).max(1),
            slow: given(slow, usual.slow),
            slow_for: given(slow_for, usual.slow_for),
        };
        let far = spec.endpoint.capabilities().google;
        let interval = given(interval, if far { REMOTE_INTERVAL } else { LOCAL_INTERVAL });
        let timeout = given(timeout, PROBE_TIMEOUT);
        let one = |probe: &ProbeConfig| Probe {
            found: None,
            key: format!("{name}/{}", probe.name),
            name: probe.name.clone(),
            side: None,
            live: false,
            check: check(probe, &self.folder),
            interval: given(probe.interval, interval),
            timeout: given(probe.timeout, timeout),
            rules: Rules { slow: given(probe.slow, rules.slow), ..rules },
            controls: of.control.clone(),
        };
        let others = of.probes.iter().map(one).collect();
        Watching { interval, timeout, rules, domains: domains.unwrap_or(true), others }
    }
}

fn check(probe: &ProbeConfig, folder: &Path) -> Check {
    if let Some(address) = &probe.tcp {
        return Check::Tcp(address.clone());
    }
    if !probe.command.is_empty() {
        return Check::Command { argv: probe.command.clone(), folder: Some(folder.to_owned()) };
    }
    let expect = Expect {
        status: probe.expect.status.clone(),
        min_bytes: probe.expect.min_bytes,
        max_bytes: probe.expect.max_bytes,
        json: probe.expect.json.clone().into_iter().collect(),
        headers: probe.expect.headers.clone().into_iter().collect(),
        ..Expect::default()
    };
    let url = probe.url.clone().unwrap_or_default();
    Check::Http { url, expect: Box::new(expect), fresh: false }
}
