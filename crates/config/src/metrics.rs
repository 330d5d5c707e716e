//! `soak: { metrics: … }`: limits for what the platform measures of GREEN.

use std::time::Duration;

use super::Findings;
use super::deploys::deploys;
use super::file::Loaded;
use super::schema::Config;
use super::schema::deploy::{DeployConfig, MetricsConfig};
use pointsman_core::runtime_figures::{FigureRules, LEAST_REQUESTS};
use pointsman_core::time::spoken;

/// A shorter soak ends before Google has reported a minute of it: a minute is complete after 60 s, and visible up to 3
/// minutes later.
const SHORTEST_SOAK: Duration = Duration::from_mins(5);

/// The rules, or the key of the wrong one with the reason; no key if none is named.
pub(super) fn rules_of(
    config: &MetricsConfig,
) -> Result<FigureRules, (Option<&'static str>, String)> {
    let errors = config.errors.as_ref().map(|text| text.parse()).transpose();
    let p95 = config.p95.as_ref().map(|text| text.parse()).transpose();
    let rules = FigureRules {
        errors: errors.map_err(|why| (Some("errors"), why))?,
        p95: p95.map_err(|why| (Some("p95"), why))?,
        at_least: config.at_least.unwrap_or(LEAST_REQUESTS),
    };
    if rules.errors.is_none() && rules.p95.is_none() {
        return Err((None, "it names neither `errors` nor `p95`".to_owned()));
    }
    Ok(rules)
}

/// Every wrong limit: the path of its key, and the reason.
pub(super) fn wrong(config: &Config) -> Vec<(Vec<&str>, String)> {
    let wrong = |(mut path, deploy): (Vec<_>, &DeployConfig)| {
        let (key, why) = rules_of(deploy.soak.metrics.as_ref()?).err()?;
        path.extend(["soak", "metrics"].into_iter().chain(key));
        Some((path, why))
    };
    deploys(config).filter_map(wrong).collect()
}

impl Loaded {
    /// Warnings for environments on Google whose soak is too short for their metrics.
    pub fn late_metrics(&self) -> Findings {
        let late = self.environments().into_iter().filter_map(|name| {
            let spec = self.spec(name).ok()?;
            let soak = &spec.policy.soak;
            let short = soak.metrics.is_some() && soak.length < SHORTEST_SOAK;
            (short && spec.endpoint.capabilities().google).then(|| {
                let why = format!(
                    "a soak of {} ends before Google reports its metrics: they would stay inconclusive; let it be {} or longer",
                    spoken(soak.length),
                    spoken(SHORTEST_SOAK)
                );
                (["environments", name, "deploy"], why)
            })
        });
        self.warned(late)
    }
}
