//! The store that a team shares, if the config names one.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::App;
use super::databases::store_id;
use super::identity::machine_name;
use crate::adapters::firestore::Firestore;
use crate::adapters::run_logs::LogFolder;
use crate::config::SharedDatabase;
use crate::domain::document::Document;
use crate::domain::error::Problem;
use crate::domain::ids::RunNumber;
use crate::domain::rules_test::{Records, RulesTest};
use crate::ports::database::{
    Answered, Changes, Database, DatabaseError, Pages, Reading, Refused, Write,
};
use crate::ports::journal::{Journal as _, JournalError};
use crate::ports::sharing::Standing;
use crate::store::{Link, LinkParts, Machine, SqliteStore};

/// Where runs are recorded.
#[derive(Clone, Debug, Default)]
pub(super) enum Shared {
    /// On this machine alone.
    #[default]
    Local,
    /// In a store that a team shares.
    Linked {
        link: Arc<Link>,
        /// Whether no one reaches it without Google credentials.
        proven: bool,
        database: Arc<Lazy>,
    },
    /// The config does not say it correctly. Nothing is read or written, since it could be the wrong store.
    Wrong(Problem),
}

impl App {
    /// Uses the store that the config names.
    pub fn share(&mut self, wanted: Result<Option<SharedDatabase>, Problem>) {
        let wanted = match wanted {
            Ok(None) => return,
            Ok(Some(wanted)) => wanted,
            Err(problem) => {
                self.shared = Shared::Wrong(problem);
                return;
            }
        };
        let (project, database) = (wanted.project.as_str(), wanted.database.as_str());
        self.records = self.state.join("shared").join(project).join(database);
        let linked = super::private_folder(&self.records).and_then(|()| store_id(&self.state));
        let id = match linked {
            Ok(id) => id,
            Err(error) => {
                let problem = Problem::new("the copy of the shared store cannot be written");
                self.shared = Shared::Wrong(problem.because(error.to_string()));
                return;
            }
        };
        let proven = !wanted.emulator;
        let database = Arc::new(Lazy { app: self.clone(), wanted, reached: Mutex::default() });
        let parts = LinkParts {
            folder: self.records.clone(),
            machine: Machine { id, name: machine_name() },
            database: database.clone(),
            processes: self.processes.clone(),
            clock: self.clock.clone(),
            logs: Arc::new(LogFolder(self.records.clone())),
            threads: true,
        };
        self.shared = Shared::Linked { link: Link::new(parts), proven, database };
    }

    /// Reads what another machine logged of a run, if the store is shared. May wait for the store some seconds.
    pub fn read_shared_log(&self, run: RunNumber) {
        if let Shared::Linked { link, .. } = &self.shared {
            link.read_log(run);
        }
    }

    /// Reads the shared store regularly from here on.
    pub fn follow_shared(&self) {
        if let Shared::Linked { link, .. } = &self.shared {
            link.follow();
        }
    }

    /// Tells others which runs a person has on the screen here.
    pub fn watch(&self, runs: Vec<RunNumber>) {
        if let Shared::Linked { link, .. } = &self.shared {
            link.watch(&self.actor(), runs);
        }
    }

    /// Who has a run on the screen of another machine, as far as is known.
    pub fn watchers(&self, run: RunNumber) -> Vec<String> {
        match &self.shared {
            Shared::Linked { link, .. } => link.watchers(run),
            Shared::Local | Shared::Wrong(_) => Vec::new(),
        }
    }

    /// Writes what this process has not shared yet. Called before it ends. Returns how this machine stands if something
    /// is left.
    pub fn settle_shared(&self) -> Option<Standing> {
        let Shared::Linked { link, .. } = &self.shared else { return None };
        let settled = link.settle();
        settled.then(|| link.standing()).filter(|standing| standing.unshared > 0)
    }

    /// How this machine stands with the shared store; `None` if runs are recorded on this machine alone.
    pub fn standing(&self) -> Option<Standing> {
        match &self.shared {
            Shared::Linked { link, .. } => Some(link.standing()),
            Shared::Local | Shared::Wrong(_) => None,
        }
    }

    /// Whether no one reaches the store without Google credentials.
    pub fn has_proven_store(&self) -> bool {
        matches!(&self.shared, Shared::Linked { proven: true, .. })
    }

    /// Whether the security rules of the shared store keep clients out. `None`: there is no shared store.
    pub async fn test_store_rules(&self) -> Option<Result<RulesTest, DatabaseError>> {
        let Shared::Linked { database, .. } = &self.shared else { return None };
        let client = match database.client().await {
            Ok(client) => client,
            Err(error) => return Some(Err(error)),
        };
        Some(client.admin()?.rules(Records::Store).await)
    }

    /// Moves the runs that this machine recorded alone into the shared store. `None`: there is no shared store.
    pub fn push_to_shared(&self) -> Option<Result<usize, JournalError>> {
        let Shared::Linked { link, .. } = &self.shared else { return None };
        let local = SqliteStore::open(&self.state, self.processes.clone());
        Some(local.and_then(|local| link.push(local)))
    }

    /// Compares the whole shared store with this machine's copy. `None`: there is no shared store.
    pub fn verify_shared(&self) -> Option<Result<(usize, Vec<String>), JournalError>> {
        match &self.shared {
            Shared::Linked { link, .. } => Some(link.verify()),
            Shared::Local | Shared::Wrong(_) => None,
        }
    }

    /// The number of runs that this machine recorded alone, beside a shared store.
    pub fn runs_not_shared(&self) -> usize {
        if !self.state.join("store.db").exists() {
            return 0;
        }
        let local = SqliteStore::open_readable(&self.state, self.processes.clone());
        local.and_then(|local| local.runs(None, usize::MAX)).map_or(0, |runs| runs.len())
    }

    /// Makes an opened store the copy of the shared one.
    pub(super) fn linked(&self, store: SqliteStore) -> Result<SqliteStore, JournalError> {
        match &self.shared {
            Shared::Local => Ok(store),
            Shared::Linked { link, .. } => Ok(store.linked(link)),
            Shared::Wrong(problem) => Err(JournalError::Unusable(problem.clone())),
        }
    }
}

/// The shared store's database, reached with its first call: credentials and emulator take their time, and the first
/// frame does not wait for them.
pub(super) struct Lazy {
    app: App,
    wanted: SharedDatabase,
    /// The client and its address: an emulator that was started again has another one.
    reached: Mutex<Option<(String, Arc<Firestore>)>>,
}

impl fmt::Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lazy").field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

impl Lazy {
    async fn client(&self) -> Result<Arc<Firestore>, DatabaseError> {
        let refused = |problem| DatabaseError { refused: Refused::Lost, problem };
        let mut reached = self.reached.lock().await;
        let found = self.app.firestore_at(self.wanted.emulator, true, "the shared store").await;
        let unstarted = || Problem::new("the emulator of the shared store does not run");
        let found = found.and_then(|found| found.ok_or_else(unstarted));
        let (base, auth) = found.map_err(refused)?;
        if let Some((_, client)) = reached.as_ref().filter(|(at, _)| *at == base) {
            return Ok(client.clone());
        }
        let (project, database) = (self.wanted.project.as_str(), &self.wanted.database);
        let client = Arc::new(Firestore::new(&base, project, database, auth).map_err(refused)?);
        *reached = Some((base, client.clone()));
        Ok(client)
    }
}

impl Database for Lazy {
    fn read<'a>(&'a self, paths: &'a [String]) -> Answered<'a, Reading> {
        Box::pin(async move { self.client().await?.read(paths).await })
    }

    fn page<'a>(
        &'a self,
        of: Pages<'a>,
        after: Option<&'a str>,
        limit: u32,
    ) -> Answered<'a, Vec<Document>> {
        Box::pin(async move { self.client().await?.page(of, after, limit).await })
    }

    fn count<'a>(&'a self, of: Pages<'a>) -> Answered<'a, u64> {
        Box::pin(async move { self.client().await?.count(of).await })
    }

    fn since<'a>(
        &'a self,
        collection: &'a str,
        field: &'a str,
        since: &'a str,
    ) -> Answered<'a, Changes> {
        Box::pin(async move { self.client().await?.since(collection, field, since).await })
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> Answered<'a, Vec<String>> {
        Box::pin(async move { self.client().await?.commit(writes).await })
    }

    fn collections(&self) -> Answered<'_, Vec<String>> {
        Box::pin(async move { self.client().await?.collections().await })
    }

    fn emulator_host(&self) -> Option<String> {
        None
    }

    fn name(&self) -> String {
        format!("{}/{}", self.wanted.project, self.wanted.database)
    }
}
