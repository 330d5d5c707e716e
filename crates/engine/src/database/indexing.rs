//! Operations on indexes and on expiry (TTL): begins them, waits until the server says that they are done, and never
//! begins what is under way already. A stopped or killed migration continues by what the server says.

use std::time::Duration;

use super::Databases;
use super::asked::NotMigrated;
use super::migrate::Work;
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::index::{Expiry, FoundIndexes, Index, IndexState};
use pointsman_core::migration::Operation;
use pointsman_core::ports::database::{Answered, Database, DatabaseError, Refused};
use pointsman_core::ports::database_admin::DatabaseAdmin;
use pointsman_core::retry::Backoff;
use pointsman_core::time::spoken;

/// Interval at which the state of an index is read while it is created.
const STATE_EVERY: Backoff =
    Backoff { first: Duration::from_millis(250), most: Duration::from_secs(5) };
/// Maximum readings in a row without an answer.
const SILENT_READINGS: u32 = 12;

/// Maximum attempts to begin: an accepted one may appear late in the list.
const BEGINNINGS: u32 = 10;

/// The indexes of a database of a run.
pub(crate) async fn found_indexes(
    databases: &Databases,
    name: &str,
) -> Result<FoundIndexes, DatabaseError> {
    let database = databases.get(name).map_err(|problem| not_served(problem.what))?;
    indexes(database.as_ref()).await
}

/// The indexes of a database.
async fn indexes(database: &dyn Database) -> Result<FoundIndexes, DatabaseError> {
    match database.admin() {
        Some(admin) => admin.indexes().await,
        None => Err(not_served("this database has no indexes to read".to_owned())),
    }
}

fn not_served(what: String) -> DatabaseError {
    DatabaseError { refused: Refused::NotServed, problem: Problem::new(what) }
}

/// What an operation on an index or an expiry field wants.
enum Wanted<'a> {
    Index(&'a Index),
    NoIndex(&'a Index),
    Expiry(&'a Expiry),
    NoExpiry(&'a Expiry),
}

/// How far the server is with it.
enum Stand {
    Done,
    /// It is under way, in this state.
    UnderWay(IndexState),
    /// It must be begun. Holds the resource name of an index that must go.
    ToBegin(Option<String>),
    Broken(IndexState),
}

impl<'a> Wanted<'a> {
    fn of(operation: &'a Operation) -> Option<Self> {
        match operation {
            Operation::CreateIndex { index } => Some(Self::Index(index)),
            Operation::DeleteIndex { index } => Some(Self::NoIndex(index)),
            Operation::Expire { expiry } => Some(Self::Expiry(expiry)),
            Operation::EndExpiry { expiry } => Some(Self::NoExpiry(expiry)),
            _ => None,
        }
    }

    /// The same, if it creates.
    fn creation(operation: &'a Operation) -> Option<Self> {
        Self::of(operation).filter(|wanted| matches!(wanted, Self::Index(_) | Self::Expiry(_)))
    }

    fn takes_away(&self) -> bool {
        matches!(self, Self::NoIndex(_) | Self::NoExpiry(_))
    }

    fn stand(&self, found: &FoundIndexes) -> Stand {
        let of = |index: &Index| found.indexes.iter().find(|f| f.index == *index);
        let expiry = |e: &Expiry| found.expiries.iter().find(|(f, _)| f == e).map(|(_, s)| s);
        let there = |state: Option<&IndexState>| match state {
            None => Stand::ToBegin(None),
            Some(IndexState::Ready) => Stand::Done,
            Some(IndexState::Creating) => Stand::UnderWay(IndexState::Creating),
            Some(state @ (IndexState::NeedsRepair | IndexState::Other(_))) => {
                Stand::Broken(state.clone())
            }
        };
        match self {
            Self::Index(index) => there(of(index).map(|found| &found.state)),
            Self::Expiry(wanted) => there(expiry(wanted)),
            Self::NoIndex(index) => {
                of(index).map_or(Stand::Done, |found| Stand::ToBegin(Some(found.name.clone())))
            }
            Self::NoExpiry(unwanted) => {
                expiry(unwanted).map_or(Stand::Done, |_| Stand::ToBegin(None))
            }
        }
    }

    fn begin<'b>(
        &'b self,
        admin: &'b dyn DatabaseAdmin,
        name: Option<&'b str>,
    ) -> Answered<'b, ()> {
        match self {
            Self::Index(index) => admin.create_index(index),
            Self::NoIndex(_) => admin.delete_index(name.unwrap_or_default()),
            Self::Expiry(expiry) => admin.expire(expiry, true),
            Self::NoExpiry(expiry) => admin.expire(expiry, false),
        }
    }
}

impl Work<'_> {
    /// Brings an index or an expiry field to the state that the operation wants, and counts the operation as done once
    /// the server confirms it. `false`: it is no such operation.
    pub(super) async fn administer(&mut self, operation: &Operation) -> Result<bool, NotMigrated> {
        let Some(wanted) = Wanted::of(operation) else { return Ok(false) };
        let admin = self.asked.database.admin();
        match admin {
            Some(admin) => {
                self.begin_together(admin).await;
                self.until_done(operation, &wanted, admin).await?;
            }
            None => self.skipped(operation),
        }
        let mut after = self.record.clone();
        after.half.operation += 1;
        self.commit(Vec::new(), &after).await?;
        self.record = after;
        Ok(true)
    }

    /// Begins what the operations from here on create, up to the next one of another kind: Firestore builds indexes side by
    /// side, and each may take an hour. What cannot be begun here fails when its own turn comes.
    async fn begin_together(&self, admin: &dyn DatabaseAdmin) {
        let operations = self.asked.migration.operations(self.asked.direction);
        let done = usize::try_from(self.record.half.operation).unwrap_or(usize::MAX);
        let ahead = operations.iter().skip(done).map_while(Wanted::creation);
        let Ok(found) = admin.indexes().await else { return };
        // As below: only with the lock.
        if self.commit(Vec::new(), &self.record).await.is_err() {
            return;
        }
        for wanted in ahead {
            if matches!(wanted.stand(&found), Stand::ToBegin(_)) {
                let _ = wanted.begin(admin, None).await;
            }
        }
    }

    async fn until_done(
        &self,
        operation: &Operation,
        wanted: &Wanted<'_>,
        admin: &dyn DatabaseAdmin,
    ) -> Result<(), NotMigrated> {
        let (start, mut silent, mut tries) = (self.asked.clock.elapsed(), 0, 0);
        let (mut said, mut accepted) = (false, false);
        for reading in 1.. {
            self.stop_here()?;
            let found = match admin.indexes().await {
                Ok(found) => found,
                Err(error) if error.refused == Refused::NotServed => {
                    // An emulator without indexes answers every query; Google's service always tells.
                    if self.asked.database.emulator_host().is_none() {
                        return Err(failed(operation, &error));
                    }
                    self.skipped(operation);
                    return Ok(());
                }
                Err(error) if passing(&error) && silent < SILENT_READINGS => {
                    silent += 1;
                    (self.asked.progress)(format!("{operation}: {}", error.problem.what));
                    self.asked.clock.sleep(STATE_EVERY.after(reading)).await;
                    continue;
                }
                // The server continues, and so does the migration when it is tried again.
                Err(error) if passing(&error) => {
                    return Err(NotMigrated::Unreachable(error.problem));
                }
                Err(error) => return Err(failed(operation, &error)),
            };
            silent = 0;
            match wanted.stand(&found) {
                Stand::Done => return Ok(()),
                Stand::Broken(state) => return Err(broken(operation, &state)),
                // The server accepted it, and continues as long as it takes.
                Stand::ToBegin(_) if accepted && wanted.takes_away() => {
                    (self.asked.progress)(format!("{operation}: under way at the server"));
                }
                Stand::ToBegin(name) => {
                    tries += 1;
                    // The lock is written to, so that a process that lost it begins nothing.
                    self.commit(Vec::new(), &self.record).await?;
                    let done = wanted.begin(admin, name.as_deref()).await;
                    accepted |= done.is_ok();
                    let last = tries == BEGINNINGS;
                    may_wait(operation, done, last)?;
                }
                Stand::UnderWay(state) => {
                    if !said {
                        said = true;
                        (self.asked.heard)(&format!("{operation}: {state}, waiting"));
                    }
                    let since = self.asked.clock.elapsed().saturating_sub(start);
                    (self.asked.progress)(format!(
                        "{operation}: {state}, waited for {}; the server continues if you stop here",
                        spoken(Duration::from_secs(since.as_secs()))
                    ));
                }
            }
            self.asked.clock.sleep(STATE_EVERY.after(reading)).await;
        }
        Ok(())
    }

    fn skipped(&self, operation: &Operation) {
        (self.asked.progress)(format!(
            "{operation}: not done, for this emulator has no indexes and no expiry; its queries need none"
        ));
    }
}

/// Whether what exists later can tell how a request went: it was accepted, its answer was lost, or someone else was
/// quicker. After the last try it cannot.
fn may_wait(
    operation: &Operation,
    done: Result<(), DatabaseError>,
    last: bool,
) -> Result<(), NotMigrated> {
    match done {
        Ok(()) if last => Err(ignored(operation)),
        Ok(()) => Ok(()),
        Err(error) if !last && (already(&error) || passing(&error)) => Ok(()),
        Err(error) => Err(failed(operation, &error)),
    }
}

/// Whether the request had its effect already.
fn already(error: &DatabaseError) -> bool {
    matches!(error.refused, Refused::AlreadyExists | Refused::NotFound)
}

fn passing(error: &DatabaseError) -> bool {
    matches!(error.refused, Refused::Lost | Refused::Contended | Refused::Changed)
}

fn failed(operation: &Operation, error: &DatabaseError) -> NotMigrated {
    let api = GoogleApi::FirestoreAdmin;
    let problem = Problem::coded(Code::MIGRATION_FAILED, format!("cannot {operation}"))
        .because(error.problem.sentence());
    NotMigrated::Failed(match error.refused {
        Refused::Denied => problem.try_this(format!(
            "grant roles/datastore.indexAdmin on that project to the account that runs this; {} may only read {api}",
            api.role()
        )),
        _ => problem.try_this("correct the migration, or do it by hand; then run it again"),
    })
}

fn ignored(operation: &Operation) -> NotMigrated {
    NotMigrated::Failed(
        Problem::coded(Code::MIGRATION_FAILED, format!("cannot {operation}"))
            .because("the server accepted it again and again, and does not list it")
            .try_this("gcloud firestore operations list shows what it does"),
    )
}

fn broken(operation: &Operation, state: &IndexState) -> NotMigrated {
    NotMigrated::Failed(
        Problem::coded(Code::MIGRATION_FAILED, format!("cannot {operation}: it is {state}"))
            .because("the server could not build it, often because of documents beyond its limits")
            .try_this(
                "gcloud firestore indexes composite list, or gcloud firestore fields ttls list; delete it, \
                 correct the documents, and run it again",
            ),
    )
}
