//! Probes in the roles that a run has read, until the keeper of probes has followed the switch.

use super::{ProbeSnapshot, State};
use crate::step::Side;
use crate::view::{RunView, TrafficState};

/// Gives the probes of a public address the role of the build that the run last read there. Their answers were those
/// of the build before, so that they count for nothing. The probe of a build's own address is left out once that
/// build has the traffic: the public address is the one that counts.
pub fn placed(probes: Vec<ProbeSnapshot>, run: &RunView) -> Vec<ProbeSnapshot> {
    let serving = |name: &str| -> Option<Side> {
        let service = run.services.iter().find(|(service, _)| service.as_str() == name)?.1;
        let TrafficState::Whole(build) = &service.traffic else { return None };
        [Side::Green, Side::Blue].into_iter().find(|side| service.build(*side) == Some(build))
    };
    let place = |mut probe: ProbeSnapshot| {
        let (Some(at), Some(side)) = (serving(&probe.name), probe.side) else { return Some(probe) };
        if probe.live && side != at {
            probe.side = Some(at);
            probe.state = State::Off;
            "traffic has just moved; this build is being asked".clone_into(&mut probe.why);
            (probe.row, probe.last, probe.answered) = ((true, 0), None, None);
            probe.points.clear();
        }
        (probe.live || side != at).then_some(probe)
    };
    probes.into_iter().filter_map(place).collect()
}
