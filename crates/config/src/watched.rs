//! Checks the probes of an environment.

use std::collections::BTreeSet;
use std::time::Duration;

use super::file::Loaded;
use super::finding::{Finding, Findings};
use super::schema::environment::EnvironmentConfig;
use super::schema::probe::ProbeConfig;
use pointsman_core::ids::ServiceName;
use pointsman_core::time::spoken;

/// Minimum interval between probes: shorter ones would load the target.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(200);

/// A problem: the path of its key in the environment, and the message.
pub(super) type Wrong = (Vec<String>, String);

/// All problems in the probes, controls and watch settings of an environment.
pub(super) fn wrong(environment: &EnvironmentConfig) -> Vec<Wrong> {
    let mut found = Vec::new();
    for (at, control) in environment.control.iter().enumerate() {
        if !reachable(control) {
            let why = format!("{control:?} is no control: write tcp://host:port or https://host");
            found.push((path(&["control", &at.to_string()]), why));
        }
    }
    let watch = &environment.watch;
    if watch.interval.is_some_and(|interval| interval.0 < SHORTEST_INTERVAL) {
        found.push((path(&["watch", "interval"]), too_quick()));
    }
    if watch.timeout.is_some_and(|timeout| timeout.0.is_zero()) {
        found.push((path(&["watch", "timeout"]), "nothing answers within no time".to_owned()));
    }
    let mut names = BTreeSet::new();
    for (at, probe) in environment.probes.iter().enumerate() {
        let at = at.to_string();
        let mut say = |key: &str, why: String| found.push((path(&["probes", &at, key]), why));
        if environment.services.contains_key(&probe.name) {
            say("name", format!("{} is a service; it is probed already", probe.name));
        }
        let domains = |service: &String| probe.name == domains_of(service);
        if environment.services.keys().any(domains) {
            say(
                "name",
                format!("{} is App Hosting's domain status; it is probed already", probe.name),
            );
        }
        if probe.name.is_empty() || probe.name.contains(['/', '@']) {
            say("name", format!("{:?} is no name: it holds / or @, or nothing", probe.name));
        }
        if !names.insert(&probe.name) {
            say("name", format!("there are two probes called {}", probe.name));
        }
        for (key, why) in of_probe(probe) {
            say(key, why);
        }
    }
    found
}

/// The name of a service's domain probe.
pub fn domains_of(service: &str) -> String {
    format!("{service} domains")
}

fn of_probe(probe: &ProbeConfig) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    let name = &probe.name;
    let asked = [probe.url.is_some(), probe.tcp.is_some(), !probe.command.is_empty()];
    if asked.iter().filter(|asked| **asked).count() != 1 {
        wrong.push(("name", format!("probe {name} needs exactly one of url, tcp and command")));
    }
    if let Some(url) = probe.url.as_ref().filter(|url| !is_web(url)) {
        wrong.push(("url", format!("{url:?} is no http address")));
    }
    if let Some(tcp) = probe.tcp.as_ref().filter(|tcp| !reachable(&format!("tcp://{tcp}"))) {
        wrong.push(("tcp", format!("{tcp:?} is no host:port")));
    }
    if probe.interval.is_some_and(|interval| interval.0 < SHORTEST_INTERVAL) {
        wrong.push(("interval", too_quick()));
    }
    if probe.timeout.is_some_and(|timeout| timeout.0.is_zero()) {
        wrong.push(("timeout", "nothing answers within no time".to_owned()));
    }
    let expect = &probe.expect;
    if let Some(status) = expect.status.iter().find(|status| !(100..600).contains(*status)) {
        wrong.push(("expect", format!("{status} is no HTTP status")));
    }
    if let Some(pointer) = expect.json.keys().find(|p| !p.is_empty() && !p.starts_with('/')) {
        wrong.push(("expect", format!("{pointer:?} is no JSON pointer: it begins with '/'")));
    }
    let sized = expect.min_bytes.is_some() || expect.max_bytes.is_some();
    if expect.min_bytes.zip(expect.max_bytes).is_some_and(|(least, most)| least > most) {
        wrong.push(("expect", "min_bytes is more than max_bytes".to_owned()));
    }
    let of_web =
        sized || !expect.status.is_empty() || !expect.json.is_empty() || !expect.headers.is_empty();
    if of_web && probe.url.is_none() {
        wrong.push(("expect", "only a web address has an answer to expect".to_owned()));
    }
    wrong
}

fn too_quick() -> String {
    format!("an interval below {} is a load test", spoken(SHORTEST_INTERVAL))
}

fn path(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn is_web(address: &str) -> bool {
    let url = url::Url::parse(address);
    url.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

impl Loaded {
    /// Warnings for environments whose control targets are all IP addresses. Those answer even if DNS is broken on this
    /// machine, so its DNS failure would look like an outage.
    pub fn nameless_controls(&self) -> Findings {
        let nameless = |of: &&EnvironmentConfig| {
            !of.control.is_empty() && !of.control.iter().any(|address| has_name(address))
        };
        let odd = self.config.environments.iter().filter(|(_, of)| nameless(of)).map(|(name, _)| {
            let why = "no control target has a name: broken look-ups on this machine would be taken for an outage; \
                       add one such as tcp://dns.google:443";
            (["environments", name.as_str(), "control"], why.to_owned())
        });
        self.warned(odd)
    }

    /// A warning that another program uses the port of a service, at the place of its address.
    pub fn held_port(&self, environment: &str, service: &ServiceName, held: &str) -> Vec<Finding> {
        let path = ["environments", environment, "services", service.as_str(), "url"];
        let why = format!("{service} cannot be served there now: {held}");
        self.warned(std::iter::once((path, why))).findings
    }
}

fn has_name(address: &str) -> bool {
    let url = url::Url::parse(address).ok();
    let host = url.as_ref().and_then(url::Url::host_str).unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    // Resolving `localhost` needs no DNS, so it does not count as a name.
    !matches!(bare, "" | "localhost") && bare.parse::<std::net::IpAddr>().is_err()
}

/// Whether an address can be connected to: `tcp://host:port` or a web address.
fn reachable(address: &str) -> bool {
    let tcp = url::Url::parse(address)
        .is_ok_and(|url| url.scheme() == "tcp" && url.has_host() && url.port().is_some());
    tcp || is_web(address)
}
