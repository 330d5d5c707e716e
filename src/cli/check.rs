//! `check` and `schema`.

use serde_json::json;

use super::Session;
use super::exit::{Finished, OK};
use super::print;
use crate::config::{json_schema, theme_schema};

pub(super) fn check(session: &Session) -> Finished {
    let config = session.config()?.config;
    let lists = &config.checklists;
    let items = lists.pre.len() + lists.deploy.len() + lists.post.len();
    let text = format!(
        "{}: {} environments, {} projects, {} services, {items} checklist items, {} commands; nothing is wrong",
        session.arguments.config.display(),
        config.environments.len(),
        config.projects.len(),
        config.services.len(),
        config.commands.len(),
    );
    session.result(&text, &json!({"ok": true, "findings": []}));
    Ok(OK)
}

pub(super) fn schema(of: &str) -> u8 {
    let schema = if of == "theme" { theme_schema() } else { json_schema() };
    print::result(serde_json::to_string_pretty(&schema).unwrap_or_default());
    OK
}
