//! Looking at an environment: what is seen now. Never starts anything.

use crate::app::App;
use crate::domain::error::Problem;
use crate::domain::health::Sample;
use crate::domain::ids::BuildId;
use crate::domain::plan::Member;
use crate::domain::planner::Ground;
use crate::domain::readiness::{Choice, Live, default_target};
use crate::domain::seen::{BuildSeen, EnvironmentSeen, Health, Readiness, ServiceSeen};
use crate::domain::step::Side;
use crate::domain::view::RunView;
use crate::ports::hosting::{BuildState, Hosting};

/// Looks at every service of an environment. `runs` are its latest ones, newest first. `ask`: asks each
/// service once how it is, for whoever does not watch it.
pub async fn look(app: &App, ground: &Ground, runs: &[RunView], ask: bool) -> EnvironmentSeen {
    let hosting = match app.hosting(&ground.endpoint, false).await {
        Ok(Some(hosting)) => hosting,
        // Its services are its own processes: without it none runs.
        Ok(None) => return unseen(ground, Problem::new("the emulator does not run"), &Health::Off),
        Err(problem) => return unknown(ground, problem),
    };
    match services(app, ground, hosting.as_ref(), runs, ask).await {
        Ok(services) => {
            let freeze = ground.freeze.clone();
            EnvironmentSeen { services, databases: None, lint: None, freeze, unseen: None }
        }
        Err(problem) => unknown(ground, problem),
    }
}

/// Not to be seen is not to be off.
fn unknown(ground: &Ground, problem: Problem) -> EnvironmentSeen {
    let health = Health::Stale(problem.to_string());
    unseen(ground, problem, &health)
}

fn unseen(ground: &Ground, problem: Problem, health: &Health) -> EnvironmentSeen {
    let one = |member: &Member| ServiceSeen {
        service: member.service().clone(),
        url: member.url.clone(),
        live: None,
        side: Side::Blue,
        green: None,
        blue: None,
        tells_revision: false,
        health: health.clone(),
        rollback: Readiness { target: None, why: Some(problem.what.clone()) },
    };
    let services = ground.members.iter().map(one).collect();
    let freeze = ground.freeze.clone();
    EnvironmentSeen { services, databases: None, lint: None, freeze, unseen: Some(problem) }
}

async fn services(
    app: &App,
    ground: &Ground,
    hosting: &dyn Hosting,
    runs: &[RunView],
    ask: bool,
) -> Result<Vec<ServiceSeen>, Problem> {
    let live = app.live(hosting, &ground.members).await?;
    let target = default_target(runs, &live);
    let mut services = Vec::new();
    for member in &ground.members {
        let mut seen = one(member, hosting, runs, &live, &target).await?;
        if ask && seen.live.is_some() {
            seen.health = match app.ask(member, ground).await? {
                Sample::Healthy(_) => Health::Ok,
                Sample::Unhealthy(why) => Health::Down(why),
                Sample::Blind(why) => Health::Stale(why),
            };
        }
        services.push(seen);
    }
    Ok(services)
}

async fn one(
    member: &Member,
    hosting: &dyn Hosting,
    runs: &[RunView],
    live: &Live,
    target: &Result<Choice, Problem>,
) -> Result<ServiceSeen, Problem> {
    let service = member.service().clone();
    let build = live.get(&service).cloned().flatten();
    let under_way = runs.first().filter(|r| r.ended.is_none());
    let green = under_way.and_then(|r| r.services.get(&service)?.green.clone());
    let health = if build.is_none() { Health::Off } else { Health::Stale("not asked".to_owned()) };
    let rollback = match target {
        Err(problem) => Readiness { target: None, why: Some(problem.why.clone()) },
        Ok(choice) => ready(member, hosting, choice).await,
    };
    let side = if green.is_some() && green == build { Side::Green } else { Side::Blue };
    let green = green.filter(|g| Some(g) != build.as_ref());
    let blue = under_way.and_then(|r| r.services.get(&service)?.blue.clone());
    let blue = blue.filter(|b| build.is_some() && Some(b) != build.as_ref());
    Ok(ServiceSeen {
        url: member.url.clone(),
        live: seen(hosting, member, build).await?,
        side,
        green: seen(hosting, member, green).await?,
        blue: seen(hosting, member, blue).await?,
        tells_revision: hosting.tells_revision(),
        health,
        rollback,
        service,
    })
}

async fn seen(
    hosting: &dyn Hosting,
    member: &Member,
    id: Option<BuildId>,
) -> Result<Option<BuildSeen>, Problem> {
    let Some(id) = id else {
        return Ok(None);
    };
    let build = hosting.build(&member.target, &id).await.map_err(|e| e.problem)?;
    let state = build.as_ref().map_or("gone", |b| b.state_word.as_str()).to_owned();
    let preview = build.as_ref().and_then(|b| b.preview.clone());
    let (release, commit) = build.map_or((None, None), |b| (b.release, b.commit));
    Ok(Some(BuildSeen { release, commit, build: id, state, preview }))
}

/// Whether the build a rollback would go to can serve, asked of the platform and not of our memory.
async fn ready(member: &Member, hosting: &dyn Hosting, choice: &Choice) -> Readiness {
    let target = Some(choice.name());
    let Some(id) = choice.builds.get(member.service()) else {
        let why = format!("{} has no build of this service", choice.name());
        return Readiness { target, why: Some(why) };
    };
    let why = match hosting.build(&member.target, id).await {
        Ok(Some(build)) if build.state == BuildState::Ready => None,
        Ok(Some(build)) => Some(format!("build {id} is {}", build.state_word)),
        Ok(None) => Some(format!("build {id} is gone")),
        Err(error) => Some(error.problem.to_string()),
    };
    Readiness { target, why }
}
