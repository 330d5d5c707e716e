//! `theme`: lists themes, checks that they are readable, and imports base16 schemes.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use serde_json::json;

use super::Session;
use super::exit::{FAILED, Failed, Finished, OK};
use super::looks::{looks, themes};
use super::print;
use crate::app::config_home;
use crate::config::{Findings, base16};
use crate::domain::code::Code;
use crate::domain::error::Problem;
use crate::tui::theme::{ThemeError, check, kind_word};

impl From<ThemeError> for Failed {
    fn from(error: ThemeError) -> Self {
        match error {
            ThemeError::Missing(problem) => Self::with(super::exit::USAGE, problem),
            ThemeError::Wrong(findings) => Self::config(findings),
        }
    }
}

/// Lists all themes and marks the one in use.
pub(super) fn list(session: &Session) -> u8 {
    let themes = themes(session);
    let looks = looks(session);
    let loaded = session.config().ok();
    let ui = loaded.map(|loaded| loaded.config.ui).unwrap_or_default();
    let used = looks.name(&ui);
    let (mut lines, mut rows) = (Vec::new(), Vec::new());
    for name in themes.names() {
        let file = themes.file(&name).map(|file| file.display().to_string());
        let kind = match themes.palette(&name) {
            Ok(palette) => kind_word(palette.kind).to_owned(),
            Err(_) => format!("cannot be used: pointsman theme check {name}"),
        };
        let mark = if name == used { "*" } else { " " };
        let from = file.as_ref().map_or(String::new(), |file| format!("  {file}"));
        lines.push(format!("{mark} {name:<18} {kind}{from}"));
        rows.push(json!({"name": name, "kind": kind, "file": file, "used": name == used}));
    }
    session.result(&lines.join("\n"), &json!(rows));
    OK
}

/// Checks a theme, given by name or file.
pub(super) fn judge(session: &Session, name: &str) -> Finished {
    let themes = themes(session);
    let missing = || Problem::coded(Code::UNKNOWN_NAME, format!("there is no theme {name:?}"));
    let todo = format!("give a file, or one of {}", themes.names().join(", "));
    let text = themes
        .text(name)
        .ok_or_else(|| Failed::with(super::exit::USAGE, missing().try_this(todo)))?
        .map_err(Failed::config)?;
    let palette = themes.mix(&text).map_err(Failed::config)?;
    let lint = check(&text, &palette);
    for note in &lint.notes {
        print::note(format!("note: {}:{}:{}: {}", name, note.line, note.column, note.message));
    }
    let errors = lint.errors.len();
    let all = json!({"theme": palette.name, "errors": lint.errors, "notes": lint.notes});
    if errors == 0 {
        session.result(&format!("{name} is a valid theme"), &all);
        return Ok(OK);
    }
    if session.arguments.json {
        session.result("", &all);
        return Ok(FAILED);
    }
    print::note(text.findings(lint.errors).to_string());
    Ok(FAILED)
}

/// Imports a base16 scheme as a theme. Existing files are kept.
pub(super) fn import(session: &Session, file: &Path, name: Option<&str>) -> Finished {
    let text = crate::source::text(file)
        .map_err(|error| Failed::config(Findings::unread(file, &error.to_string())))?;
    let theme = base16::import(&text, file, name).map_err(Failed::config)?;
    let home = config_home().ok_or_else(|| Problem::new("no home folder for themes"))?;
    let to = home.join("themes").join(format!("{}.yaml", theme.name));
    let refused = |why: String| {
        Problem::new(format!("{} was not written", to.display()))
            .because(why)
            .try_this("give it another name with --name")
    };
    std::fs::create_dir_all(home.join("themes")).map_err(|error| refused(error.to_string()))?;
    let mut new = File::create_new(&to).map_err(|error| refused(error.to_string()))?;
    new.write_all(theme.text.as_bytes()).map_err(|error| refused(error.to_string()))?;
    let name = &theme.name;
    let told = json!({"theme": name, "file": to.display().to_string()});
    let text = format!(
        "{}\nshow it: pointsman --theme {name}; check it: pointsman theme check {name}",
        to.display()
    );
    session.result(&text, &told);
    Ok(OK)
}
