//! A simulation with a seed: two machines, a platform, a shared store and people, on one thread and one clock that skips
//! waiting. Processes die, networks are cut, calls are lost or arrive twice, disks fill, clocks are set and traffic is moved,
//! at moments that the seed decides. What must hold is checked at each effect, each end of a run and at the end.

mod acts;
mod between;
mod chance;
mod checks;
mod clock;
mod data;
mod end;
mod ledger;
mod machine;
mod mortal;
mod moving;
mod place;
mod platform;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pointsman::domain::command::Command;
use pointsman::domain::migration::Migration;
use pointsman::domain::run::RunState;
use pointsman::domain::view::RunView;
use pointsman::ports::clock::Clock as _;
use pointsman::ports::journal::Listed;
use pointsman::rehearsal::{Behaviour, World};

use self::acts::approval;
use self::chance::Chance;
use self::checks::Checks;
use self::clock::SimClock;
use self::data::Data;
use self::machine::Machine;
use self::moving::Moving;
use self::place::Setting;
use self::server::{Server, Way, Weather};
use crate::world::{planned, spec};

/// What a seed came to.
#[derive(Debug)]
pub(crate) struct Played {
    /// What must not happen, and did.
    pub(crate) broken: Vec<String>,
    pub(crate) story: Vec<String>,
    /// Fingerprints of the states that were reached.
    pub(crate) states: BTreeSet<u64>,
    /// How many times each thing happened.
    pub(crate) counts: BTreeMap<&'static str, u32>,
}

/// Plays the simulation of a seed. A panic is what must not happen, too.
pub(crate) fn play(seed: u64) -> Played {
    std::panic::catch_unwind(|| played(seed)).unwrap_or_else(|_| Played {
        broken: vec!["it panicked".to_owned()],
        story: Vec::new(),
        states: BTreeSet::new(),
        counts: BTreeMap::new(),
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
        let stores: Vec<_> = sim.machines.iter().map(|m| m.place.store_alone(0)).collect();
        sim.checks.over(&stores, &sim.world, at);
        // The server has what the machines have.
        for machine in &mut sim.machines {
            if let Some(read) = machine.verifies() {
                sim.checks.verified(&read, at);
            }
        }
        let checks = &sim.checks;
        Played {
            broken: checks.broken.lock().unwrap().clone(),
            story: checks.story.lock().unwrap().clone(),
            states: checks.states.lock().unwrap().clone(),
            counts: checks.counts.lock().unwrap().clone(),
        }
    })
}

impl Drop for Simulation {
    /// The ways hold the consoles of each other.
    fn drop(&mut self) {
        for way in self.machines.iter().filter_map(|machine| machine.place.way.as_ref()) {
            *way.other.lock().unwrap() = None;
        }
    }
}

/// Who sends commands. Runs are begun by the first.
const PEOPLE: [&str; 3] = ["ana", "ben", "cy"];

struct Simulation {
    chance: Chance,
    clock: SimClock,
    world: World,
    moving: Moving,
    /// The environment's database, if it has one.
    data: Option<Data>,
    machines: Vec<Machine>,
    checks: Arc<Checks>,
    releases: u32,
    /// The migrations in the code of the newest release.
    files: Vec<Migration>,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let (chance, clock) = (Chance::of(seed), SimClock::start());
        let world = World::default();
        for member in spec().members {
            world.address(&member.url, &member.target);
        }
        let checks = Arc::new(Checks::default());
        let moving = Moving::of(seed, &world, &clock, &checks);
        let data = chance.percent(60).then(|| Data::start(&clock));
        let setting = Setting {
            data: data.clone(),
            world: world.clone(),
            moving: moving.clone(),
            chance: chance.clone(),
            checks: checks.clone(),
            next_pid: Arc::new(Mutex::new(100)),
        };
        let server = Server::start(&clock, |_| None);
        let shared = chance.percent(70);
        let names: &[&'static str] = if shared { &["one", "two"] } else { &["one"] };
        let machine = |name: &&'static str| {
            let way = shared.then(|| Way::to(&server, &chance, &checks));
            Machine::new(name, clock.elsewhere(), way, &setting)
        };
        let machines: Vec<_> = names.iter().map(machine).collect();
        for (at, machine) in machines.iter().enumerate() {
            let other = machines.get(1 - at);
            if let (Some(way), Some(other)) = (&machine.place.way, other) {
                *way.other.lock().unwrap() = Some(between::visits(other));
            }
        }
        checks.tell(Duration::ZERO, if shared { "two machines" } else { "one machine" });
        checks.tell(Duration::ZERO, &format!("traffic moves {:?}", moving.pace));
        Self {
            chance,
            clock,
            world,
            moving,
            data,
            machines,
            checks,
            releases: 0,
            files: Vec::new(),
        }
    }

    /// Most simulations begin with a release that is live.
    async fn opens(&mut self) {
        if self.chance.percent(10) {
            return;
        }
        self.world.behave("1.0.0", Behaviour::Healthy);
        let plan = planned(self.machines[0].place.setting.spec(), "1.0.0");
        if let Some(Ok(run)) = self.machines[0].begin(&plan, false) {
            self.checks.began(run, self.clock.elapsed(), &self.world);
        }
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

    /// Looks at what ended, and notes where everything is.
    async fn look(&mut self) {
        for at in 0..self.machines.len() {
            if self.machines[at].restarts_console() {
                self.checks.count("a console died by itself");
                self.tell(&format!("machine {at}: its console died, and is started again"));
            }
            for run in self.machines[at].works() {
                self.checks.began(run, self.clock.elapsed(), &self.world);
            }
            for (run, driven) in self.machines[at].ended().await {
                let way = self.machines[at].place.way.as_deref();
                match &driven {
                    Some(Ok(view)) => {
                        let outside = (&self.world, &self.moving, self.data.as_ref());
                        self.checks.ended(view, outside, way, self.clock.elapsed());
                    }
                    Some(Err(error)) => self
                        .tell(&format!("machine {at}: the driver of run {run} stopped: {error}")),
                    None => {
                        self.checks.count("a driver died by itself");
                        self.tell(&format!("machine {at}: the driver of run {run} died"));
                    }
                }
            }
            let place = &self.machines[at].place;
            let cut = place.way.as_ref().is_some_and(|way| way.is_cut());
            let full = place.full.load(Ordering::Relaxed);
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
        for Machine { place, .. } in &self.machines {
            place.full.store(false, Ordering::Relaxed);
            for way in place.way.iter().chain(&place.data_way) {
                way.cut.store(false, Ordering::Relaxed);
                *way.weather.lock().unwrap() = Weather::SILENT;
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
            if !driven && self.machines.iter().all(Machine::is_at_rest) {
                break;
            }
            let Some(Listed { view, runner, host }) = self.under_way(at) else { continue };
            let by = (at, PEOPLE[round % PEOPLE.len()]);
            self.settle(by, &view, runner.is_some() || host.is_some());
        }
        // The last facts of each machine reach the other.
        tokio::time::sleep(Duration::from_secs(10)).await;
        self.look().await;
    }

    fn settle(&mut self, by: (usize, &str), view: &RunView, driven: bool) {
        if !driven {
            return self.resume(by.0, view.number, true);
        }
        match &view.state {
            RunState::Waiting { .. } => self.send(by, view, &approval(view)),
            RunState::Paused { .. } => self.send(by, view, &Command::Resume),
            // BLUE itself may be bad: a person gives up after some attempts.
            RunState::Failed { attempt, .. } if view.returns_traffic() && *attempt < 4 => {
                self.send(by, view, &Command::Retry);
            }
            RunState::Failed { .. } => {
                let command = if view.can_go_back() && !view.returns_traffic() {
                    Command::Rollback
                } else {
                    Command::Abort { now: false }
                };
                self.send(by, view, &command);
            }
            _ => {}
        }
    }
}
