//! Rules that a schema cannot express: names must exist, projects must belong to their environment, addresses must not
//! clash.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::check::nearest;
use super::finding::Finding;
use super::node::Node;
use super::schema::environment::EnvironmentConfig;
use super::schema::platform::{PlatformConfig, PlatformKind};
use super::schema::{AutoConfig, Config, ReleasesKind};
use super::{cloud_run, freezes, people, pipeline, store, watched};
use pointsman_core::checklist::{List, item_id};
use pointsman_core::ids::{BackendId, EnvironmentName, Location, ProjectId, ServiceName};
use pointsman_core::platform::{NEEDED, OPTIONAL};
use pointsman_core::redact::redacted;
use pointsman_core::release::ReleaseLabel;
use pointsman_core::restore::BackupNeed;

/// All semantic problems, in no particular order.
pub(super) fn problems(config: &Config, node: &Node, folder: &Path) -> Vec<Finding> {
    let mut rules = Rules { config, node, folder, findings: Vec::new() };
    rules.general();
    store::store(&mut rules, config);
    for (name, environment) in &config.environments {
        rules.environment(name, environment);
    }
    rules.findings.dedup();
    rules.findings
}

/// Prefix of projects that Firebase's tools treat as emulator-only.
pub(super) const DEMO_PREFIX: &str = "demo-";

pub(super) struct Rules<'a> {
    pub(super) config: &'a Config,
    node: &'a Node,
    folder: &'a Path,
    findings: Vec<Finding>,
}

/// Maximum characters of a backend's name, so that the name of a build's revision fits.
const LONGEST_BACKEND: usize = 40;

impl Rules<'_> {
    pub(super) fn say(&mut self, path: &[&str], message: String) {
        self.findings.push(Finding::at(self.node.place_of(path), path, message));
    }

    fn say_nearest(&mut self, path: &[&str], message: String, name: &str, known: Vec<&String>) {
        let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
        let finding = Finding::at(self.node.place_of(path), path, message);
        self.findings.push(match nearest(name, &known) {
            Some(near) => finding.hint(format!("did you mean {near:?}?")),
            None => finding.hint(format!("known: {}", known.join(", "))),
        });
    }

    fn general(&mut self) {
        let config = self.config;
        if config.version != 1 {
            let version = config.version;
            self.say(&["version"], format!("this is version {version} of the format; 1 is known"));
        }
        for (name, project) in &config.projects {
            self.spelling(&["projects", name], ProjectId::new(name).map(|_| ()));
            self.spelling(
                &["projects", name, "region"],
                Location::new(&project.region).map(|_| ()),
            );
            self.environment_exists(&["projects", name, "environment"], &project.environment);
        }
        for (name, service) in &config.services {
            self.spelling(&["services", name], ServiceName::new(name).map(|_| ()));
            let at = ["services", name.as_str(), "backend"];
            self.spelling(&at, BackendId::new(&service.backend).map(|_| ()));
            if service.backend.len() > LONGEST_BACKEND {
                let longest = format!(
                    "a backend of at most {LONGEST_BACKEND} characters: Cloud Run calls a build BACKEND-BUILD, in 63"
                );
                self.say(
                    &at,
                    format!("{:?} leaves no room for a build: name {longest}", service.backend),
                );
            }
            if !self.folder.join(&service.root).is_dir() {
                let message = format!("service {name}: there is no folder {:?}", service.root);
                self.say(&["services", name, "root"], message);
            }
            let image = service.image.as_deref();
            if image.is_some_and(|i| !i.contains("{release}") || i.contains(char::is_whitespace)) {
                let message = format!(
                    "the image of {name} needs {{release}} in it: REPOSITORY/{name}:{{release}}"
                );
                self.say(&["services", name, "image"], message);
            }
            if !service.health.path.starts_with('/') {
                let at = ["services", name, "health", "path"];
                self.say(&at, "path is part of an address and starts with '/'".to_owned());
            }
            for (key, pointer) in service.health.pointers() {
                if pointer.as_ref().is_some_and(|p| !p.starts_with('/')) {
                    let at = ["services", name, "health", key];
                    self.say(&at, format!("{key} is a JSON pointer and begins with '/'"));
                }
            }
        }
        if let Some(name) = &config.name {
            self.spelling(&["name"], EnvironmentName::new(name).map(|_| ()));
        }
        self.order(&["deploy", "order"], config.deploy.order.as_ref());
        for (at, label) in config.releases.labels.iter().enumerate() {
            let at = at.to_string();
            self.spelling(&["releases", "labels", &at], ReleaseLabel::new(label).map(|_| ()));
        }
        if let Some(dir) =
            config.releases.dir.as_ref().filter(|dir| !self.folder.join(dir).is_dir())
        {
            self.say(&["releases", "dir"], format!("there is no folder {dir:?}"));
        }
        if config.releases.kind == ReleasesKind::Git && config.releases.dir.is_none() {
            self.say(&["releases"], "releases of kind git need a dir".to_owned());
        }
        for (at, command) in config.commands.iter().enumerate() {
            let at = at.to_string();
            if command.run.is_empty() {
                self.say(&["commands", &at], format!("command {} runs nothing", command.name));
            }
            if let Some(environment) = &command.environment {
                self.environment_exists(&["commands", &at, "environment"], environment);
            }
        }
        let hasty = super::deploys::hasty_gates(config);
        for (path, why) in super::metrics::wrong(config).into_iter().chain(hasty) {
            self.say(&path, why);
        }
        self.checklists();
        self.secrets();
    }

    fn checklists(&mut self) {
        let lists = &self.config.checklists;
        for (list, items) in [("pre", &lists.pre), ("deploy", &lists.deploy), ("post", &lists.post)]
        {
            let mut ids = BTreeSet::new();
            for (at, item) in items.iter().enumerate() {
                // The id of an item comes from its text, so texts must be unique.
                if !ids.insert(item_id(List::Pre, &item.text)) {
                    let message = format!("there are two items {:?}", item.text);
                    self.say(&["checklists", list, &at.to_string(), "text"], message);
                }
                let Some(auto) = &item.auto else { continue };
                let at = at.to_string();
                if auto.metrics.is_some() && list != "post" {
                    let message = "metrics are measured after the switch: put it under `post`";
                    let path = ["checklists", list, &at, "auto", "metrics"];
                    self.say(&path, message.to_owned());
                }
                if auto.sources() != 1 {
                    let message = format!("{:?} needs exactly one source of evidence", item.text);
                    self.say(&["checklists", list, &at, "auto"], message);
                }
                self.words_of(list, &at, auto);
                let nobody = self.config.environments.values().all(|e| e.pipeline.is_none());
                if auto.pipeline.is_some() && nobody {
                    let message = "no environment has a pipeline that could be asked".to_owned();
                    self.say(&["checklists", list, &at, "auto", "pipeline"], message);
                }
                let known: Vec<_> = self.config.commands.iter().map(|c| &c.name).collect();
                if let Some(command) = auto.command.as_ref().filter(|c| !known.contains(c)) {
                    let message = format!("there is no command {command:?}");
                    let path = ["checklists", list, &at, "auto", "command"];
                    self.say_nearest(&path, message, command, known);
                }
            }
        }
    }

    /// Reports unknown names of evidence.
    fn words_of(&mut self, list: &str, at: &str, auto: &AutoConfig) {
        let config = self.config;
        let all = || std::iter::once("all".to_owned());
        let services = config.services.keys().cloned();
        let probes =
            config.environments.values().flat_map(|e| e.probes.iter().map(|p| p.name.clone()));
        let known = [
            ("probe", &auto.probe, all().chain(services).chain(probes).collect::<Vec<_>>()),
            ("metrics", &auto.metrics, ["errors", "p95", "all"].map(str::to_owned).to_vec()),
            ("lint", &auto.lint, ["config", "secrets", "all"].map(str::to_owned).to_vec()),
            (
                "history",
                &auto.history,
                ["staging", "rollback", "alerts"]
                    .map(str::to_owned)
                    .into_iter()
                    .chain(config.environments.keys().cloned())
                    .collect(),
            ),
        ];
        for (key, value, words) in known {
            if let Some(value) = value.as_ref().filter(|value| !words.contains(value)) {
                let message = format!("{value:?} is not a valid {key}");
                let path = ["checklists", list, at, "auto", key];
                self.say_nearest(&path, message, value, words.iter().collect());
            }
        }
    }

    /// Plans must not contain secrets: they are stored, hashed and shown.
    fn secrets(&mut self) {
        let config = self.config;
        for (at, command) in config.commands.iter().enumerate() {
            let words = command.run.join(" ");
            if redacted(&words) != words {
                let why = format!("command {} holds what looks like a secret", command.name);
                self.say(&["commands", &at.to_string()], format!("{why}: let it read a variable"));
            }
        }
        let Some(webhook) = &config.notify.webhook else { return };
        if webhook.url.contains(['?', '@']) || redacted(&webhook.url) != webhook.url {
            let why = "its address holds what may be a secret: write '$NAME' of a variable instead";
            self.say(&["notify", "webhook", "url"], why.to_owned());
        }
    }

    fn spelling(&mut self, path: &[&str], result: Result<(), pointsman_core::error::Problem>) {
        if let Err(problem) = result {
            self.say(path, problem.to_string());
        }
    }

    fn environment_exists(&mut self, path: &[&str], name: &str) {
        if !self.config.environments.contains_key(name) {
            let known = self.config.environments.keys().collect();
            self.say_nearest(path, format!("there is no environment {name:?}"), name, known);
        }
    }

    fn order(&mut self, path: &[&str], order: Option<&Vec<String>>) {
        let config = self.config;
        for (at, service) in order.into_iter().flatten().enumerate() {
            if !config.services.contains_key(service) {
                let at = at.to_string();
                let path: Vec<&str> = path.iter().copied().chain([at.as_str()]).collect();
                let message = format!("there is no service {service:?}");
                self.say_nearest(&path, message, service, config.services.keys().collect());
            }
        }
    }

    fn environment(&mut self, name: &str, environment: &EnvironmentConfig) {
        let root = ["environments", name];
        self.spelling(&root, EnvironmentName::new(name).map(|_| ()));
        self.order(&["environments", name, "deploy", "order"], environment.deploy.order.as_ref());
        if let Some(from) = &environment.promote_from {
            let path = ["environments", name, "promote_from"];
            self.environment_exists(&path, from);
            if from == name {
                self.say(&path, format!("{name} cannot promote from itself"));
            }
        }
        self.platform(name, environment);
        self.services(name, environment);
        for (database, of) in &environment.databases {
            let path = ["environments", name, "databases", database, "project"];
            self.project(&path, name, &of.project, of.endpoint.is_some());
            let required = of.backup.as_ref().map(|backup| backup.required.parse::<BackupNeed>());
            if let Some(Err(why)) = required {
                let path = [path[0], name, path[2], database, "backup", "required"];
                self.say(&path, why);
            }
        }
        let found = environment.pipeline.iter().flat_map(pipeline::wrong);
        let found = found.chain(watched::wrong(environment));
        let found =
            found.chain(freezes::wrong(name, environment)).chain(people::wrong(environment));
        for (keys, message) in found.chain(cloud_run::wrong(self.config, name, environment)) {
            let path: Vec<&str> = root.into_iter().chain(keys.iter().map(String::as_str)).collect();
            self.say(&path, message);
        }
    }

    fn platform(&mut self, name: &str, environment: &EnvironmentConfig) {
        let platform = &environment.platform;
        let path = ["environments", name, "platform"];
        if let Some(endpoint) = platform.endpoint.as_deref().filter(|e| *e != "emulator")
            && !is_loopback(endpoint)
        {
            let path = [path[0], path[1], path[2], "endpoint"];
            self.say(
                &path,
                format!("{endpoint:?} is neither emulator nor a loopback http address"),
            );
        }
        if platform.kind == PlatformKind::Command {
            self.verbs(name, platform);
        }
        if platform.kind != PlatformKind::Command && platform.location.is_none() {
            self.say(&path, "a platform at Google needs a location".to_owned());
        }
    }

    /// Checks the commands of a platform: all required verbs, no unknown ones, no empty ones, and no secrets.
    fn verbs(&mut self, name: &str, platform: &PlatformConfig) {
        let path = ["environments", name, "platform", "verbs"];
        for verb in NEEDED.iter().filter(|verb| !platform.verbs.contains_key(**verb)) {
            self.say(&path[..3], format!("a platform of kind command needs the verb {verb}"));
        }
        let known: Vec<String> = NEEDED.iter().chain(&OPTIONAL).map(|v| (*v).to_owned()).collect();
        for (verb, argv) in &platform.verbs {
            let path = [path[0], path[1], path[2], path[3], verb.as_str()];
            if !known.contains(verb) {
                let message = format!("there is no verb {verb:?}");
                self.say_nearest(&path, message, verb, known.iter().collect());
            }
            if argv.is_empty() {
                self.say(&path, format!("{verb} runs nothing"));
            }
            let words = argv.join(" ");
            if redacted(&words) != words {
                let message =
                    format!("{verb} holds what looks like a secret: let it read a variable");
                self.say(&path, message);
            }
        }
    }

    fn services(&mut self, name: &str, environment: &EnvironmentConfig) {
        let local = environment.platform.endpoint.is_some();
        let mut taken = BTreeMap::new();
        for (service, placed) in &environment.services {
            let path = ["environments", name, "services", service.as_str()];
            if !self.config.services.contains_key(service) {
                let known = self.config.services.keys().collect();
                self.say_nearest(&path, format!("there is no service {service:?}"), service, known);
            }
            self.identity(&path, service, environment);
            let at_url = [path[0], path[1], path[2], path[3], "url"];
            let on_emulator = environment.platform.endpoint.as_deref() == Some("emulator");
            let named = (service.as_str(), placed.url.as_str());
            self.public_address(&at_url, named, on_emulator, &mut taken);
            if let Some(template) = &placed.green_url {
                let at = [path[0], path[1], path[2], path[3], "green_url"];
                let filled = template.replace(['{', '}'], "");
                let fits = url::Url::parse(&filled).is_ok_and(|url| url.has_host());
                if !fits || !["{build}", "{release}"].iter().any(|word| template.contains(word)) {
                    let message = format!(
                        "{template:?} is no http address with {{build}} or {{release}} in it"
                    );
                    self.say(&at, message);
                }
            }
            match placed.project.as_ref().or(environment.platform.project.as_ref()) {
                None if environment.platform.kind != PlatformKind::Command => {
                    self.say(
                        &path,
                        format!("service {service} needs a project, its own or the platform's"),
                    );
                }
                None => {}
                Some(project) if placed.project.is_some() => {
                    let path = [path[0], path[1], path[2], path[3], "project"];
                    self.project(&path, name, project, local);
                }
                Some(project) => {
                    let path = ["environments", name, "platform", "project"];
                    self.project(&path, name, project, local);
                }
            }
        }
    }

    fn project(&mut self, path: &[&str], environment: &str, project: &str, local: bool) {
        let known = self.config.projects.get(project);
        match known {
            Some(known) if known.environment == environment => {}
            Some(known) => {
                let message = format!(
                    "project {project} belongs to {}, not to {environment}",
                    known.environment
                );
                self.say(path, message);
            }
            None if local && project.starts_with(DEMO_PREFIX) => {}
            None => {
                let known = self.config.projects.keys().collect();
                self.say_nearest(path, format!("there is no project {project:?}"), project, known);
            }
        }
    }
}

/// Whether an address is plain HTTP to this machine.
pub fn is_loopback(address: &str) -> bool {
    url::Url::parse(address).is_ok_and(|url| {
        url.scheme() == "http"
            && matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
    })
}
