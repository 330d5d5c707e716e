//! `--read-only`: shows everything, changes nothing.

use super::args::{
    CommandsVerb, EmulatorVerb, MigrateVerb, PipelineAct, StoreVerb, ThemeVerb, Verb,
};
use super::exit::{Failed, REFUSED};
use crate::domain::code::Code;
use crate::domain::error::Problem;

/// Refuses verbs that change a deployment, shared state, or this machine.
pub(super) fn permits(verb: &Verb) -> Result<(), Failed> {
    if !acts(verb) {
        return Ok(());
    }
    let problem = Problem::coded(Code::READ_ONLY, "--read-only refuses changes");
    Err(Failed::with(REFUSED, problem.try_this("run it without --read-only")))
}

pub(super) fn acts(verb: &Verb) -> bool {
    match verb {
        Verb::Check
        | Verb::Config { .. }
        | Verb::Explain { .. }
        | Verb::Lint { .. }
        | Verb::Schema { .. }
        | Verb::Plan(_)
        | Verb::Status { .. }
        | Verb::Handover { .. }
        | Verb::History { .. }
        | Verb::Events { .. }
        | Verb::Logs(_)
        // Follows a run; with `--read-only` it accepts no commands.
        | Verb::Attach { .. }
        | Verb::Replay { .. }
        | Verb::Report { .. }
        | Verb::Card { .. }
        | Verb::Verify { .. }
        | Verb::Theme { verb: ThemeVerb::List | ThemeVerb::Check { .. } }
        | Verb::Doctor { .. }
        | Verb::Completions { .. }
        | Verb::Man { .. }
        | Verb::SampleApp => false,
        Verb::Init { .. }
        | Verb::Deploy(_)
        | Verb::Rollback(_)
        | Verb::Cleanup(_)
        | Verb::Resume(_)
        | Verb::Approve(_)
        | Verb::Extend(_)
        | Verb::Claim(_)
        | Verb::Offer(_)
        | Verb::Accept(_)
        | Verb::Pause(_)
        | Verb::Retry(_)
        | Verb::Skip { .. }
        | Verb::Abort { .. }
        | Verb::Runner { .. }
        | Verb::AllowRollouts { .. }
        | Verb::Theme { verb: ThemeVerb::Import { .. } } => true,
        Verb::Alerts { verb } => !matches!(verb, None | Some(super::args::AlertsVerb::List)),
        Verb::Checklist(arguments) => arguments.act.is_some(),
        Verb::Health(arguments) => arguments.mute.is_some() || arguments.unmute.is_some(),
        Verb::Lock { act, .. } => act.is_some(),
        Verb::Commands { verb } => {
            matches!(verb, Some(CommandsVerb::Run { .. } | CommandsVerb::Stop { .. }))
        }
        Verb::Pipeline(arguments) => {
            !matches!(arguments.act, None | Some(PipelineAct::Log { .. }))
        }
        Verb::Migrate(arguments) => match &arguments.verb {
            MigrateVerb::Status(_) => false,
            MigrateVerb::Export { follow, .. } => follow.is_none(),
            MigrateVerb::Up { dry_run, .. } | MigrateVerb::Down { dry_run, .. } => !dry_run,
            MigrateVerb::Repair { .. } | MigrateVerb::Baseline { .. } => true,
        },
        Verb::Store { verb } => matches!(verb, Some(StoreVerb::Push)),
        Verb::Emulator { verb } => {
            !matches!(verb, EmulatorVerb::Status | EmulatorVerb::Token | EmulatorVerb::Url)
        }
    }
}
