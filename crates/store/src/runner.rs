//! The process that drives a run: on this machine, or on another one that shares the store.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use pointsman_core::ports::processes::{ProcessIdentity, Processes};

/// A machine that shares a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Random, and kept in the state folder: cloned machines and containers share a host name.
    pub id: String,
    /// The host name, for people.
    pub name: String,
}

/// The runner of a run, as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Runner {
    #[serde(flatten)]
    pub(crate) process: ProcessIdentity,
    /// The machine, if the store is shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) machine: Option<Machine>,
}

/// A runner that is alive, as far as this machine can know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Living {
    pub(super) pid: u32,
    /// The name of its machine, if that is another one.
    pub(super) host: Option<String>,
}

/// This process on this machine.
#[derive(Clone)]
pub(super) struct Here {
    pub(super) processes: Arc<dyn Processes>,
    /// Set if the store is shared.
    pub(super) machine: Option<Machine>,
}

impl Here {
    /// This process as a runner.
    pub(super) fn runner(&self) -> Runner {
        Runner { process: self.processes.own(), machine: self.machine.clone() }
    }

    /// The name of this machine, by which its branches are known. Empty if the store is not shared.
    pub(super) fn name(&self) -> String {
        self.machine.as_ref().map_or(String::new(), |machine| machine.name.clone())
    }

    /// Whether a runner is a live process of this machine.
    pub(super) fn runs(&self, runner: &Runner) -> bool {
        self.has(runner) && self.processes.alive(&runner.process)
    }

    /// Whether a runner is on this machine.
    pub(super) fn has(&self, runner: &Runner) -> bool {
        let id = |machine: &Option<Machine>| machine.as_ref().map(|machine| machine.id.clone());
        runner.machine.is_none() || id(&runner.machine) == id(&self.machine)
    }
}

impl fmt::Debug for Here {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Here").field("machine", &self.machine).finish_non_exhaustive()
    }
}
