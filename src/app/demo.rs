//! Rehearsals and demos: the real engine on an in-memory world. Its runs are tasks of this process, because no
//! other process can see that world.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{App, Entrance, private_folder};
use crate::adapters::clock::SystemClock;
use crate::adapters::run_log::FileLog;
use crate::config::{Findings, Loaded, load, load_text, sources};
use crate::domain::code::Code;
use crate::domain::error::Problem;
use crate::domain::ids::{RunNumber, ServiceName, StepId};
use crate::domain::migration::SchemaRange;
use crate::domain::plan::Plan;
use crate::domain::planner;
use crate::domain::release::ReleaseLabel;
use crate::engine::Attendance;
use crate::ports::journal::{Journal as _, JournalError};
use crate::ports::log::{LogLine, RunLog as _};
use crate::rehearsal::{
    RehearsalClock, RehearsalDatabase, Scenario, World, hostile_lines, storm_line,
};

const CONFIG: &str = include_str!("../../examples/demo/config.yaml");
/// Checklists, added to the config of one scenario. The demo's history was deployed without them.
const LISTS: &str = include_str!("../../examples/demo/checklists.yaml");

/// The deploy history of a demo: environment, release, and the time until the next deploy.
const PAST: [(&str, &str, Duration); 8] = [
    ("staging", "1.3.2", Duration::from_hours(20)),
    ("production", "1.3.2", Duration::from_hours(150)),
    ("staging", "1.4.0", Duration::from_hours(30)),
    ("production", "1.4.0", Duration::from_hours(120)),
    ("staging", "1.4.1", Duration::from_hours(22)),
    ("production", "1.4.1", Duration::from_hours(90)),
    ("staging", "1.5.0", Duration::from_hours(20)),
    ("development", "1.5.0", Duration::from_mins(50)),
];

/// For the schema demo: a release, the migration that its deploy applies, and the schema range that it accepts.
const APPLIED: [(&str, &str, &str); 4] = [
    ("1.3.2", "1.0.0", ">=1.0.0, <2.0.0"),
    ("1.4.0", "1.1.0", ">=1.0.0, <2.0.0"),
    ("1.4.1", "", ">=1.1.0, <2.0.0"),
    ("1.5.0", "", ">=1.1.0, <3.0.0"),
];
const MIGRATIONS: [(&str, &str); 3] = [
    (
        "1.0.0_initial-schema.yaml",
        include_str!("../../examples/toto/migrations/1.0.0_initial-schema.yaml"),
    ),
    ("1.1.0_user-roles.yaml", include_str!("../../examples/toto/migrations/1.1.0_user-roles.yaml")),
    (
        "1.2.0_drop-legacy-role.yaml",
        include_str!("../../examples/toto/migrations/1.2.0_drop-legacy-role.yaml"),
    ),
];
const WATCH: &str = "    watch: { interval: 2s, timeout: 1s }\n";
const DATABASE: &str =
    "    databases: { main: { kind: firestore, project: toto-f9d2f, migrations: migrations } }\n";

/// How long ago the demo's history starts.
const STARTS_BEFORE: Duration = Duration::from_hours(22 * 24);

/// The in-memory world of a demo, with its clock and scenario.
#[derive(Clone)]
pub(super) struct Demo {
    pub(super) world: World,
    pub(super) database: Arc<RehearsalDatabase>,
    clock: Arc<RehearsalClock>,
    scenario: Scenario,
}

impl App {
    /// The names of the demos, with what each shows.
    pub fn demos() -> Vec<(&'static str, &'static str)> {
        Scenario::ALL.iter().map(|scenario| (scenario.name(), scenario.about())).collect()
    }

    /// The environment that a demo is about, if no run of it tells.
    pub fn demo_environment(&self) -> Option<&'static str> {
        self.demo.as_ref()?.scenario.environment()
    }

    /// An app on a scripted world, with its state in a separate folder.
    pub fn demo(name: &str, state: &Path) -> Result<Self, Problem> {
        let scenario = Scenario::named(name).ok_or_else(|| {
            let names: Vec<_> = Self::demos().into_iter().map(|(name, _)| name).collect();
            Problem::coded(Code::UNKNOWN_NAME, format!("there is no demo {name:?}"))
                .try_this(format!("name one of {}", names.join(", ")))
        })?;
        let failed = |e: std::io::Error| {
            Problem::new(format!("{} cannot be written", state.display())).because(e.to_string())
        };
        for folder in ["toto-app", "toto-bo"] {
            private_folder(&state.join(folder)).map_err(failed)?;
        }
        let text = match scenario {
            Scenario::Checklist => format!("{CONFIG}{LISTS}"),
            Scenario::Schema => CONFIG.replacen(WATCH, &format!("{WATCH}{DATABASE}"), 1),
            Scenario::Shares => shared(),
            _ => CONFIG.to_owned(),
        };
        std::fs::write(state.join("config.yaml"), text).map_err(failed)?;
        if scenario == Scenario::Schema {
            private_folder(&state.join("migrations")).map_err(failed)?;
            for (name, text) in MIGRATIONS {
                std::fs::write(state.join("migrations").join(name), text).map_err(failed)?;
            }
        }
        let clock = Arc::new(RehearsalClock::since(Arc::new(SystemClock::start()), STARTS_BEFORE));
        let world = World::on_stage(scenario, clock.clone());
        let mut app = Self::new(Some(state.to_owned()), Path::new(""))?;
        app.clock = clock.clone();
        let database = Arc::new(RehearsalDatabase::new(clock.clone()));
        app.demo = Some(Demo { world, database, clock, scenario });
        Ok(app)
    }

    /// Whether this app's world exists only in memory.
    pub fn is_demo(&self) -> bool {
        self.demo.is_some()
    }

    /// Creates the deploy history of a demo, and starts its scenario.
    pub async fn begin_demo(&self) -> Result<(), Problem> {
        let Some(demo) = &self.demo else { return Ok(()) };
        let file = self.state.join("config.yaml");
        let unusable = |findings: Findings| {
            Problem::new("the demo's config cannot be used").because(findings.to_string())
        };
        let mut loaded = load_text(CONFIG, &file).map_err(unusable)?;
        if demo.scenario == Scenario::Schema {
            loaded = load(&file).map_err(unusable)?;
            demo.database.fill();
        }
        for name in loaded.environments() {
            for member in &loaded.spec(name)?.members {
                demo.world.address(&member.url, &member.target);
            }
        }
        // A second start in the same folder finds the history, and the runs that the first start left behind.
        let begun = self.store().and_then(|store| store.runs(None, 1));
        let begun = begun.map_err(JournalError::problem)?;
        if begun.is_empty() {
            for (environment, release, later) in PAST {
                let plan = plan(&loaded, environment, release)?;
                self.drive_now(&plan).await?;
                demo.clock.pass(later);
            }
            if demo.scenario == Scenario::Schema {
                self.drive_now(&plan(&loaded, "production", "1.5.0")?).await?;
                demo.clock.pass(Duration::from_hours(1));
            }
        }
        demo.clock.catch_up();
        demo.world.slow_down();
        let idle = matches!(demo.scenario, Scenario::Idle | Scenario::Schema);
        if begun.is_empty() && !idle {
            self.begin_scenario(&load(&file).map_err(unusable)?, demo).await?;
        }
        Ok(())
    }

    async fn begin_scenario(&self, loaded: &Loaded, demo: &Demo) -> Result<(), Problem> {
        let mut plan = plan(loaded, "production", "1.5.0")?;
        plan.ask_at_gates = !demo.scenario.passes_gate();
        let mut store = self.store().map_err(JournalError::problem)?;
        let view = self.create(&mut store, &plan, false).map_err(JournalError::problem)?;
        self.detach(view.number, Entrance::Begin).await?;
        let (state, run) = (self.state.clone(), view.number);
        match demo.scenario {
            Scenario::Storm => drop(std::thread::spawn(move || storm(&state, run))),
            Scenario::Hostile => write_all(&state, run, hostile_lines()),
            _ => {}
        }
        Ok(())
    }

    async fn drive_now(&self, plan: &Plan) -> Result<(), Problem> {
        let mut store = self.store().map_err(JournalError::problem)?;
        let view = self.create(&mut store, plan, false).map_err(JournalError::problem)?;
        let (_signals, receiver) = mpsc::channel(1);
        let engine = self.engine(view, Attendance::Unattended, receiver).await?;
        let failed =
            |why: String| Problem::new("the demo's history cannot be created").because(why);
        let Some(demo) = &self.demo else { return Ok(()) };
        tokio::select! {
            biased;
            ended = engine.run() => ended.map(|_| ()).map_err(|e| failed(e.to_string())),
            () = demo.clock.leave_out_waiting() => Err(failed("time stands still".to_owned())),
        }
    }

    /// Drives a run in this process, as a background process does outside a demo.
    pub(super) async fn drive_here(&self, run: RunNumber, entry: Entrance) -> Result<u32, Problem> {
        let mut store = self.store().map_err(JournalError::problem)?;
        store.claim(run, None, self.clock.now()).map_err(JournalError::problem)?;
        let view = store.run(run).map_err(JournalError::problem)?.view;
        let (signals, receiver) = mpsc::channel(1);
        let mut engine = self.engine(view, Attendance::Attended, receiver).await?;
        let taken = match entry {
            Entrance::Begin => Ok(()),
            Entrance::TakeOver(choice) => {
                engine.take_over("the demo's world", choice, &self.actor()).await
            }
            Entrance::TakeOn => engine.take_on(&self.actor()),
        };
        taken.map_err(|e| Problem::new("it cannot be taken over").because(e.to_string()))?;
        tokio::spawn(async move {
            // Keep the sender for as long as the run.
            let _signals = signals;
            if let Err(error) = engine.run().await {
                tracing::warn!(%error, "a run of the demo stopped");
            }
        });
        Ok(std::process::id())
    }
}

/// The config with services of Cloud Run, and traffic in shares on production.
fn shared() -> String {
    let image = |name: &str| {
        (
            format!("backend: {name},"),
            format!("backend: {name}, image: \"toto/{name}:{{release}}\","),
        )
    };
    let [app, bo] = ["toto-app", "toto-bo"].map(image);
    CONFIG
        .replace("kind: app-hosting, location", "kind: cloud-run, location")
        .replacen(&app.0, &app.1, 1)
        .replacen(&bo.0, &bo.1, 1)
        .replacen(WATCH, &format!("{WATCH}    deploy: {{ traffic: [10, 50, 100] }}\n"), 1)
}

fn plan(loaded: &Loaded, environment: &str, release: &str) -> Result<Plan, Problem> {
    let mut spec = loaded.spec(environment)?;
    let applies = APPLIED.iter().find(|(at, _, _)| *at == release);
    for planned in &mut spec.databases {
        let files = loaded.migrations(environment, &planned.name).unwrap_or_default();
        let first =
            |version: &str| files.iter().find(|m| m.version.to_string() == version).cloned();
        planned.migrations =
            applies.and_then(|(_, version, _)| first(version)).into_iter().collect();
    }
    if let Some((_, _, range)) = applies.filter(|_| !spec.databases.is_empty()) {
        let range: SchemaRange = range.parse()?;
        for member in &mut spec.members {
            member.accepts.insert("main".to_owned(), range.clone());
        }
    }
    let release = ReleaseLabel::new(release)?;
    let sources = sources(loaded, &mut spec, &release)?;
    planner::deploy(spec, &release, &sources)
}

fn line(text: String, at: crate::domain::time::Timestamp) -> Option<LogLine> {
    let service = ServiceName::new("toto-app").ok();
    Some(LogLine { at, step: StepId::new("build").ok()?, service, text, tints: Vec::new() })
}

fn write_all(state: &Path, run: RunNumber, texts: Vec<String>) {
    use crate::ports::clock::Clock as _;
    let clock = SystemClock::start();
    if let Ok(log) = FileLog::open(state, run) {
        for line in texts.into_iter().filter_map(|text| line(text, clock.now())) {
            log.line(&line);
        }
    }
}

/// Writes 5,000 log lines per second for 20 s.
fn storm(state: &Path, run: RunNumber) {
    for part in 0..400 {
        write_all(state, run, (part * 250..(part + 1) * 250).map(storm_line).collect());
        std::thread::sleep(Duration::from_millis(50));
    }
}
