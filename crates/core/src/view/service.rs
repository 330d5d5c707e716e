//! One service of a run, computed from its facts.

use super::{RunView, TrafficState};
use crate::build_config::ConfigChange;
use crate::event::{Event, GREEN_GATE, Split};
use crate::health::Verdict;
use crate::ids::{BuildId, RolloutId, ServiceName};
use crate::release::{ReleaseLabel, ReleaseName};
use crate::serving::ServingReport;
use crate::step::Side;
use crate::time::Timestamp;

/// One service as the run observed it.
#[expect(clippy::struct_excessive_bools, reason = "independent facts; none excludes another")]
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ServiceView {
    /// The live build when the run started.
    pub blue: Option<BuildId>,
    pub blue_release: Option<ReleaseLabel>,
    pub blue_commit: Option<String>,
    /// The assets that pages of the previous build load.
    pub files: Vec<String>,
    /// Whether the live build was read. "No build was live" is not the same as "not read".
    pub blue_known: bool,
    pub green: Option<BuildId>,
    /// Whether the candidate can take traffic.
    pub ready: bool,
    /// GREEN's own address, if the platform reports one.
    pub preview: Option<String>,
    /// The verdict of the candidate's health check.
    pub green_health: Option<Verdict>,
    /// Time and evidence of the verdict.
    pub green_judged: Option<(Timestamp, String)>,
    /// What the run's monitoring of the public address found wrong, until the service is
    /// healthy again or another build is live.
    pub watched_bad: Option<String>,
    /// How GREEN differs from BLUE besides its code. `None`: not compared, or the platform does not tell.
    #[serde(default)]
    pub config_changes: Option<Vec<ConfigChange>>,
    /// What each layer said about the live build, after the last verification that did not pass.
    #[serde(default)]
    pub serving_reports: Vec<ServingReport>,
    /// Whether a person skipped GREEN's probe, with a reason.
    pub green_left_out: bool,
    /// The build that has all traffic, as the platform reported it after the last request.
    pub serving: Option<BuildId>,
    /// The complete traffic: unknown is not the same as none.
    pub traffic: TrafficState,
    /// When the run last read its traffic.
    #[serde(default)]
    pub traffic_at: Option<Timestamp>,
    /// When the run first read that GREEN has all of its traffic.
    #[serde(default)]
    pub switched_at: Option<Timestamp>,
    /// When the run first read that GREEN has any of it.
    #[serde(default)]
    pub customers_at: Option<Timestamp>,
    /// The traffic that this run requested last. Unknown: it has requested none.
    #[serde(default)]
    pub set: TrafficState,
    /// What was known of the traffic when that was requested.
    #[serde(default)]
    pub before: TrafficState,
    /// Whether this run has ever shared the traffic between BLUE and GREEN.
    #[serde(default)]
    pub shared: bool,
    /// Its traffic when the run started.
    pub found: TrafficState,
    /// The request id of the build order, reused after a lost reply.
    pub green_request: Option<String>,
    /// The builds that this run requested.
    pub ordered: Vec<BuildId>,
    /// Whether this run ever requested a switch.
    pub switch_asked: bool,
    /// The rollouts that this run requested, with their builds, in order.
    pub rollouts: Vec<(RolloutId, BuildId)>,
    /// The policy of automatic rollouts, while this run has disabled them.
    pub held_policy: Option<String>,
}

impl ServiceView {
    /// The release that was live when the run started, with its commit.
    pub fn blue_name(&self) -> Option<ReleaseName> {
        let commit = self.blue_commit.clone();
        self.blue_release.clone().map(|label| ReleaseName { label, commit })
    }

    /// Whether this is traffic as the run set it, after it had shared it: as it requested last or, while it is not known
    /// whether that request was ever sent, as it was before.
    pub fn is_shared(&self, splits: &[Split]) -> bool {
        let now = TrafficState::of(splits);
        let as_before = self.switch_unread() && now.is_same_as(&self.before);
        self.shared && (now.is_same_as(&self.set) || as_before)
    }

    /// Whether only builds of this run have traffic, in whatever parts.
    pub fn is_between_ours(&self, splits: &[Split]) -> bool {
        let ours = |split: &Split| [&self.blue, &self.green].contains(&&Some(split.build.clone()));
        self.shared && !splits.is_empty() && splits.iter().all(ours)
    }

    /// The share of GREEN, in per cent, while this run shares the traffic.
    pub fn green_share(&self) -> Option<u8> {
        match &self.traffic {
            TrafficState::Split(splits) if self.is_shared(splits) => {
                Some(self.traffic.share_of(self.green.as_ref()?))
            }
            TrafficState::Unknown
            | TrafficState::None
            | TrafficState::Whole(_)
            | TrafficState::Split(_) => None,
        }
    }

    /// Notes a request for traffic: what it is now is unknown until it is read again.
    fn requested(&mut self, set: TrafficState) {
        let known = std::mem::take(&mut self.traffic);
        // A request after one that was not read rests on what was known before both.
        if known != TrafficState::Unknown {
            self.before = known;
        }
        (self.serving, self.set) = (None, set);
    }

    /// The build of a side.
    pub fn build(&self, side: Side) -> Option<&BuildId> {
        match side {
            Side::Blue => self.blue.as_ref(),
            Side::Green => self.green.as_ref(),
        }
    }
}

impl RunView {
    /// Notes what a fact says of a service.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "only the facts that change a service; `Event::topic` names every kind"
    )]
    pub(super) fn note_service(&mut self, at: Timestamp, event: &Event) {
        let mut with = |service: &ServiceName, note: &dyn Fn(&mut ServiceView)| {
            if let Some(seen) = self.services.get_mut(service) {
                note(seen);
            }
        };
        match event {
            Event::BlueObserved { service, build, release, commit, splits } => {
                with(service, &|s| {
                    s.blue_commit.clone_from(commit);
                    s.blue.clone_from(build);
                    s.serving.clone_from(build);
                    s.traffic = match build {
                        Some(build) => TrafficState::Whole(build.clone()),
                        None => TrafficState::of(splits),
                    };
                    s.found = s.traffic.clone();
                    s.blue_release.clone_from(release);
                    s.blue_known = true;
                });
            }
            Event::RolloutsHeld { service, policy } => {
                with(service, &|s| s.held_policy = Some(policy.clone()));
            }
            Event::RolloutsReleased { service, problem: None } => {
                with(service, &|s| s.held_policy = None);
            }
            Event::FilesSeen { service, files } => with(service, &|s| s.files.clone_from(files)),
            Event::BuildRequested { service, build, request_id, .. } => with(service, &|s| {
                s.green = Some(build.clone());
                s.ordered.push(build.clone());
                s.green_request = Some(request_id.clone());
                s.ready = false;
            }),
            Event::GreenReady { service, build, preview } => with(service, &|s| {
                s.green = Some(build.clone());
                s.preview.clone_from(preview);
                s.ready = true;
                // What was said of its health was said of that address.
                if preview.is_none() {
                    (s.green_health, s.green_judged) = (None, None);
                }
            }),
            Event::CandidateReady { service, build } => with(service, &|s| {
                s.green = Some(build.clone());
                s.ready = true;
            }),
            Event::SwitchRequested { service, to, rollout, .. } => with(service, &|s| {
                s.switch_asked = true;
                s.requested(TrafficState::Whole(to.clone()));
                s.rollouts.push((rollout.clone(), to.clone()));
            }),
            Event::ShiftRequested { service, blue, green, percent } => with(service, &|s| {
                (s.switch_asked, s.shared) = (true, true);
                s.requested(TrafficState::shared(blue, green, *percent));
            }),
            Event::TrafficObserved { service, splits } => with(service, &|s| {
                (s.traffic, s.traffic_at) = (TrafficState::of(splits), Some(at));
                s.serving = s.traffic.whole().cloned();
                if s.green.is_some() && s.serving == s.green {
                    s.switched_at.get_or_insert(at);
                }
                if s.green.as_ref().is_some_and(|green| s.traffic.share_of(green) > 0) {
                    s.customers_at.get_or_insert(at);
                }
                if s.serving != s.green {
                    s.watched_bad = None;
                }
            }),
            Event::Judged { service, verdict, rule, evidence } if rule == GREEN_GATE => {
                with(service, &|s| {
                    s.green_health = Some(*verdict);
                    s.green_judged = Some((at, evidence.clone()));
                });
            }
            Event::ConfigCompared { service, changes, .. } => {
                with(service, &|s| s.config_changes = Some(changes.clone()));
            }
            Event::ServingReported { service, reports } => {
                with(service, &|s| s.serving_reports.clone_from(reports));
            }
            Event::Judged { service, verdict, rule, evidence } => {
                with(service, &|s| match verdict {
                    Verdict::Pass => {
                        s.watched_bad = None;
                        s.serving_reports.clear();
                    }
                    Verdict::Fail => s.watched_bad = Some(format!("{rule}: {evidence}")),
                    Verdict::Inconclusive => {}
                });
            }
            _ => {}
        }
    }
}
