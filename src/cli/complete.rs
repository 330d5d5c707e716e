//! Shell completion of values: names from the current config and store. If these cannot be read, it offers no
//! candidates, because a shell has no place for an error.

use clap_complete::CompletionCandidate;
use clap_complete::env::Shells;

use super::exit::{Finished, OK};
use super::find_config;
use super::print;
use crate::app::App;
use crate::config::{Loaded, config_keys, load};
use crate::domain::checklist::{List, item_id};
use crate::domain::code::EXPLANATIONS;
use crate::domain::error::Problem;
use crate::ports::journal::Journal as _;

/// Number of runs offered, latest first.
const RUNS: usize = 30;

fn config_file() -> std::path::PathBuf {
    let named = std::env::var_os("POINTSMAN_CONFIG").map(Into::into);
    named.unwrap_or_else(|| find_config::nearest(&std::env::current_dir().unwrap_or_default()))
}

fn loaded() -> Option<Loaded> {
    load(&config_file()).ok()
}

fn candidates<T: ToString>(names: impl IntoIterator<Item = T>) -> Vec<CompletionCandidate> {
    names.into_iter().map(|name| CompletionCandidate::new(name.to_string())).collect()
}

pub(super) fn environments() -> Vec<CompletionCandidate> {
    loaded().map(|loaded| candidates(loaded.environments())).unwrap_or_default()
}

pub(super) fn services() -> Vec<CompletionCandidate> {
    loaded().map(|loaded| candidates(loaded.config.services.keys())).unwrap_or_default()
}

pub(super) fn releases() -> Vec<CompletionCandidate> {
    loaded().and_then(|loaded| loaded.offered().ok()).map(candidates).unwrap_or_default()
}

pub(super) fn databases() -> Vec<CompletionCandidate> {
    let Some(loaded) = loaded() else { return Vec::new() };
    let of = loaded.config.environments.values();
    let names: std::collections::BTreeSet<_> = of.flat_map(|one| one.databases.keys()).collect();
    candidates(names)
}

/// The ids of checklist items, each with its text.
pub(super) fn items() -> Vec<CompletionCandidate> {
    let Some(loaded) = loaded() else { return Vec::new() };
    let lists = &loaded.config.checklists;
    let all = [(List::Pre, &lists.pre), (List::Deploy, &lists.deploy), (List::Post, &lists.post)];
    let item = |list, text: &String| named(item_id(list, text), text.clone());
    all.into_iter().flat_map(|(list, of)| of.iter().map(move |one| item(list, &one.text))).collect()
}

/// The paths of the config's keys.
pub(super) fn keys() -> Vec<CompletionCandidate> {
    config_keys().into_iter().map(|key| named(key.path, key.description)).collect()
}

pub(super) fn codes() -> Vec<CompletionCandidate> {
    EXPLANATIONS.iter().map(|row| named(row.code.to_string(), row.title.to_owned())).collect()
}

pub(super) fn demos() -> Vec<CompletionCandidate> {
    let about = |(name, about): (&str, &str)| named(name.to_owned(), about.to_owned());
    App::demos().into_iter().map(about).collect()
}

/// The names of the custom commands.
pub(super) fn commands() -> Vec<CompletionCandidate> {
    let Some(loaded) = loaded() else { return Vec::new() };
    candidates(loaded.config.commands.iter().map(|command| &command.name))
}

/// The numbers of the latest runs, each with its outcome.
pub(super) fn runs() -> Vec<CompletionCandidate> {
    let state = std::env::var_os("POINTSMAN_STATE_DIR").map(Into::into);
    let listed = || {
        let app = App::new(state, &config_file()).ok()?;
        app.readable_store().ok()?.runs(None, RUNS).ok()
    };
    let run = |view: &crate::domain::view::RunView| {
        let first = print::lines::summary(view).lines().next().map(str::to_owned);
        named(view.number.0.to_string(), first.unwrap_or_default())
    };
    let mut runs = vec![named("last".to_owned(), "the latest run".to_owned())];
    runs.extend(listed().iter().flatten().map(|listed| run(&listed.view)));
    runs
}

fn named(value: String, help: String) -> CompletionCandidate {
    CompletionCandidate::new(value).help(Some(help.into()))
}

/// Prints the script that connects a shell to these completions.
pub(super) fn script(shell: &str) -> Finished {
    let shells = Shells::builtins();
    let known = shells.completer(shell);
    let known =
        known.ok_or_else(|| Problem::new(format!("there are no completions for {shell}")))?;
    let mut out = Vec::new();
    let written = known.write_registration("COMPLETE", NAME, NAME, NAME, &mut out);
    written.map_err(|e| Problem::new("the script could not be written").because(e.to_string()))?;
    print::result(String::from_utf8_lossy(&out));
    Ok(OK)
}

const NAME: &str = "pointsman";
