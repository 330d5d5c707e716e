//! Reaching platforms and databases by what the config says of them.

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

/// A connection, or none: it is the local emulator, which does not run and is not to be started.
pub type Reached<'a, T> = BoxFuture<'a, Result<Option<Arc<T>>, Problem>>;

/// A database that is read from its files. The server that reads them ends with this.
pub struct RestingDatabase {
    pub database: Arc<dyn Database>,
    pub server: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for RestingDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestingDatabase").finish_non_exhaustive()
    }
}

/// Reaches platforms.
pub trait Platforms: Send + Sync {
    /// The platform of an endpoint. `start`: starts the emulator if it is one that does not run.
    fn hosting<'a>(&'a self, endpoint: &'a Endpoint, start: bool) -> Reached<'a, dyn Hosting>;
}

/// Reaches databases, and knows which locks are of this store.
pub trait DatabaseServers: Send + Sync {
    /// A database. `start`: starts the emulator if it is one that does not run.
    fn database<'a>(
        &'a self,
        planned: &'a PlannedDatabase,
        start: bool,
    ) -> Reached<'a, dyn Database>;
    /// A database of an emulator that does not run, read from its files in this process.
    fn resting<'a>(
        &'a self,
        planned: &'a PlannedDatabase,
    ) -> BoxFuture<'a, Result<RestingDatabase, Problem>>;
    /// Whether a lock is of a run of this store.
    fn is_ours(&self, holder: &Holder) -> bool;
    /// Whether a lock is of a run of this store that ended: its database went away before the run could release it.
    fn ended_here(&self, holder: &Holder) -> bool;
}
