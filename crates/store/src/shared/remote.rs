//! Calls to the shared store's database, each within a limit of time.

use std::sync::Arc;
use std::time::Duration;

use super::documents::{self, ENVIRONMENTS, Environment, environment_path};
use pointsman_core::document::Document;
use pointsman_core::error::Problem;
use pointsman_core::ids::EnvironmentName;
use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::database::{Changes, Database, DatabaseError, Pages, Refused, Write};
use pointsman_core::ports::journal::JournalError;

/// Maximum time of a call. A connection that is cut off silently must not hold up a rollback.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Documents in a page.
const PAGE: u32 = 300;

/// The failure of an operation on the shared store.
#[derive(Debug)]
pub(super) enum SharedError {
    Database(DatabaseError),
    Journal(JournalError),
}

impl From<DatabaseError> for SharedError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl From<JournalError> for SharedError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl SharedError {
    /// Whether another writer was first, so that the operation can be tried again on what is there now.
    pub(super) fn is_conflict(&self) -> bool {
        let Self::Database(error) = self else { return false };
        matches!(error.refused, Refused::Changed | Refused::AlreadyExists | Refused::Contended)
    }

    /// Whether it is unknown if a change took effect.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Self::Database(error) if error.refused == Refused::Lost)
    }

    /// The message for people.
    pub(super) fn problem(self, name: &str) -> Problem {
        let error = match self {
            Self::Journal(error) => return error.problem(),
            Self::Database(error) => error,
        };
        let because = error.problem.to_string();
        match error.refused {
            Refused::Denied => Problem::new(format!("the shared store {name} may not be used"))
                .because(because)
                .try_this("grant roles/datastore.user on its project: pointsman doctor"),
            Refused::NotFound => Problem::new(format!("the shared store {name} does not exist"))
                .because(because)
                .try_this("create the database that store: names: pointsman doctor"),
            Refused::Lost | Refused::Contended => {
                Problem::new(format!("the shared store {name} does not answer"))
                    .because(because)
                    .try_this("check the network; what this machine knows may be old")
            }
            Refused::AlreadyExists
            | Refused::Changed
            | Refused::TooLarge
            | Refused::Invalid
            | Refused::NotServed => {
                Problem::new(format!("the shared store {name} refused a change")).because(because)
            }
        }
    }

    pub(super) fn journal(self, name: &str) -> JournalError {
        match self {
            Self::Journal(error) => error,
            error @ Self::Database(_) => JournalError::Unusable(error.problem(name)),
        }
    }
}

/// The database of the shared store.
#[derive(Clone)]
pub(super) struct Remote {
    database: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
    /// Differs between the processes of a machine.
    pid: u32,
}

impl Remote {
    pub(super) fn new(database: Arc<dyn Database>, clock: Arc<dyn Clock>, pid: u32) -> Self {
        Self { database, clock, pid }
    }

    pub(super) fn name(&self) -> String {
        self.database.name()
    }

    async fn within<T>(
        &self,
        answer: BoxFuture<'_, Result<T, DatabaseError>>,
    ) -> Result<T, SharedError> {
        self.clock.within(ANSWER_WITHIN, answer).await.map_or_else(
            || {
                let seconds = ANSWER_WITHIN.as_secs();
                let problem = Problem::new(format!("no answer within {seconds} s"));
                Err(DatabaseError { refused: Refused::Lost, problem }.into())
            },
            |answer| Ok(answer?),
        )
    }

    pub(super) async fn read(
        &self,
        paths: &[String],
    ) -> Result<(Vec<Option<Document>>, String), SharedError> {
        let reading = self.within(self.database.read(paths)).await?;
        Ok((reading.documents, reading.at))
    }

    /// An environment, and the server time of the read.
    pub(super) async fn environment(
        &self,
        name: &EnvironmentName,
    ) -> Result<(Environment, String), SharedError> {
        self.place(name.as_str()).await
    }

    /// The same of an environment or of the team.
    pub(super) async fn place(&self, place: &str) -> Result<(Environment, String), SharedError> {
        let (documents, at) = self.read(&[environment_path(place)]).await?;
        Ok((Environment::read(documents.first().and_then(Option::as_ref))?, at))
    }

    pub(super) async fn commit(&self, writes: &[Write]) -> Result<Vec<String>, SharedError> {
        self.within(self.database.commit(writes)).await
    }

    /// The environments that changed since a server time.
    pub(super) async fn changed(&self, since: &str) -> Result<Changes, SharedError> {
        self.within(self.database.since(ENVIRONMENTS, documents::CHANGED, since)).await
    }

    /// All documents of a numbered collection after a number.
    pub(super) async fn numbered(
        &self,
        collection: &str,
        after: u64,
    ) -> Result<Vec<Document>, SharedError> {
        let mut after = (after > 0).then(|| documents::numbered(collection, after));
        let mut found = Vec::new();
        loop {
            let pages = Pages { collection, group: false, until: None };
            let page = self.within(self.database.page(pages, after.as_deref(), PAGE)).await?;
            let full = page.len() == PAGE as usize;
            after = page.last().map(|document| document.path.clone());
            found.extend(page);
            if !full {
                return Ok(found);
            }
        }
    }

    /// Waits a short while, differently on each attempt, so that racing writers do not meet again.
    pub(super) async fn step_aside(&self, attempt: u32) {
        let spread =
            u64::from(self.pid.wrapping_mul(2_654_435_761).wrapping_add(attempt * 97) % 60);
        let wait = Duration::from_millis(10 * u64::from(attempt) + spread);
        self.clock.sleep(wait).await;
    }
}
