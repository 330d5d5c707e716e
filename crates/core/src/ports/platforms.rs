//! Connects to the platforms and databases of the config.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::BoxFuture;
use super::database::Database;
use super::hosting::Hosting;
use crate::endpoint::Endpoint;
use crate::error::Problem;
use crate::migration::Holder;
use crate::plan::PlannedDatabase;

/// A connection. None: the local emulator is not running, and is not to be started.
pub type Reached<'a, T> = BoxFuture<'a, Result<Option<Arc<T>>, Problem>>;

/// A database of a stopped emulator, read from its files. Dropping this ends the server that reads them.
pub struct RestingDatabase {
    pub database: Arc<dyn Database>,
    pub server: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for RestingDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestingDatabase").finish_non_exhaustive()
    }
}

/// Connects to hosting platforms.
pub trait Platforms: Send + Sync {
    /// The platform of an endpoint. `start`: starts the emulator if it is not running.
    fn hosting<'a>(&'a self, endpoint: &'a Endpoint, start: bool) -> Reached<'a, dyn Hosting>;
}

/// Connects to databases, and knows which locks belong to this store.
pub trait DatabaseServers: Send + Sync {
    /// A database. `start`: starts the emulator if it is not running.
    fn database<'a>(
        &'a self,
        planned: &'a PlannedDatabase,
        start: bool,
    ) -> Reached<'a, dyn Database>;
    /// A database of a stopped emulator, read from its files in this process.
    fn resting<'a>(
        &'a self,
        planned: &'a PlannedDatabase,
    ) -> BoxFuture<'a, Result<RestingDatabase, Problem>>;
    /// Whether a lock belongs to a run of this store.
    fn is_ours(&self, holder: &Holder) -> bool;
    /// Whether a lock belongs to a run of this store that has ended: its database went away
    /// before the run could release it.
    fn ended_here(&self, holder: &Holder) -> bool;
}
