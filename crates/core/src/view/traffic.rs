//! What a run knows about a service's traffic. Only what was read after the last switch request is known.

use std::fmt;

use super::{RunView, ServiceView};
use crate::event::Split;
use crate::ids::{BuildId, ServiceName};
use crate::step::Side;

/// A service's traffic as the platform last reported it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum TrafficState {
    /// Not read, or a switch was requested since.
    #[default]
    Unknown,
    /// No build has traffic.
    None,
    /// One build has all of it.
    Whole(BuildId),
    /// Several builds have a part, or one has less than all.
    Split(Vec<Split>),
}

impl TrafficState {
    /// Interprets the splits that were read.
    pub fn of(splits: &[Split]) -> Self {
        match splits.iter().find(|part| part.percent == 100) {
            Some(whole) => Self::Whole(whole.build.clone()),
            None if splits.is_empty() => Self::None,
            None => Self::Split(splits.to_vec()),
        }
    }

    /// A share of the traffic for GREEN, and the rest for BLUE.
    pub fn shared(blue: &BuildId, green: &BuildId, percent: u8) -> Self {
        let part = |build: &BuildId, percent| Split { build: build.clone(), percent };
        Self::Split(vec![part(green, percent), part(blue, 100_u8.saturating_sub(percent))])
    }

    /// Whether both say that the same builds have the same parts, in whatever order.
    pub fn is_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Split(parts), Self::Split(others)) => {
                parts.len() == others.len() && parts.iter().all(|part| others.contains(part))
            }
            _ => self == other,
        }
    }

    /// The parts of split traffic.
    pub fn parts(&self) -> &[Split] {
        if let Self::Split(parts) = self { parts } else { &[] }
    }

    /// The share of a build, in per cent.
    pub fn share_of(&self, build: &BuildId) -> u8 {
        match self {
            Self::Whole(whole) if whole == build => 100,
            Self::Split(parts) => {
                parts.iter().find(|part| part.build == *build).map_or(0, |part| part.percent)
            }
            Self::Whole(_) | Self::None | Self::Unknown => 0,
        }
    }

    /// The build that has all traffic.
    pub fn whole(&self) -> Option<&BuildId> {
        let Self::Whole(build) = self else { return None };
        Some(build)
    }

    /// The word in JSON.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::None => "none",
            Self::Whole(_) => "whole",
            Self::Split(_) => "split",
        }
    }
}

impl fmt::Display for TrafficState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown"),
            Self::None => f.write_str("no build"),
            Self::Whole(build) => build.fmt(f),
            Self::Split(parts) => {
                let parts: Vec<_> =
                    parts.iter().map(|part| format!("{} {} %", part.build, part.percent)).collect();
                f.write_str(&parts.join(", "))
            }
        }
    }
}

impl ServiceView {
    /// Whether a switch was requested whose result was not read.
    pub fn switch_unread(&self) -> bool {
        self.switch_asked && self.traffic == TrafficState::Unknown
    }

    /// The live build at the last read.
    pub fn live(&self) -> String {
        match &self.traffic {
            TrafficState::Unknown if self.switch_unread() => {
                "unknown: not read after the last switch".to_owned()
            }
            TrafficState::Unknown => "not read".to_owned(),
            seen @ (TrafficState::None | TrafficState::Whole(_) | TrafficState::Split(_)) => {
                seen.to_string()
            }
        }
    }

    /// Whether no build from outside this run is known to have traffic: a build of this run has all of it, no build
    /// had any from the start, or it is unknown.
    pub fn is_ours(&self) -> bool {
        match &self.traffic {
            // A person may have sent shared traffic to GREEN: that is not for a rollback to undo.
            TrafficState::Whole(build) if self.shared && self.green.as_ref() == Some(build) => {
                self.traffic.is_same_as(&self.set)
            }
            TrafficState::Whole(build) => [&self.blue, &self.green].contains(&&Some(build.clone())),
            TrafficState::None => self.blue.is_none(),
            TrafficState::Unknown => true,
            TrafficState::Split(splits) => self.is_shared(splits),
        }
    }
}

impl RunView {
    /// Whether the result of a switch was not read: the live build is unknown.
    pub fn traffic_unknown(&self) -> bool {
        self.services.values().any(ServiceView::switch_unread)
    }

    /// SPLIT: some services are on green and others still on blue. None if either group is empty.
    pub fn split(&self) -> Option<(Vec<&ServiceName>, Vec<&ServiceName>)> {
        let on = |side: Side| -> Vec<&ServiceName> {
            let serves =
                |s: &ServiceView| s.serving.is_some() && s.serving.as_ref() == s.build(side);
            self.services
                .iter()
                .filter(|(_, s)| s.green != s.blue && serves(s))
                .map(|(n, _)| n)
                .collect()
        };
        let (green, blue) = (on(Side::Green), on(Side::Blue));
        (!green.is_empty() && !blue.is_empty()).then_some((green, blue))
    }

    /// Whether services may be on different releases: the result of one switch was not read, and
    /// another service has a live build; or they have different shares.
    pub fn may_be_split(&self) -> bool {
        let shares: Vec<_> = self.services.values().map(ServiceView::green_share).collect();
        let some = shares.iter().any(Option::is_some);
        let differ = some && shares.windows(2).any(|pair| pair[0] != pair[1]);
        differ || (self.traffic_unknown() && self.services.values().any(|s| s.serving.is_some()))
    }
}
