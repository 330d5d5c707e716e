//! The shared store between two machines: cut off, taken over, raced for, and edited by hand. The database is in memory,
//! and its clock, which times the leases, is moved by the tests.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use pointsman::adapters::clock::SystemClock;
use pointsman::adapters::process::ThisMachine;
use pointsman::adapters::run_log::{FileLog, file_of};
use pointsman::adapters::run_logs::LogFolder;
use pointsman::domain::alert::{Alert, Channel, SeenByAll, in_doubt};
use pointsman::domain::checklist::{Act as Ticked, Tick};
use pointsman::domain::command::Command;
use pointsman::domain::document::{Document, Value};
use pointsman::domain::error::Problem;
use pointsman::domain::event::{Event, Outcome, Recorded};
use pointsman::domain::ids::{EnvironmentName, RunNumber};
use pointsman::domain::run::RunState;
use pointsman::domain::time::Timestamp;
use pointsman::ports::BoxFuture;
use pointsman::ports::clock::Clock;
use pointsman::ports::database::{
    Act, Answered, Changes, Database, DatabaseError, Expected, Pages, Reading, Refused, Write,
};
use pointsman::ports::journal::{Journal, JournalError, LEASE};
use pointsman::ports::log::LogLine;
use pointsman::ports::mutes::{Muted, Mutes as _};
use pointsman::ports::sharing::{Announce, Shared, Sharing as _};
use pointsman::rehearsal::{RehearsalClock, RehearsalDatabase};
use pointsman::store::{Link, LinkParts, Machine, SqliteStore};

use super::store_conformance::{append, at, begin, begin_plan};
use super::world::{deploy_plan, label};

/// The server of the shared store.
pub(crate) struct Server {
    database: RehearsalDatabase,
    pub(crate) clock: Arc<RehearsalClock>,
    /// The next replies that get lost, after their call took effect.
    loses: AtomicU32,
    /// Whether each commit arrives twice, as when a program between repeats it.
    repeats: AtomicBool,
}

/// The way of one machine to the server.
pub(crate) struct Way {
    server: Arc<Server>,
    pub(crate) cut: AtomicBool,
    /// The calls until one fails.
    fails_after: AtomicU32,
}

fn lost(why: &str) -> DatabaseError {
    DatabaseError { refused: Refused::Lost, problem: Problem::new(why) }
}

impl Way {
    fn open(&self) -> Result<&RehearsalDatabase, DatabaseError> {
        if self.cut.load(Ordering::SeqCst) {
            return Err(lost("the network is cut"));
        }
        match self.fails_after.fetch_sub(1, Ordering::SeqCst) {
            0 => Err(lost("the call was lost")),
            _ => Ok(&self.server.database),
        }
    }
}

impl Database for Way {
    fn read<'a>(&'a self, paths: &'a [String]) -> Answered<'a, Reading> {
        Box::pin(async move { self.open()?.read(paths).await })
    }

    fn page<'a>(
        &'a self,
        of: Pages<'a>,
        after: Option<&'a str>,
        limit: u32,
    ) -> Answered<'a, Vec<Document>> {
        Box::pin(async move { self.open()?.page(of, after, limit).await })
    }

    fn count<'a>(&'a self, of: Pages<'a>) -> Answered<'a, u64> {
        Box::pin(async move { self.open()?.count(of).await })
    }

    fn since<'a>(
        &'a self,
        collection: &'a str,
        field: &'a str,
        since: &'a str,
    ) -> Answered<'a, Changes> {
        Box::pin(async move { self.open()?.since(collection, field, since).await })
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> Answered<'a, Vec<String>> {
        Box::pin(async move {
            let done = self.open()?.commit(writes).await?;
            if self.server.repeats.load(Ordering::SeqCst) {
                return self.server.database.commit(writes).await;
            }
            let left = &self.server.loses;
            let lose = |left: u32| left.checked_sub(1);
            match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, lose) {
                Ok(_) => Err(lost("the reply was lost")),
                Err(_) => Ok(done),
            }
        })
    }

    fn collections(&self) -> Answered<'_, Vec<String>> {
        self.server.database.collections()
    }

    fn emulator_host(&self) -> Option<String> {
        None
    }

    fn name(&self) -> String {
        "toto-ops/pointsman".to_owned()
    }
}

/// A clock of a machine that slept: its wall clock is ahead, and its monotonic clock did not notice.
pub(crate) struct Slept {
    real: SystemClock,
    pub(crate) ahead: AtomicU32,
}

impl Clock for Slept {
    fn now(&self) -> Timestamp {
        let ahead = Duration::from_secs(self.ahead.load(Ordering::SeqCst).into());
        self.real.now().checked_add(ahead).unwrap()
    }

    fn elapsed(&self) -> Duration {
        self.real.elapsed()
    }

    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        self.real.sleep(length)
    }
}

/// A machine with its copy of the shared store.
pub(crate) struct Host {
    pub(crate) clock: Arc<Slept>,
    folder: tempfile::TempDir,
    pub(crate) way: Arc<Way>,
    pub(crate) link: Arc<Link>,
}

impl Host {
    pub(crate) fn new(server: &Arc<Server>, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (cut, fails_after) = (AtomicBool::new(false), AtomicU32::new(u32::MAX));
        let way = Arc::new(Way { server: server.clone(), cut, fails_after });
        let clock = Arc::new(Slept { real: SystemClock::start(), ahead: AtomicU32::new(0) });
        let link = Link::new(LinkParts {
            folder: folder.path().to_owned(),
            machine: Machine { id: name.to_owned(), name: name.to_owned() },
            database: way.clone(),
            processes: Arc::new(ThisMachine),
            clock: clock.clone(),
            logs: Arc::new(LogFolder(folder.path().to_owned())),
            threads: true,
        });
        Self { clock, folder, way, link }
    }

    /// The log of a run on this machine.
    pub(crate) fn log(&self, run: RunNumber) -> FileLog {
        FileLog::open(self.folder.path(), run).unwrap()
    }

    /// What that log holds.
    pub(crate) fn logged(&self, run: RunNumber) -> Vec<String> {
        let text = std::fs::read_to_string(file_of(self.folder.path(), run)).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str::<LogLine>(line).unwrap().text).collect()
    }

    pub(crate) fn journal(&self) -> SqliteStore {
        SqliteStore::open(self.folder.path(), Arc::new(ThisMachine)).unwrap().linked(&self.link)
    }

    pub(crate) fn cut(&self, cut: bool) {
        self.way.cut.store(cut, Ordering::SeqCst);
    }
}

pub(crate) fn team() -> (Arc<Server>, Host, Host) {
    let real = Arc::new(SystemClock::start());
    let clock = Arc::new(RehearsalClock::since(real, Duration::from_hours(48)));
    let database = RehearsalDatabase::new(clock.clone());
    let (loses, repeats) = (AtomicU32::new(0), AtomicBool::new(false));
    let server = Arc::new(Server { database, clock, loses, repeats });
    let (one, two) = (Host::new(&server, "laptop-1"), Host::new(&server, "laptop-2"));
    (server, one, two)
}

/// A fact that can follow any other.
fn refused(why: &str) -> Event {
    Event::CommandRefused { id: 1, command: Command::Retry, because: why.to_owned() }
}

pub(crate) fn hashes(journal: &dyn Journal, run: RunNumber) -> Vec<String> {
    journal.facts(run, 0).unwrap().into_iter().map(|fact| fact.hash.0).collect()
}

#[tokio::test]
async fn fact_is_shared_or_says_why_not() {
    let (_, one, two) = team();
    let mut journal = one.journal();
    let run = begin(&mut journal, "1.0.0", false).unwrap().number;
    append(&mut journal, run, &Event::StepStarted { attempt: 1 }).unwrap();
    assert_eq!(one.link.shared(run, 2).await, Shared::Yes);
    assert_eq!(hashes(&two.journal(), run), hashes(&journal, run));
    one.cut(true);
    append(&mut journal, run, &refused("cut")).unwrap();
    assert!(matches!(one.link.shared(run, 3).await, Shared::NotYet(_)));
    let standing = one.link.standing();
    assert!(standing.unshared == 1 && standing.unreachable.is_some(), "{standing:?}");
    one.cut(false);
    while one.link.shared(run, 3).await != Shared::Yes {}
    assert_eq!(one.link.standing().unshared, 0);
}

#[tokio::test]
async fn take_over_during_a_cut_leaves_a_branch_on_both_machines() {
    let (server, one, two) = team();
    let (mut first, mut second) = (one.journal(), two.journal());
    let run = begin(&mut first, "1.0.0", false).unwrap().number;
    append(&mut first, run, &Event::StepStarted { attempt: 1 }).unwrap();
    assert_eq!(one.link.shared(run, 2).await, Shared::Yes);
    one.cut(true);
    append(&mut first, run, &refused("while cut off")).unwrap();
    assert!(matches!(second.claim(run, None, at(5)), Err(JournalError::Busy(_))), "not yet");
    server.clock.pass(LEASE + Duration::from_secs(2));
    second.claim(run, None, at(70)).unwrap();
    append(&mut second, run, &refused("taken over")).unwrap();
    assert_eq!(two.link.shared(run, 3).await, Shared::Yes);
    one.cut(false);
    assert_eq!(one.link.shared(run, 3).await, Shared::TakenOver);
    let late = append(&mut first, run, &refused("too late"));
    assert!(matches!(late, Err(JournalError::LeaseLost(_))), "{late:?}");
    one.link.settle();
    two.link.follow();
    let branch = || second.branches(run).unwrap();
    super::sandbox::wait_until("the branch arrives", || !branch().is_empty());
    assert_eq!(first.branches(run).unwrap(), branch());
    assert_eq!((branch()[0].host.as_str(), branch()[0].facts.len()), ("laptop-1", 1));
    assert_eq!(hashes(&first, run), hashes(&second, run), "one chain");
    assert_eq!(second.check_runs().unwrap(), [], "the chain of runs is whole");
    assert_eq!(first.check_runs().unwrap(), []);
}

#[tokio::test]
async fn machine_that_slept_proves_its_lease_before_an_effect() {
    let (server, one, two) = team();
    let mut first = one.journal();
    let run = begin(&mut first, "1.0.0", false).unwrap().number;
    assert_eq!(one.link.shared(run, 1).await, Shared::Yes);
    server.clock.pass(LEASE + Duration::from_secs(2));
    two.journal().claim(run, None, at(70)).unwrap();
    // Every fact is shared, but the proof is as old as the sleep.
    one.clock.ahead.store(70, Ordering::SeqCst);
    assert_eq!(one.link.shared(run, 1).await, Shared::TakenOver);
}

#[tokio::test]
async fn facts_of_the_next_driver_do_not_pass_for_own_ones() {
    let (server, one, two) = team();
    let mut first = one.journal();
    let run = begin(&mut first, "1.0.0", false).unwrap().number;
    assert_eq!(one.link.shared(run, 1).await, Shared::Yes);
    server.clock.pass(LEASE + Duration::from_secs(2));
    let mut second = two.journal();
    second.claim(run, None, at(70)).unwrap();
    append(&mut second, run, &Event::StepStarted { attempt: 1 }).unwrap();
    assert_eq!(two.link.shared(run, 2).await, Shared::Yes);
    // The first machine reads them before it writes anything, and its last proof is young by its own clock.
    one.link.follow();
    super::sandbox::wait_until("they are read", || first.run(run).unwrap().view.last_seq == 2);
    assert_eq!(one.link.shared(run, 2).await, Shared::TakenOver);
}

/// The answer to the second of two equal requests says that something is there already: that is the first one.
#[test]
fn commit_that_arrives_twice_is_done_once() {
    let (server, one, two) = team();
    server.repeats.store(true, Ordering::SeqCst);
    let (mut first, mut second) = (one.journal(), two.journal());
    let run = begin(&mut first, "1.0.0", false).unwrap().number;
    append(&mut first, run, &Event::StepStarted { attempt: 1 }).unwrap();
    one.link.settle();
    let mut send = |command: &Command| second.send(run, "ben", 2, command, at(1)).unwrap();
    let (kept, dropped) = (send(&Command::Pause), send(&Command::Retry));
    assert!(second.withdraw(dropped).unwrap(), "it is withdrawn");
    one.link.read_now();
    let ids: Vec<_> =
        first.unanswered(run).unwrap().into_iter().map(|command| command.id).collect();
    assert_eq!(ids, [kept], "one of each, without the withdrawn one");
    assert!(!second.withdraw(kept).unwrap(), "it is taken");
    let tick = Tick {
        item: "backup".to_owned(),
        act: Ticked::Tick,
        actor: "ben".to_owned(),
        at: at(2),
        note: String::new(),
        subject: String::new(),
    };
    let (name, release) = (deploy_plan("1.0.0").environment, label("1.0.0"));
    second.tick(&name, &release, &tick).unwrap();
    // A tick is shared soon, and not at once.
    two.link.settle();
    one.link.read_now();
    assert_eq!(first.ticks(&name, &release).unwrap(), [tick]);
    server.clock.pass(LEASE + Duration::from_secs(2));
    second.claim(run, None, at(70)).unwrap();
    append(&mut second, run, &refused("taken over")).unwrap();
    two.link.settle();
    one.link.read_now();
    assert_eq!(hashes(&first, run), hashes(&second, run));
}

/// A reading may stop at any of its calls, and one of an environment may bring runs of another: the next one completes it.
#[test]
fn reading_that_stops_anywhere_is_completed_by_the_next() {
    for at_call in 0.. {
        let (server, one, two) = team();
        let three = Host::new(&server, "laptop-3");
        let mut first = one.journal();
        let run = begin(&mut first, "1.0.0", false).unwrap().number;
        append(&mut first, run, &Event::StepStarted { attempt: 1 }).unwrap();
        three.link.read_now();
        server.clock.pass(LEASE + Duration::from_secs(2));
        let mut second = two.journal();
        begin(&mut second, "1.1.0", false).unwrap();
        let mut elsewhere = deploy_plan("1.0.0");
        // It is read before the other one.
        elsewhere.environment = EnvironmentName::new("another").unwrap();
        begin_plan(&mut second, &elsewhere, false).unwrap();
        three.way.fails_after.store(at_call, Ordering::SeqCst);
        three.link.read_now();
        let all = three.way.fails_after.swap(u32::MAX, Ordering::SeqCst) <= at_call;
        three.link.read_now();
        let third = three.journal();
        assert!(third.run(run).unwrap().view.ended.is_some(), "call {at_call}");
        for number in 1..=3 {
            let run = RunNumber(number);
            assert_eq!(hashes(&third, run), hashes(&second, run), "call {at_call}, run {run}");
        }
        assert_eq!(third.check_runs().unwrap(), [], "call {at_call}");
        if all {
            assert!(at_call > 4, "only {at_call} calls");
            return;
        }
    }
}

/// Who has a run on the screen elsewhere is known at once to the next observer, and forgotten once the signs stop.
#[test]
fn watcher_is_seen_elsewhere_until_it_is_gone() {
    let (server, one, two) = team();
    let run = begin(&mut one.journal(), "1.0.0", false).unwrap().number;
    let looks = |host: &Host, who: &str, sees: &[&str]| {
        host.link.watch(who, vec![run]);
        host.link.follow();
        let seen = || host.link.watchers(run) == sees;
        super::sandbox::wait_until(&format!("{who} sees {sees:?}"), seen);
        assert!(host.link.watchers(RunNumber(7)).is_empty(), "another run");
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let signed = |machine: &str| {
        let path = [format!("watchers/{machine}")];
        runtime.block_on(server.database.read(&path)).unwrap().documents[0].is_some()
    };
    let gives_sign = |host: &Host, who: &str, machine: &str| {
        host.link.watch(who, vec![run]);
        host.link.follow();
        super::sandbox::wait_until(&format!("{who} gave a sign"), || signed(machine));
    };
    gives_sign(&one, "ana", "laptop-1");
    looks(&two, "ben", &["ana"]);
    // Two machines that are switched off give no sign any more.
    for host in [&one, &two] {
        host.cut(true);
    }
    server.clock.pass(Duration::from_mins(1));
    let three = Host::new(&server, "laptop-3");
    gives_sign(&three, "cho", "laptop-3");
    // The signs that a sign reads are heard with it.
    super::sandbox::wait_until("cho read them", || three.link.standing().as_of.is_some());
    assert!(three.link.watchers(run).is_empty(), "both are gone");
    let four = Host::new(&server, "laptop-4");
    looks(&four, "dan", &["cho"]);
}

#[test]
fn racing_machines_get_one_run_each_time() {
    races(25);
}

/// Twenty teams beside each other, each with a separate store.
#[test]
#[ignore = "takes minutes: cargo test --test it -- --ignored ten_thousand"]
fn ten_thousand_races_have_one_winner_each() {
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| races(500));
        }
    });
}

/// Four machines begin a run of one environment at the same moment, again and again.
fn races(rounds: u32) {
    let (server, ..) = team();
    let hosts: Vec<_> = (0..4).map(|n| Host::new(&server, &format!("host-{n}"))).collect();
    let mut fences = Vec::new();
    for round in 0..rounds {
        let start = Barrier::new(hosts.len());
        let race = |host: &Host| {
            let mut journal = host.journal();
            start.wait();
            let begun = begin(&mut journal, "1.0.0", false);
            if let Err(error) = &begun {
                assert!(matches!(error, JournalError::Busy(_)), "{error}");
            }
            begun.ok().map(|view| view.number)
        };
        let started = std::thread::scope(|scope| {
            let racers: Vec<_> = hosts.iter().map(|host| scope.spawn(|| race(host))).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect::<Vec<_>>()
        });
        let winners: Vec<_> = started.iter().flatten().collect();
        assert_eq!(winners.len(), 1, "round {round}: {started:?}");
        fences.push(*winners[0]);
        let winner = started.iter().position(Option::is_some).unwrap();
        let ended = Event::RunEnded { outcome: Outcome::Aborted, because: None };
        append(&mut hosts[winner].journal(), *winners[0], &ended).unwrap();
        hosts[winner].link.settle();
    }
    assert!(fences.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1), "{fences:?}");
}

#[tokio::test]
async fn lost_replies_change_nothing_twice() {
    let (server, one, two) = team();
    let mut journal = one.journal();
    server.loses.store(1, Ordering::SeqCst);
    let run = begin(&mut journal, "1.0.0", false).unwrap().number;
    assert_eq!(run, RunNumber(1), "begun once");
    server.loses.store(2, Ordering::SeqCst);
    append(&mut journal, run, &Event::StepStarted { attempt: 1 }).unwrap();
    while one.link.shared(run, 2).await != Shared::Yes {}
    assert_eq!(hashes(&two.journal(), run), hashes(&journal, run));
    assert!(two.journal().branches(run).unwrap().is_empty());
}

#[tokio::test]
async fn edited_and_missing_documents_are_named() {
    let (server, one, two) = team();
    let mut journal = one.journal();
    let run = begin(&mut journal, "1.0.0", false).unwrap().number;
    append(&mut journal, run, &Event::StepStarted { attempt: 1 }).unwrap();
    append(&mut journal, run, &refused("wait")).unwrap();
    assert_eq!(one.link.shared(run, 3).await, Shared::Yes);
    let path = "runs/0000000001/facts/0000000003".to_owned();
    let found = server.database.read(std::slice::from_ref(&path)).await.unwrap();
    let mut fields = found.documents[0].clone().unwrap().fields;
    let Some(Value::Text(fact)) = fields.get_mut("fact") else { panic!("a fact") };
    *fact = fact.replace("wait", "sure");
    let edited = [Write::whole(&path, Expected::Anything, fields)];
    server.database.commit(&edited).await.unwrap();
    let reader = two.journal();
    reader.runs(None, 10).unwrap();
    let damage = reader.damage();
    assert!(
        damage.iter().any(|d| d.run == run && d.seq == 3 && d.because.contains("changed")),
        "{damage:?}"
    );
    let delete = Write { path, expected: Expected::Anything, act: Act::Delete };
    server.database.commit(&[delete]).await.unwrap();
    let third = Host::new(&server, "laptop-3");
    let reader = third.journal();
    reader.runs(None, 10).unwrap();
    let damage = reader.damage();
    assert!(damage.iter().any(|d| d.seq == 3 && d.because.contains("missing")), "{damage:?}");
    // What was whole before the damage is still shown.
    let last = reader.facts(run, 0).unwrap().pop().unwrap();
    assert_eq!(last.event, Recorded::Known(Event::StepStarted { attempt: 1 }));
}

#[tokio::test]
async fn run_that_ended_during_a_cut_keeps_its_end() {
    let (_, one, two) = team();
    let mut journal = one.journal();
    let run = begin(&mut journal, "1.0.0", false).unwrap().number;
    assert_eq!(one.link.shared(run, 1).await, Shared::Yes);
    one.cut(true);
    append(&mut journal, run, &refused("while cut off")).unwrap();
    let ended = Event::RunEnded { outcome: Outcome::Aborted, because: None };
    append(&mut journal, run, &ended).unwrap();
    one.cut(false);
    // Before the thread tries again, the same machine begins the next run.
    let next = begin(&mut one.journal(), "1.1.0", false).unwrap().number;
    let reader = two.journal();
    let state = reader.run(run).unwrap().view.state;
    assert!(matches!(state, RunState::Ended { outcome: Outcome::Aborted }), "{state:?}");
    assert_eq!((hashes(&reader, run), next), (hashes(&journal, run), RunNumber(2)));
    assert!(reader.branches(run).unwrap().is_empty() && journal.branches(run).unwrap().is_empty());
}

#[tokio::test]
async fn command_of_another_machine_arrives_beside_one_that_cannot_be_read() {
    let (server, one, two) = team();
    let mut runner = one.journal();
    let run = begin(&mut runner, "1.0.0", false).unwrap().number;
    assert_eq!(one.link.shared(run, 1).await, Shared::Yes);
    let mut person = two.journal();
    let first = person.send(run, "ben", 1, &Command::Pause, at(2)).unwrap();
    assert!(person.withdraw(first).unwrap(), "the runner has not read it");
    let second = person.send(run, "ben", 1, &Command::Pause, at(2)).unwrap();
    // As a later version would write it.
    let path = "environments/development/commands/0000000002".to_owned();
    let found = server.database.read(std::slice::from_ref(&path)).await.unwrap();
    let mut fields = found.documents[0].clone().unwrap().fields;
    fields.insert("entry".to_owned(), Value::text("{\"do\":\"dance\"}"));
    server.database.commit(&[Write::whole(path, Expected::Anything, fields)]).await.unwrap();
    let third = person.send(run, "ben", 1, &Command::Retry, at(3)).unwrap();
    assert!(second < third);
    one.link.follow();
    let ids = || -> Vec<u64> {
        runner.unanswered(run).unwrap().into_iter().map(|sent| sent.id).collect()
    };
    super::sandbox::wait_until("the command arrives", || !ids().is_empty());
    assert_eq!(ids(), [third], "neither the withdrawn one nor the unknown one");
    assert!(!person.withdraw(third).unwrap(), "the runner has it");
    let accepted = Event::CommandAccepted { id: third, command: Command::Retry };
    append(&mut runner, run, &accepted).unwrap();
    let answered = || person.facts(run, 1).unwrap().iter().any(|fact| fact.seq == 2);
    super::sandbox::wait_until("the answer arrives", answered);
}

/// An alert about a run in doubt, which every machine that watches raises.
fn alert() -> (Alert, Channel) {
    let view = begin(&mut team().1.journal(), "1.0.0", false).unwrap();
    (in_doubt(&view, at(0)), Channel::Slack { url_env: "HOOK".to_owned() })
}

#[tokio::test]
async fn alert_of_all_machines_is_sent_by_one() {
    let (server, one, two) = team();
    let (event, slack) = alert();
    let ask = async |host: &Host| host.link.announce(&event, &slack).await;
    assert_eq!(ask(&one).await, Announce::Here);
    assert!(matches!(ask(&two).await, Announce::Later(_)));
    one.link.announced(&event, &slack, true).await;
    server.clock.pass(Duration::from_hours(9));
    assert_eq!(ask(&two).await, Announce::Elsewhere("laptop-1".to_owned()));
    // Another channel hears of it once too.
    let other = Channel::Slack { url_env: "OTHER".to_owned() };
    assert_eq!(two.link.announce(&event, &other).await, Announce::Here);
}

#[tokio::test]
async fn alert_is_sent_by_the_next_machine_if_the_first_one_cannot() {
    let (server, one, two) = team();
    let (event, slack) = alert();
    let ask = async |host: &Host| host.link.announce(&event, &slack).await;
    assert_eq!(ask(&one).await, Announce::Here);
    one.link.announced(&event, &slack, false).await;
    assert_eq!(ask(&two).await, Announce::Here, "the first one could not");
    // The second one dies before it has sent it.
    server.clock.pass(Duration::from_secs(61));
    assert_eq!(ask(&one).await, Announce::Here);
    two.cut(true);
    assert_eq!(ask(&two).await, Announce::Here, "cut off: rather twice than never");
}

#[tokio::test]
async fn state_of_a_probe_is_news_when_it_changes_or_is_old() {
    let (server, one, two) = team();
    let (alert, slack) = alert();
    let state = |stands: &str| {
        let subject = "production/toto-app".to_owned();
        let state =
            SeenByAll::State { subject, stands: stands.to_owned(), within: Duration::from_mins(2) };
        Alert { seen_by_all: Some(state), at: SystemClock::start().now(), ..alert.clone() }
    };
    let (down, up) = (state("probe.down"), state("probe.up"));
    assert_eq!(one.link.announce(&down, &slack).await, Announce::Here);
    one.link.announced(&down, &slack, true).await;
    let told = Announce::Elsewhere("laptop-1".to_owned());
    assert_eq!(two.link.announce(&down, &slack).await, told);
    assert_eq!(two.link.announce(&up, &slack).await, Announce::Here);
    two.link.announced(&up, &slack, true).await;
    // It is up after another outage without an alert: this machine noticed it later than that one.
    server.clock.pass(Duration::from_mins(3));
    assert_eq!(one.link.announce(&up, &slack).await, Announce::Here);
    one.link.announced(&up, &slack, true).await;
    // A word that comes late does not replace that of the machine which has sent since.
    two.link.announced(&up, &slack, true).await;
    assert_eq!(two.link.announce(&up, &slack).await, told);
}

#[tokio::test(flavor = "multi_thread")]
async fn last_mute_counts_whichever_arrives_last() {
    let (_, one, two) = team();
    let (mut first, mut second) = (one.journal(), two.journal());
    let app = Muted::Probe("production/toto-app");
    one.cut(true);
    first.mute(app, Some((at(900), "noise")), ("ana", at(1))).unwrap();
    assert_eq!(first.mutes(at(2)).unwrap().len(), 1, "it works while cut off");
    second.mute(app, Some((at(600), "its incident 17")), ("ben", at(2))).unwrap();
    second.mute(Muted::Everything, Some((at(600), "maintenance")), ("ben", at(3))).unwrap();
    two.link.settle();
    one.cut(false);
    one.link.settle();
    for host in [&one, &two] {
        host.link.follow();
        let journal = host.journal();
        super::sandbox::wait_until("both mutes are there", || {
            journal.silence(at(4)).unwrap().is_some()
        });
        let mutes = journal.mutes(at(4)).unwrap();
        assert_eq!(mutes["production/toto-app"], (at(600), "its incident 17 (ben)".to_owned()));
        let silence = (at(600), "ben".to_owned(), "maintenance".to_owned());
        assert_eq!(journal.silence(at(4)).unwrap(), Some(silence));
    }
    // A fresh machine, and the end of the silence from one that did not begin it.
    first.mute(Muted::Everything, None, ("ana", at(5))).unwrap();
    one.link.settle();
    super::sandbox::wait_until("it ends there too", || {
        two.journal().silence(at(6)).unwrap().is_none()
    });
}

#[tokio::test]
async fn last_tick_counts_whichever_arrives_last() {
    let (_, one, two) = team();
    let (mut first, mut second) = (one.journal(), two.journal());
    let tick = |act: Ticked, second: i64| Tick {
        item: "backup".to_owned(),
        act,
        actor: "ana".to_owned(),
        at: at(second),
        note: String::new(),
        subject: String::new(),
    };
    let (name, release) = (deploy_plan("1.0.0").environment, label("1.0.0"));
    one.cut(true);
    first.tick(&name, &release, &tick(Ticked::Tick, 1)).unwrap();
    second.tick(&name, &release, &tick(Ticked::Untick, 2)).unwrap();
    two.link.settle();
    one.cut(false);
    one.link.settle();
    for host in [&one, &two] {
        host.link.follow();
        let ticks = || host.journal().ticks(&name, &release).unwrap();
        super::sandbox::wait_until("both ticks are there", || ticks().len() == 2);
        assert_eq!(ticks()[1].act, Ticked::Untick);
    }
}
