//! `status`: what is seen now, not what was intended. Never starts anything.

use serde_json::{Value, json};

use super::Session;
use super::exit::{Failed, Finished, OK, USAGE};
use super::rollback::RUNS_LOOKED_AT;
use crate::config::Loaded;
use crate::domain::error::Problem;
use crate::domain::health::Sample;
use crate::domain::plan::Member;
use crate::domain::planner::Ground;
use crate::domain::readiness::{Choice, Live, default_target};
use crate::domain::run::RunState;
use crate::domain::view::RunView;
use crate::ports::hosting::{BuildState, Hosting};
use crate::ports::journal::{Journal as _, Listed};

pub(super) async fn status(session: &Session, environment: Option<&str>) -> Finished {
    let loaded = session.config()?;
    let names: Vec<&str> = match environment {
        Some(name) => vec![name],
        None => loaded.environments(),
    };
    let mut all = Vec::new();
    for name in names {
        all.push(one(session, &loaded, name).await?);
    }
    let text: Vec<String> = all.iter().map(text).collect();
    let json = match environment {
        Some(_) => all.swap_remove(0),
        None => json!({ "environments": all }),
    };
    session.result(&text.join("\n"), &json);
    Ok(OK)
}

async fn one(session: &Session, loaded: &Loaded, name: &str) -> Result<Value, Failed> {
    let ground = loaded.ground(name).map_err(|p| Failed::with(USAGE, p))?;
    let store = session.app.store()?;
    let lock = store.locked(&ground.environment)?;
    let listed = store.runs(Some(&ground.environment), RUNS_LOOKED_AT)?;
    let run = listed.first().filter(|l| l.view.ended.is_none()).map(run_json);
    let views: Vec<RunView> = listed.into_iter().map(|l| l.view).collect();
    let seen = look(session, &ground, &views).await;
    let (services, unseen) = match seen {
        Ok(services) => (services, None),
        Err(problem) => {
            let off = ground.members.iter().map(|m| off(m, &problem)).collect();
            (off, Some(problem))
        }
    };
    Ok(json!({
        "environment": name, "services": services, "databases": [], "lock": super::lock::to_json(lock.as_ref()), "run": run,
        "unseen": unseen,
    }))
}

fn off(member: &Member, problem: &Problem) -> Value {
    json!({
        "service": member.service(), "url": member.url, "live": null, "green": null, "health": "off",
        "rollback": {"ready": false, "target": null, "why": problem.what},
    })
}

async fn look(session: &Session, ground: &Ground, runs: &[RunView]) -> Result<Vec<Value>, Problem> {
    let hosting = session.app.hosting(&ground.endpoint, false).await?;
    let hosting = hosting.ok_or_else(|| Problem::new("the emulator does not run"))?;
    let live = session.app.live(hosting.as_ref(), &ground.members).await?;
    let target = default_target(runs, &live);
    let mut services = Vec::new();
    for member in &ground.members {
        services
            .push(service(session, ground, member, hosting.as_ref(), runs, &live, &target).await?);
    }
    Ok(services)
}

async fn service(
    session: &Session,
    ground: &Ground,
    member: &Member,
    hosting: &dyn Hosting,
    runs: &[RunView],
    live: &Live,
    target: &Result<Choice, Problem>,
) -> Result<Value, Problem> {
    let name = member.service();
    let build = live.get(name).cloned().flatten();
    let described = async |id: &crate::domain::ids::BuildId| {
        let build = hosting.build(&member.target, id).await.map_err(|e| e.problem)?;
        let state = build.as_ref().map_or("gone", |b| b.state_word.as_str()).to_owned();
        let release = build.and_then(|b| b.release);
        Ok::<_, Problem>(json!({"release": release, "build": id, "state": state}))
    };
    let green = runs.first().filter(|r| r.ended.is_none());
    let green = green.and_then(|r| r.services.get(name)?.green.clone());
    let health = match &build {
        None => "off",
        Some(_) => match session.app.ask(member, ground).await? {
            Sample::Healthy(_) => "ok",
            Sample::Unhealthy(_) => "down",
            Sample::Blind(_) => "stale",
        },
    };
    let rollback = match target {
        Err(problem) => json!({"ready": false, "target": null, "why": problem.why}),
        Ok(choice) => ready(member, hosting, choice).await,
    };
    Ok(json!({
        "service": name, "url": member.url,
        "live": match &build { Some(id) => described(id).await?, None => Value::Null },
        "green": match green.filter(|g| Some(g) != build.as_ref()) {
            Some(id) => described(&id).await?,
            None => Value::Null,
        },
        "health": health, "rollback": rollback,
    }))
}

/// Whether the build a rollback would go to can serve, asked of the platform and not of our memory.
async fn ready(member: &Member, hosting: &dyn Hosting, choice: &Choice) -> Value {
    let Some(id) = choice.builds.get(member.service()) else {
        let why = format!("{} has no build of this service", choice.release);
        return json!({"ready": false, "target": choice.release, "why": why});
    };
    let why = match hosting.build(&member.target, id).await {
        Ok(Some(build)) if build.state == BuildState::Ready => None,
        Ok(Some(build)) => Some(format!("build {id} is {}", build.state_word)),
        Ok(None) => Some(format!("build {id} is gone")),
        Err(error) => Some(error.problem.to_string()),
    };
    json!({"ready": why.is_none(), "target": choice.release, "why": why})
}

/// The run under way. One whose process is gone is in doubt, whatever its last fact says.
fn run_json(listed: &Listed) -> Value {
    let view = &listed.view;
    let state = match (&view.state, listed.runner) {
        (_, None) => "in_doubt",
        (RunState::Ended { .. }, _) => "ended",
        (state, Some(_)) => state.word(),
    };
    json!({
        "run": view.number, "kind": view.plan.kind, "state": state,
        "step": view.state.step(), "pid": listed.runner,
        "split": view.split().is_some(),
    })
}

fn text(status: &Value) -> String {
    let word = |v: &Value| v.as_str().unwrap_or("-").to_owned();
    let mut text = format!("{}\n", word(&status["environment"]));
    for service in status["services"].as_array().into_iter().flatten() {
        let live = &service["live"];
        let serves = match live["build"].as_str() {
            Some(build) => format!("{} ({build})", word(&live["release"])),
            None => "nothing serves".to_owned(),
        };
        let back = &service["rollback"];
        let back = match back["ready"].as_bool() {
            Some(true) => format!("rollback ready: {}", word(&back["target"])),
            _ => format!("no rollback: {}", word(&back["why"])),
        };
        let (name, url) = (word(&service["service"]), word(&service["url"]));
        text = format!(
            "{text}  {name:<12} {url:<28} {:<5} {serves}; {back}\n",
            word(&service["health"])
        );
    }
    let lock = &status["lock"];
    if !lock.is_null() {
        text = format!("{text}  LOCKED by {}: {}\n", word(&lock["actor"]), word(&lock["reason"]));
    }
    let run = &status["run"];
    if !run.is_null() {
        let pid = run["pid"].as_u64().map_or("no process".to_owned(), |p| format!("process {p}"));
        text = format!(
            "{text}  run #{} ({}): {} in {}, {pid}\n",
            run["run"],
            word(&run["kind"]),
            word(&run["state"]),
            word(&run["step"])
        );
        if run["state"] == "in_doubt" {
            text = format!("{text}    now: pointsman resume {}\n", run["run"]);
        }
    }
    text
}
