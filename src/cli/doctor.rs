//! `doctor`: checks this machine, the config and the environments, and names a fix for each problem.

use serde_json::{Value, json};

use super::Session;
use super::doctor_apis::{ApiLook, apis, store_rules};
use super::exit::{FAILED, Failed, Finished, OK, USAGE};
use super::print;
use crate::config::Loaded;
use crate::domain::alert::{Channel, Notify};
use crate::domain::code::Code;
use crate::domain::describe;
use crate::domain::error::Problem;
use crate::domain::identity::NameSource;
use crate::engine::READ_WITHIN;
use crate::ports::journal::{Journal as _, JournalError};
use crate::tui::terminal_report;
use crate::tui::theme::Theme;

/// The result of one check.
struct Look {
    what: String,
    /// The result or the error.
    found: Result<String, Problem>,
    /// Whether everything else works without it.
    optional: bool,
}

/// `only`: the environment to look at, instead of all of them.
pub(super) async fn doctor(session: &Session, only: Option<&str>) -> Finished {
    let mut looks = vec![
        look("state folder", state(session)),
        look("store", store(session)),
        look("you", who(session).await),
        look("git", git()),
    ];
    let rules = store_rules(session).await.into_iter();
    looks.extend(rules.map(|ApiLook { found, wrong, .. }| Look {
        what: "store rules".to_owned(),
        found,
        optional: !wrong,
    }));
    looks.push(look("proxy", session.app.proxies()));
    match session.config() {
        Err(failed) => {
            let problem = failed.problem.try_this("pointsman check");
            looks.push(look("config", Err(problem)));
        }
        Ok(loaded) => {
            looks.extend(channels(session, &loaded.notify()));
            let file = session.arguments.config.display().to_string();
            looks.push(look("config", Ok(format!("{file} is right"))));
            if let Some(only) = only {
                loaded.spec(only).map_err(|problem| Failed::with(USAGE, problem))?;
            }
            let wanted = |name: &&str| only.is_none_or(|only| only == *name);
            let names: Vec<&str> = loaded.environments().into_iter().filter(wanted).collect();
            if names.iter().any(|name| on_google(&loaded, name)) {
                looks.push(look("Google credentials", credentials(session).await));
            }
            for name in names {
                looks.push(look(name, platform(session, &loaded, name).await));
                looks.extend(databases(session, &loaded, name).await);
                looks.extend(optional(session, &loaded, name).await);
            }
        }
    }
    let terminal = terminal(session).into_iter();
    looks.extend(terminal.map(|(name, told)| look(&format!("terminal {name}"), Ok(told))));
    let well = looks.iter().all(|l| l.found.is_ok() || l.optional);
    let text: Vec<_> = looks.iter().map(Look::text).collect();
    let json: Vec<_> = looks.iter().map(Look::json).collect();
    session.result(&text.join("\n"), &json!({"ok": well, "looked_at": json}));
    Ok(if well { OK } else { FAILED })
}

/// As whom this process acts, and whether that is proven.
async fn who(session: &Session) -> Result<String, Problem> {
    let who = session.app.identity().await;
    if who.source == NameSource::Google {
        return Ok(who.to_string());
    }
    if session.app.has_proven_store() {
        return Err(Problem::new("the account of the credentials in use is not known")
            .because(format!("what you do is recorded as {who}, which proves nothing"))
            .try_this("gcloud auth application-default login"));
    }
    Ok(format!("{who}, as this machine says; only a shared store at Google proves an account"))
}

/// Checks whether this machine can deliver to the alert channels.
fn channels(session: &Session, notify: &Notify) -> Vec<Look> {
    let store = session.app.store().ok();
    let now = session.app.clock.now();
    let one = |channel: &Channel| {
        let secret = match channel {
            Channel::Slack { url_env } => Some(url_env),
            Channel::Webhook { secret_env, .. } => secret_env.as_ref(),
            Channel::Github(of) => Some(&of.token_env),
        };
        let missing = secret.filter(|name| std::env::var(name).map_or(true, |v| v.is_empty()));
        let last = store.as_ref().and_then(|store| store.delivered(channel).ok().flatten());
        let found = match (missing, last) {
            (Some(name), _) => {
                Err(Problem::coded(Code::NO_CHANNEL, format!("${name} is not set here"))
                    .because("this machine cannot send alerts there")
                    .try_this(format!("export {name}=…, then pointsman alerts test")))
            }
            (None, None) => Ok("nothing delivered yet: pointsman alerts test".to_owned()),
            (None, Some(at)) => Ok(format!("last delivery {}", describe::ago(at, now))),
        };
        look(&format!("alerts {channel}"), found)
    };
    notify.channels.iter().map(one).collect()
}

fn look(what: &str, found: Result<String, Problem>) -> Look {
    Look { what: what.to_owned(), found, optional: false }
}

impl Look {
    fn text(&self) -> String {
        match &self.found {
            Ok(found) => format!("ok    {:<18} {found}", self.what),
            Err(problem) => {
                let said = print::lines::parts(problem).replace('\n', "\n                        ");
                let word = if self.optional { "lacks" } else { "wrong" };
                format!("{word} {:<18} {said}", self.what)
            }
        }
    }

    fn json(&self) -> Value {
        match &self.found {
            Ok(found) => json!({"what": self.what, "ok": true, "found": found}),
            Err(problem) => json!({
                "what": self.what, "ok": false, "optional": self.optional, "problem": problem,
            }),
        }
    }
}

/// The APIs that add evidence: without them a deploy works, and says what it could not check.
async fn optional(session: &Session, loaded: &Loaded, name: &str) -> Vec<Look> {
    let Ok(spec) = loaded.spec(name) else { return Vec::new() };
    let apis = apis(session, loaded, &spec).await.into_iter();
    let look = |ApiLook { api, found, wrong }| {
        let (what, optional) = (format!("{name} {api}"), !wrong);
        Look { what, found, optional }
    };
    apis.map(look).collect()
}

/// The settings that the screen would use in this terminal.
fn terminal(session: &Session) -> Vec<(String, String)> {
    let looks = super::looks::looks(session);
    let ui = session.config().map(|loaded| loaded.config.ui).unwrap_or_default();
    let theme = looks.theme(&ui).unwrap_or_else(|_| Theme::without_colour(looks.ascii));
    let rows = terminal_report(&looks, &theme).into_iter();
    rows.map(|(name, told)| (name.to_lowercase(), told)).collect()
}

/// Checks the state folder. Opening the store writes to it, so a full or read-only disk shows here.
fn state(session: &Session) -> Result<String, Problem> {
    let store = session.app.store().map_err(|e| Problem::new(e.to_string()))?;
    let runs = store.runs(None, usize::MAX).map_err(|e| Problem::new(e.to_string()))?;
    let chained = store.check_runs().map_err(|e| Problem::new(e.to_string()))?;
    let damaged = store.damage().into_iter().map(|one| one.to_string());
    if let Some(first) = damaged.chain(chained.iter().map(ToString::to_string)).next() {
        return Err(Problem::new(first).try_this(
            "compare the store with a backup; everything else works, rollbacks included",
        ));
    }
    let last =
        runs.first().map_or("no runs yet".to_owned(), |r| format!("last run {}", r.view.number));
    Ok(format!("{}, {last}", session.app.state.display()))
}

/// Where runs are recorded, and whether the shared store can be read now.
fn store(session: &Session) -> Result<String, Problem> {
    // Reading a run list reads the shared store too.
    let read = session.app.readable_store().and_then(|store| store.runs(None, 1).map(|_| store));
    let store = read.map_err(JournalError::problem)?;
    match (session.app.standing(), store.behind()) {
        (_, Some(problem)) => Err(problem),
        (None, None) => {
            Ok("this machine only; store: in the config shares it with a team".to_owned())
        }
        (Some(standing), None) => {
            let lacks = match standing.unshared {
                0 => "everything of this machine is shared".to_owned(),
                some => format!("lacks {} of this machine", describe::counted(some, "record")),
            };
            Ok(format!("{} is shared and can be read; {lacks}", standing.name))
        }
    }
}

fn git() -> Result<String, Problem> {
    let said = crate::git::text(std::path::Path::new("/"), &["version"]).map_err(|error| {
        Problem::coded(Code::GIT_UNUSABLE, "git cannot be used")
            .because(error.to_string())
            .try_this("install git; releases of kind git need it, those of kind list do not")
    })?;
    Ok(said.trim().to_owned())
}

/// Whether an environment runs on App Hosting at Google, not on the emulator.
fn on_google(loaded: &Loaded, name: &str) -> bool {
    loaded.spec(name).is_ok_and(|spec| spec.endpoint.capabilities().google)
}

/// The Google credentials that a deploy would use: source, account, expiry and quota project.
async fn credentials(session: &Session) -> Result<String, Problem> {
    let about = session.app.about_credentials().await?;
    let mut told = about.which;
    if let Some(whom) = about.whom {
        told = format!("{told}: {whom}");
    }
    if let Some(until) = about.until {
        told = format!("{told}, until {}", until.strftime("%H:%M:%SZ"));
    }
    if let Some(project) = about.quota_project {
        told = format!("{told}, on the quota of {project}");
    }
    if std::env::var("FIREBASE_TOKEN").is_ok_and(|token| !token.is_empty()) {
        told = format!("{told}; FIREBASE_TOKEN is deprecated and not used");
    }
    Ok(told)
}

/// Reads the live builds with the credentials of a deploy. Does not start the emulator.
async fn platform(session: &Session, loaded: &Loaded, name: &str) -> Result<String, Problem> {
    let spec = loaded.spec(name)?;
    if let Some((service, held)) = session.app.held_ports(&spec).into_iter().next() {
        return Err(Problem::new(format!("{service} has no port: {held}"))
            .try_this("stop that program, or give the service another port"));
    }
    let Some(hosting) = session.app.services().hosting(&spec.endpoint, false).await? else {
        return Ok("the emulator is not running; it starts when needed".to_owned());
    };
    let live = session.app.services().live(hosting.as_ref(), &spec.members).await?;
    let serving = live.values().flatten().count();
    let where_it_is = spec.endpoint.capabilities().label;
    Ok(format!(
        "{where_it_is} is reachable; {serving} of {} services have a live build",
        live.len()
    ))
}

/// Reads the schema version and lock of each database in an environment. A held lock is not an error, but a deploy
/// would wait for it.
async fn databases(session: &Session, loaded: &Loaded, name: &str) -> Vec<Look> {
    let Ok(spec) = loaded.spec(name) else { return Vec::new() };
    let mut looks = Vec::new();
    for planned in &spec.databases {
        let seen = session.app.services().look_at_rest(planned, READ_WITHIN).await;
        let found = seen.map(|seen| {
            let version = seen.schema.version().map_or("unknown".to_owned(), |v| v.to_string());
            let held = seen.lock.map_or(String::new(), |lock| format!("; locked: {lock}"));
            format!("schema {version}{held}")
        });
        looks.push(look(&format!("{name} {}", planned.name), found));
    }
    looks
}
