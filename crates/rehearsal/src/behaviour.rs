//! What tests tell the world.

use pointsman_core::event::Split;
use pointsman_core::step::Failure;

/// The behaviour of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Healthy,
    Broken,
    /// Every second answer is a 503.
    Flaky,
    /// Healthy for that many answers at its public address, then not.
    Leaks(u32),
    /// Healthy for this many answers at its public address, then every second one is a 503.
    Alternates(u32),
    /// The same, but every second one is another build's.
    OldAnswers(u32),
    /// We cannot probe it: our side is at fault.
    Blind,
    /// Every fifth answer at its public address comes from another service.
    Mixed,
    /// Its build ends FAILED.
    DoesNotBuild,
    /// Its public address does not tell which build answers.
    Nameless,
}

/// A call of the platform that fails.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// The number of the call, from 0.
    pub at: usize,
    pub class: Failure,
    /// Whether the world acts all the same: the reply is lost.
    pub acts: bool,
    /// Whether every later call fails like it.
    pub lasts: bool,
}

/// A call that changed something, or tried to: the service and the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    Built(String, String),
    Switched(String, String),
    Stopped(String, String),
    Deleted(String, String),
}

/// Changes the splits of a service when they are read; told whether this run has switched it.
pub(super) type Twist = Box<dyn FnMut(&str, bool, &mut Vec<Split>) + Send>;
