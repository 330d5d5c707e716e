//! A pipeline on this machine: runs the jobs of the config in the order of their dependencies. The state of the
//! last run is in a file, so that every process sees the same.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::process::ThisMachine;
use super::program::MachinePrograms;
use pointsman_core::error::Problem;
use pointsman_core::pipeline::{Job, JobStep, LocalJob, PipelineRun, Standing};
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::pipeline::{Asked, Pipeline};
use pointsman_core::ports::processes::{ProcessIdentity, Processes as _};
use pointsman_core::ports::programs::{Program, Programs as _};
use pointsman_core::redact::redacted;
use pointsman_core::text::harmless;
use pointsman_source::git;

/// Maximum characters per line.
const LONGEST_LINE: usize = 4000;

/// The stored state of the last run, and the process that runs it.
#[derive(Serialize, Deserialize)]
struct Kept {
    process: ProcessIdentity,
    run: PipelineRun,
}

/// Starts the separate process that runs the jobs.
pub type Begin = Box<dyn Fn() -> Result<(), Problem> + Send + Sync>;

/// The local pipeline of one environment.
pub struct LocalPipeline {
    folder: PathBuf,
    jobs: Vec<LocalJob>,
    programs: MachinePrograms,
    /// The folder for the state and the logs of its runs.
    kept: PathBuf,
    clock: Arc<dyn Clock>,
    actor: String,
    begin: Begin,
}

impl std::fmt::Debug for LocalPipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalPipeline").field("kept", &self.kept).finish_non_exhaustive()
    }
}

impl LocalPipeline {
    /// Creates a pipeline whose jobs run in `folder`, and whose runs are stored in `kept`.
    pub fn new(
        (folder, jobs): (PathBuf, Vec<LocalJob>),
        programs: MachinePrograms,
        kept: PathBuf,
        (clock, actor): (Arc<dyn Clock>, String),
        begin: Begin,
    ) -> Self {
        Self { folder, jobs, programs, kept, clock, actor, begin }
    }

    fn file(&self) -> PathBuf {
        self.kept.join("run.json")
    }

    fn log_of(&self, job: u64) -> PathBuf {
        self.kept.join(format!("job-{job}.log"))
    }

    fn read(&self) -> Result<Option<Kept>, Problem> {
        let unreadable = |why: String| {
            Problem::new("the last run of the pipeline cannot be read")
                .because(format!("{}: {why}", self.file().display()))
                .try_this("run it again")
        };
        match fs::read(self.file()) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map(Some).map_err(|e| unreadable(e.to_string()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(error.to_string())),
        }
    }

    /// The last run. If its process is gone, the run counts as lost, not as running.
    fn last(&self) -> Result<Option<PipelineRun>, Problem> {
        let Some(Kept { process, mut run }) = self.read()? else { return Ok(None) };
        if !run.standing.over() && !ThisMachine.alive(&process) {
            let lost = || Standing::Other("lost".to_owned());
            run.standing = lost();
            let jobs = run.jobs.iter_mut();
            jobs.filter(|job| job.standing == Standing::Running)
                .for_each(|job| job.standing = lost());
        }
        Ok(Some(run))
    }

    /// Fails while a run is in progress.
    fn busy(&self) -> Result<(), Problem> {
        let under_way = |kept: &Kept| !kept.run.standing.over() && ThisMachine.alive(&kept.process);
        match self.read()?.filter(under_way) {
            None => Ok(()),
            Some(kept) => {
                let what = format!("run {} of the pipeline is under way", kept.run.id);
                let why = format!("process {} runs it", kept.process.pid);
                Err(Problem::new(what).because(why))
            }
        }
    }

    /// Runs all jobs, and passes each line of their output to `heard`. One run at a time.
    pub async fn run(&self, heard: &(dyn Fn(&str) + Send + Sync)) -> Result<PipelineRun, Problem> {
        let lock = create(&self.kept.join("lock"))?;
        if lock.try_lock().is_err() {
            return Err(self
                .busy()
                .err()
                .unwrap_or_else(|| Problem::new("the pipeline runs already")));
        }
        for ended in self.programs.groups.end_orphans() {
            heard(&ended);
        }
        let before = self.read()?;
        let id = before.map_or(1, |kept| kept.run.id + 1);
        let mut run = self.fresh(id);
        self.keep(&run)?;
        for at in 0..run.jobs.len() {
            let of = self.of(&run.jobs[at]).clone();
            let passed = |name: &String| {
                let mut needed = run.jobs.iter().filter(|job| job.is(name));
                needed.all(|job| job.standing == Standing::Passed)
            };
            if of.needs.iter().all(passed) {
                self.job(&mut run, at, &of, heard).await?;
            } else {
                run.jobs[at].standing = Standing::Skipped;
                self.keep(&run)?;
            }
        }
        // If files were edited or checked out meanwhile, the run did not test the commit.
        run.commit = run.commit.filter(|before| commit(&self.folder).as_ref() == Some(before));
        let failed = run.jobs.iter().any(|job| job.standing.bad());
        run.standing =
            if failed { Standing::Failed("failure".to_owned()) } else { Standing::Passed };
        self.keep(&run)?;
        Ok(run)
    }

    /// A new run with all jobs queued, dependencies first. Each value of a matrix is a separate job.
    fn fresh(&self, id: u64) -> PipelineRun {
        let mut ordered: Vec<&LocalJob> = Vec::new();
        // The config check rejects cycles; jobs of a cycle would run last.
        while ordered.len() < self.jobs.len() {
            let placed = |name: &String| ordered.iter().any(|job| &job.name == name);
            let left = || self.jobs.iter().filter(|job| !placed(&job.name));
            let next = left().find(|job| job.needs.iter().all(placed)).or_else(|| left().next());
            let Some(next) = next else { break };
            ordered.push(next);
        }
        let jobs = ordered.into_iter().flat_map(|job| {
            let steps = |value: Option<&String>| -> Vec<JobStep> {
                job.steps.iter().map(|step| queued(&filled(step, value))).collect()
            };
            if job.matrix.is_empty() {
                return vec![(job.name.clone(), steps(None))];
            }
            let one = |value: &String| (format!("{} ({value})", job.name), steps(Some(value)));
            job.matrix.iter().map(one).collect::<Vec<_>>()
        });
        let job = |(at, (name, steps)): (usize, (String, Vec<JobStep>))| Job {
            id: id * 1000 + at as u64,
            name,
            standing: Standing::Queued,
            started: None,
            ended: None,
            steps,
            url: None,
            own: false,
        };
        let now = self.clock.now();
        PipelineRun {
            id,
            attempt: 1,
            title: format!("the jobs of the config, in {}", self.folder.display()),
            branch: None,
            commit: commit(&self.folder),
            event: "local".to_owned(),
            actor: Some(self.actor.clone()),
            standing: Standing::Running,
            started: Some(now),
            changed: Some(now),
            url: None,
            jobs: jobs.enumerate().map(job).collect(),
            approvals: Vec::new(),
        }
    }

    /// The config's job for a job of a run.
    fn of(&self, job: &Job) -> &LocalJob {
        let found = self.jobs.iter().find(|of| job.is(&of.name));
        found.unwrap_or(&self.jobs[0])
    }

    async fn job(
        &self,
        run: &mut PipelineRun,
        at: usize,
        of: &LocalJob,
        heard: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<(), Problem> {
        let name = run.jobs[at].name.clone();
        let value = of.matrix.iter().find(|value| name.ends_with(&format!("({value})")));
        let log = create(&self.log_of(run.jobs[at].id))?;
        let log = Mutex::new(log);
        let say = |line: &str| {
            let line = redacted(&harmless(line, LONGEST_LINE));
            heard(&format!("{name}: {line}"));
            if let Ok(mut log) = log.lock() {
                let at = self.clock.now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ");
                // A failed log write must not fail the job.
                let _ = writeln!(log, "{at} {line}");
            }
        };
        run.jobs[at].standing = Standing::Running;
        run.jobs[at].started = Some(self.clock.now());
        let mut failed = false;
        for (nth, step) in of.steps.iter().enumerate() {
            if failed {
                run.jobs[at].steps[nth].standing = Standing::Skipped;
                continue;
            }
            run.jobs[at].steps[nth].standing = Standing::Running;
            self.keep(run)?;
            let argv = filled(step, value);
            say(&format!("##[group]Run {}", argv.join(" ")));
            say("##[endgroup]");
            let folder = self.folder.display().to_string();
            let environment: Vec<_> =
                value.map(|value| ("MATRIX".to_owned(), value.clone())).into_iter().collect();
            let program = Program { argv: &argv, folder: &folder, environment: &environment };
            let began = self.clock.elapsed();
            let ended = self.programs.run(program, &say).await;
            if let Err(why) = &ended {
                say(&format!("##[error]{why}"));
            }
            failed = ended.is_err();
            let step = &mut run.jobs[at].steps[nth];
            step.took = Some(Duration::from_millis(
                u64::try_from(self.clock.elapsed().saturating_sub(began).as_millis())
                    .unwrap_or(u64::MAX),
            ));
            step.standing = ended_as(failed);
        }
        run.jobs[at].standing = ended_as(failed);
        run.jobs[at].ended = Some(self.clock.now());
        run.changed = run.jobs[at].ended;
        self.keep(run)
    }

    /// Stores the run atomically: concurrent readers get the previous file.
    fn keep(&self, run: &PipelineRun) -> Result<(), Problem> {
        let new = self.kept.join("run.json.new");
        let kept = Kept { process: ThisMachine.own(), run: run.clone() };
        let text = serde_json::to_vec(&kept).unwrap_or_default();
        let failed = |e: std::io::Error| {
            Problem::new("the state of the pipeline cannot be written").because(e.to_string())
        };
        create(&new)?.write_all(&text).map_err(failed)?;
        fs::rename(&new, self.file()).map_err(failed)
    }
}

fn create(file: &Path) -> Result<fs::File, Problem> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let made = fs::create_dir_all(folder).and_then(|()| {
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)
    });
    made.map_err(|e| {
        Problem::new(format!("{} cannot be written", file.display())).because(e.to_string())
    })
}

fn ended_as(failed: bool) -> Standing {
    if failed { Standing::Failed("failure".to_owned()) } else { Standing::Passed }
}

/// The arguments of a step, with the value of the matrix.
fn filled(step: &[String], value: Option<&String>) -> Vec<String> {
    let value = value.map_or("", String::as_str);
    step.iter().map(|word| word.replace("{matrix}", value)).collect()
}

fn queued(step: &[String]) -> JobStep {
    JobStep { name: redacted(&step.join(" ")), standing: Standing::Queued, took: None }
}

/// The commit checked out in a folder. `None` if there is none, or if files have changed since: the jobs then do
/// not test that commit.
fn commit(folder: &Path) -> Option<String> {
    let git =
        |arguments: &[&str]| git::text(folder, arguments).ok().map(|said| said.trim().to_owned());
    let clean = git(&["status", "--porcelain"])?.is_empty();
    clean.then(|| git(&["rev-parse", "HEAD"])).flatten()
}

impl Pipeline for LocalPipeline {
    fn latest<'a>(&'a self, commit: Option<&'a str>) -> Asked<'a, Option<PipelineRun>> {
        Box::pin(async move {
            let last = self.last()?;
            let of = |run: &PipelineRun| commit.is_none_or(|c| run.commit.as_deref() == Some(c));
            Ok(last.filter(of))
        })
    }

    fn every(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn log(&self, job: u64) -> Asked<'_, String> {
        Box::pin(async move {
            fs::read(self.log_of(job))
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .map_err(|e| Problem::new("there is no log of that job").because(e.to_string()))
        })
    }

    fn review<'a>(&'a self, run: &'a PipelineRun, _: bool, _: &'a str) -> Asked<'a, ()> {
        Box::pin(async move {
            let what = format!("run {} waits for no approval", run.id);
            Err(Problem::new(what).because("a pipeline on this machine has no approvals"))
        })
    }

    fn run_failed_again<'a>(&'a self, _: &'a PipelineRun) -> Asked<'a, ()> {
        Box::pin(async move { self.busy().and_then(|()| (self.begin)()) })
    }

    fn begin<'a>(&'a self, _: Option<&'a str>) -> Asked<'a, String> {
        Box::pin(async move {
            self.busy()?;
            (self.begin)()?;
            Ok("a separate process was started for the jobs of the config".to_owned())
        })
    }
}
