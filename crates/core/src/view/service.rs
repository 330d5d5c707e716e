//! One service of a run, as its facts tell it.

use super::TrafficState;
use crate::health::Verdict;
use crate::ids::{BuildId, RolloutId};
use crate::release::{ReleaseLabel, ReleaseName};
use crate::step::Side;
use crate::time::Timestamp;

/// One service as the run has seen it.
#[expect(clippy::struct_excessive_bools, reason = "independent facts; none excludes another")]
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ServiceView {
    /// The live build when the run started.
    pub blue: Option<BuildId>,
    pub blue_release: Option<ReleaseLabel>,
    /// Its commit.
    pub blue_commit: Option<String>,
    /// The assets of its pages.
    pub files: Vec<String>,
    /// Whether anybody looked what served. "No blue" is not "not looked".
    pub blue_known: bool,
    pub green: Option<BuildId>,
    /// Whether the candidate can take traffic.
    pub ready: bool,
    /// GREEN's own address, if the platform reports one.
    pub preview: Option<String>,
    /// The verdict of green's gate.
    pub green_health: Option<Verdict>,
    /// Time and evidence of the verdict.
    pub green_judged: Option<(Timestamp, String)>,
    /// What the run's own watch over its public address found wrong, until it is well again or another build
    /// serves.
    pub watched_bad: Option<String>,
    /// Whether a person skipped GREEN's probe, with a reason.
    pub green_left_out: bool,
    /// The build that has all traffic, as the platform reported it after the last request.
    pub serving: Option<BuildId>,
    /// The same in full: what is not known is not nothing.
    pub traffic: TrafficState,
    /// Its traffic when the run began.
    pub found: TrafficState,
    /// The request id of the build order, reused after a lost reply.
    pub green_request: Option<String>,
    /// The builds this run ordered.
    pub ordered: Vec<BuildId>,
    /// Whether this run ever requested a switch.
    pub switch_asked: bool,
    /// The rollouts this run ordered, and their builds, in order.
    pub rollouts: Vec<(RolloutId, BuildId)>,
    /// The policy of the platform's own rollouts, while this run holds them.
    pub held_policy: Option<String>,
}

impl ServiceView {
    /// The release that was live when the run began, with its commit.
    pub fn blue_name(&self) -> Option<ReleaseName> {
        let commit = self.blue_commit.clone();
        self.blue_release.clone().map(|label| ReleaseName { label, commit })
    }

    /// The build of a side.
    pub fn build(&self, side: Side) -> Option<&BuildId> {
        match side {
            Side::Blue => self.blue.as_ref(),
            Side::Green => self.green.as_ref(),
        }
    }
}
