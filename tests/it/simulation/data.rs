//! The environment's database: what migrations do to it, and what its documents must be after each commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt as _;
use pointsman::domain::document::{Document, Value};
use pointsman::domain::endpoint::Endpoint;
use pointsman::domain::migration::{
    Direction, Migration, Pick, Record, RecordState, Schema, down, head_document, up,
};
use pointsman::domain::plan::PlannedDatabase;
use pointsman::domain::planner::EnvironmentSpec;
use pointsman::domain::release::SchemaVersion;
use pointsman::engine::database::{ask_to_stop, lock_seen, schema};
use pointsman::ports::database::{Database as _, Expected, Pages, Write};
use pointsman::rehearsal::RehearsalDatabase;
use serde_json::json;

use super::clock::SimClock;
use super::server::Server;
use crate::world::spec;

/// Its name in the config.
pub(crate) const NAME: &str = "main";
const USERS: u64 = 40;
/// Documents in a commit: few, so that there are moments between commits.
const BATCH: u32 = 9;

/// The database, on its server.
#[derive(Clone)]
pub(crate) struct Data(pub(crate) Arc<Server>);

/// A migration that adds one to `n` of every user; its undoing subtracts it. What is done twice, or not at all, shows.
pub(crate) fn counting(version: &str) -> Migration {
    let by = |by: i64| json!([{ "increment": { "scope": { "collection": "users" }, "field": "n", "by": by } }]);
    let whole = json!({
        "version": version, "description": format!("to {version}"), "phase": "expand", "undo": "yes",
        "up": by(1), "down": by(-1),
    });
    serde_json::from_value(whole).unwrap()
}

impl Data {
    pub(crate) fn start(clock: &SimClock) -> Self {
        let server = Server::start(clock, wrong);
        let user = |n| {
            let fields = [("n".to_owned(), Value::Integer(0))].into_iter().collect();
            Write::whole(format!("users/u{n:02}"), Expected::NotThere, fields)
        };
        let version = [("version".to_owned(), Value::text("0.0.0"))].into_iter().collect();
        let head = Write::whole(head_document(), Expected::NotThere, version);
        let writes: Vec<_> = (0..USERS).map(user).chain([head]).collect();
        server.database.commit(&writes).now_or_never().unwrap().unwrap();
        Self(server)
    }

    pub(crate) fn schema(&self) -> Schema {
        read(&self.0.database)
    }

    /// The environment with this database, and its migrations of a direction. `None`: nothing is to be done that way, or
    /// something that is half done prevents it.
    pub(crate) fn spec(
        &self,
        files: &[Migration],
        direction: Option<Direction>,
    ) -> Option<EnvironmentSpec> {
        let mut spec = spec();
        let seen = self.schema();
        let migrations = match direction {
            None => Vec::new(),
            Some(Direction::Up) => up(files, &seen, &Pick::default()).ok()?,
            Some(Direction::Down) => {
                let last = seen.applied().next_back().map(|record| record.version.clone());
                let half = seen.dirty().map(|record| record.version.clone());
                let to = half.or(last).map_or(SchemaVersion::ZERO, |from| seen.below(&from));
                down(files, &seen, &to).ok()?
            }
        };
        if direction.is_some() && migrations.is_empty() {
            return None;
        }
        spec.databases = vec![PlannedDatabase {
            name: NAME.to_owned(),
            environment: spec.environment.clone(),
            project: spec.members[0].target.project().clone(),
            database: "(default)".to_owned(),
            endpoint: Endpoint::Emulator,
            folder: ".".to_owned(),
            migrations,
            batch: BATCH,
            per_second: None,
            backup: None,
            indexes: None,
        }];
        Some(spec)
    }

    /// A person asks the holder of the lock to stop; `None` if it is free.
    pub(crate) fn asks_to_stop(&self) -> Option<String> {
        let lock = lock_seen(&self.0.database).now_or_never()?.ok()??;
        if !lock.held() {
            return None;
        }
        ask_to_stop(&self.0.database, lock.fence, "cy").now_or_never()?.ok()?;
        Some(lock.holder.id)
    }
}

fn read(database: &RehearsalDatabase) -> Schema {
    schema(database).now_or_never().unwrap().unwrap()
}

/// What is wrong with the documents by the record of migrations: each that is applied has changed each document once, and one
/// that is half done has changed those up to its cursor.
pub(crate) fn wrong(database: &RehearsalDatabase) -> Option<String> {
    let records = read(database).records;
    let of = Pages { collection: "users", group: false, until: None };
    let users = database.page(of, None, 1000).now_or_never().unwrap().unwrap();
    if users.len() as u64 != USERS {
        return Some(format!("there are {} users", users.len()));
    }
    let expected = |user: &Document| {
        let done = records.values().filter(|record| has(record, &user.path)).count();
        Value::count(done as u64)
    };
    let wrong = users.iter().find(|user| user.fields.get("n") != Some(&expected(user)))?;
    let states: BTreeMap<_, _> = records.iter().map(|(v, r)| (v, (r.state, &r.half))).collect();
    Some(format!("{} is {:?} with {states:?}", wrong.path, wrong.fields))
}

/// Whether a migration has been done to a document, by its record.
fn has(record: &Record, document: &str) -> bool {
    let half = &record.half;
    let passed =
        half.operation > 0 || half.cursor.as_deref().is_some_and(|cursor| document <= cursor);
    match record.state {
        RecordState::Applied => true,
        RecordState::RolledBack => false,
        RecordState::Running | RecordState::Failed => passed == (half.direction == Direction::Up),
    }
}
