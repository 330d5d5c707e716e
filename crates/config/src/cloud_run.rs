//! The rules of a platform of kind `cloud-run`, and of traffic in shares, which only that one can give.

use super::schema::Config;
use super::schema::environment::EnvironmentConfig;
use super::schema::platform::PlatformKind;

/// The keys below the environment that are wrong, each with its message.
pub(super) fn wrong(
    config: &Config,
    name: &str,
    environment: &EnvironmentConfig,
) -> Vec<(Vec<String>, String)> {
    let is_cloud_run = environment.platform.kind == PlatformKind::CloudRun;
    let mut wrong = Vec::new();
    let own = environment.deploy.traffic.as_ref();
    if let Some(shares) = own.or(config.deploy.traffic.as_ref()) {
        let at = if own.is_some() { vec!["deploy", "traffic"] } else { vec!["platform", "kind"] };
        let why = if is_cloud_run {
            wrong_shares(shares)
        } else {
            Some(format!(
                "the traffic of {name} cannot be shared between two builds: `traffic` of its deploy needs a platform of kind cloud-run"
            ))
        };
        wrong.extend(why.map(|why| (at, why)));
    }
    if !is_cloud_run {
        return owned(wrong);
    }
    if environment.platform.preview.is_some() {
        let why = "every build of Cloud Run has a separate address: `preview` is for app-hosting";
        wrong.push((vec!["platform", "preview"], why.to_owned()));
    }
    // The emulator builds from a folder or a commit instead of an image.
    if environment.platform.endpoint.as_deref() != Some("emulator") {
        let services = environment.services.keys();
        let without = services.filter(|service| {
            config.services.get(*service).is_some_and(|service| service.image.is_none())
        });
        wrong.extend(without.map(|service| {
            let why = format!(
                "Cloud Run runs images: give service {service} one, services.{service}.image: REGISTRY/{service}:{{release}}"
            );
            (vec!["services", service.as_str()], why)
        }));
    }
    owned(wrong)
}

fn owned(wrong: Vec<(Vec<&str>, String)>) -> Vec<(Vec<String>, String)> {
    let owned = |keys: Vec<&str>| keys.into_iter().map(str::to_owned).collect();
    wrong.into_iter().map(|(keys, why)| (owned(keys), why)).collect()
}

/// Each share is larger than the one before, and the last is all of it.
fn wrong_shares(shares: &[u32]) -> Option<String> {
    let rises = shares.windows(2).all(|pair| pair[0] < pair[1]);
    let fits =
        rises && shares.first().is_some_and(|first| *first > 0) && shares.last() == Some(&100);
    (!fits).then(|| {
        format!("{shares:?} are no shares of traffic: write rising numbers from 1 to 100, the last of them 100, such as [10, 50, 100]")
    })
}
