//! Evidence from machines for checklist items. A source that cannot be read makes its item unknown; it counts neither
//! as passed nor as failed.

use std::time::Duration;

use futures_util::future::join_all;

use super::database::found_indexes;
use super::figures;
use super::outside::Outside;
use pointsman_core::checklist::{Asked, Proof, Source};
use pointsman_core::guard::Guard;
use pointsman_core::health::Verdict;
use pointsman_core::ids::EnvironmentName;
use pointsman_core::pipeline::{PipelineOf, PipelineRun};
use pointsman_core::plan::Plan;
use pointsman_core::probe::{Answer, Check};
use pointsman_core::promoted::not_promoted;
use pointsman_core::time::{Timestamp, spoken};
use pointsman_core::view::RunView;

/// Consecutive good answers that count as healthy, as for a new probe.
const GOOD_IN_A_ROW: u32 = 3;
/// Consecutive bad answers that count as unhealthy: a single one is no outage.
const BAD_IN_A_ROW: u32 = 2;
/// Maximum probes for one verdict.
const MOST_PROBES: u32 = 8;
const PROBE_EVERY: Duration = Duration::from_millis(200);
/// Time after a switch at which the platform's figures of its first minutes should be there.
const FIGURES_WITHIN: Duration = Duration::from_mins(6);
/// Interval of readings until then.
const FIGURES_AGAIN: Duration = Duration::from_secs(20);
/// Time limit of a team command.
const COMMAND_WITHIN: Duration = Duration::from_mins(15);

/// Validity of a local test's result for its folder.
const FOLDER_HOLDS: Duration = Duration::from_hours(1);
/// Maximum age of the last delivery to a channel: after that the channel may no longer exist.
const HISTORY_LENGTH: Duration = Duration::from_hours(30 * 24);

fn proof(verdict: Verdict, said: impl Into<String>) -> Proof {
    Proof { verdict, said: said.into() }
}

/// Checks a source outside of the run.
pub(super) async fn ask(source: &Source, view: &RunView, outside: &Outside) -> Proof {
    let controls = &view.plan.policy.health.controls;
    match source {
        Source::Indexes { database } => indexes(database, &view.plan, outside).await,
        Source::Metrics { of } => metrics(of, view, outside).await,
        Source::Probe { asked, .. } if asked.is_empty() => {
            proof(Verdict::Inconclusive, "no service of that name answers yet")
        }
        Source::Probe { asked, .. } => {
            let all = join_all(asked.iter().map(|one| probe(one, controls, outside))).await;
            let of = |wanted: Verdict| {
                let found: Vec<_> = all
                    .iter()
                    .filter(|(_, verdict, _)| *verdict == wanted)
                    .map(|(name, _, said)| format!("{name}: {said}"))
                    .collect();
                (!found.is_empty()).then(|| proof(wanted, found.join("; ")))
            };
            let good = || proof(Verdict::Pass, format!("{}/{} ok", all.len(), all.len()));
            of(Verdict::Fail).or_else(|| of(Verdict::Inconclusive)).unwrap_or_else(good)
        }
        Source::Command { name, argv, folder } => {
            let check = Check::Command { argv: argv.clone(), folder: Some(folder.clone()) };
            match outside.prober.measure(&check, COMMAND_WITHIN, &[]).await.answer {
                Answer::Good => proof(Verdict::Pass, format!("{name} ended with 0")),
                Answer::Bad(_, why) => proof(Verdict::Fail, format!("{name}: {why}")),
                Answer::Blind(why) => proof(Verdict::Inconclusive, why),
            }
        }
        other => proof(Verdict::Inconclusive, format!("{other} cannot be verified automatically")),
    }
}

/// The results of each job in the pipeline run of this release, with one request for all jobs.
pub(super) async fn pipeline(jobs: &[String], plan: &Plan, outside: &Outside) -> Vec<Proof> {
    let unknown = |why: String| jobs.iter().map(|_| proof(Verdict::Inconclusive, &*why)).collect();
    let pipeline = match &outside.pipeline {
        None => return unknown(format!("{} has no pipeline", plan.environment)),
        Some(Err(problem)) => return unknown(problem.to_string()),
        Some(Ok(pipeline)) => pipeline,
    };
    let commit = plan.commit();
    // The test results of another commit are about another release.
    if commit.is_none() && matches!(plan.pipeline, Some(PipelineOf::Github { .. })) {
        return unknown("the release has no commit; only git releases can be tested".to_owned());
    }
    match pipeline.latest(commit).await {
        Err(problem) => unknown(problem.to_string()),
        Ok(None) => {
            let of = commit
                .map_or("it".to_owned(), |commit| commit.get(..7).unwrap_or(commit).to_owned());
            unknown(format!("no pipeline run for {of} yet"))
        }
        // Without a commit the result is about an earlier state of the folder, which may have changed since.
        Ok(Some(run)) if commit.is_none() && older(&run, outside.clock.now()) => {
            unknown(format!("run {} tested an older state of the folder: run it again", run.id))
        }
        Ok(Some(run)) => jobs.iter().map(|job| run.proof(job)).collect(),
    }
}

/// Whether a run started too long ago to say anything about the current state of the folder.
fn older(run: &PipelineRun, now: Timestamp) -> bool {
    let age = run.started.and_then(|at| Duration::try_from(now.duration_since(at)).ok());
    age.is_none_or(|age| age > FOLDER_HOLDS)
}

async fn probe(asked: &Asked, controls: &[String], outside: &Outside) -> (String, Verdict, String) {
    let said = |verdict, said: String| (asked.name.clone(), verdict, said);
    let Some(check) = &asked.check else {
        let why = "its address contains a secret, which is not stored in plans".to_owned();
        return said(Verdict::Inconclusive, why);
    };
    let (mut good, mut bad) = (0, 0);
    for round in 0..MOST_PROBES {
        if round > 0 {
            outside.clock.sleep(PROBE_EVERY).await;
        }
        match outside.prober.measure(check, asked.timeout, controls).await.answer {
            Answer::Good => (good, bad) = (good + 1, 0),
            Answer::Bad(_, why) => {
                (good, bad) = (0, bad + 1);
                if bad >= BAD_IN_A_ROW {
                    return said(Verdict::Fail, why);
                }
            }
            Answer::Blind(why) => return said(Verdict::Inconclusive, format!("blind: {why}")),
        }
        if good >= GOOD_IN_A_ROW {
            return said(Verdict::Pass, "ok".to_owned());
        }
    }
    said(Verdict::Inconclusive, "good and bad answers alternate".to_owned())
}

/// Whether alerts work: every channel has accepted one recently.
pub(super) fn alerts(arrived: &[(String, Option<Timestamp>)], now: Timestamp) -> Proof {
    if arrived.is_empty() {
        return proof(Verdict::Fail, "no alerts: the config has no notify");
    }
    let mut said = Vec::new();
    for (channel, at) in arrived {
        let age = at.and_then(|at| Duration::try_from(now.duration_since(at)).ok());
        let Some(age) = age.filter(|age| *age < HISTORY_LENGTH) else {
            let why = format!("no recent delivery to {channel}: pointsman alerts test");
            return proof(Verdict::Inconclusive, why);
        };
        said.push(format!("{channel} {} ago", spoken(age)));
    }
    proof(Verdict::Pass, said.join(", "))
}

/// Whether the release was promoted on the environment before.
pub(super) fn promoted(view: &RunView, from: &EnvironmentName, runs: &[RunView]) -> Proof {
    match not_promoted(runs, &view.plan, from) {
        None => proof(Verdict::Pass, format!("promoted on {from}")),
        Some(why) => match view.plan.overrides.get(&Guard::Promotion) {
            None => proof(Verdict::Fail, why),
            Some(reason) => {
                proof(Verdict::Pass, format!("overridden by {}: {reason} ({why})", view.actor))
            }
        },
    }
}

/// Whether the platform's figures of each service are within their limits. Figures come minutes late, so that an
/// inconclusive answer is given only when they should be there: an unattended run would end at the first one.
async fn metrics(of: &str, view: &RunView, outside: &Outside) -> Proof {
    loop {
        let (proof, may_come) = metrics_now(of, view, outside).await;
        let switched = view.services.values().filter_map(|seen| seen.switched_at).max();
        let age = switched.map(|at| outside.clock.now().duration_since(at));
        let age = age.and_then(|age| Duration::try_from(age).ok()).unwrap_or(FIGURES_WITHIN);
        if !may_come || age >= FIGURES_WITHIN {
            return proof;
        }
        outside.clock.sleep(FIGURES_AGAIN.min(FIGURES_WITHIN.saturating_sub(age))).await;
    }
}

/// The figures now, and whether a later answer may say more.
async fn metrics_now(of: &str, view: &RunView, outside: &Outside) -> (Proof, bool) {
    let rules = view.plan.policy.soak.metrics.clone().unwrap_or_default();
    let asked = view.plan.members.iter().filter_map(|member| {
        let seen = view.services.get(member.service())?;
        Some(async {
            (member.service(), figures::judged(outside, (&view.plan, member), seen, &rules).await)
        })
    });
    let (mut said, mut verdicts, mut refused) = (Vec::new(), Vec::new(), false);
    for (service, judged) in join_all(asked).await {
        let judged = match judged {
            Ok(judged) => judged,
            Err(why) => {
                said.push(format!("{service}: {why}"));
                verdicts.push(Verdict::Inconclusive);
                refused = true;
                continue;
            }
        };
        for one in judged.into_iter().filter(|one| of == "all" || of == one.rule) {
            said.push(format!("{service}: {}", one.said));
            verdicts.push(one.verdict);
        }
    }
    let proof = worst(&verdicts, &said);
    let may_come = proof.verdict == Verdict::Inconclusive && !refused;
    (proof, may_come)
}

/// One verdict of several: the worst of them. None at all is inconclusive.
fn worst(verdicts: &[Verdict], said: &[String]) -> Proof {
    let has = |verdict: Verdict| verdicts.contains(&verdict);
    let verdict = match () {
        () if has(Verdict::Fail) => Verdict::Fail,
        () if has(Verdict::Inconclusive) || verdicts.is_empty() => Verdict::Inconclusive,
        () => Verdict::Pass,
    };
    proof(verdict, said.join("; "))
}

/// Whether the indexes that the release needs can be used.
async fn indexes(wanted: &str, plan: &Plan, outside: &Outside) -> Proof {
    let all = wanted == "all";
    let chosen = plan.databases.iter().filter(|d| all || d.name == wanted);
    let asked = chosen.filter_map(|planned| Some((&planned.name, planned.indexes.as_ref()?)));
    let proofs = join_all(asked.map(|(name, wanted)| async move {
        let found = match found_indexes(&outside.databases, name).await {
            Ok(found) => found,
            Err(error) => return proof(Verdict::Inconclusive, format!("{name}: {error}")),
        };
        let compared = wanted.beside(&found);
        proof(compared.verdict(), format!("{name}: {}", compared.sentence()))
    }))
    .await;
    if proofs.is_empty() {
        return proof(Verdict::Inconclusive, "no database here has `indexes:` in the config");
    }
    let (verdicts, said): (Vec<_>, Vec<_>) =
        proofs.into_iter().map(|proof| (proof.verdict, proof.said)).unzip();
    worst(&verdicts, &said)
}

/// The state of the databases as this run last read or changed them; it holds their locks.
fn migrations(view: &RunView, wanted: &str) -> Proof {
    let all = wanted == "all";
    let chosen = view.plan.databases.iter().filter(|d| all || d.name == wanted);
    let (mut said, mut verdict) = (Vec::new(), Verdict::Pass);
    for planned in chosen {
        let name = &planned.name;
        let seen = view.databases.get(name);
        let applied = |m: &&pointsman_core::migration::Migration| {
            let done = seen.and_then(|s| s.version.as_ref());
            done.is_none_or(|version| *version < m.version)
        };
        match seen.map(|s| (s.version.as_ref(), s.dirty.as_ref())) {
            Some((_, Some(dirty))) => {
                verdict = Verdict::Fail;
                said.push(format!("{name}: {dirty} is half done"));
            }
            Some((Some(version), None)) => {
                let more = match planned.migrations.iter().filter(applied).count() {
                    0 => String::new(),
                    more => format!(", {more} to apply in this run"),
                };
                said.push(format!("{name}: schema {version}{more}"));
            }
            _ => {
                verdict = Verdict::Inconclusive;
                said.push(format!("{name}: unknown"));
            }
        }
    }
    match said.is_empty() {
        true if all => proof(Verdict::Pass, "no database configured"),
        true => proof(Verdict::Inconclusive, format!("no database {wanted} configured")),
        false => proof(verdict, said.join("; ")),
    }
}

/// Evidence from the run itself. `None`: it comes from elsewhere.
pub(super) fn of_the_run(source: &Source, view: &RunView) -> Option<Proof> {
    Some(match source {
        Source::Promoted { .. } => proof(Verdict::Pass, "no environment comes before this one"),
        Source::Rollback => rollback(view),
        Source::Migrations { database } => migrations(view, database),
        Source::Lint { of } => match &view.plan.lint {
            Some(linted) => linted.proof(of),
            None => proof(Verdict::Inconclusive, "apphosting.yaml was not linted for this run"),
        },
        Source::Alerts
        | Source::Probe { .. }
        | Source::Command { .. }
        | Source::Indexes { .. }
        | Source::Metrics { .. }
        | Source::Pipeline { .. } => return None,
    })
}

/// Whether each service has a build to roll back to.
fn rollback(view: &RunView) -> Proof {
    let blues = view.services.iter().map(|(name, seen)| (name, seen.blue.as_ref()));
    let (with, without): (Vec<_>, Vec<_>) = blues.partition(|(_, blue)| blue.is_some());
    if without.is_empty() && !with.is_empty() {
        let named = with.iter().filter_map(|(name, blue)| Some((name, (*blue)?)));
        let named: Vec<_> = named.map(|(name, blue)| format!("{name} {blue}")).collect();
        return proof(Verdict::Pass, format!("to {}", named.join(", ")));
    }
    let names: Vec<_> = without.iter().map(|(name, _)| name.as_str()).collect();
    proof(Verdict::Fail, format!("no earlier live build of {}", names.join(" and ")))
}
