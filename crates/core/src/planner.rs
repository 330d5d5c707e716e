//! Plans the steps of a run from an intent (`docs/internals/architecture.md`).

use std::collections::BTreeMap;

use super::alert::{GithubRepository, Notify};
use super::checklist::{Item, List};
use super::endpoint::Endpoint;
use super::error::Problem;
use super::freeze::Freeze;
use super::guard::Overrides;
use super::ids::{BuildId, EnvironmentName, ServiceName, StepId};
use super::migration::{Direction, SchemaWay};
use super::pipeline::PipelineOf;
use super::plan::{Member, Plan, PlannedDatabase, RunKind, Source, one_commit};
use super::policy::DeployPolicy;
use super::preview::PreviewBy;
use super::readiness::Choice;
use super::release::{ReleaseLabel, ReleaseName};
use super::step::{PlannedStep, Side, StepKind};
use super::view::RunView;

/// The parts of an environment that every plan needs.
#[derive(Debug, Clone)]
pub struct EnvironmentSpec {
    pub environment: EnvironmentName,
    /// Its services, in the order their traffic moves.
    pub members: Vec<Member>,
    /// Freeze windows.
    pub freeze: Vec<Freeze>,
    /// Thresholds, timeouts and rules.
    pub policy: DeployPolicy,
    pub endpoint: Endpoint,
    /// The CI pipeline of its releases.
    pub pipeline: Option<PipelineOf>,
    /// How GREEN gets a preview address, where its platform gives none.
    pub preview: Option<PreviewBy>,
    /// The repository to which its runs are reported as deployments.
    pub deployments: Option<GithubRepository>,
    /// Its databases, without migrations.
    pub databases: Vec<PlannedDatabase>,
    pub notify: Notify,
    /// The checklists of a deploy's gates.
    pub checklist: Vec<Item>,
}

impl EnvironmentSpec {
    /// Keeps only the named services, in the environment's order. No names: keeps all.
    pub fn only(mut self, services: &[ServiceName]) -> Result<Self, Problem> {
        for wanted in services {
            if !self.members.iter().any(|m| m.service() == wanted) {
                let known: Vec<_> = self.members.iter().map(|m| m.service().as_str()).collect();
                return Err(Problem::new(format!("{} has no service {wanted}", self.environment))
                    .try_this(format!("name one of {}", known.join(", "))));
            }
        }
        if !services.is_empty() {
            self.members.retain(|m| services.contains(m.service()));
        }
        Ok(self)
    }

    fn plan(
        mut self,
        kind: RunKind,
        release: Option<ReleaseLabel>,
        steps: Vec<PlannedStep>,
    ) -> Plan {
        // A freeze concerns deploys only, and only those of its services.
        let services = || self.members.iter().map(Member::service);
        self.freeze.retain(|freeze| kind == RunKind::Deploy && freeze.covers(services()));
        Plan {
            kind,
            environment: self.environment,
            release,
            to_commit: None,
            committed: None,
            leaves: None,
            members: self.members,
            databases: self.databases,
            take_over: false,
            steps,
            checklist: Vec::new(),
            lint: None,
            pipeline: self.pipeline.filter(|_| kind == RunKind::Deploy),
            freeze: self.freeze,
            policy: self.policy,
            endpoint: self.endpoint,
            notify: self.notify,
            preview: self.preview.filter(|_| kind == RunKind::Deploy),
            deployments: self
                .deployments
                .filter(|_| matches!(kind, RunKind::Deploy | RunKind::Rollback)),
            warnings: Vec::new(),
            ask_at_gates: false,
            attended: false,
            overrides: Overrides::new(),
            reason: None,
        }
    }
}

fn step(id: &str, kind: StepKind, title: impl Into<String>) -> Result<PlannedStep, Problem> {
    Ok(PlannedStep { id: StepId::new(id)?, kind, title: title.into() })
}

/// Plans a deploy: build without traffic, check health, gate, switch in order, verify, soak.
pub fn deploy(
    mut spec: EnvironmentSpec,
    release: &ReleaseLabel,
    sources: &BTreeMap<ServiceName, Source>,
) -> Result<Plan, Problem> {
    for member in &mut spec.members {
        let source = sources.get(member.service()).cloned();
        member.source = Some(source.ok_or_else(|| {
            Problem::new(format!("release {release} has no source for {}", member.service()))
        })?);
    }
    let commit = one_commit(&spec.members).map(str::to_owned);
    let name = ReleaseName { label: release.clone(), commit };
    let soak = super::time::spoken(spec.policy.soak.length);
    let checklist = std::mem::take(&mut spec.checklist);
    let listed = |list: List| -> Result<Option<PlannedStep>, Problem> {
        if !checklist.iter().any(|item| item.list == list) {
            return Ok(None);
        }
        let id = format!("checklist:{}", list.label());
        let title = format!("Checklist: {}", list.title().to_lowercase());
        step(&id, StepKind::GateChecklist { list }, title).map(Some)
    };
    let mut steps =
        vec![step("preflight", StepKind::Preflight, "Check the target and the live build")?];
    steps.extend(listed(List::Pre)?);
    steps.extend(schema_steps(&spec.databases, Direction::Up)?);
    let at_first = spec.policy.traffic.first();
    let at_first = at_first.map_or(String::new(), |percent| format!(", {percent} % at first"));
    steps.extend([
        step("build", StepKind::Build, format!("Build {name} without traffic"))?,
        step("probe", StepKind::ProbeGreen, "Check green's health")?,
        step("gate", StepKind::GateSwitch, format!("Gate: switch traffic to {name}{at_first}"))?,
    ]);
    steps.extend(shared_steps(&spec, &name, &soak)?);
    for member in &spec.members {
        let service = member.service().clone();
        let title = format!("Switch {service} to {name}");
        let kind = StepKind::Switch { service: service.clone(), to: Side::Green };
        steps.push(step(&format!("switch:{service}"), kind, title)?);
    }
    steps.push(step(
        "attest",
        StepKind::Attest { side: Side::Green },
        "Verify the public address",
    )?);
    steps.push(step("soak", StepKind::Soak, format!("Soak for {soak}"))?);
    steps.extend(listed(List::Post)?);
    steps.push(step("mark-stable", StepKind::MarkStable, format!("Mark {name} stable"))?);
    let mut plan = spec.plan(RunKind::Deploy, Some(release.clone()), steps);
    plan.checklist = checklist;
    // A confirmation beforehand is one person's, who started the run.
    plan.ask_at_gates = plan.policy.approvals.is_some();
    plan.check()?;
    Ok(plan)
}

/// The steps that give the candidate more and more of the traffic before it gets all of it.
fn shared_steps(
    spec: &EnvironmentSpec,
    name: &ReleaseName,
    soak: &str,
) -> Result<Vec<PlannedStep>, Problem> {
    let mut steps = Vec::new();
    for percent in spec.policy.traffic.iter().copied() {
        for member in &spec.members {
            let service = member.service().clone();
            let (id, title) = (
                format!("shift:{percent}:{service}"),
                format!("Send {percent} % of {service} to {name}"),
            );
            steps.push(step(&id, StepKind::Shift { service, percent }, title)?);
        }
        let title = format!("Soak for {soak} at {percent} %");
        steps.push(step(&format!("soak:{percent}"), StepKind::SoakShare { percent }, title)?);
    }
    Ok(steps)
}

/// The steps of every migration that these databases hold.
fn schema_steps(
    databases: &[PlannedDatabase],
    direction: Direction,
) -> Result<Vec<PlannedStep>, Problem> {
    let mut steps = Vec::new();
    for database in databases {
        for migration in &database.migrations {
            let (name, version) = (database.name.clone(), migration.version.clone());
            let id = format!("migrate:{name}:{version}");
            let verb = if direction == Direction::Up { "Apply" } else { "Undo" };
            let title = format!("{verb} {version} on {name}: {}", migration.description);
            let kind = StepKind::Migrate { database: name, version, direction };
            steps.push(step(&id, kind, title)?);
        }
    }
    Ok(steps)
}

/// Plans a change of databases only: the migrations that they hold.
pub fn migrate(spec: EnvironmentSpec, direction: Direction) -> Result<Plan, Problem> {
    let mut steps =
        vec![step("preflight", StepKind::Preflight, "Lock the databases and read them")?];
    steps.extend(schema_steps(&spec.databases, direction)?);
    let plan = spec.plan(RunKind::Migrate, None, steps);
    plan.check()?;
    Ok(plan)
}

/// Plans one action on the migration record of one database.
pub fn on_record(spec: EnvironmentSpec, kind: StepKind, title: String) -> Result<Plan, Problem> {
    let looks = step("preflight", StepKind::Preflight, "Lock the database and read it")?;
    let steps = vec![looks, step("record", kind, title)?];
    let plan = spec.plan(RunKind::Migrate, None, steps);
    plan.check()?;
    Ok(plan)
}

/// Plans a rollback to existing builds, in reverse service order. Traffic moves first, unless migrations
/// must be undone before. Never builds.
pub fn rollback(
    mut spec: EnvironmentSpec,
    choice: &Choice,
    leaves: Option<ReleaseName>,
    schema: SchemaWay,
) -> Result<Plan, Problem> {
    spec.members.retain(|m| choice.builds.contains_key(m.service()));
    spec.members.reverse();
    for member in &mut spec.members {
        member.to = choice.builds.get(member.service()).cloned();
    }
    let to = &choice.name();
    let mut steps =
        vec![step("preflight", StepKind::Preflight, format!("Check that {to} can become live"))?];
    let undone = schema_steps(&spec.databases, Direction::Down)?;
    if schema == SchemaWay::Before {
        steps.extend(undone.clone());
    }
    for member in &spec.members {
        let service = member.service().clone();
        let title = format!("Switch {service} back to {to}");
        let kind = StepKind::Switch { service: service.clone(), to: Side::Green };
        steps.push(step(&format!("switch:{service}"), kind, title)?);
    }
    let public = StepKind::ProbePublic { side: Side::Green };
    steps.push(step(
        "attest",
        StepKind::Attest { side: Side::Green },
        "Verify the public address",
    )?);
    steps.push(step("probe", public, "Check the public address's health")?);
    if schema == SchemaWay::After {
        steps.extend(undone);
    }
    if let Some(left) = &leaves {
        steps.push(step("mark-bad", StepKind::MarkBad, format!("Mark {left} bad"))?);
    }
    let mut plan = spec.plan(RunKind::Rollback, Some(choice.release.clone()), steps);
    plan.to_commit.clone_from(&choice.commit);
    plan.leaves = leaves.map(|name| name.label);
    plan.check()?;
    Ok(plan)
}

/// Plans a clean-up: stops the previous build, applies the contract migrations that the databases hold, then deletes
/// builds of ours that neither traffic nor the last stable releases need.
pub fn cleanup(
    mut spec: EnvironmentSpec,
    obsolete: &BTreeMap<ServiceName, Vec<BuildId>>,
) -> Result<Plan, Problem> {
    let mut steps = vec![step("preflight", StepKind::Preflight, "Check the live build")?];
    for member in &mut spec.members {
        let service = member.service().clone();
        member.obsolete = obsolete.get(&service).cloned().unwrap_or_default();
        let stop = StepKind::StopBlue { service: service.clone() };
        steps.push(step(&format!("stop:{service}"), stop, format!("Stop blue of {service}"))?);
    }
    steps.extend(schema_steps(&spec.databases, Direction::Up)?);
    for member in &spec.members {
        let service = member.service().clone();
        let title = format!("Delete builds of {service} that no rollback needs");
        let prune = StepKind::Prune { service: service.clone() };
        steps.push(step(&format!("prune:{service}"), prune, title)?);
    }
    let plan = spec.plan(RunKind::Cleanup, None, steps);
    plan.check()?;
    Ok(plan)
}

/// The steps that roll back a deploy: the switched services, last one first, return to the build that was
/// live before. None if the run moved no traffic, or a previous build is unknown. `bad` marks the release
/// bad, which needs evidence against it.
pub fn undo(view: &RunView, bad: bool) -> Option<Vec<PlannedStep>> {
    if !view.can_go_back() {
        return None;
    }
    let mut steps = Vec::new();
    for member in view.plan.members.iter().rev() {
        let service = member.service();
        let Some(seen) = view.services.get(service).filter(|s| s.switch_asked) else { continue };
        let back = seen.blue.as_ref()?;
        let kind = StepKind::Switch { service: service.clone(), to: Side::Blue };
        let title = format!("Roll {service} back to {back}");
        steps.push(step(&format!("undo:{service}"), kind, title).ok()?);
    }
    let public = StepKind::ProbePublic { side: Side::Blue };
    let attest = StepKind::Attest { side: Side::Blue };
    steps.push(step("undo-attest", attest, "Verify the public address").ok()?);
    steps.push(step("undo-probe", public, "Check the public address's health").ok()?);
    if bad {
        steps.push(step("mark-bad", StepKind::MarkBad, "Mark the release bad").ok()?);
    }
    Some(steps)
}
