//! `check` and `schema`.

use serde_json::json;

use super::Session;
use super::exit::{Failed, Finished, OK};
use super::print;
use crate::config::{json_schema, migration_schema, theme_schema};
use crate::domain::describe::counted;
use crate::tui::bindings;

pub(super) fn check(session: &Session) -> Finished {
    let loaded = session.config()?;
    bindings(&loaded).map_err(Failed::config)?;
    for (environment, of) in &loaded.config.environments {
        for database in of.databases.keys() {
            loaded.migrations(environment, database).map_err(Failed::config)?;
            loaded.indexes(environment, database).map_err(Failed::config)?;
        }
    }
    let mut odd = loaded.nameless_controls();
    odd.findings.extend(loaded.late_metrics().findings);
    odd.findings.extend(loaded.untried().findings);
    odd.findings.extend(loaded.unproven_people().findings);
    for name in loaded.environments() {
        let spec = loaded.spec(name)?;
        let held = session.app.held_ports(&spec).into_iter();
        odd.findings
            .extend(held.flat_map(|(service, held)| loaded.held_port(name, &service, &held)));
    }
    let config = loaded.config;
    let lists = &config.checklists;
    let items = lists.pre.len() + lists.deploy.len() + lists.post.len();
    let text = format!(
        "{}: {}, {}, {}, {}, {}; {}",
        session.arguments.config.display(),
        counted(config.environments.len(), "environment"),
        counted(config.projects.len(), "project"),
        counted(config.services.len(), "service"),
        counted(items, "checklist item"),
        counted(config.commands.len(), "command"),
        odd.counted(),
    );
    let text = if odd.findings.is_empty() { text } else { format!("{odd}\n{text}") };
    session.result(&text, &json!({"ok": true, "findings": odd.findings}));
    Ok(OK)
}

pub(super) fn schema(of: &str) -> u8 {
    let schema = match of {
        "theme" => theme_schema(),
        "migration" => migration_schema().clone(),
        _ => json_schema(),
    };
    print::result(serde_json::to_string_pretty(&schema).unwrap_or_default());
    OK
}
