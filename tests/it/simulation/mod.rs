//! A simulation with a seed: two machines, a platform, a shared store and people, on one thread and one clock that skips
//! waiting. Processes are killed, networks cut, replies lost, disks filled, clocks set and traffic moved, at moments that
//! the seed decides. What must hold is checked at each effect, each end of a run and at the end.

mod chance;
mod checks;
mod clock;
mod machine;
mod platform;
mod server;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pointsman::domain::command::Command;
use pointsman::domain::ids::RunNumber;
use pointsman::domain::migration::SchemaWay;
use pointsman::domain::plan::Plan;
use pointsman::domain::planner;
use pointsman::domain::readiness::{Live, default_target, obsolete};
use pointsman::domain::run::RunState;
use pointsman::domain::step::Failure;
use pointsman::domain::view::RunView;
use pointsman::ports::clock::Clock as _;
use pointsman::ports::journal::{Journal as _, Listed};
use pointsman::rehearsal::{Behaviour, Fault, RehearsalClock, RehearsalDatabase, World};

use self::chance::Chance;
use self::checks::{Checks, SERVICES};
use self::clock::SimClock;
use self::machine::{Machine, Setting};
use self::server::{Server, Way};
use crate::world::{planned, service, spec};

/// What a seed came to.
#[derive(Debug)]
pub(crate) struct Played {
    /// What must not happen, and did.
    pub(crate) broken: Vec<String>,
    pub(crate) story: Vec<String>,
    /// Fingerprints of the states that were reached.
    pub(crate) states: BTreeSet<u64>,
}

/// Plays the simulation of a seed. A panic is what must not happen, too.
pub(crate) fn play(seed: u64) -> Played {
    std::panic::catch_unwind(|| played(seed)).unwrap_or_else(|_| Played {
        broken: vec!["it panicked".to_owned()],
        story: Vec::new(),
        states: BTreeSet::new(),
    })
}

fn played(seed: u64) -> Played {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut sim = Simulation::new(seed);
        sim.opens().await;
        for _ in 0..sim.chance.within(10..40) {
            sim.acts();
            tokio::time::sleep(sim.pause()).await;
            sim.look().await;
        }
        sim.heals();
        sim.settles().await;
        let at = sim.clock.elapsed();
        let stores: Vec<_> = sim.machines.iter().map(Machine::journal).collect();
        sim.checks.over(&stores, &sim.world, at);
        // The server has what the machines have.
        for link in sim.machines.iter().filter_map(Machine::console_link) {
            sim.checks.verified(&link.verify(), at);
        }
        let checks = &sim.checks;
        Played {
            broken: checks.broken.lock().unwrap().clone(),
            story: checks.story.lock().unwrap().clone(),
            states: checks.states.lock().unwrap().clone(),
        }
    })
}

impl Drop for Simulation {
    /// The ways hold the consoles of each other.
    fn drop(&mut self) {
        for way in self.machines.iter().filter_map(|machine| machine.way.as_ref()) {
            *way.other.lock().unwrap() = None;
        }
    }
}

struct Simulation {
    chance: Chance,
    clock: SimClock,
    world: World,
    machines: Vec<Machine>,
    checks: Arc<Checks>,
    releases: u32,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let (chance, clock) = (Chance::of(seed), SimClock::start());
        let world = World::default();
        for member in spec().members {
            world.address(&member.url, &member.target);
        }
        let checks = Arc::new(Checks::default());
        let setting = Setting {
            world: world.clone(),
            chance: chance.clone(),
            checks: checks.clone(),
            next_pid: Arc::new(Mutex::new(100)),
        };
        let real = Arc::new(clock.elsewhere());
        let of_server = Arc::new(RehearsalClock::since(real, Duration::ZERO));
        let database = RehearsalDatabase::new(of_server);
        let server = Arc::new(Server { database });
        let shared = chance.percent(70);
        let names: &[&'static str] = if shared { &["one", "two"] } else { &["one"] };
        let machine = |name: &&'static str| {
            let way = shared.then(|| Way::to(&server, &chance));
            Machine::new(name, clock.elsewhere(), way, &setting)
        };
        let machines: Vec<_> = names.iter().map(machine).collect();
        for (at, machine) in machines.iter().enumerate() {
            // While one machine acts, the console of the other may read.
            let other = machines.get(1 - at).and_then(|other| other.console_link()).cloned();
            if let (Some(way), Some(other)) = (&machine.way, other) {
                *way.other.lock().unwrap() = Some(Box::new(move || other.read_now()));
            }
        }
        checks.tell(Duration::ZERO, if shared { "two machines" } else { "one machine" });
        Self { chance, clock, world, machines, checks, releases: 0 }
    }

    /// Most simulations begin with a release that is live.
    async fn opens(&mut self) {
        if self.chance.percent(10) {
            return;
        }
        self.world.behave("1.0.0", Behaviour::Healthy);
        let plan = planned(spec(), "1.0.0");
        let run = self.machines[0].begin(&plan, false).unwrap();
        self.checks.began(run, self.clock.elapsed(), &self.world);
        tokio::time::sleep(Duration::from_mins(2)).await;
        self.look().await;
    }

    fn pause(&self) -> Duration {
        if self.chance.percent(10) {
            self.chance.ms(20_000..90_000)
        } else {
            self.chance.ms(20..9_000)
        }
    }

    fn tell(&self, what: &str) {
        self.checks.tell(self.clock.elapsed(), what);
    }

    fn at(&self) -> usize {
        usize::try_from(self.chance.within(0..self.machines.len() as u64)).unwrap()
    }

    /// One thing happens.
    fn acts(&mut self) {
        match self.chance.within(0..100) {
            0..28 => self.begins(),
            28..52 => self.commands(),
            52..60 => self.resumes(),
            60..67 => self.kills(),
            67..75 => self.cuts(),
            75..83 => self.platform_fails(),
            83..88 => self.moves_traffic(),
            88..92 => self.sets_a_clock(),
            92..96 => self.fills_a_disk(),
            _ => self.takes_on(),
        }
    }

    fn runs(&self, at: usize) -> Vec<Listed> {
        self.machines[at].journal().runs(None, 100).unwrap_or_default()
    }

    fn live(&self) -> Live {
        SERVICES.map(|name| (service(name), self.world.live(name))).into_iter().collect()
    }

    fn plan(&mut self, at: usize) -> Option<Plan> {
        let views: Vec<RunView> = self.runs(at).into_iter().map(|listed| listed.view).collect();
        let kind = self.chance.within(0..100);
        let plan = if kind < 25 {
            let target = default_target(&views, &self.live()).ok()?;
            planner::rollback(spec(), &target, None, SchemaWay::Keep).ok()?
        } else if kind < 33 {
            planner::cleanup(spec(), &obsolete(&views, &self.live())).ok()?
        } else {
            self.deploy()
        };
        Some(Plan { ask_at_gates: self.chance.percent(40), ..plan })
    }

    fn deploy(&mut self) -> Plan {
        self.releases += 1;
        let release = format!("1.{}.0", self.releases);
        self.world.behave(&release, self.behaviour());
        let mut spec = spec();
        if self.chance.percent(25) {
            spec.policy.traffic = vec![10, 50];
        }
        planned(spec, &release)
    }

    fn behaviour(&self) -> Behaviour {
        let some = u32::try_from(self.chance.within(0..30)).unwrap();
        match self.chance.within(0..20) {
            0 => Behaviour::Broken,
            1 => Behaviour::Flaky,
            2 | 3 => Behaviour::Leaks(some),
            4 => Behaviour::Alternates(some),
            5 => Behaviour::OldAnswers(some),
            6 => Behaviour::Blind,
            7 => Behaviour::Mixed,
            8 => Behaviour::DoesNotBuild,
            9 => Behaviour::Nameless,
            _ => Behaviour::Healthy,
        }
    }

    fn begins(&mut self) {
        let at = self.at();
        let Some(plan) = self.plan(at) else { return };
        let take_over = self.chance.percent(20);
        let title = plan.title();
        match self.machines[at].begin(&plan, take_over) {
            Ok(run) => {
                self.checks.began(run, self.clock.elapsed(), &self.world);
                self.tell(&format!(
                    "machine {at} begins run {run}: {title}, attended: {}",
                    plan.ask_at_gates
                ));
            }
            Err(error) => self.tell(&format!("machine {at} may not begin {title}: {error}")),
        }
    }

    /// The run under way, as a machine knows it.
    fn under_way(&self, at: usize) -> Option<Listed> {
        self.runs(at).into_iter().find(|listed| listed.view.ended.is_none())
    }

    fn commands(&mut self) {
        let at = self.at();
        let Some(Listed { view, .. }) = self.under_way(at) else { return };
        let waits = matches!(view.state, RunState::Waiting { .. });
        let command = match self.chance.within(if waits { 0 } else { 4 }..20) {
            0..5 => Command::approve(),
            5 => Command::Pause,
            6 | 7 => Command::Resume,
            8 => Command::Retry,
            9 => Command::Skip { reason: "because".to_owned() },
            10 => Command::Rollback,
            11 => Command::Abort { now: self.chance.percent(50) },
            12 => Command::Extend,
            13 => Command::Offer,
            14 => Command::Accept,
            15 => Command::Claim,
            _ if waits => Command::approve(),
            _ => Command::Resume,
        };
        self.send(at, &view, &command);
    }

    fn send(&mut self, at: usize, view: &RunView, command: &Command) {
        let machine = &mut self.machines[at];
        let actor = if at == 0 { "ana" } else { "ben" };
        let now = machine.clock.now();
        let sent = machine.journal_mut().send(view.number, actor, view.last_seq, command, now);
        let sent = sent.map_or_else(|error| error.to_string(), |id| id.to_string());
        self.tell(&format!("machine {at} sends {command:?} to run {}: {sent}", view.number));
    }

    fn resumes(&mut self) {
        let at = self.at();
        let Some(Listed { view, runner, .. }) = self.under_way(at) else { return };
        if runner.is_some() {
            return;
        }
        self.resume(at, view.number, false);
    }

    fn resume(&mut self, at: usize, run: RunNumber, first: bool) {
        let resumed = self.machines[at].resume(run, first);
        let how = resumed.map_or_else(|error| error.to_string(), |()| "claimed".to_owned());
        self.tell(&format!("machine {at} resumes run {run}: {how}"));
    }

    fn takes_on(&mut self) {
        let at = self.at();
        let Some(Listed { view, .. }) = self.under_way(at) else { return };
        if view.handed.is_some() {
            let taken = self.machines[at].take_on(view.number);
            let how = taken.map_or_else(|error| error.to_string(), |()| "claimed".to_owned());
            self.tell(&format!("machine {at} takes run {} on: {how}", view.number));
        }
    }

    fn kills(&mut self) {
        let at = self.at();
        if let Some(process) = self.machines[at].drivers.pop() {
            self.tell(&format!("machine {at}: kill -9 of process {}", process.pid));
        }
    }

    fn cuts(&mut self) {
        let at = self.at();
        let Some(way) = &self.machines[at].way else { return };
        if self.chance.percent(25) {
            way.repeats.fetch_add(1, Ordering::Relaxed);
            return self.tell(&format!("machine {at}: the next call arrives twice"));
        }
        if self.chance.percent(40) {
            way.loses.fetch_add(1, Ordering::Relaxed);
            return self.tell(&format!("machine {at}: the next reply is lost"));
        }
        let cut = !way.cut.fetch_xor(true, Ordering::Relaxed);
        self.tell(&format!("machine {at}: the store is {}", if cut { "cut off" } else { "back" }));
    }

    fn platform_fails(&mut self) {
        let classes = [Failure::Passing, Failure::Passing, Failure::Lasting, Failure::Inconclusive];
        let class = *self.chance.one_of(&classes);
        let at = usize::try_from(self.chance.within(0..8)).unwrap();
        let (acts, lasts) = (self.chance.percent(50), self.chance.percent(10));
        self.world.fail(Some(Fault { at, class, acts, lasts }));
        self.tell(&format!(
            "the platform's call {at} fails: {class:?}, acts: {acts}, lasts: {lasts}"
        ));
    }

    fn moves_traffic(&mut self) {
        let name = *self.chance.one_of(&SERVICES);
        let builds = self.world.builds(name);
        if builds.is_empty() {
            return;
        }
        let build = self.chance.one_of(&builds).parse().unwrap();
        self.world.give_traffic(name, &build);
        self.checks.moved(self.clock.elapsed());
        self.tell(&format!("a person gives the traffic of {name} to {build}"));
    }

    fn sets_a_clock(&mut self) {
        let at = self.at();
        let by = i64::try_from(self.chance.within(0..7_200_000)).unwrap() - 3_600_000;
        self.machines[at].clock.ahead.store(by, Ordering::Relaxed);
        self.tell(&format!("machine {at}: the clock is {by} ms ahead"));
    }

    fn fills_a_disk(&mut self) {
        let at = self.at();
        let full = !self.machines[at].full.fetch_xor(true, Ordering::Relaxed);
        self.tell(&format!("machine {at}: the disk is {}", if full { "full" } else { "free" }));
    }

    /// Looks at what ended, and notes where everything is.
    async fn look(&mut self) {
        for at in 0..self.machines.len() {
            for (run, driven) in self.machines[at].ended().await {
                match &driven {
                    Ok(view) => {
                        let way = self.machines[at].way.as_deref();
                        self.checks.ended(view, &self.world, way, self.clock.elapsed());
                    }
                    Err(error) => self
                        .tell(&format!("machine {at}: the driver of run {run} stopped: {error}")),
                }
            }
            let cut =
                self.machines[at].way.as_ref().is_some_and(|way| way.cut.load(Ordering::Relaxed));
            let full = self.machines[at].full.load(Ordering::Relaxed);
            if let Some(Listed { view, runner, .. }) = self.under_way(at) {
                let known = (view.plan.kind.label(), view.state.sentence(), runner.is_some());
                let asked = (
                    view.held,
                    view.asked.is_some(),
                    view.offered.is_some(),
                    view.handed.is_some(),
                );
                self.checks.reached((at, cut, full, known, asked, view.undo.is_some()));
            }
        }
    }

    /// Everything works again.
    fn heals(&mut self) {
        self.world.fail(None);
        for machine in &self.machines {
            machine.full.store(false, Ordering::Relaxed);
            if let Some(way) = &machine.way {
                way.cut.store(false, Ordering::Relaxed);
                way.loses.store(0, Ordering::Relaxed);
                way.repeats.store(0, Ordering::Relaxed);
            }
        }
        self.tell("everything works again");
    }

    /// Careful people bring everything to an end.
    async fn settles(&mut self) {
        for round in 0..150 {
            tokio::time::sleep(Duration::from_secs(20)).await;
            self.look().await;
            let driven = self.machines.iter().any(|machine| !machine.drivers.is_empty());
            let at = round % self.machines.len();
            let Some(Listed { view, runner, host }) = self.under_way(at) else {
                if !driven {
                    break;
                }
                continue;
            };
            self.settle(at, &view, runner.is_some() || host.is_some());
        }
        // The last facts of each machine reach the other.
        tokio::time::sleep(Duration::from_secs(10)).await;
        self.look().await;
    }

    fn settle(&mut self, at: usize, view: &RunView, driven: bool) {
        if !driven {
            return self.resume(at, view.number, true);
        }
        match &view.state {
            RunState::Waiting { .. } => self.send(at, view, &Command::approve()),
            RunState::Paused { .. } => self.send(at, view, &Command::Resume),
            // BLUE itself may be bad: a person gives up after some attempts.
            RunState::Failed { attempt, .. } if view.returns_traffic() && *attempt < 4 => {
                self.send(at, view, &Command::Retry);
            }
            RunState::Failed { .. } => {
                let command = if view.can_go_back() && !view.returns_traffic() {
                    Command::Rollback
                } else {
                    Command::Abort { now: false }
                };
                self.send(at, view, &command);
            }
            _ => {}
        }
    }
}
