//! The databases of an environment.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::App;
use super::identity::machine_name;
use crate::adapters::auth::Auth;
use crate::adapters::firestore::Firestore;
use crate::adapters::program::MachinePrograms;
use crate::domain::endpoint::Endpoint;
use crate::domain::error::Problem;
use crate::domain::hash::Hash;
use crate::domain::ids::RunNumber;
use crate::domain::migration::Holder;
use crate::domain::plan::{Plan, PlannedDatabase, RunKind};
use crate::domain::run::RunState;
use crate::domain::view::RunView;
use crate::engine::database::Databases;
use crate::ports::BoxFuture;
use crate::ports::database::Database;
use crate::ports::journal::Journal as _;
use crate::ports::platforms::{DatabaseServers, Reached, RestingDatabase};
use crate::ports::processes::Processes;
use crate::store::SqliteStore;

/// The variable that Google's tools and libraries use.
const EMULATOR_HOST: &str = "FIRESTORE_EMULATOR_HOST";

impl App {
    async fn reach_database(
        &self,
        planned: &PlannedDatabase,
        start: bool,
    ) -> Result<Option<Arc<dyn Database>>, Problem> {
        if let Some(demo) = &self.demo {
            return Ok(Some(demo.database.clone()));
        }
        let emulator = planned.endpoint == Endpoint::Emulator;
        let name = format!("{} of {}", planned.name, planned.environment);
        let Some((base, bearer)) = self.firestore_at(emulator, start, &name).await? else {
            return Ok(None);
        };
        let client = Firestore::new(base, planned.project.as_str(), &planned.database, bearer)?;
        Ok(Some(Arc::new(client)))
    }

    /// The address and the token of the Firestore that has a database. `None`: the emulator does not run.
    pub(super) async fn firestore_at(
        &self,
        emulator: bool,
        start: bool,
        database: &str,
    ) -> Result<Option<(String, Auth)>, Problem> {
        Ok(Some(match (emulator, super::environment_variable(EMULATOR_HOST)) {
            (true, Some(host)) => (format!("http://{host}"), Auth::Fixed("owner".into())),
            // A real project and an emulator's address: one of the two is a mistake (dM9).
            (false, Some(host)) => {
                return Err(Problem::new(format!(
                    "{EMULATOR_HOST} is set to {host}, but {database} is a real database"
                ))
                .because("Google's client libraries would use the emulator instead")
                .try_this(format!("unset {EMULATOR_HOST}")));
            }
            (true, None) => {
                let found =
                    if start { Some(self.start_emulator(false).await?) } else { self.emulator() };
                let Some(address) = found else { return Ok(None) };
                (address.url, Auth::Fixed(self.emulator_token()?.into()))
            }
            (false, None) => ("https://firestore.googleapis.com".to_owned(), self.google().await?),
        }))
    }

    async fn resting_database(
        &self,
        planned: &PlannedDatabase,
    ) -> Result<RestingDatabase, Problem> {
        let unread = |e: io::Error| {
            Problem::new(format!("the database {} cannot be read", planned.name))
                .because(format!("the emulator is not running, and its files cannot be read: {e}"))
        };
        let resting = self.resting_documents().await.map_err(unread)?;
        let auth = Auth::Fixed(resting.token.clone().into());
        let (project, name) = (planned.project.as_str(), &planned.database);
        let database = Firestore::new(resting.url.clone(), project, name, auth)?;
        Ok(RestingDatabase { database: Arc::new(database), server: Box::new(resting) })
    }

    /// The databases of a run, for its engine.
    pub(super) async fn databases(&self, view: &RunView) -> Result<Databases, Problem> {
        let mut by_name: BTreeMap<String, Arc<dyn Database>> = BTreeMap::new();
        for planned in &view.plan.databases {
            match self.reach_database(planned, true).await {
                Ok(Some(database)) => drop(by_name.insert(planned.name.clone(), database)),
                // A rollback handles an unavailable database itself.
                Err(problem) if view.plan.kind != RunKind::Rollback => return Err(problem),
                Ok(None) | Err(_) => tracing::warn!(database = planned.name, "cannot be reached"),
            }
        }
        let holder = self.holder(&view.plan, view.number);
        let (records, processes) = (self.records.clone(), self.processes.clone());
        let state = self.state.clone();
        let programs = Arc::new(MachinePrograms {
            groups: self.runs_groups().within(view.plan.environment.as_str()),
        });
        let ended =
            Box::new(move |holder: &Holder| ended_here((&state, &records), &processes, holder));
        Ok(Databases::new(by_name, programs, self.clock.clone(), holder, ended))
    }

    /// Asks the holders of locks on the databases of a plan to stop.
    pub async fn ask_holders_to_stop(&self, plan: &Plan) -> Result<(), Problem> {
        self.services().ask_holders_to_stop(plan, &self.actor()).await
    }

    /// The identity of a run as the holder of a lock. One run of one store is one holder, so that its next process
    /// gets its own lock back immediately.
    fn holder(&self, plan: &Plan, run: RunNumber) -> Holder {
        Holder {
            id: holder_id(&self.state, run.0),
            host: machine_name(),
            pid: u64::from(std::process::id()),
            actor: self.actor(),
            purpose: format!("{} on {}", plan.title(), plan.environment),
            run: run.0,
        }
    }
}

impl DatabaseServers for App {
    fn database<'a>(
        &'a self,
        planned: &'a PlannedDatabase,
        start: bool,
    ) -> Reached<'a, dyn Database> {
        Box::pin(self.reach_database(planned, start))
    }

    fn resting<'a>(
        &'a self,
        planned: &'a PlannedDatabase,
    ) -> BoxFuture<'a, Result<RestingDatabase, Problem>> {
        Box::pin(self.resting_database(planned))
    }

    fn is_ours(&self, holder: &Holder) -> bool {
        is_ours(&self.state, holder)
    }

    fn ended_here(&self, holder: &Holder) -> bool {
        ended_here((&self.state, &self.records), &self.processes, holder)
    }
}

fn holder_id(state: &Path, run: u64) -> String {
    let store =
        store_id(state).unwrap_or_else(|_| format!("{}:{}", machine_name(), state.display()));
    Hash::of(format!("{store}:{run}").as_bytes()).short().to_owned()
}

/// The random id of a store, created on first use. Host name and path are not enough: cloned machines and
/// containers share them, and one would take over the live lock of the other.
pub(super) fn store_id(state: &Path) -> io::Result<String> {
    let file = state.join("store-id");
    if let Ok(id) = fs::read_to_string(&file) {
        return Ok(id);
    }
    let id = uuid::Uuid::new_v4().simple().to_string();
    let made = state.join(format!("store-id.{id}"));
    fs::write(&made, &id)?;
    // Create the file atomically; if another process was faster, its id wins.
    let linked = fs::hard_link(&made, &file);
    fs::remove_file(&made)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::read_to_string(&file),
    }
}

/// Whether the holder of a lock is a run of this store.
fn is_ours(state: &Path, holder: &Holder) -> bool {
    holder.id == holder_id(state, holder.run)
}

/// Whether the holder of a lock is a run of this store that has ended: its database became unavailable before the
/// run could release the lock.
fn ended_here(
    (state, records): (&Path, &Path),
    processes: &Arc<dyn Processes>,
    holder: &Holder,
) -> bool {
    is_ours(state, holder)
        && SqliteStore::open_readable(records, processes.clone())
            .and_then(|store| store.run(RunNumber(holder.run)))
            .is_ok_and(|run| matches!(run.view.state, RunState::Ended { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_ids_are_stable_and_unique() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let id = store_id(one.path()).unwrap();
        assert_eq!(store_id(one.path()).unwrap(), id);
        assert_ne!(store_id(two.path()).unwrap(), id);
        let holder = Holder { id: holder_id(one.path(), 3), run: 3, ..Holder::default() };
        assert!(is_ours(one.path(), &holder) && !is_ours(two.path(), &holder));
        let names = fs::read_dir(one.path()).unwrap().count();
        assert_eq!(names, 1, "nothing else is left");
    }
}
