//! The CPU quota shared by the services of a project. Cloud Run refuses a revision that could exceed the quota, and
//! App Hosting reports that only after a whole build (dC15).

use super::RunConfig;
use crate::ids::ServiceName;

/// Describes how the services could exceed the project's CPU quota. None if they cannot.
pub fn over_quota(quota: u32, services: &[(ServiceName, RunConfig)]) -> Option<String> {
    let takes = |limits: &RunConfig| {
        let (instances, cpu) = limits.most();
        f64::from(instances) * cpu
    };
    let together: f64 = services.iter().map(|(_, limits)| takes(limits)).sum();
    if together <= f64::from(quota) {
        return None;
    }
    let told = services.iter().map(|(service, limits)| {
        let (instances, cpu) = limits.most();
        format!("{service} may take {instances} instances of {cpu} CPU")
    });
    let told: Vec<_> = told.collect();
    Some(format!("{}: {together} CPUs, and the project has {quota}", told.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unset_values_count_with_the_platform_defaults() {
        let service = |name: &str| ServiceName::new(name).unwrap();
        let limits = |max_instances, cpu| RunConfig { cpu, max_instances, ..RunConfig::default() };
        let both = [
            (service("toto-app"), limits(Some(100), Some(2.0))),
            (service("toto-bo"), limits(None, None)),
        ];
        assert_eq!(over_quota(300, &both), None);
        let why = over_quota(299, &both).unwrap();
        assert!(why.contains("toto-app may take 100 instances of 2 CPU"), "{why}");
        assert!(why.contains("toto-bo may take 100 instances of 1 CPU"), "{why}");
        assert!(why.ends_with("300 CPUs, and the project has 299"), "{why}");
        assert_eq!(over_quota(0, &[]), None);
        assert_eq!(over_quota(100, &[(service("x"), limits(Some(0), Some(0.0)))]), None);
    }
}
