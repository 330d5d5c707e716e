//! The things that happen.

use std::sync::atomic::Ordering;

use pointsman::domain::approvals::{Approval, Approvals, Requester};
use pointsman::domain::command::Command;
use pointsman::domain::ids::RunNumber;
use pointsman::domain::migration::{Direction, SchemaWay};
use pointsman::domain::plan::Plan;
use pointsman::domain::planner::{self, EnvironmentSpec};
use pointsman::domain::readiness::{Live, default_target, obsolete};
use pointsman::domain::run::RunState;
use pointsman::domain::step::Failure;
use pointsman::domain::view::RunView;
use pointsman::ports::clock::Clock as _;
use pointsman::ports::journal::{JournalError, Listed};
use pointsman::rehearsal::{Behaviour, Fault};

use super::checks::SERVICES;
use super::data::{self, Data};
use super::server::Weather;
use super::{PEOPLE, Simulation};
use crate::world::{planned, service, spec};

impl Simulation {
    /// One thing happens.
    pub(super) fn acts(&mut self) {
        match self.chance.within(0..100) {
            0..25 => self.begins(),
            25..49 => self.commands(),
            49..57 => self.resumes(),
            57..64 => self.kills(),
            64..72 => self.cuts(),
            72..80 => self.platform_fails(),
            80..86 => self.moves_traffic(),
            86..90 => self.sets_a_clock(),
            90..92 => self.fills_a_disk(),
            92..94 => self.asks_to_stop(),
            _ => self.hands_over(),
        }
    }

    fn live(&self) -> Live {
        SERVICES.map(|name| (service(name), self.world.live(name))).into_iter().collect()
    }

    fn plan(&mut self, at: usize) -> Option<Plan> {
        let views: Vec<RunView> =
            self.machines[at].runs().into_iter().map(|listed| listed.view).collect();
        let kind = self.chance.within(0..100);
        let plan = if kind < 25 {
            let target = default_target(&views, &self.live()).ok()?;
            let way = *self.chance.one_of(&[SchemaWay::Keep, SchemaWay::After, SchemaWay::Before]);
            let direction = (way != SchemaWay::Keep).then_some(Direction::Down);
            let spec = self.spec(direction)?;
            planner::rollback(spec, &target, None, way).ok()?
        } else if kind < 33 {
            planner::cleanup(
                self.machines[at].place.setting.spec(),
                &obsolete(&views, &self.live()),
            )
            .ok()?
        } else if kind < 43 && self.data.is_some() {
            let direction = *self.chance.one_of(&[Direction::Up, Direction::Up, Direction::Down]);
            planner::migrate(self.spec(Some(direction))?, direction).ok()?
        } else {
            self.deploy()
        };
        Some(Plan { ask_at_gates: self.chance.percent(40), ..plan })
    }

    /// The environment with its migrations of a direction; `None` if there are none.
    fn spec(&self, direction: Option<Direction>) -> Option<EnvironmentSpec> {
        match &self.data {
            Some(data) => data.spec(&self.files, direction),
            None => Some(spec()),
        }
    }

    fn deploy(&mut self) -> Plan {
        self.releases += 1;
        let release = format!("1.{}.0", self.releases);
        self.world.behave(&release, self.behaviour());
        if self.data.is_some() && self.chance.percent(40) {
            self.files.push(data::counting(&release));
        }
        // What is half done the other way is left to others: a deploy plans no migration then.
        let up = self.spec(Some(Direction::Up));
        let mut spec = up.unwrap_or_else(|| self.machines[0].place.setting.spec());
        if self.chance.percent(25) && self.moving.shares() {
            spec.policy.traffic = vec![10, 50];
        }
        if self.chance.percent(25) {
            let requester = *self.chance.one_of(&[Requester::Excluded, Requester::Allowed]);
            let rule = Approvals { people: 2, from: Vec::new(), requester, proven: false };
            spec.policy.approvals = Some(rule);
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
            None => self.tell(&format!("machine {at} died as it began {title}")),
            Some(Ok(run)) => {
                self.checks.began(run, self.clock.elapsed(), &self.world);
                self.tell(&format!(
                    "machine {at} begins run {run}: {title}, attended: {}",
                    plan.ask_at_gates
                ));
            }
            Some(Err(error)) => self.tell(&format!("machine {at} may not begin {title}: {error}")),
        }
    }

    /// The run under way, as a machine knows it.
    pub(super) fn under_way(&self, at: usize) -> Option<Listed> {
        self.machines[at].runs().into_iter().find(|listed| listed.view.ended.is_none())
    }

    fn commands(&mut self) {
        let at = self.at();
        let Some(Listed { view, .. }) = self.under_way(at) else { return };
        let waits = matches!(view.state, RunState::Waiting { .. });
        let command = match self.chance.within(if waits { 0 } else { 4 }..20) {
            0..5 => approval(&view),
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
            _ if waits => approval(&view),
            _ => Command::Resume,
        };
        let actor = *self.chance.one_of(&PEOPLE);
        self.send((at, actor), &view, &command);
    }

    pub(super) fn send(&mut self, (at, actor): (usize, &str), view: &RunView, command: &Command) {
        let how = match self.machines[at].send(actor, view, command) {
            None => "its console died".to_owned(),
            Some(Ok(id)) => id.to_string(),
            Some(Err(error)) => error.to_string(),
        };
        self.tell(&format!("{actor} at {at} sends {command:?} to run {}: {how}", view.number));
    }

    fn resumes(&mut self) {
        let at = self.at();
        let Some(Listed { view, runner, .. }) = self.under_way(at) else { return };
        if runner.is_some() {
            return;
        }
        self.resume(at, view.number, false);
    }

    pub(super) fn resume(&mut self, at: usize, run: RunNumber, first: bool) {
        let how = claimed(self.machines[at].resume(run, first));
        self.tell(&format!("machine {at} resumes run {run}: {how}"));
    }

    /// A run under way is offered, accepted, or taken on by the process of the machine that accepted it.
    fn hands_over(&mut self) {
        let at = self.at();
        let Some(Listed { view, .. }) = self.under_way(at) else { return };
        if view.handed.is_some() {
            let how = claimed(self.machines[at].take_on(view.number));
            self.checks.count("a run was taken on");
            self.tell(&format!("machine {at} takes run {} on: {how}", view.number));
        } else if view.offered.is_some() {
            self.send((at, "ben"), &view, &Command::Accept);
        } else {
            self.send((at, "ana"), &view, &Command::Offer);
        }
    }

    fn kills(&mut self) {
        let at = self.at();
        if let Some(driver) = self.machines[at].drivers.pop() {
            self.tell(&format!("machine {at}: kill -9 of process {}", driver.process.life.pid));
        }
    }

    fn cuts(&mut self) {
        let at = self.at();
        let place = &self.machines[at].place;
        let ways = [("the store", &place.way), ("the database", &place.data_way)];
        let (what, way) = *self.chance.one_of(&ways);
        let Some(way) = way else { return };
        if self.chance.percent(50) {
            let weather = Weather::any(&self.chance);
            *way.weather.lock().unwrap() = weather;
            return self.tell(&format!("machine {at}: calls to {what}, in per cent: {weather:?}"));
        }
        let cut = !way.cut.fetch_xor(true, Ordering::Relaxed);
        self.tell(&format!("machine {at}: {what} is {}", if cut { "cut off" } else { "back" }));
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
        self.moving.moved_by_hand(name, &build);
        self.tell(&format!("a person gives the traffic of {name} to {build}"));
    }

    fn asks_to_stop(&mut self) {
        if let Some(holder) = self.data.as_ref().and_then(Data::asks_to_stop) {
            self.checks.count("a person requested a migration to stop");
            self.tell(&format!("cy asks {holder}, which has the lock of the database, to stop"));
        }
    }

    fn sets_a_clock(&mut self) {
        let at = self.at();
        let by = i64::try_from(self.chance.within(0..7_200_000)).unwrap() - 3_600_000;
        self.machines[at].place.clock.ahead.store(by, Ordering::Relaxed);
        self.tell(&format!("machine {at}: the clock is {by} ms ahead"));
    }

    fn fills_a_disk(&mut self) {
        let at = self.at();
        let full = !self.machines[at].place.full.fetch_xor(true, Ordering::Relaxed);
        self.tell(&format!("machine {at}: the disk is {}", if full { "full" } else { "free" }));
    }
}

/// How an attempt to claim a run came out; `None` if its process died.
fn claimed(claim: Option<Result<(), JournalError>>) -> String {
    match claim {
        None => "its process died".to_owned(),
        Some(Ok(())) => "claimed".to_owned(),
        Some(Err(error)) => error.to_string(),
    }
}

/// An approval, of the plan if the run counts approvals.
pub(super) fn approval(view: &RunView) -> Command {
    let plan = view.approvals_rule().map(|_| view.plan.hash());
    Command::Approve(Approval { plan, note: None })
}
