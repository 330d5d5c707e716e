//! Builds the probes of an environment: for the live build of each service, for the other side while a run is in
//! progress, and the extra probes of the config.

use std::time::Duration;

use pointsman_config::{Watching, domains_of};
use pointsman_core::health::Wanted;
use pointsman_core::plan::Member;
use pointsman_core::planner::EnvironmentSpec;
use pointsman_core::probe::{Check, Expect, Probe, Rules};
use pointsman_core::snapshot::{BuildSnapshot, EnvironmentSnapshot, Health, ServiceSnapshot};
use pointsman_core::step::Side;
use pointsman_core::view::TrafficState;

/// DNS and certificates change slowly, and the platform's API should not be polled all the time.
const DOMAIN_INTERVAL: Duration = Duration::from_mins(1);
/// Timeout of a domain check.
const DOMAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// The probes of an environment, based on its latest snapshot.
pub fn probes(
    spec: &EnvironmentSpec,
    watching: &Watching,
    seen: &EnvironmentSnapshot,
) -> Vec<Probe> {
    let mut probes = Vec::new();
    for member in &spec.members {
        let found = seen.services.iter().find(|s| &s.service == member.service());
        probes.extend(of_service(spec, watching, member, found, seen.unseen.is_some()));
    }
    probes.extend(spec.members.iter().filter_map(|member| domains(spec, watching, member, seen)));
    probes.extend(watching.others.iter().cloned());
    probes
}

/// The probe of a service's domains, as the platform reports them. `None` if domain checks are off or the platform has
/// none, if the platform could not be reached, or if the service has no live build.
fn domains(
    spec: &EnvironmentSpec,
    watching: &Watching,
    member: &Member,
    seen: &EnvironmentSnapshot,
) -> Option<Probe> {
    let service = member.service();
    let serves = |s: &ServiceSnapshot| &s.service == service && s.live.is_some();
    let has_them = spec.endpoint.capabilities().domains;
    if !watching.domains || !has_them || seen.unseen.is_some() || !seen.services.iter().any(serves)
    {
        return None;
    }
    let endpoint = Box::new(spec.endpoint.clone());
    let name = domains_of(service.as_str());
    Some(Probe {
        found: None,
        key: format!("{}/{name}", spec.environment),
        name,
        side: None,
        live: false,
        check: Check::Domains { endpoint, target: Box::new(member.target.clone()) },
        interval: DOMAIN_INTERVAL,
        timeout: DOMAIN_TIMEOUT,
        rules: Rules { slow: DOMAIN_TIMEOUT, ..watching.rules },
        controls: Vec::new(),
    })
}

fn of_service(
    spec: &EnvironmentSpec,
    watching: &Watching,
    member: &Member,
    seen: Option<&ServiceSnapshot>,
    unseen: bool,
) -> Vec<Probe> {
    let live = seen.and_then(|s| s.live.as_ref());
    // If the platform cannot be reached, customers may still be served; if it is not running, they are not.
    let off = seen.is_some_and(|s| s.health == Health::Off);
    // While builds share the traffic, either may answer customers.
    let shared = seen.is_some_and(|s| matches!(s.traffic, TrafficState::Split(_)));
    let serves = live.is_some() || shared || (unseen && !off);
    let (green, blue) = (seen.and_then(|s| s.green.as_ref()), seen.and_then(|s| s.blue.as_ref()));
    let side = seen.map_or(Side::Blue, |s| s.side);
    let side = (!shared).then_some(side);
    let public = || probe(spec, watching, member, (side, true), &member.url, live, seen);
    // If no build is live yet, the candidate of the first run can still be probed.
    let mut probes: Vec<_> = serves.then(public).into_iter().collect();
    for (side, build) in [(Side::Blue, blue), (Side::Green, green)] {
        let preview = build.and_then(|build| build.preview.as_deref());
        if let Some(address) = preview {
            let side = Some(side);
            probes.push(probe(spec, watching, member, (side, false), address, build, seen));
        }
    }
    // Blue always comes first.
    probes.sort_by_key(|probe| probe.side == Some(Side::Green));
    probes
}

fn probe(
    spec: &EnvironmentSpec,
    watching: &Watching,
    member: &Member,
    (side, live): (Option<Side>, bool),
    base: &str,
    build: Option<&BuildSnapshot>,
    seen: Option<&ServiceSnapshot>,
) -> Probe {
    let service = member.service();
    // A live build needs another probe than the same build at its preview address: the address and the load differ.
    let door = if live { "" } else { "+preview" };
    let who = build.map_or("public", |build| build.build.as_str());
    let health = &member.health;
    let told = health.version.is_some() || health.revision.is_some();
    let wanted = build.filter(|_| told).map(|build| Wanted {
        versions: build.release.iter().cloned().collect(),
        build: build.build.clone(),
        version_told: health.version.is_some(),
        revision: build.revision.clone().filter(|_| health.revision.is_some()),
        shared: Vec::new(),
    });
    let wanted = wanted.filter(|wanted| !wanted.proves_nothing());
    let expect = Expect { wanted, ..Expect::of_health(health) };
    Probe {
        key: format!("{}/{service}@{who}{door}", spec.environment),
        name: service.to_string(),
        side,
        live,
        check: Check::Http {
            url: format!("{base}{}", health.path),
            expect: Box::new(expect),
            fresh: true,
        },
        interval: watching.interval,
        timeout: watching.timeout,
        rules: watching.rules,
        found: seen.filter(|_| live).and_then(|s| s.found.clone()),
        controls: spec.policy.health.controls.clone(),
    }
}
