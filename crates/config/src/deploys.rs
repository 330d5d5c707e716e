//! `deploy:`, at the top and of each environment.

use std::time::Duration;

use super::schema::Config;
use super::schema::deploy::DeployConfig;
use pointsman_core::time::spoken;

/// No one can read a gate's question and answer it in less.
const SHORTEST_GATE: Duration = Duration::from_secs(10);

/// Each `deploy:` with the path of its key.
pub(super) fn deploys(config: &Config) -> impl Iterator<Item = (Vec<&str>, &DeployConfig)> {
    let environments = config.environments.iter();
    let deploys = environments.map(|(name, of)| (vec!["environments", name, "deploy"], &of.deploy));
    deploys.chain([(vec!["deploy"], &config.deploy)])
}

/// Every gate that expires before anybody can answer it: the path of its key, and the reason.
pub(super) fn hasty_gates(config: &Config) -> Vec<(Vec<&str>, String)> {
    let hasty = |(mut path, deploy): (Vec<_>, &DeployConfig)| {
        let expires = deploy.gate.expires.filter(|expires| expires.0 < SHORTEST_GATE)?;
        path.extend(["gate", "expires"]);
        let (given, least) = (spoken(expires.0), spoken(SHORTEST_GATE));
        let why = format!(
            "no one can answer a gate within {given}: at least {least}; `then: wait` waits without limit"
        );
        Some((path, why))
    };
    deploys(config).filter_map(hasty).collect()
}
