//! The journal keeps written facts, and names every tampered record.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use pointsman::adapters::process::ThisMachine;
use pointsman::domain::command::Command;
use pointsman::domain::event::{Event, Outcome, Recorded};
use pointsman::domain::ids::RunNumber;
use pointsman::domain::run::RunState;
use pointsman::domain::time::Timestamp;
use pointsman::ports::journal::{Entry, Journal as _, JournalError};
use pointsman::ports::mutes::Mutes as _;
use pointsman::store::{Chains, SqliteStore};

use super::sandbox::Sandbox;
use super::store_conformance::at;
use super::world::{Bench, deploy_plan};

fn entry(event: &Event) -> Entry<'_> {
    Entry { actor: "ana", at: Timestamp::UNIX_EPOCH, elapsed_ms: 0, step: None, event }
}

fn started() -> Event {
    let plan = deploy_plan("1.0.0");
    let plan_hash = plan.hash();
    Event::RunStarted { plan: Box::new(plan), plan_hash }
}

struct Store {
    folder: tempfile::TempDir,
}

impl Store {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(self.folder.path(), Arc::new(ThisMachine)).unwrap()
    }

    fn tamper(&self, sql: &str) {
        let connection = rusqlite::Connection::open(self.folder.path().join("store.db")).unwrap();
        assert!(connection.execute(sql, []).unwrap() > 0, "{sql} changed nothing");
    }
}

/// Tampers with a run of four facts. Returns the record named as damaged, and why.
fn damage(sql: &str) -> (u64, String) {
    let store = Store::new();
    let mut open = store.open();
    let run = open.create(&deploy_plan("1.0.0"), entry(&started()), false).unwrap().number;
    let paused = Event::RunPaused { because: "lunch".to_owned() };
    open.append(run, entry(&paused)).unwrap();
    open.append(run, entry(&Event::RunResumed {})).unwrap();
    open.append(run, entry(&paused)).unwrap();
    assert_eq!(open.facts(run, 0).unwrap().len(), 4);
    store.tamper(sql);
    // A process does not verify a record twice, so open the store again.
    match store.open().facts(run, 0) {
        Err(JournalError::Damaged { seq, because, .. }) => (seq, because),
        other => panic!("{sql}: {other:?}"),
    }
}

#[test]
fn verify_names_an_edited_torn_missing_or_truncated_record() {
    let edited = "changed after it was written";
    for (sql, seq, because) in [
        ("UPDATE facts SET data = replace(data, 'lunch', 'brunch') WHERE seq = 2", 2, edited),
        ("UPDATE facts SET actor = 'eve' WHERE seq = 3", 3, edited),
        ("UPDATE facts SET elapsed_ms = 7 WHERE seq = 1", 1, edited),
        ("UPDATE facts SET data = substr(data, 1, 5) WHERE seq = 2", 2, "torn"),
        ("UPDATE facts SET at = 'noon' WHERE seq = 4", 4, "time"),
        ("DELETE FROM facts WHERE seq = 2", 2, "missing"),
        ("DELETE FROM facts WHERE seq = 4", 4, "from here on"),
        ("UPDATE facts SET prev = hash WHERE seq = 3", 3, "does not continue"),
        ("UPDATE runs SET head_seq = 3, head_hash = 'x'", 5, "from here on"),
    ] {
        let (named, said) = damage(sql);
        assert_eq!(named, seq, "{sql}: {said}");
        assert!(said.contains(because), "{sql}: {said}");
    }
}

#[test]
fn facts_of_another_run_are_detected() {
    let store = Store::new();
    let mut open = store.open();
    let run = open.create(&deploy_plan("1.0.0"), entry(&started()), false).unwrap().number;
    let fact = open.facts(run, 0).unwrap().remove(0);
    assert_eq!(fact.hash, fact.expected_hash(run));
    assert_ne!(fact.hash, fact.expected_hash(RunNumber(run.0 + 1)));
}

#[test]
fn store_files_are_private() {
    let store = Store::new();
    drop(store.open());
    for entry in std::fs::read_dir(store.folder.path()).unwrap().flatten() {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
}

#[test]
fn newer_store_format_is_refused_unchanged() {
    let store = Store::new();
    drop(store.open());
    let connection = rusqlite::Connection::open(store.folder.path().join("store.db")).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let refused = SqliteStore::open(store.folder.path(), Arc::new(ThisMachine)).unwrap_err();
    assert!(refused.to_string().contains("format 99"), "{refused}");
}

/// Before format 7, mutes were kept with the results of probes, and the silence had another table.
#[test]
fn mutes_of_an_earlier_format_are_taken_over() {
    let store = Store::new();
    drop(store.open());
    let (begun, end) = (at(0), at(600));
    let file = |name: &str| rusqlite::Connection::open(store.folder.path().join(name)).unwrap();
    let before = format!(
        "DROP TABLE mutes; DROP TABLE shared_logs; DROP TABLE silence; ALTER TABLE shared_reading DROP COLUMN mutes;
         CREATE TABLE silence (until INTEGER NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL);
         INSERT INTO silence VALUES ({}, 'ben', 'maintenance'); PRAGMA user_version = 6;",
        end.as_millisecond()
    );
    file("store.db").execute_batch(&before).unwrap();
    let mutes = format!(
        "CREATE TABLE mutes (probe TEXT, until TEXT, reason TEXT, actor TEXT);
         INSERT INTO mutes VALUES ('production/stripe', '{end}', 'incident 17', 'ana');"
    );
    file("probes.db").execute_batch(&mutes).unwrap();
    for _ in 0..2 {
        let open = store.open();
        let silence = (end, "ben".to_owned(), "maintenance".to_owned());
        assert_eq!(open.silence(begun).unwrap(), Some(silence));
        let mutes = open.mutes(begun).unwrap();
        assert_eq!(mutes["production/stripe"], (end, "incident 17 (ana)".to_owned()));
    }
}

#[test]
fn environment_has_one_run_at_a_time() {
    let store = Store::new();
    let mut open = store.open();
    let first = open.create(&deploy_plan("1.0.0"), entry(&started()), false).unwrap().number;
    match open.create(&deploy_plan("1.1.0"), entry(&started()), false) {
        Err(JournalError::Busy(holder)) => {
            assert_eq!((holder.run, holder.pid), (first, std::process::id()));
            assert!(holder.at.contains("preflight"), "{}", holder.at);
        }
        other => panic!("{other:?}"),
    }
    let ended = Event::RunEnded { outcome: Outcome::Aborted, because: None };
    open.append(first, entry(&ended)).unwrap();
    open.create(&deploy_plan("1.1.0"), entry(&started()), false).unwrap();
}

#[test]
fn dead_run_is_superseded_and_fenced() {
    let store = Store::new();
    let mut open = store.open();
    let first = open.create(&deploy_plan("1.0.0"), entry(&started()), false).unwrap().number;
    // A process with this pid is alive, but it started at another time, so it is not the runner.
    store.tamper("UPDATE runs SET runner = '{\"pid\":1,\"began\":\"another time\"}'");
    let early = Event::RunPaused { because: "not mine".to_owned() };
    assert!(matches!(open.append(first, entry(&early)), Err(JournalError::LeaseLost(_))));
    assert_eq!(open.run(first).unwrap().runner, None);
    let second = open.create(&deploy_plan("1.1.0"), entry(&started()), false).unwrap().number;
    let superseded = RunState::Ended { outcome: Outcome::Superseded };
    assert_eq!(open.run(first).unwrap().view.state, superseded);
    let late = Event::RunPaused { because: "late".to_owned() };
    assert!(open.append(first, entry(&late)).is_err());
    assert_ne!(first, second);
}

#[test]
fn commands_are_answered_once_and_bound_to_seen_facts() {
    use pointsman::domain::command::{Sent, judge};
    let bench = Bench::new();
    let view = bench.drive(&deploy_plan("1.0.0"));
    let mut store = bench.store();
    let id = store.send(view.number, "bo", 3, &Command::Pause, Timestamp::UNIX_EPOCH).unwrap();
    let waiting = store.unanswered(view.number).unwrap();
    assert_eq!((waiting.len(), waiting[0].id, waiting[0].seen), (1, id, 3));

    let mut running = view.clone();
    running.state = RunState::Waiting { gate: view.steps[3].plan.id.clone() };
    running.decided_at = 10;
    let sent = |seen| Sent { id: 1, actor: "bo".into(), seen, command: Command::approve() };
    let refused = judge(&running, &sent(9)).unwrap_err();
    assert!(refused.contains("moved on") && refused.contains("waiting at gate"), "{refused}");
    assert!(judge(&running, &sent(10)).is_ok());
}

#[test]
fn growing_chain_is_never_reported_as_damaged() {
    let store = Store::new();
    let mut open = store.open();
    let run = open.create(&deploy_plan("1.0.0"), entry(&started()), false).unwrap().number;
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let reader = store.open();
            while reader.facts(run, 0).unwrap().len() < 400 {}
        });
        for _ in 0..200 {
            open.append(run, entry(&Event::RunPaused { because: String::new() })).unwrap();
            open.append(run, entry(&Event::RunResumed {})).unwrap();
        }
        reader.join().unwrap();
    });
}

#[test]
fn expired_lease_is_taken_over_only_on_request() {
    let store = Store::new();
    let mut open = store.open();
    let first = open.create(&deploy_plan("1.0.0"), entry(&started()), false).unwrap().number;
    let later = |event| Entry {
        at: Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(61),
        ..entry(event)
    };
    let event = started();
    match open.create(&deploy_plan("1.1.0"), later(&event), false) {
        Err(JournalError::Busy(holder)) => assert!(holder.stale),
        other => panic!("{other:?}"),
    }
    open.create(&deploy_plan("1.1.0"), later(&event), true).unwrap();
    assert!(matches!(open.renew(first, Timestamp::UNIX_EPOCH), Err(JournalError::LeaseLost(_))));
    let late = Event::RunPaused { because: "late".to_owned() };
    assert!(open.append(first, entry(&late)).is_err(), "no further effect can be written");
}

#[test]
fn renewed_lease_cannot_be_taken() {
    let store = Store::new();
    let mut open = store.open();
    let first = open.create(&deploy_plan("1.0.0"), entry(&started()), false).unwrap().number;
    let now = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(55);
    open.renew(first, now).unwrap();
    let event = started();
    let later = Entry { at: now + jiff::SignedDuration::from_secs(50), ..entry(&event) };
    match open.create(&deploy_plan("1.1.0"), later, true) {
        Err(JournalError::Busy(holder)) => assert!(!holder.stale),
        other => panic!("{other:?}"),
    }
}

/// Readers share verified records. They verify only new ones and name damage in those. If the head of a run is not
/// the one they know, they read the run again from its start.
#[test]
fn readers_verify_only_what_is_new_and_name_damage_in_it() {
    let (store, chains) = (Store::new(), Chains::default());
    let mut writer = store.open();
    let run = writer.create(&deploy_plan("1.0.0"), entry(&started()), false).unwrap().number;
    let reader = store.open().sharing(&chains);
    let paused = |because: &str| Event::RunPaused { because: because.to_owned() };
    writer.append(run, entry(&paused("lunch"))).unwrap();
    assert_eq!(reader.facts(run, 0).unwrap().len(), 2);

    store.tamper("UPDATE facts SET data = '{\"because\":\"coffee\"}' WHERE seq = 2");
    writer.append(run, entry(&Event::RunResumed {})).unwrap();
    let seen = reader.facts(run, 0).unwrap();
    assert_eq!(seen.len(), 3, "what was verified before the edit stands");
    assert_eq!(seen[1].event, Recorded::Known(paused("lunch")));
    assert_eq!(reader.runs(None, 10).unwrap()[0].view.last_seq, 3);

    writer.append(run, entry(&paused("tea"))).unwrap();
    store.tamper("UPDATE facts SET actor = 'ben' WHERE seq = 4");
    for reader in [&reader, &store.open().sharing(&chains)] {
        let Err(JournalError::Damaged { seq, .. }) = reader.facts(run, 3) else {
            panic!("the new record was changed")
        };
        assert_eq!(seq, 2, "read again from its start, the first damaged record is named");
        assert_eq!(reader.runs(None, 10).unwrap().len(), 0);
        assert_eq!(reader.damage().len(), 1);
    }
}

/// A list reads its runs on several threads: it must list the same, leave out the same, and name it.
#[test]
fn runs_that_are_read_together_are_as_those_read_alone() {
    let store = Store::new();
    let mut writer = store.open();
    let ended = Event::RunEnded { outcome: Outcome::Aborted, because: None };
    for _ in 0..50 {
        let run = writer.create(&deploy_plan("1.0.0"), entry(&started()), false).unwrap().number;
        writer.append(run, entry(&ended)).unwrap();
    }
    store.tamper("UPDATE facts SET actor = 'eve' WHERE run = 17 AND seq = 2");
    store.tamper("UPDATE facts SET data = substr(data, 1, 5) WHERE run = 40 AND seq = 1");
    let together = store.open();
    let runs = together.runs(None, 100).unwrap();
    let numbers: Vec<_> = runs.iter().map(|listed| listed.view.number.0).collect();
    let whole = (1..=50).rev().filter(|run| ![17, 40].contains(run));
    assert_eq!(numbers, whole.collect::<Vec<_>>());
    for listed in &runs {
        assert_eq!(store.open().run(listed.view.number).unwrap().view, listed.view);
    }
    let damage: Vec<_> =
        together.damage().iter().map(|damage| (damage.run.0, damage.seq)).collect();
    assert_eq!(damage, [(40, 1), (17, 2)]);
}

/// The chain of runs detects what the chain of a single run cannot.
#[test]
fn deleted_truncated_or_moved_runs_break_the_chain_of_runs() {
    let sandbox = Sandbox::new();
    for release in ["1.0.0", "1.1.0", "1.2.0"] {
        sandbox.deploy(release).exits(0);
    }
    for run in ["1", "2", "3"] {
        sandbox.run(&["verify", run]).exits(0);
    }
    assert!(!sandbox.run(&["doctor"]).out.contains("chain of runs"));
    let file = sandbox.state().join("store.db");
    let before = std::fs::read(&file).unwrap();
    let cut = "DELETE FROM facts WHERE run = 2 AND seq > 5;
         UPDATE runs SET head_seq = 5, head_hash = (SELECT hash FROM facts WHERE run = 2 AND seq = 5)
         WHERE number = 2;";
    for (sql, told) in [
        (cut, "its last records were cut off"),
        ("UPDATE runs SET environment = 'production' WHERE number = 2", "another environment"),
        ("DELETE FROM facts WHERE run = 2; DELETE FROM runs WHERE number = 2", "was removed"),
        ("DELETE FROM ledger WHERE run = 2 AND ended = 0", "the chain was changed here"),
        ("DELETE FROM ledger WHERE run = 3 AND ended = 1", "not in the chain as it is now"),
    ] {
        let store = rusqlite::Connection::open(&file).unwrap();
        store.pragma_update(None, "foreign_keys", false).unwrap();
        store.execute_batch(sql).unwrap();
        store.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        drop(store);
        let doctor = sandbox.run(&["doctor"]);
        assert!(doctor.code == 1 && doctor.out.contains(told), "{sql}: {}", doctor.out);
        if !sql.contains("DELETE FROM runs") && !sql.contains("run = 3") {
            let said = sandbox.run(&["verify", "2"]).exits(1);
            assert!(said.err.contains(told), "{sql}: {}", said.err);
        }
        std::fs::write(&file, &before).unwrap();
    }
}

/// An archive says what it lacks, and has everything else.
#[test]
fn export_names_a_damaged_run_and_leaves_it_out() {
    let sandbox = Sandbox::new();
    for release in ["1.0.0", "1.1.0"] {
        sandbox.deploy(release).exits(0);
    }
    let connection = rusqlite::Connection::open(sandbox.state().join("store.db")).unwrap();
    let edit = "UPDATE facts SET actor = 'eve' WHERE run = 1 AND seq = 3";
    assert_eq!(connection.execute(edit, []).unwrap(), 1);
    let said = sandbox.run(&["store", "export"]).exits(1);
    assert!(said.err.contains("run #1 is left out"), "{}", said.err);
    let runs: Vec<serde_json::Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["run"].clone())
        .collect();
    assert!(!runs.is_empty() && runs.iter().all(|run| run == 2), "{runs:?}");
}
