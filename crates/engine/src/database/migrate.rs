//! One migration on one database, from its current state to its end. Each batch, its progress and the
//! lock are one commit, so that after a crash the migration continues exactly where it stopped.

use std::time::Duration;

use super::asked::{Asked, Migrated, NotMigrated};
use super::lock::NotWritten;
use super::operate::{Batch, Cannot, batch};
use super::read::{ended_write, head_write, history_write, record_write, schema};
use pointsman_core::code::Code;
use pointsman_core::document::{Document, weight};
use pointsman_core::error::Problem;
use pointsman_core::migration::{Direction, Operation, Record, RecordState, Schema, Scope};
use pointsman_core::ports::database::{Act, DatabaseError, Expected, Pages, Write};
use pointsman_core::ports::programs::Program;
use pointsman_core::time::spoken;

fn unread(error: DatabaseError) -> NotMigrated {
    NotMigrated::Unreachable(error.problem)
}

/// Size of the first page. It is small, because the size of the documents is not known yet.
const FIRST_PAGE: u32 = 20;
/// Maximum size of a page of documents, in bytes.
const PAGE_BYTES: usize = 3_500_000;
/// Maximum attempts for a document that other clients keep writing.
const ATTEMPTS_PER_BATCH: u32 = 60;

pub(super) struct Work<'a> {
    pub(super) asked: &'a Asked<'a>,
    pub(super) record: Record,
    began: Duration,
    took_before: u64,
}

/// Starts or continues a migration, and brings it to its end.
pub async fn migrate(asked: &Asked<'_>) -> Result<Migrated, NotMigrated> {
    let before = schema(asked.database).await.map_err(unread)?;
    let Some(record) = stands(asked, &before).await? else {
        return Ok(Migrated { documents: 0, came_meanwhile: 0, already: true });
    };
    let (began, took_before) = (asked.clock.elapsed(), record.took_ms);
    let mut work = Work { asked, record, began, took_before };
    // Mark the migration as dirty before the first write, whatever happens later (dM5).
    let dirty = record_write(&work.record);
    asked.lock.commit(vec![dirty]).await?;
    for (at, operation) in (0..).zip(asked.migration.operations(asked.direction)) {
        if at < work.record.half.operation {
            continue;
        }
        if let Err(error) = work.operation(operation).await {
            return Err(work.note(error).await);
        }
    }
    work.end(&before).await
}

/// The record to start or continue with; `None` if the migration is already complete.
async fn stands(asked: &Asked<'_>, schema: &Schema) -> Result<Option<Record>, NotMigrated> {
    let Asked { migration, direction, .. } = asked;
    let found = schema.records.get(&migration.version);
    let state = found.map(|r| r.state);
    let done = match direction {
        Direction::Up => state == Some(RecordState::Applied),
        Direction::Down => matches!(state, None | Some(RecordState::RolledBack)),
    };
    if done {
        return Ok(None);
    }
    if let Some(half) = found.filter(|r| r.is_dirty()) {
        let fits = half.half.direction == *direction && half.checksum == migration.checksum();
        if !fits || half.half.program {
            return Err(NotMigrated::Failed(
                Problem::coded(
                    Code::MIGRATION_FAILED,
                    format!("{} is half done and cannot continue", migration.version),
                )
                .because(if half.half.program {
                    "its program was started, and its result is unknown"
                } else {
                    "it started in the other direction, or from a different file"
                })
                .try_this("pointsman migrate repair ENV --as not|half|fully --reason TEXT"),
            ));
        }
        let by = asked.by.to_owned();
        return Ok(Some(Record { state: RecordState::Running, error: None, by, ..half.clone() }));
    }
    let mut total = 0;
    for scope in migration.operations(*direction).iter().filter_map(Operation::scope) {
        total += asked.database.count(pages(scope)).await.map_err(unread)?;
    }
    let mut record = Record::begin(migration, *direction, asked.by, total);
    record.rank = found.map_or(0, |r| r.rank);
    record.restore_point.clone_from(&asked.restore_point);
    Ok(Some(record))
}

fn pages(scope: &Scope) -> Pages<'_> {
    Pages { collection: &scope.collection, group: scope.group, until: None }
}

impl Work<'_> {
    fn took(&self) -> u64 {
        let now = self.asked.clock.elapsed().saturating_sub(self.began).as_millis();
        self.took_before.saturating_add(u64::try_from(now).unwrap_or(u64::MAX))
    }

    /// Commits writes together with the progress that they result in.
    pub(super) async fn commit(
        &self,
        mut writes: Vec<Write>,
        record: &Record,
    ) -> Result<(), NotWritten> {
        writes.push(record_write(record));
        self.asked.lock.commit(writes).await
    }

    async fn operation(&mut self, operation: &Operation) -> Result<(), NotMigrated> {
        if self.administer(operation).await? {
            return Ok(());
        }
        match operation {
            Operation::Run { argv } => self.program(argv).await,
            Operation::Create { document, fields } => {
                let write = Write::whole(document, Expected::NotThere, fields.clone());
                self.single(write, operation).await
            }
            Operation::Delete { document } => {
                let (path, expected) = (document.clone(), Expected::Anything);
                self.single(Write { path, expected, act: Act::Delete }, operation).await
            }
            _ => match operation.scope() {
                Some(scope) => self.documents(operation, scope).await,
                None => Ok(()),
            },
        }
    }

    async fn single(&mut self, write: Write, operation: &Operation) -> Result<(), NotMigrated> {
        let mut after = self.record.clone();
        after.half.operation += 1;
        let told = |error: DatabaseError| {
            NotMigrated::Failed(Problem::coded(
                Code::MIGRATION_FAILED,
                format!("{operation}: {}", error.problem),
            ))
        };
        match self.commit(vec![write], &after).await {
            Err(NotWritten::Conflict(error) | NotWritten::Refused(error)) => {
                return Err(told(error));
            }
            other => other?,
        }
        self.record = after;
        Ok(())
    }

    /// Runs a program of the team. Its start is recorded first, because its progress cannot be read afterwards.
    async fn program(&mut self, argv: &[String]) -> Result<(), NotMigrated> {
        self.stop_here()?;
        self.record.half.program = true;
        self.commit(Vec::new(), &self.record.clone()).await?;
        (self.asked.progress)(format!("running {}", argv.join(" ")));
        let program =
            Program { argv, folder: self.asked.folder, environment: self.asked.environment };
        let ended = self.asked.programs.run(program, self.asked.heard).await;
        if let Err(why) = ended {
            let what = format!("{} failed", argv.first().map_or("the program", String::as_str));
            return Err(NotMigrated::Failed(Problem::new(what).because(why).try_this(
                "check what it did, then: pointsman migrate repair ENV --as not|half|fully --reason TEXT",
            )));
        }
        let mut after = self.record.clone();
        (after.half.program, after.half.operation) = (false, after.half.operation + 1);
        self.commit(Vec::new(), &after).await?;
        self.record = after;
        Ok(())
    }

    async fn page(&self, scope: &Scope, limit: u32) -> Result<Vec<Document>, NotMigrated> {
        let cursor = self.record.half.cursor.as_deref();
        self.asked.database.page(pages(scope), cursor, limit).await.map_err(unread)
    }

    async fn documents(&mut self, operation: &Operation, scope: &Scope) -> Result<(), NotMigrated> {
        let (mut limit, mut tries) = (FIRST_PAGE.min(self.asked.batch), 0);
        let mut ahead: Option<Vec<Document>> = None;
        loop {
            self.stop_here()?;
            let page = match ahead.take() {
                Some(page) => page,
                None => self.page(scope, limit).await?,
            };
            let last_page = page.len() < limit as usize;
            let batch = batch(operation, &page)
                .map_err(|Cannot { path, why }| self.cannot(operation, &path, &why))?;
            let whole = batch.documents == page.len();
            let after = self.after(&page, &batch, last_page && whole);
            let next = next_limit(&page, self.asked.batch);
            let reading = async {
                let more = whole && !last_page;
                let cursor = page.last().map(|d| d.path.as_str()).filter(|_| more)?;
                self.asked.database.page(pages(scope), Some(cursor), next).await.ok()
            };
            let (written, read) = tokio::join!(self.commit(batch.writes, &after), reading);
            match written {
                Ok(()) => {
                    (limit, tries, ahead) = (next, 0, read);
                    let done = after.half.cursor.is_none();
                    self.record = after;
                    self.tell(operation);
                    if done {
                        return Ok(());
                    }
                    self.throttle(batch.documents).await;
                }
                // Another client wrote or deleted one of these documents: read them again, in smaller pages.
                Err(NotWritten::Conflict(error)) => {
                    tries += u32::from(limit == 1);
                    if tries > ATTEMPTS_PER_BATCH {
                        let path = page.first().map_or("", |d| d.path.as_str());
                        let why = format!("it keeps changing: {}", error.problem);
                        return Err(self.cannot(operation, path, &why));
                    }
                    limit = (limit / 2).max(1);
                    self.asked.clock.sleep(Duration::from_millis(u64::from(tries) * 5)).await;
                }
                Err(NotWritten::Refused(error)) if limit == 1 || page.len() == 1 => {
                    let path = page.first().map_or("", |d| d.path.as_str());
                    return Err(self.cannot(operation, path, &error.problem.to_string()));
                }
                // One of these documents cannot be written: smaller pages show which one.
                Err(NotWritten::Refused(_)) => limit = (limit / 2).max(1),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The progress after a batch has landed. Without a cursor the operation is complete.
    fn after(&self, page: &[Document], batch: &Batch, over: bool) -> Record {
        let mut after = self.record.clone();
        let half = &mut after.half;
        half.processed += batch.documents as u64;
        if over {
            (half.cursor, half.operation) = (None, half.operation + 1);
        } else {
            half.cursor = page.get(batch.documents.wrapping_sub(1)).map(|d| d.path.clone());
        }
        after.took_ms = self.took();
        after
    }

    async fn throttle(&self, documents: usize) {
        let Some(most) = self.asked.per_second.filter(|most| *most > 0) else { return };
        let share = f64::from(u32::try_from(documents).unwrap_or(u32::MAX)) / f64::from(most);
        self.asked.clock.sleep(Duration::from_secs_f64(share)).await;
    }

    pub(super) fn stop_here(&self) -> Result<(), NotMigrated> {
        if !(self.asked.stopping)() {
            return Ok(());
        }
        let half = &self.record.half;
        let version = &self.asked.migration.version;
        Err(NotMigrated::Stopped(
            Problem::new(format!(
                "{version} was stopped after {} of {} documents",
                half.processed, half.total
            ))
            .because("an operator requested it")
            .try_this(format!("continue it with {}", half.direction.command())),
        ))
    }

    fn cannot(&self, operation: &Operation, path: &str, why: &str) -> NotMigrated {
        NotMigrated::Failed(
            Problem::coded(
                Code::MIGRATION_FAILED,
                format!("{}: cannot {operation}", self.asked.migration.version),
            )
            .because(format!("{path}: {why}"))
            .try_this(
                "fix that document, or exclude such documents with `where`; then run it again",
            ),
        )
    }

    fn tell(&self, operation: &Operation) {
        let half = &self.record.half;
        let spent = self.asked.clock.elapsed().saturating_sub(self.began).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let left = (half.processed > 0 && half.total > half.processed)
            .then(|| spent / half.processed as f64 * (half.total - half.processed) as f64);
        let left = left.map(|s| format!(", about {} left", spoken(Duration::from_secs_f64(s))));
        (self.asked.progress)(format!(
            "{operation}: {} of {} documents{}",
            half.processed,
            half.total.max(half.processed),
            left.unwrap_or_default()
        ));
    }

    /// Records the error in the database, for the next run.
    async fn note(&mut self, error: NotMigrated) -> NotMigrated {
        if let NotMigrated::Failed(problem) = &error {
            let mut record = self.record.clone();
            (record.state, record.error) = (RecordState::Failed, Some(problem.to_string()));
            record.took_ms = self.took();
            let _ = self.commit(Vec::new(), &record).await;
        }
        error
    }

    /// The last commit: the final state, the version, and an entry in the history.
    async fn end(mut self, before: &Schema) -> Result<Migrated, NotMigrated> {
        let (migration, direction) = (self.asked.migration, self.asked.direction);
        let version = &migration.version;
        let head = match direction {
            Direction::Up => before.applied().map(|r| &r.version).chain([version]).max().cloned(),
            Direction::Down => Some(before.below(version)),
        };
        self.record.state = match direction {
            Direction::Up => RecordState::Applied,
            Direction::Down => RecordState::RolledBack,
        };
        if direction == Direction::Up {
            let ranks = before.records.values().filter(|r| &r.version != version).map(|r| r.rank);
            self.record.rank = ranks.max().unwrap_or(0) + 1;
        }
        let came_meanwhile = self.came_meanwhile().await;
        self.record.took_ms = self.took();
        let history = history_write(self.asked.lock.fence(), direction.label(), &self.record, "");
        let head = head_write(&head.unwrap_or_else(|| version.clone()));
        self.asked.lock.commit(vec![ended_write(&self.record), head, history]).await?;
        let documents = self.record.half.processed;
        Ok(Migrated { documents, came_meanwhile, already: false })
    }

    /// Number of documents added since the migration started. Other clients must write what this migration produces.
    async fn came_meanwhile(&self) -> u64 {
        let mut now = 0;
        let operations = self.asked.migration.operations(self.asked.direction);
        for scope in operations.iter().filter_map(Operation::scope) {
            // No decision depends on this count.
            now += self.asked.database.count(pages(scope)).await.unwrap_or_default();
        }
        now.saturating_sub(self.record.half.total)
    }
}

/// Number of documents that fit into a page, estimated from those just read.
fn next_limit(page: &[Document], most: u32) -> u32 {
    let bytes: usize = page.iter().map(|d| weight(&d.fields) + d.path.len()).sum();
    let each = bytes / page.len().max(1) + 1;
    let fits = u32::try_from(PAGE_BYTES / each).unwrap_or(u32::MAX);
    fits.clamp(1, most.max(1))
}
