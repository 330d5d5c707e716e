//! `init`: writes a config for the services in a folder.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use serde_json::json;

use super::Session;
use super::confirm::ask;
use super::exit::{FAILED, Failed, Finished, OK, USAGE};
use super::print;
use crate::config::load_text;
use crate::domain::code::Code;
use crate::domain::error::Problem;
use crate::domain::ids::{Location, ProjectId};
use crate::init::{self, Answers, Found, NewFile, Service};

/// Google's default region for App Hosting.
const REGION: &str = "us-central1";

pub(super) fn init(session: &Session, yes: bool) -> Finished {
    let config = &session.arguments.config;
    if config.exists() {
        let problem = Problem::coded(Code::WOULD_OVERWRITE, format!("{} exists", config.display()))
            .because("init never changes existing files")
            .try_this("pointsman check");
        return Err(Failed::with(FAILED, problem));
    }
    if !yes && !io::stdin().is_terminal() {
        let problem = Problem::coded(
            Code::TERMINAL_NEEDED,
            "init asks questions, and stdin is not a terminal",
        );
        return Err(Failed::with(USAGE, problem.try_this("pointsman init --yes")));
    }
    let folder = config.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut found = init::look(folder);
    if !yes {
        let seen: Vec<_> = found.services.iter().map(service).collect();
        print::note(format!("Enter accepts the answer in brackets.\n{}", seen.join("\n")));
    }
    let questions = Questions { yes };
    questions.services(folder, &mut found)?;
    let answers = questions.environments(&found);
    let name = config.file_name().unwrap_or_default().to_string_lossy();
    let files = init::files(&found, &answers, &name);
    // Never write a config that `check` would refuse.
    load_text(&files[0].text, config).map_err(Failed::config)?;
    init::write(folder, &files)?;
    session.result(&text(&found, &answers, &files), &json(&found, &files));
    Ok(OK)
}

/// Asks questions, or with `--yes` accepts all proposed answers.
struct Questions {
    yes: bool,
}

impl Questions {
    fn ask(&self, question: &str, proposal: &str) -> String {
        if self.yes {
            return proposal.to_owned();
        }
        let shown = if proposal.is_empty() { String::new() } else { format!("[{proposal}] ") };
        let said = ask(&format!("{question} {shown}"));
        if said.is_empty() { proposal.to_owned() } else { said }
    }

    /// Asks again until the answer is one that `check` accepts.
    fn ask_valid(&self, question: &str, proposal: &str, valid: impl Fn(&str) -> bool) -> String {
        loop {
            let said = self.ask(question, proposal);
            if valid(&said) || self.yes {
                return said;
            }
            print::note(format!("{said:?} is not valid: lower-case letters, digits and hyphens"));
        }
    }

    /// Asks for the services to deploy, and for each start command that was not recognised.
    fn services(&self, folder: &Path, found: &mut Found) -> Result<(), Failed> {
        if found.services.is_empty() {
            let run =
                self.ask("No service was recognised. Command that starts yours on $PORT:", "");
            if run.is_empty() {
                let problem = Problem::coded(Code::NOT_RECOGNISED, "no service was recognised in this folder")
                    .because(
                        "it has no package.json with a start script, no Python or Go program, no Procfile, no \
                         Dockerfile with CMD and no apphosting.yaml with a runCommand, two folders deep",
                    )
                    .try_this("run pointsman init in your project's folder, or answer its question with a command");
                return Err(Failed::with(FAILED, problem));
            }
            found.services.push(init::named_service(folder, run));
        }
        if found.services.len() > 1 {
            let names: Vec<_> = found.services.iter().map(|one| one.name.clone()).collect();
            let wanted = self.ask("Services to deploy:", &names.join(", "));
            let wanted: Vec<_> = wanted.split([',', ' ']).filter(|word| !word.is_empty()).collect();
            if let Some(unknown) = wanted.iter().find(|name| !names.iter().any(|one| one == *name))
            {
                let problem = Problem::coded(
                    Code::UNKNOWN_NAME,
                    format!("there is no service {unknown:?} here"),
                );
                return Err(Failed::with(
                    USAGE,
                    problem.because(format!("recognised: {}", names.join(", "))),
                ));
            }
            found.services.retain(|service| wanted.contains(&service.name.as_str()));
        }
        for service in &mut found.services {
            if service.runtime.run.is_empty() {
                let question = format!("Command that starts {} on $PORT:", service.name);
                service.runtime.run = self.ask(&question, "true");
            }
        }
        Ok(())
    }

    /// Asks for the environments on Google. The projects in `.firebaserc` are the proposals.
    fn environments(&self, found: &Found) -> Answers {
        let project = |aliases: &[&str]| {
            aliases.iter().find_map(|alias| {
                let named = found.projects.iter().find(|one| one.alias == *alias)?;
                Some(named.id.clone())
            })
        };
        let production = project(&["production", "prod", "default"]).unwrap_or_default();
        let production =
            self.ask_valid("Firebase project of production, empty for none:", &production, |id| {
                id.is_empty() || ProjectId::new(id).is_ok()
            });
        let staging = project(&["staging", "stg", "stage"]).filter(|id| *id != production);
        let mut environments = Vec::new();
        if !production.is_empty() {
            environments.extend(staging.map(|id| ("staging".to_owned(), id)));
            environments.push(("production".to_owned(), production));
        }
        let region = if environments.is_empty() {
            REGION.to_owned()
        } else {
            self.ask_valid("Region of its App Hosting backends:", REGION, |region| {
                Location::new(region).is_ok()
            })
        };
        let ports = init::free_ports(found.services.len());
        Answers { environments, region, ports }
    }
}

fn text(found: &Found, answers: &Answers, files: &[NewFile]) -> String {
    let mut lines = vec!["Recognised".to_owned()];
    for (one, port) in found.services.iter().zip(&answers.ports) {
        lines.push(service(one));
        lines.push(format!("    in development at http://localhost:{port}"));
    }
    lines.push(match &found.branch {
        None => format!(
            "  releases: the label {}; there is no git repository with a commit",
            found.label
        ),
        Some(branch) => {
            format!("  releases: git tags, branches and commits; {branch} is checked out")
        }
    });
    for (name, project) in &answers.environments {
        lines.push(format!("  {name}: Firebase project {project}"));
    }
    lines.push("Wrote".to_owned());
    lines.extend(files.iter().map(|file| format!("  {}", file.path.display())));
    for service in &found.services {
        if let Some((file, code)) = init::hint(service) {
            lines.push(format!(
                "\nBefore the first deploy: the health route of {} must report its release and",
                service.name
            ));
            lines.push("build, or a switch cannot be verified.".to_owned());
            lines.push(if file.is_empty() {
                "Add to its code:".into()
            } else {
                format!("In {}:", init::path(service, &file).display())
            });
            lines.extend(code.lines().map(|line| format!("    {line}")));
        }
    }
    lines.push("\nNext".to_owned());
    lines.extend(next(found).into_iter().map(|line| format!("  {line}")));
    lines.join("\n")
}

fn service(service: &Service) -> String {
    let runtime = &service.runtime;
    let steps = [runtime.build.as_str(), runtime.run.as_str()];
    let steps: Vec<_> = steps.into_iter().filter(|step| !step.is_empty()).collect();
    let health = service.health.as_ref().map_or("no health route found".to_owned(), |route| {
        format!("health {} in {}", route.path, route.file.display())
    });
    format!("  {}: {}; {}; {health}", service.name, runtime.seen, steps.join(", then "))
}

/// The commands to run next. In a repository releases are commits, so the new files are committed first.
fn next(found: &Found) -> Vec<String> {
    let mut lines = vec!["pointsman check".to_owned()];
    let release = if let Some(branch) = &found.branch {
        lines.push("git add . && git commit -m \"Add Pointsman\"".to_owned());
        branch
    } else {
        &found.label
    };
    lines.push(format!("pointsman deploy development --release {release}"));
    if found.branch.is_none() {
        lines.push("pointsman".to_owned());
    }
    lines
}

fn json(found: &Found, files: &[NewFile]) -> serde_json::Value {
    let services: Vec<_> = found
        .services
        .iter()
        .map(|service| {
            let health = service.health.as_ref();
            json!({
                "name": service.name, "root": service.root, "recognised_by": service.runtime.seen,
                "build": service.runtime.build, "run": service.runtime.run,
                "health": health.map(|route| &route.path),
                "reports_release": health.is_some_and(|route| route.reports),
            })
        })
        .collect();
    let written: Vec<_> = files.iter().map(|file| file.path.display().to_string()).collect();
    json!({ "services": services, "written": written, "next": next(found) })
}
