//! Converts the checklists of the config to the domain's items.

use super::file::Loaded;
use super::schema::{AutoConfig, CommandOn, ItemConfig};
use pointsman_core::checklist::{Asked, Item, List, Source, item_id};
use pointsman_core::error::Problem;
use pointsman_core::ids::EnvironmentName;
use pointsman_core::planner::EnvironmentSpec;
use pointsman_core::probe::{Check, Expect};
use pointsman_core::redact::redacted;

impl Loaded {
    /// The items that guard a deploy on an environment, in order.
    pub(super) fn checklist(
        &self,
        name: &str,
        spec: &EnvironmentSpec,
    ) -> Result<Vec<Item>, Problem> {
        let lists = &self.config.checklists;
        let all =
            [(List::Pre, &lists.pre), (List::Deploy, &lists.deploy), (List::Post, &lists.post)];
        let mut items = Vec::new();
        for (list, of) in all {
            for item in of {
                items.push(Item {
                    id: item_id(list, &item.text),
                    list,
                    group: item.group.clone().unwrap_or_default(),
                    text: item.text.clone(),
                    required: item.required,
                    source: self.source(name, spec, item)?,
                });
            }
        }
        Ok(items)
    }

    fn source(
        &self,
        name: &str,
        spec: &EnvironmentSpec,
        item: &ItemConfig,
    ) -> Result<Option<Source>, Problem> {
        let Some(auto) = &item.auto else { return Ok(None) };
        Ok(Some(match auto {
            AutoConfig { probe: Some(probe), .. } => {
                Source::Probe { name: probe.clone(), asked: self.asked(name, spec, probe) }
            }
            AutoConfig { command: Some(command), .. } => {
                let found = self.config.commands.iter().find(|c| &c.name == command);
                let found = found
                    .ok_or_else(|| Problem::new(format!("there is no command {command:?}")))?;
                if found.on != CommandOn::Environment {
                    let what = format!("the command {command:?} needs something to act on");
                    return Err(Problem::new(what)
                        .because("a checklist runs its commands for the whole environment")
                        .try_this("name a command without on:"));
                }
                let folder = self.folder.join(found.cwd.as_deref().unwrap_or("."));
                Source::Command { name: command.clone(), argv: found.run.clone(), folder }
            }
            AutoConfig { pipeline: Some(job), .. } => Source::Pipeline { job: job.clone() },
            AutoConfig { migrations: Some(database), .. } => {
                Source::Migrations { database: database.clone() }
            }
            AutoConfig { indexes: Some(database), .. } => {
                Source::Indexes { database: database.clone() }
            }
            AutoConfig { metrics: Some(of), .. } => Source::Metrics { of: of.clone() },
            AutoConfig { lint: Some(of), .. } => Source::Lint { of: of.clone() },
            AutoConfig { history: Some(of), .. } => match of.as_str() {
                "rollback" => Source::Rollback,
                "alerts" => Source::Alerts,
                // `staging` means the environment of `promote_from`, whatever its name.
                "staging" => Source::Promoted { from: self.promote_from(name)? },
                named if named != name && self.config.environments.contains_key(named) => {
                    Source::Promoted { from: Some(EnvironmentName::new(named)?) }
                }
                _ => Source::Promoted { from: self.promote_from(name)? },
            },
            AutoConfig { .. } => return Ok(None),
        }))
    }

    /// The targets of a probe name: services at their public addresses and dependencies. `all` means every one.
    fn asked(&self, name: &str, spec: &EnvironmentSpec, probe: &str) -> Vec<Asked> {
        let watching = self.watching_on(name, spec);
        let services = spec.members.iter().map(|member| Asked {
            name: member.service().to_string(),
            check: Some(Check::Http {
                url: format!("{}{}", member.url, member.health.path),
                expect: Box::new(Expect::default()),
                fresh: true,
            }),
            timeout: watching.timeout,
        });
        let others = watching.others.iter().map(|other| {
            let text = serde_json::to_string(&other.check).unwrap_or_default();
            // Query strings and user names often hold secrets, so such a check is left out.
            let bare = redacted(&text) == text && !text.contains(['@', '?']);
            let check = Some(other.check.clone()).filter(|_| bare);
            Asked { name: other.name.clone(), check, timeout: other.timeout }
        });
        services.chain(others).filter(|a| probe == "all" || a.name == probe).collect()
    }
}
