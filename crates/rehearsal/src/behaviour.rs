//! How tests script the world: behaviour of releases, faults of calls and changes by others.

use pointsman_core::event::Split;
use pointsman_core::step::Failure;

/// The behaviour of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Healthy,
    Broken,
    /// Every second answer is a 503.
    Flaky,
    /// Healthy for this many answers at its public address, then unhealthy.
    Leaks(u32),
    /// Healthy for this many answers at its public address, then every second one is a 503.
    Alternates(u32),
    /// Like `Alternates`, but every second answer comes from another build.
    OldAnswers(u32),
    /// It cannot be probed, and the fault is on our side.
    Blind,
    /// Every fifth answer at its public address comes from another service.
    Mixed,
    /// Its build fails (FAILED).
    DoesNotBuild,
    /// Its public address does not report which build answers.
    Nameless,
}

/// A platform call that fails.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// The number of the call, from 0.
    pub at: usize,
    pub class: Failure,
    /// Whether the call takes effect anyway: only its response is lost.
    pub acts: bool,
    /// Whether every later call fails too.
    pub lasts: bool,
}

/// A call that changed something, or tried to: the service and the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    Built(String, String),
    Switched(String, String),
    /// The first of the builds that share the traffic, with its share.
    Shared(String, String, u8),
    Stopped(String, String),
    Deleted(String, String),
}

/// Changes the splits of a service when they are read. Its arguments: the service, whether its traffic was
/// switched, and the splits.
pub(super) type Twist = Box<dyn FnMut(&str, bool, &mut Vec<Split>) + Send>;
