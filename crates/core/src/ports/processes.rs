//! The processes of this machine: telling one from another that got its number later, ending one
//! with all its children, finding who holds a port.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A process: its number, and when it began, so that a reused number is not taken for it. A reboot
/// changes the second as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    pub pid: u32,
    /// When it began, in the system's own words, with the boot it belongs to.
    pub began: String,
}

/// The machine's processes.
pub trait Processes: Send + Sync {
    fn own(&self) -> ProcessIdentity;
    /// The process that has this number now.
    fn of(&self, pid: u32) -> Option<ProcessIdentity>;
    /// Whether this very process still runs. A zombie does not.
    fn alive(&self, process: &ProcessIdentity) -> bool;
    /// Asks (TERM) or forces (KILL) a whole process group to end. One that is gone is no error.
    fn end_group(&self, leader: u32, force: bool);
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
