//! The text of the files. Names come from the folder, so every value that is not a plain word is quoted.

use std::fmt::Write as _;

use super::write::NewFile;
use super::{Found, Service, below};

/// The answers that the folder does not give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// Firebase projects of the environments after `development`, in the order of promotion.
    pub environments: Vec<(String, String)>,
    /// Google's region for them.
    pub region: String,
    /// A port of this machine for each service.
    pub ports: Vec<u16>,
}

/// The files that are missing, the config first.
pub fn files(found: &Found, answers: &Answers, config_name: &str) -> Vec<NewFile> {
    let mut files = vec![NewFile { path: config_name.into(), text: config(found, answers) }];
    for service in &found.services {
        let mut add = |name: &str, text: String| {
            if !service.existing.contains(name) {
                files.push(NewFile { path: below(&service.root, name), text });
            }
        };
        if !answers.environments.is_empty() {
            add("apphosting.yaml", apphosting(service));
        }
        add("apphosting.emulator.yaml", on_emulator(service));
    }
    files
}

/// `config.yaml`.
pub fn config(found: &Found, answers: &Answers) -> String {
    let mut text = String::from(
        "# Written by `pointsman init`. `pointsman check` reports mistakes with their lines, and\n\
         # `pointsman config explain KEY` prints what a key means.\nversion: 1\n\n",
    );
    projects(&mut text, answers);
    services(&mut text, found);
    text.push_str("environments:\n");
    development(&mut text, found, answers);
    let mut before = None;
    for (name, project) in &answers.environments {
        on_google(&mut text, found, answers, name, project, before);
        before = Some(name.as_str());
    }
    if answers.environments.is_empty() {
        no_production(&mut text, found);
    }
    releases(&mut text, found);
    text
}

const SAMPLE: &str = "
  # Google's App Hosting. At the top level it also needs:
  # projects: { PROJECT: { environment: production, region: us-central1 } }
  # production:
  #   protection: typed
  #   platform: { kind: app-hosting, location: us-central1 }
  #   services:
";

/// A sample that becomes valid by removing the marks and naming a project.
fn no_production(text: &mut String, found: &Found) {
    text.push_str(SAMPLE);
    for service in &found.services {
        let name = scalar(&service.name);
        let _ = writeln!(
            text,
            "  #     {name}: {{ url: \"https://www.example.com\", project: PROJECT }}"
        );
    }
}

fn projects(text: &mut String, answers: &Answers) {
    if answers.environments.is_empty() {
        return;
    }
    text.push_str("projects:                              # a project used outside its environment is an error\n");
    let region = scalar(&answers.region);
    for (name, project) in &answers.environments {
        let (project, name) = (scalar(project), scalar(name));
        let _ = writeln!(text, "  {project}: {{ environment: {name}, region: {region} }}");
    }
    text.push('\n');
}

fn services(text: &mut String, found: &Found) {
    text.push_str("services:\n");
    for service in &found.services {
        let (name, root) = (scalar(&service.name), scalar(&service.root));
        let backend = scalar(&service.backend);
        let health = service.health.as_ref();
        let path = scalar(health.map_or("/api/health", |route| route.path.as_str()));
        let seen = match health {
            Some(route) if route.reports => format!("found in {}", route.file.display()),
            _ => "this route must report the release and the build".to_owned(),
        };
        let root = format!("    root: {root}");
        let _ = writeln!(
            text,
            "  {name}:\n{root:<39}# recognised by {}\n    backend: {backend}\n    # {seen}\n    \
             health: {{ path: {path}, version: /version, revision: /revision }}",
            service.runtime.seen,
        );
    }
    text.push('\n');
}

fn development(text: &mut String, found: &Found, answers: &Answers) {
    let project = scalar(&format!("demo-{}", found.name));
    let _ = write!(
        text,
        "  development:                         # builds and runs on this machine, in Pointsman's emulator\n    \
         protection: open                   # how a deploy is confirmed: open, confirm or typed\n    \
         platform: {{ kind: app-hosting, endpoint: emulator, project: {project}, location: us-central1 }}\n    \
         services:\n"
    );
    for (service, port) in found.services.iter().zip(&answers.ports) {
        let name = scalar(&service.name);
        let _ = writeln!(text, "      {name}: {{ url: \"http://localhost:{port}\" }}");
    }
    text.push_str(
        "    deploy:\n      \
         soak: { for: 20s }               # how long the new build is monitored after the switch\n      \
         attest: { consecutive: 5 }       # answers in a row that must come from the new build\n",
    );
}

fn on_google(
    text: &mut String,
    found: &Found,
    answers: &Answers,
    name: &str,
    project: &str,
    before: Option<&str>,
) {
    let protection = if name == "production" { "typed" } else { "confirm" };
    let (of, region) = (scalar(name), scalar(&answers.region));
    let _ = write!(text, "\n  {of}:\n    protection: {protection}\n");
    if let Some(before) = before {
        let _ = writeln!(text, "    promote_from: {}", scalar(before));
    }
    let _ =
        write!(text, "    platform: {{ kind: app-hosting, location: {region} }}\n    services:\n");
    for service in &found.services {
        // The address that App Hosting gives a backend without a custom domain.
        let address =
            format!("https://{}--{project}.{}.hosted.app", service.backend, answers.region);
        let (service, project) = (scalar(&service.name), scalar(project));
        let _ =
            writeln!(text, "      {service}: {{ url: {}, project: {project} }}", quoted(&address));
    }
    if let Some((repository, workflow)) = found.workflow.as_ref().filter(|_| name == "production") {
        let (repository, workflow) = (scalar(repository), scalar(workflow));
        let _ = writeln!(
            text,
            "    # pipeline: {{ kind: github, repository: {repository}, workflow: {workflow}, branch: main, \
             token_env: GITHUB_TOKEN }}"
        );
    }
}

fn releases(text: &mut String, found: &Found) {
    if found.branch.is_none() {
        let label = quoted(&found.label);
        let _ = write!(
            text,
            "\nreleases:                              # without a git repository, a release is the folders as they are\n  \
             kind: list\n  labels: [{label}]\n"
        );
    } else {
        text.push_str(
            "\nreleases: { kind: git, dir: . }        # a release is a tag, a branch or a commit\n",
        );
    }
}

fn apphosting(service: &Service) -> String {
    format!(
        "# How App Hosting runs {}: https://firebase.google.com/docs/app-hosting/configure\nrunConfig:\n  \
         minInstances: 0\n  maxInstances: 10\n  cpu: 1\n  memoryMiB: 512\n  concurrency: 80\n",
        service.name
    )
}

fn on_emulator(service: &Service) -> String {
    let mut text = format!(
        "# How Pointsman's emulator builds and runs {} on this machine. It must listen on $PORT.\nscripts:\n",
        service.name
    );
    if !service.runtime.build.is_empty() {
        let _ = writeln!(text, "  buildCommand: {}", quoted(&service.runtime.build));
    }
    let _ = writeln!(text, "  runCommand: {}", quoted(&service.runtime.run));
    if !service.secrets.is_empty() {
        text.push_str("env:                                     # secrets have no value here\n");
        for variable in &service.secrets {
            let _ = writeln!(text, "  - {{ variable: {}, value: \"dummy\" }}", scalar(variable));
        }
    }
    text
}

/// A YAML scalar: plain if it cannot be read as anything but text.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '.');
    // The words that YAML 1.1 and 1.2 read as something else.
    let other = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_word =
        starts && text.chars().all(plain) && !other.contains(&text.to_lowercase().as_str());
    let number = text.trim_start_matches('.').starts_with(|c: char| c.is_ascii_digit());
    if is_word && !number { text.to_owned() } else { quoted(text) }
}

/// A JSON string is a YAML string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
