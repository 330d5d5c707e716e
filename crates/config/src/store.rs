//! `store:`: where runs are recorded.

use std::collections::BTreeSet;

use super::check;
use super::file::Document;
use super::rules::Rules;
use super::schema::Config;
use super::schema::store::{StoreConfig, StoreKind};
use pointsman_core::error::Problem;
use pointsman_core::ids::ProjectId;

/// A database that a team shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedDatabase {
    pub project: ProjectId,
    pub database: String,
    /// Whether it is in an emulator of this machine.
    pub emulator: bool,
}

/// The name of the shared database, unless the config names another one.
const DATABASE: &str = "pointsman";

impl Document {
    /// The shared store, if the config names one. Read on its own: an error elsewhere in the config must not make the
    /// history of the team look empty.
    pub fn shared_store(&self) -> Result<Option<SharedDatabase>, Problem> {
        let Some(node) = self.node().and_then(|node| node.get("store")) else { return Ok(None) };
        let wrong = |why: String| {
            Problem::new("the shared store is not known")
                .because(format!("store: {why}"))
                .try_this("pointsman check")
        };
        let schema = schemars::schema_for!(StoreConfig);
        let (findings, whole) = check::against_schema(schema.as_value(), node);
        if let Some(first) = findings.first() {
            return Err(wrong(first.message.clone()));
        }
        let store: StoreConfig = serde_json::from_value(whole).map_err(|e| wrong(e.to_string()))?;
        store.shared().map_err(|(_, why)| wrong(why))
    }
}

impl StoreConfig {
    /// The database, or the wrong key and what is wrong with it.
    fn shared(&self) -> Result<Option<SharedDatabase>, (&'static str, String)> {
        if self.kind == StoreKind::Local {
            let set = [("project", &self.project), ("database", &self.database)];
            let set = set.into_iter().chain([("endpoint", &self.endpoint)]);
            return match set.into_iter().find(|(_, value)| value.is_some()) {
                Some((key, _)) => Err((key, format!("a local store has no {key}"))),
                None => Ok(None),
            };
        }
        let project = self.project.as_deref();
        let project = project.ok_or(("kind", "a Firestore store needs a project".to_owned()))?;
        let project =
            ProjectId::new(project).map_err(|problem| ("project", problem.to_string()))?;
        let emulator = match self.endpoint.as_deref() {
            None => false,
            Some("emulator") => true,
            Some(_) => {
                return Err((
                    "endpoint",
                    "endpoint is `emulator`, or left out for Google's".into(),
                ));
            }
        };
        let database = self.database.clone().unwrap_or_else(|| DATABASE.to_owned());
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let fits = (4..=63).contains(&database.len()) && database.chars().all(fits);
        if database != "(default)" && !fits {
            let rule = "4 to 63 lower-case letters, digits and hyphens, or (default)";
            return Err(("database", format!("{database:?} is no name of a database: {rule}")));
        }
        Ok(Some(SharedDatabase { project, database, emulator }))
    }
}

/// Checks `store:`.
pub(super) fn store(rules: &mut Rules<'_>, config: &Config) {
    let Some(store) = &config.store else { return };
    let shared = match store.shared() {
        Ok(Some(shared)) => shared,
        Ok(None) => return,
        Err((key, why)) => return rules.say(&["store", key], why),
    };
    let apps: BTreeSet<(&str, &str)> = config
        .environments
        .values()
        .flat_map(|environment| environment.databases.values())
        .map(|of| (of.project.as_str(), of.database.as_deref().unwrap_or("(default)")))
        .collect();
    if apps.contains(&(shared.project.as_str(), shared.database.as_str())) {
        let why = format!(
            "{}/{} is a database of a service: restoring it would take the record of runs back too; name another one",
            shared.project, shared.database
        );
        rules.say(&["store", "database"], why);
    }
}
