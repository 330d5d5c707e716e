//! Help texts and manual pages: commands in groups, with global options listed once.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _};

use super::args::Arguments;

/// The commands, grouped by purpose.
pub const GROUPS: [(&str, &[&str]); 6] = [
    ("Set up", &["init", "check", "lint", "config", "doctor", "explain"]),
    ("Deploy", &["plan", "deploy", "rollback", "cleanup", "migrate"]),
    (
        "Steer a run",
        &[
            "attach", "approve", "extend", "claim", "offer", "accept", "pause", "resume", "retry",
            "skip", "abort",
        ],
    ),
    (
        "Observe",
        &[
            "status",
            "health",
            "checklist",
            "pipeline",
            "alerts",
            "handover",
            "commands",
            "lock",
            "allow-rollouts",
        ],
    ),
    ("Past runs", &["history", "events", "logs", "report", "card", "replay", "verify", "store"]),
    ("This machine", &["emulator", "theme", "schema", "completions", "man"]),
];

/// The complete command line. Global options are hidden, because `clap` would repeat them in the help of each
/// command; only the program's own help lists them.
pub fn command() -> Command {
    let hidden =
        |option: clap::Arg| if option.is_global_set() { option.hide(true) } else { option };
    Arguments::command().mut_args(hidden).mut_subcommands(with_footer)
}

fn with_footer(verb: Command) -> Command {
    verb.after_help("Options of every command: pointsman --help").mut_subcommands(with_footer)
}

/// The command line for the program's own help and manual page.
pub fn program() -> Command {
    let command = Arguments::command();
    let verbs = grouped(&command);
    command.help_template(TEMPLATE).after_help(verbs)
}

/// Whether the command line names no command, so that `--help` is about the program itself.
pub(super) fn asks_about_program() -> bool {
    let command = Arguments::command();
    !std::env::args().skip(1).any(|word| command.find_subcommand(&word).is_some())
}

const TEMPLATE: &str =
    "{about-with-newline}\n{usage-heading} {usage}{after-help}\n\nOptions:\n{options}";

fn grouped(command: &Command) -> String {
    let heading = command.get_styles().get_header();
    let mut text = String::new();
    for (name, verbs) in GROUPS {
        let _ = writeln!(text, "\n{heading}{name}:{heading:#}");
        for verb in verbs {
            let about = command.find_subcommand(verb).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {verb:<12} {about}");
        }
    }
    text.trim().to_owned()
}
