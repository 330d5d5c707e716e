//! What is true of an environment now: what customers get, how healthy that is, and what a rollback would take. The
//! screen, the handover and the command line all take it from here, so that they cannot contradict each other.

use super::ids::ServiceName;
use super::probe::{ProbeSnapshot, State};
use super::readiness::warm_until;
use super::snapshot::{EnvironmentSnapshot, Health, ServiceSnapshot};
use super::step::Side;
use super::time::Timestamp;
use super::view::{RunView, ServiceView, TrafficState};

/// What is known about an environment.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// Its last snapshot. `None`: not read yet.
    pub seen: Option<&'a EnvironmentSnapshot>,
    /// Whether the snapshot is too old to say how healthy anything is.
    pub stale: bool,
    /// Its unfinished run, if a process drives it. What that run read after its last switch is newer than the snapshot.
    pub driven: Option<&'a RunView>,
    /// Its latest run that moved traffic.
    pub switched: Option<&'a RunView>,
    /// The states of its probes. Empty: none runs.
    pub probes: &'a [ProbeSnapshot],
    pub now: Option<Timestamp>,
}

/// A service with its live release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveService {
    pub service: ServiceName,
    /// The release, the build if that is all that is known, or why there is none: `no build`, `SPLIT`, `unknown`.
    pub name: String,
    /// `None` if no build is live.
    pub health: Option<State>,
}

/// The live releases, or why they are unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Live {
    NotRead,
    Unknown(String),
    Services(Vec<LiveService>),
}

/// What a rollback would take now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undo {
    /// A rollback is under way.
    UnderWay,
    /// The run has moved no traffic yet.
    NothingMoved,
    /// A rollback to this release is possible. It is warm until then, if that is known.
    To {
        release: String,
        warm_until: Option<Timestamp>,
        /// Why its builds may not start again. They may still be running.
        faults: Vec<String>,
    },
    /// No rollback is possible, with the reason.
    Impossible(String),
    NotRead,
    /// The environment could not be read, with the reason.
    Unknown(String),
}

/// The health of a service's live build. A probe has seen many answers, so it outweighs the one answer of the snapshot.
/// A probe of another role watches another build. `answer`: that of the snapshot, and whether it is too old.
fn health(
    service: &ServiceName,
    side: Side,
    answer: Option<(&Health, bool)>,
    probes: &[ProbeSnapshot],
) -> Option<State> {
    if matches!(answer, Some((Health::Off, _))) {
        return None;
    }
    let of = |probe: &&ProbeSnapshot| {
        probe.name == service.as_str() && (probe.live || probe.side == Some(side))
    };
    // Right after a switch both roles have a probe: the one of the live role counts.
    let probe = probes.iter().filter(of).max_by_key(|probe| probe.side == Some(side));
    Some(match (probe, answer) {
        (Some(probe), _) => probe.state,
        (None, None | Some((Health::Off | Health::NotAsked, _))) => State::Off,
        (None, Some((_, true) | (Health::Stale(_), _))) => State::Stale,
        (None, Some((Health::Ok, _))) => State::Ok,
        (None, Some((Health::Degraded(_), _))) => State::Degraded,
        (None, Some((Health::Down(_), _))) => State::Down,
    })
}

impl Evidence<'_> {
    /// The live release of every service.
    pub fn live(&self) -> Live {
        let Some(seen) = self.seen else { return self.live_of_run().unwrap_or(Live::NotRead) };
        if let Some(problem) = &seen.unseen {
            return self.live_of_run().unwrap_or_else(|| Live::Unknown(problem.what.clone()));
        }
        Live::Services(seen.services.iter().map(|service| self.service(service)).collect())
    }

    fn service(&self, service: &ServiceSnapshot) -> LiveService {
        let read = self.driven.and_then(|run| {
            let view = run.services.get(&service.service)?;
            if view.blue_known { read_by(run, view) } else { None }
        });
        // An interrupted run says what the parts are that its process left.
        let shared = || {
            let run = self.switched?;
            shared_name(run, run.services.get(&service.service)?, &service.traffic)
        };
        let (name, side) =
            read.or_else(shared).unwrap_or_else(|| (service.release(), Some(service.side)));
        let answer = Some((&service.health, self.stale));
        let of = |side: Side| health(&service.service, side, answer, self.probes);
        let health = match service.traffic {
            // Both have customers: the worst of the public address and their own counts.
            TrafficState::Split(_) => {
                let ours = |probe: &&ProbeSnapshot| {
                    probe.name == service.service.as_str() && (probe.live || probe.side.is_some())
                };
                let probes = self.probes.iter().filter(ours).map(|probe| probe.state);
                probes.min_by_key(|state| state.severity()).or_else(|| side.and_then(of))
            }
            TrafficState::Unknown | TrafficState::None | TrafficState::Whole(_) => {
                side.and_then(of)
            }
        };
        LiveService { service: service.service.clone(), name, health }
    }

    /// The live releases as the driven run read them, if it did.
    fn live_of_run(&self) -> Option<Live> {
        let run = self.driven.filter(|run| run.services.values().all(|s| s.blue_known))?;
        let one = |(service, view): (&ServiceName, &ServiceView)| {
            let (name, side) = read_by(run, view)?;
            let health = side.and_then(|side| health(service, side, None, self.probes));
            Some(LiveService { service: service.clone(), name, health })
        };
        let all: Option<Vec<_>> = run.services.iter().map(one).collect();
        all.filter(|all| !all.is_empty()).map(Live::Services)
    }

    /// What a rollback would take.
    pub fn undo(&self) -> Undo {
        if let Some(view) = self.driven {
            let blue = view.services.values().find_map(ServiceView::blue_name);
            return if view.gives_back() {
                Undo::UnderWay
            } else if !view.touched_traffic() {
                Undo::NothingMoved
            } else if view.can_go_back() {
                let release = blue.map_or("the build before".to_owned(), |name| name.to_string());
                Undo::To { release, warm_until: None, faults: Vec::new() }
            } else {
                Undo::Impossible("no build was live before".to_owned())
            };
        }
        let Some(seen) = self.seen else { return Undo::NotRead };
        if let Some(problem) = &seen.unseen {
            return Undo::Unknown(problem.what.clone());
        }
        if let Some(why) = seen.services.iter().find_map(|s| s.rollback.why.as_ref()) {
            return Undo::Impossible(why.clone());
        }
        let Some(release) = seen.services.iter().find_map(|s| s.rollback.target.as_ref()) else {
            return Undo::Impossible("no other release was live".to_owned());
        };
        let warm = self.switched.zip(self.now).and_then(|(run, now)| warm_until(run, seen, now));
        let faults = seen.services.iter().flat_map(|s| s.rollback.faults.clone()).collect();
        Undo::To { release: release.to_string(), warm_until: warm, faults }
    }
}

/// The live release of a service as the run last read it, with its role. `None`: the run has not read it.
fn read_by(run: &RunView, view: &ServiceView) -> Option<(String, Option<Side>)> {
    let build = match &view.traffic {
        TrafficState::Unknown if view.switch_unread() => {
            return Some(("switching".to_owned(), None));
        }
        TrafficState::Unknown => return None,
        TrafficState::None => return Some(("no build".to_owned(), None)),
        TrafficState::Split(_) => {
            let shared = shared_name(run, view, &view.traffic);
            return Some(shared.unwrap_or_else(|| ("SPLIT".to_owned(), None)));
        }
        TrafficState::Whole(build) => build,
    };
    // GREEN of a rollback may be the same build as BLUE.
    let side = [Side::Green, Side::Blue].into_iter().find(|side| view.build(*side) == Some(build));
    let name = match side? {
        Side::Green => run.plan.name(),
        Side::Blue => view.blue_name(),
    };
    Some((name.map_or_else(|| build.to_string(), |name| name.to_string()), side))
}

/// The two releases that a run shares the traffic of a service between, with the share of the newer one: short, because
/// lists have narrow columns. `None`: it is not
/// shared, or by someone else.
fn shared_name(
    run: &RunView,
    view: &ServiceView,
    traffic: &TrafficState,
) -> Option<(String, Option<Side>)> {
    if !view.is_shared(traffic.parts()) {
        return None;
    }
    let percent = traffic.share_of(view.green.as_ref()?);
    let name = |name: Option<String>, role: &str| name.unwrap_or_else(|| role.to_owned());
    let green = name(run.plan.name().map(|name| name.to_string()), "GREEN");
    let blue = name(view.blue_name().map(|name| name.to_string()), "BLUE");
    Some((format!("{percent} % {green}, {blue}"), Some(Side::Green)))
}

impl Live {
    /// The release that every service has, if they have the same.
    pub fn common(&self) -> Option<&str> {
        let Self::Services(all) = self else { return None };
        let (first, rest) = all.split_first()?;
        rest.iter().all(|other| other.name == first.name).then_some(first.name.as_str())
    }

    /// The live release in a few words: `1.4.1` if all services have it, otherwise each with its own.
    pub fn sentence(&self) -> String {
        match self {
            Self::NotRead => "not read yet".to_owned(),
            Self::Unknown(why) => format!("unknown: {why}"),
            Self::Services(all) => match self.common() {
                Some(name) => name.to_owned(),
                None if all.is_empty() => "no service".to_owned(),
                None => {
                    let one = |of: &LiveService| format!("{} {}", of.service, of.name);
                    all.iter().map(one).collect::<Vec<_>>().join(", ")
                }
            },
        }
    }

    /// The worst health of the services, and those that have it. `None`: nothing is live, or unknown.
    pub fn worst(&self) -> Option<(State, Vec<&ServiceName>)> {
        let Self::Services(all) = self else { return None };
        let worst = all.iter().filter_map(|of| of.health).min_by_key(|state| state.severity())?;
        let of = all.iter().filter(|of| of.health == Some(worst)).map(|of| &of.service);
        Some((worst, of.collect()))
    }
}

impl Undo {
    /// The sentence for reports.
    pub fn sentence(&self) -> String {
        match self {
            Self::UnderWay => "under way".to_owned(),
            Self::NothingMoved => "not needed, nothing moved".to_owned(),
            Self::To { release, warm_until, faults } => {
                let warm = warm_until.map(|until| until.strftime(", warm until %d %b %H:%MZ"));
                let warm = warm.map(|warm| warm.to_string()).unwrap_or_default();
                format!("to {release}{warm}{}", not_ready(faults))
            }
            Self::Impossible(why) => format!("none: {why}"),
            Self::NotRead => "not read yet".to_owned(),
            Self::Unknown(why) => format!("unknown: {why}"),
        }
    }
}

/// The end of a sentence about a rollback whose builds may not start again.
pub fn not_ready(faults: &[String]) -> String {
    if faults.is_empty() { String::new() } else { format!(", NOT ready: {}", faults.join("; ")) }
}
