//! What every store of runs must do, whichever holds it: one chain per run, one runner per environment, commands in order,
//! ticks, alerts. Each test runs against every store in `stores`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pointsman::adapters::clock::SystemClock;
use pointsman::adapters::run_logs::LogFolder;
use pointsman::domain::alert::{Channel, Notify, in_doubt};
use pointsman::domain::checklist::{Act, Tick};
use pointsman::domain::command::Command;
use pointsman::domain::event::{Event, Outcome, Recorded};
use pointsman::domain::ids::{EnvironmentName, RunNumber, StepId};
use pointsman::domain::plan::Plan;
use pointsman::domain::time::Timestamp;
use pointsman::domain::view::RunView;
use pointsman::ports::database::Database;
use pointsman::ports::journal::{Entry, HumanLock, Journal, JournalError, LEASE};
use pointsman::ports::mutes::{Muted, Mutes};
use pointsman::ports::outbox::{DeliveryState, Outbox};
use pointsman::ports::processes::{Listener, ProcessIdentity, Processes};
use pointsman::rehearsal::{RehearsalClock, RehearsalDatabase};
use pointsman::store::{Link, LinkParts, Machine, SqliteStore};

use super::firestore::Emulator;
use super::world::{deploy_plan, label};

/// A store that several runners share, each with its own connection.
trait Shared {
    /// The journal as this runner sees it.
    fn journal(&self, runner: u32) -> Box<dyn Journal>;
    fn outbox(&self, runner: u32) -> Box<dyn Outbox>;
    fn mutes(&self, runner: u32) -> Box<dyn Mutes>;
    /// A runner's process ends without a word.
    fn dies(&self, runner: u32);
}

/// Every kind of store: SQLite alone, and as the copy of one that a team shares, in memory, in our emulator and in Google's
/// if that is installed.
fn stores() -> Vec<Box<dyn Shared>> {
    let mut stores: Vec<Box<dyn Shared>> = vec![Box::new(Local::new()), Box::new(Team::new())];
    for emulator in Emulator::both() {
        stores.push(Box::new(Team::on(emulator)));
    }
    stores
}

/// Processes of one machine that share a store with their team.
struct Team {
    local: Local,
    database: Arc<dyn Database>,
    /// Ends with the team.
    _emulator: Option<Emulator>,
}

impl Team {
    fn new() -> Self {
        let clock = RehearsalClock::since(Arc::new(SystemClock::start()), Duration::from_hours(24));
        let database = Arc::new(RehearsalDatabase::new(Arc::new(clock)));
        Self { local: Local::new(), database, _emulator: None }
    }

    fn on(emulator: Emulator) -> Self {
        let database = Arc::new(emulator.client(&Emulator::project()));
        Self { local: Local::new(), database, _emulator: Some(emulator) }
    }

    fn open(&self, own: u32) -> SqliteStore {
        let parts = LinkParts {
            folder: self.local.folder.path().to_owned(),
            machine: Machine { id: "one".to_owned(), name: "laptop-1".to_owned() },
            database: self.database.clone(),
            processes: Arc::new(Runner { own, dead: self.local.dead.clone() }),
            clock: Arc::new(SystemClock::start()),
            logs: Arc::new(LogFolder(self.local.folder.path().to_owned())),
            threads: true,
        };
        self.local.open(own).linked(&Link::new(parts))
    }
}

impl Shared for Team {
    fn journal(&self, runner: u32) -> Box<dyn Journal> {
        Box::new(self.open(runner))
    }

    fn outbox(&self, runner: u32) -> Box<dyn Outbox> {
        Box::new(self.open(runner))
    }

    fn mutes(&self, runner: u32) -> Box<dyn Mutes> {
        Box::new(self.open(runner))
    }

    fn dies(&self, runner: u32) {
        self.local.dies(runner);
    }
}

/// The local store, and the runners that have died.
struct Local {
    folder: tempfile::TempDir,
    dead: Arc<Mutex<Vec<u32>>>,
}

impl Local {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), dead: Arc::default() }
    }

    fn open(&self, own: u32) -> SqliteStore {
        let runner = Runner { own, dead: self.dead.clone() };
        SqliteStore::open(self.folder.path(), Arc::new(runner)).unwrap()
    }
}

impl Shared for Local {
    fn journal(&self, runner: u32) -> Box<dyn Journal> {
        Box::new(self.open(runner))
    }

    fn outbox(&self, runner: u32) -> Box<dyn Outbox> {
        Box::new(self.open(runner))
    }

    fn mutes(&self, runner: u32) -> Box<dyn Mutes> {
        Box::new(self.open(runner))
    }

    fn dies(&self, runner: u32) {
        self.dead.lock().unwrap().push(runner);
    }
}

/// One of several processes of a machine.
struct Runner {
    own: u32,
    dead: Arc<Mutex<Vec<u32>>>,
}

impl Processes for Runner {
    fn own(&self) -> ProcessIdentity {
        ProcessIdentity { pid: self.own, began: "now".to_owned() }
    }

    fn of(&self, pid: u32) -> Option<ProcessIdentity> {
        Some(ProcessIdentity { pid, began: "now".to_owned() })
    }

    fn alive(&self, process: &ProcessIdentity) -> bool {
        !self.dead.lock().unwrap().contains(&process.pid)
    }

    fn end_group(&self, _: u32, _: bool) {}

    fn in_group(&self, _: u32, _: u32) -> bool {
        false
    }

    fn listener_of(&self, _: u16) -> Option<Listener> {
        None
    }
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn development() -> EnvironmentName {
    deploy_plan("1.0.0").environment
}

pub(crate) fn begin(
    journal: &mut dyn Journal,
    release: &str,
    take_over: bool,
) -> Result<RunView, JournalError> {
    begin_plan(journal, &deploy_plan(release), take_over)
}

pub(crate) fn begin_plan(
    journal: &mut dyn Journal,
    plan: &Plan,
    take_over: bool,
) -> Result<RunView, JournalError> {
    let event = Event::RunStarted { plan_hash: plan.hash(), plan: Box::new(plan.clone()) };
    let entry = Entry { actor: "ana", at: at(0), elapsed_ms: 0, step: None, event: &event };
    journal.create(plan, entry, take_over)
}

pub(crate) fn append(
    journal: &mut dyn Journal,
    run: RunNumber,
    event: &Event,
) -> Result<(), JournalError> {
    let step = StepId::new("preflight").unwrap();
    let of_step = matches!(event, Event::StepStarted { .. } | Event::StepFailed { .. });
    let step = of_step.then_some(&step);
    let entry = Entry { actor: "ana", at: at(1), elapsed_ms: 1, step, event };
    journal.append(run, entry).map(drop)
}

fn end(journal: &mut dyn Journal, run: RunNumber) {
    append(journal, run, &Event::RunEnded { outcome: Outcome::Aborted, because: None }).unwrap();
}

#[test]
fn readers_see_the_chain_that_was_written_and_nothing_else() {
    for store in stores() {
        let (mut writer, reader) = (store.journal(1), store.journal(2));
        let run = begin(writer.as_mut(), "1.0.0", false).unwrap().number;
        append(writer.as_mut(), run, &Event::StepStarted { attempt: 1 }).unwrap();
        let facts = reader.facts(run, 0).unwrap();
        assert_eq!(facts.len(), 2);
        assert_eq!(facts[1].prev, facts[0].hash);
        assert!(facts.iter().all(|fact| fact.hash == fact.expected_hash(run)));
        assert_eq!(reader.facts(run, 1).unwrap().len(), 1, "after the first");
        assert!(matches!(reader.run(RunNumber(99)), Err(JournalError::NoSuchRun(_))));
    }
}

#[test]
fn one_runner_has_an_environment_until_it_ends() {
    for store in stores() {
        let (mut one, mut two) = (store.journal(1), store.journal(2));
        let first = begin(one.as_mut(), "1.0.0", false).unwrap().number;
        let Err(JournalError::Busy(holder)) = begin(two.as_mut(), "1.1.0", false) else {
            panic!("two runs at once");
        };
        assert_eq!((holder.run, holder.pid, holder.actor.as_str()), (first, 1, "ana"));
        assert_eq!(two.busy(&development(), at(2)).unwrap().map(|h| h.run), Some(first));
        end(one.as_mut(), first);
        assert_eq!(two.busy(&development(), at(2)).unwrap(), None);
        let second = begin(two.as_mut(), "1.1.0", false).unwrap().number;
        assert!(second > first);
        let listed = one.runs(Some(&development()), 10).unwrap();
        let numbers: Vec<_> = listed.iter().map(|listed| listed.view.number).collect();
        assert_eq!(numbers, [second, first], "newest first");
    }
}

#[test]
fn run_of_a_dead_runner_is_taken_by_one_that_claims_it() {
    for store in stores() {
        let (mut one, mut two) = (store.journal(1), store.journal(2));
        let run = begin(one.as_mut(), "1.0.0", false).unwrap().number;
        assert!(matches!(two.claim(run, None, at(5)), Err(JournalError::Busy(_))));
        store.dies(1);
        two.claim(run, None, at(6)).unwrap();
        append(two.as_mut(), run, &Event::StepStarted { attempt: 1 }).unwrap();
        // The first one was only suspended: it notices, and writes nothing.
        let late = append(one.as_mut(), run, &Event::RunPaused { because: "late".to_owned() });
        assert!(matches!(late, Err(JournalError::LeaseLost(_))), "{late:?}");
        assert!(matches!(one.renew(run, at(7)), Err(JournalError::LeaseLost(_))));
        assert_eq!(two.facts(run, 0).unwrap().len(), 2);
    }
}

#[test]
fn expired_lease_is_taken_over_and_the_old_run_says_so() {
    for store in stores() {
        let (mut one, mut two) = (store.journal(1), store.journal(2));
        let run = begin(one.as_mut(), "1.0.0", false).unwrap().number;
        let later = at(1).checked_add(LEASE * 2).unwrap();
        let holder = two.busy(&development(), later).unwrap().unwrap();
        assert!(holder.stale && !two.busy(&development(), at(1)).unwrap().unwrap().stale);
        let plan = deploy_plan("1.1.0");
        let event = Event::RunStarted { plan_hash: plan.hash(), plan: Box::new(plan.clone()) };
        let entry = || Entry { actor: "ben", at: later, elapsed_ms: 0, step: None, event: &event };
        assert!(matches!(two.create(&plan, entry(), false), Err(JournalError::Busy(_))));
        let next = two.create(&plan, entry(), true).unwrap().number;
        let last = two.facts(run, 0).unwrap().pop().unwrap();
        let by = Recorded::Known(Event::RunSuperseded { by: next });
        assert_eq!(last.event, by);
        let late = append(one.as_mut(), run, &Event::StepStarted { attempt: 1 });
        assert!(late.is_err(), "the run has ended");
    }
}

#[test]
fn lock_of_a_person_stops_every_runner_until_it_is_released() {
    for store in stores() {
        let (mut one, mut two) = (store.journal(1), store.journal(2));
        let lock = HumanLock { actor: "ben".into(), reason: "audit".into(), since: at(0) };
        one.lock(&development(), &lock).unwrap();
        assert_eq!(two.locked(&development()).unwrap(), Some(lock));
        let Err(JournalError::Locked(_, held)) = begin(two.as_mut(), "1.0.0", false) else {
            panic!("a deploy in spite of a lock");
        };
        assert_eq!(held.reason, "audit");
        assert!(two.unlock(&development()).unwrap() && !one.unlock(&development()).unwrap());
        begin(two.as_mut(), "1.0.0", false).unwrap();
    }
}

#[test]
fn commands_arrive_in_order_and_are_answered_once() {
    for store in stores() {
        let (mut runner, mut person) = (store.journal(1), store.journal(2));
        let run = begin(runner.as_mut(), "1.0.0", false).unwrap().number;
        let pause = person.send(run, "ben", 1, &Command::Pause, at(2)).unwrap();
        let retry = person.send(run, "ben", 1, &Command::Retry, at(2)).unwrap();
        let ids = |journal: &dyn Journal| -> Vec<u64> {
            journal.unanswered(run).unwrap().into_iter().map(|sent| sent.id).collect()
        };
        assert_eq!(ids(runner.as_ref()), [pause, retry]);
        let sent = runner.unanswered(run).unwrap().remove(0);
        assert_eq!((sent.actor.as_str(), sent.seen, sent.command), ("ben", 1, Command::Pause));
        let accepted = Event::CommandAccepted { id: pause, command: Command::Pause };
        append(runner.as_mut(), run, &accepted).unwrap();
        assert_eq!(ids(person.as_ref()), [retry]);
        assert!(!person.withdraw(pause).unwrap(), "it was answered");
        assert!(person.withdraw(retry).unwrap());
        assert!(ids(runner.as_ref()).is_empty());
    }
}

#[test]
fn ticks_are_kept_for_their_environment_and_release() {
    for store in stores() {
        let (mut one, two) = (store.journal(1), store.journal(2));
        let tick = |act: Act, second: i64| Tick {
            item: "backup".to_owned(),
            act,
            actor: "ana".to_owned(),
            at: at(second),
            note: String::new(),
            subject: String::new(),
        };
        let (backup, taken_back) = (tick(Act::Tick, 3), tick(Act::Untick, 4));
        one.tick(&development(), &label("1.0.0"), &backup).unwrap();
        one.tick(&development(), &label("1.0.0"), &taken_back).unwrap();
        assert_eq!(two.ticks(&development(), &label("1.0.0")).unwrap(), [backup, taken_back]);
        assert!(two.ticks(&development(), &label("1.1.0")).unwrap().is_empty());
        let production = EnvironmentName::new("production").unwrap();
        assert!(two.ticks(&production, &label("1.0.0")).unwrap().is_empty());
    }
}

#[test]
fn alert_is_claimed_by_one_process_and_delivered_once() {
    for store in stores() {
        let (mut one, mut two) = (store.outbox(1), store.outbox(2));
        let channel = Channel::Slack { url_env: "HOOK".to_owned() };
        let view = begin(store.journal(1).as_mut(), "1.0.0", false).unwrap();
        let alert = in_doubt(&view, at(0));
        let notify = Notify { channels: vec![channel], on: vec![alert.kind], ..Notify::default() };
        one.put(&notify, &alert).unwrap();
        one.put(&notify, &alert).unwrap();
        assert_eq!(two.waiting().unwrap(), 1, "queued once");
        let delivery = one.due(at(1)).unwrap().unwrap();
        assert_eq!(two.due(at(1)).unwrap(), None, "another process has it");
        one.settle(&delivery, &DeliveryState::Delivered(at(2))).unwrap();
        assert_eq!((two.waiting().unwrap(), two.due(at(900)).unwrap()), (0, None));
        let (_, state) = two.letters(1).unwrap().remove(0);
        assert_eq!(state, DeliveryState::Delivered(at(2)));
    }
}

#[test]
fn mute_and_silence_have_an_end_a_reason_and_an_author() {
    for store in stores() {
        let (mut one, mut two) = (store.mutes(1), store.mutes(2));
        let app = Muted::Probe("development/toto-app");
        one.mute(app, Some((at(60), "their incident 17")), ("ana", at(0))).unwrap();
        let known = two.mutes(at(30)).unwrap();
        assert_eq!(known["development/toto-app"], (at(60), "their incident 17 (ana)".to_owned()));
        assert!(two.mutes(at(60)).unwrap().is_empty(), "it is over");
        assert_eq!(two.silence(at(30)).unwrap(), None, "a mute is no silence");
        two.mute(app, None, ("ben", at(40))).unwrap();
        assert!(one.mutes(at(50)).unwrap().is_empty());

        two.mute(Muted::Everything, Some((at(60), "maintenance")), ("ben", at(1))).unwrap();
        let silence = (at(60), "ben".to_owned(), "maintenance".to_owned());
        assert_eq!(one.silence(at(30)).unwrap(), Some(silence));
        assert_eq!(one.silence(at(61)).unwrap(), None, "it is over");
        // A clock that is behind: the later call counts.
        one.mute(Muted::Everything, None, ("ana", at(-3600))).unwrap();
        assert_eq!(two.silence(at(30)).unwrap(), None, "it was ended");
    }
}
