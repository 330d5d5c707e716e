//! The processes of this machine: tells a process from a later one with the same id, ends a process with all its
//! children, and finds the program that listens on a port.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A process: its id and start time, so that a reused id is not mistaken for it. A reboot
/// changes the start time as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    pub pid: u32,
    /// Start time in the system's own format, with the boot that it belongs to.
    pub began: String,
}

/// The machine's processes.
pub trait Processes: Send + Sync {
    fn own(&self) -> ProcessIdentity;
    /// The process that has this id now.
    fn of(&self, pid: u32) -> Option<ProcessIdentity>;
    /// Whether exactly this process still runs. A zombie does not.
    fn alive(&self, process: &ProcessIdentity) -> bool;
    /// Asks (TERM) or forces (KILL) a whole process group to end. A missing group is not an error.
    fn end_group(&self, leader: u32, force: bool);
    /// Whether a process is of the group that `leader` leads.
    fn in_group(&self, leader: u32, pid: u32) -> bool;
    /// A program that listens on a TCP port.
    fn listener_of(&self, port: u16) -> Option<Listener>;
}

/// A program that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    pub name: String,
    pub pid: u32,
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.pid)
    }
}
