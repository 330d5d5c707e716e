//! Probes in the roles that a run has read, until the keeper of probes has followed the switch.

use super::{ProbeSnapshot, State, Stats};
use crate::step::Side;
use crate::view::{RunView, TrafficState};

/// Gives the probes of a public address the role of the build that the run last read there. Answers from before that
/// read were those of the previous build, so they do not count; a later answer does, and so does its state. Leaves out
/// the probe of a build's own address once that build has the traffic.
pub fn placed(probes: Vec<ProbeSnapshot>, run: &RunView) -> Vec<ProbeSnapshot> {
    let serving = |name: &str| {
        let service = run.services.iter().find(|(service, _)| service.as_str() == name)?.1;
        let TrafficState::Whole(build) = &service.traffic else { return None };
        let side =
            [Side::Green, Side::Blue].into_iter().find(|side| service.build(*side) == Some(build));
        Some((side?, service.traffic_at))
    };
    let place = |mut probe: ProbeSnapshot| {
        let (Some((at, since)), Some(side)) = (serving(&probe.name), probe.side) else {
            return Some(probe);
        };
        if probe.live && side != at {
            probe.side = Some(at);
            if probe.answered.zip(since).is_none_or(|(answered, since)| answered <= since) {
                "traffic has just moved; this build is being checked".clone_into(&mut probe.why);
                (probe.state, probe.since, probe.row) = (State::Off, None, (true, 0));
                (probe.last, probe.answered, probe.fault) = (None, None, None);
                probe.stats = Stats::default();
                probe.points.clear();
            }
        }
        (probe.live || side != at).then_some(probe)
    };
    probes.into_iter().filter_map(place).collect()
}
