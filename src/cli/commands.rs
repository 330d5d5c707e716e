//! `commands`: lists, runs and stops the team's custom commands, and prints their logs.

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::Session;
use super::args::{CommandsVerb, RunWord, Yes};
use super::confirm::confirm;
use super::exit::{FAILED, Failed, Finished, INTERRUPTED, OK, REFUSED, USAGE};
use super::print;
use crate::domain::code::Code;
use crate::domain::custom_command::{CustomCommand, CustomCommandState, On, Subject};
use crate::domain::error::Problem;
use crate::domain::gate::Answers;
use crate::domain::ids::EnvironmentName;

pub(super) async fn commands(session: &Session, verb: Option<&CommandsVerb>) -> Finished {
    match verb {
        None | Some(CommandsVerb::List) => list(session),
        Some(CommandsVerb::Run { name, environment, on, yes }) => {
            run(session, name, environment.as_deref(), on.as_deref(), yes).await
        }
        Some(CommandsVerb::Stop { run }) => {
            let stopped = session.app.custom_command_runs().stop(*run)?;
            let said = format!("stop requested for {} (run {run})", stopped.name);
            session.result(&said, &json!({ "said": said }));
            Ok(OK)
        }
        Some(CommandsVerb::Log { run }) => {
            let file = session.app.custom_command_runs().log(*run);
            let text = std::fs::read_to_string(&file).map_err(|e| {
                let what = format!("there is no log of run {run} of a command");
                Failed::with(USAGE, Problem::new(what).because(e.to_string()))
            })?;
            let lines: Vec<&str> = text.lines().collect();
            session.result(&text, &json!({"run": run, "lines": lines}));
            Ok(OK)
        }
    }
}

fn list(session: &Session) -> Finished {
    let commands = session.config()?.custom_commands()?;
    let runs = session.app.custom_command_runs().list();
    let (mut lines, mut all) = (Vec::new(), Vec::new());
    for command in &commands {
        let last = runs.iter().find(|run| run.name == command.name);
        let place = command.environment.as_ref().map_or("anywhere".to_owned(), ToString::to_string);
        let told = last.map_or("never run here".to_owned(), |run| {
            format!("run {} {}: {}", run.id, run.started.strftime("%F %H:%MZ"), run.state.label())
        });
        lines.push(format!(
            "{:<18} {:<12} {:<34} {told}",
            command.name,
            place,
            command.argv.join(" ")
        ));
        all.push(
            json!({"name": command.name, "argv": command.argv, "environment": command.environment,
                        "long": command.long, "last": last}),
        );
    }
    if lines.is_empty() {
        lines.push("no custom commands configured (commands: in config.yaml)".to_owned());
    }
    session.result(&lines.join("\n"), &json!(all));
    Ok(OK)
}

fn named(session: &Session, name: &str) -> Result<CustomCommand, Failed> {
    let commands = session.config()?.custom_commands()?;
    let names: Vec<String> = commands.iter().map(|command| command.name.clone()).collect();
    commands.into_iter().find(|command| command.name == name).ok_or_else(|| {
        let problem = Problem::coded(Code::UNKNOWN_NAME, format!("there is no command {name:?}"));
        Failed::with(USAGE, problem.try_this(format!("name one of {}", names.join(", "))))
    })
}

/// What a command acts on, by the name that was given for it.
fn subject(
    session: &Session,
    command: &CustomCommand,
    environment: &EnvironmentName,
    on: Option<&str>,
) -> Result<Subject, Failed> {
    let usage = |problem| Failed::with(USAGE, problem);
    let Some(name) = on else {
        if command.on == On::Environment {
            return Ok(Subject::environment(environment));
        }
        let kind = command.on.label();
        let what = format!("{} acts on a {kind}", command.name);
        return Err(usage(Problem::new(what).try_this(format!("--on {}", kind.to_uppercase()))));
    };
    let unknown = |kind: &str, known: Vec<String>| {
        let what = format!("there is no {kind} {name:?} in {environment}");
        let problem = Problem::coded(Code::UNKNOWN_NAME, what);
        usage(problem.try_this(format!("name one of {}", known.join(", "))))
    };
    let loaded = session.config()?;
    match command.on {
        On::Environment => {
            let what = format!("{} acts on its environment, not on {name:?}", command.name);
            Err(usage(Problem::new(what).try_this("leave --on out")))
        }
        On::Service => {
            let spec = loaded.spec(environment.as_str()).map_err(usage)?;
            let found = spec.members.iter().find(|member| member.service().as_str() == name);
            let known = || spec.members.iter().map(|m| m.service().to_string()).collect();
            let found = found.ok_or_else(|| unknown("service", known()))?;
            Ok(Subject::service(environment, name, found.url.as_str()))
        }
        On::Probe => {
            let known = loaded.probe_names(environment.as_str()).map_err(usage)?;
            if !known.iter().any(|known| known == name) {
                return Err(unknown("probe", known));
            }
            Ok(Subject::probe(environment, name))
        }
        On::Run => {
            let number = session.run(&name.parse::<RunWord>().map_err(usage)?)?;
            let runs = session.runs(Some(environment), usize::MAX)?.0;
            let known = || runs.iter().take(10).map(|l| l.view.number.to_string()).collect();
            let found = runs.iter().find(|listed| listed.view.number == number);
            Ok(Subject::run(&found.ok_or_else(|| unknown("run", known()))?.view))
        }
    }
}

async fn run(
    session: &Session,
    name: &str,
    wanted: Option<&str>,
    on: Option<&str>,
    yes: &Yes,
) -> Finished {
    let usage = |problem| Failed::with(USAGE, problem);
    let command = named(session, name)?;
    let own = command.environment.as_ref().map(ToString::to_string);
    let environment = wanted.map(str::to_owned).or(own).ok_or_else(|| {
        usage(
            Problem::new(format!("{name} can run for any environment"))
                .try_this("--environment ENV"),
        )
    })?;
    let loaded = session.config()?;
    let protection = loaded.protection(&environment).map_err(usage)?;
    let environment = EnvironmentName::new(environment).map_err(usage)?;
    let about = subject(session, &command, &environment, on)?;
    let command = command.about(about);
    let app = &session.app;
    app.may_run(&command, &environment).map_err(|problem| Failed::with(REFUSED, problem))?;
    let folder = command.folder.display();
    let what = format!("Runs {} in {folder}, for {environment}.", command.argv.join(" "));
    let answers = Answers { yes: yes.yes, confirm: yes.confirm.clone() };
    confirm(&environment, environment.as_str(), protection, answers, &what)?;
    for ended in app.end_left_commands() {
        print::note(ended);
    }
    app.may_run(&command, &environment).map_err(|problem| Failed::with(REFUSED, problem))?;
    let signals =
        signal(SignalKind::terminate()).and_then(|t| Ok((t, signal(SignalKind::interrupt())?)));
    let (mut term, mut int) =
        signals.map_err(|e| Problem::new("no signals").because(e.to_string()))?;
    let stop = async {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    };
    let runs = app.custom_command_runs();
    let run =
        runs.run(&command, (&environment, &app.actor()), &|line| print::note(line), stop).await?;
    let said = format!("{} (run {}): {}", run.title(), run.id, run.state.label());
    session.result(&said, &json!(run));
    Ok(match run.state {
        CustomCommandState::Ok => OK,
        CustomCommandState::Stopped => INTERRUPTED,
        _ => FAILED,
    })
}
