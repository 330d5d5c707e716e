//! The screen, which runs if no command is given.

use std::io::{self, IsTerminal as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use super::Session;
use super::exit::{Failed, Finished, OK, USAGE};
use super::looks::looks;
use super::print;
use crate::config::schema::UiConfig;
use crate::domain::code::Code;
use crate::domain::error::Problem;
use crate::ports::journal::Journal as _;
use crate::tui::theme::Depth;
use crate::tui::welcome::{self, Choice};
use crate::tui::{self, Options, bindings};

/// Plays a recording of a screen. Without a terminal, prints its last frame.
async fn recorded(session: &Session, file: &Path) -> Finished {
    let terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    let crash = session.app.state.join("crash.txt");
    let frame = tui::replay_session(file, crash, &looks(session), terminal).await?;
    if let Some(frame) = frame {
        session.result(&frame, &serde_json::json!({ "frame": frame.lines().collect::<Vec<_>>() }));
    }
    Ok(OK)
}

pub(super) async fn screen(session: &Session) -> Finished {
    if let Some(file) = &session.arguments.replay_session {
        return recorded(session, file).await;
    }
    if session.arguments.plain {
        return plain(session).await;
    }
    let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    if dumb || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        let problem = Problem::coded(Code::TERMINAL_NEEDED, "the console needs a terminal");
        let todo = "use a command: pointsman status, pointsman attach RUN, pointsman --help";
        return Err(Failed::with(USAGE, problem.try_this(todo)));
    }
    if !session.arguments.config.exists() {
        return first_time(session).await;
    }
    let loaded = session.config()?;
    let looks = looks(session);
    // Report an invalid theme before the screen takes over the terminal, like an invalid config.
    looks.theme(&loaded.config.ui)?;
    if looks.depth == Depth::Never {
        // Without this, crossterm prints an empty colour, which is a reset and also clears bold and reverse.
        crossterm::style::force_color_output(true);
    }
    bindings(&loaded).map_err(Failed::config)?;
    let config = session.arguments.config.clone();
    let (read_only, record) = (session.arguments.read_only, session.arguments.record.clone());
    let options = Options { looks, config, read_only, record };
    let code = tui::run(session.app.clone(), loaded, options).await?;
    if let Some(address) = session.app.emulator() {
        print::note(format!(
            "the emulator and its services keep running at {}; to stop them: pointsman emulator stop",
            address.url
        ));
    }
    Ok(code)
}

/// Shows the welcome screen if the config does not exist.
async fn first_time(session: &Session) -> Finished {
    let looks = looks(session);
    let theme = looks.theme(&UiConfig::default())?;
    if looks.depth == Depth::Never {
        crossterm::style::force_color_output(true);
    }
    let config = &session.arguments.config;
    let file = config.display();
    let failed = |e: io::Error| Problem::new(format!("{file}")).because(e.to_string());
    match welcome::ask(config, &theme).await.map_err(failed)? {
        Choice::Rehearse => {
            // Replace this process: a rehearsal has separate state and logs.
            let own = std::env::current_exe().map_err(failed)?;
            Err(failed(Command::new(own).args(["--demo", "gate"]).exec()).into())
        }
        Choice::Create => super::init::init(session, false),
        Choice::Quit => {
            let problem =
                Problem::coded(Code::CONFIG_MISSING, format!("there is no config at {file}"));
            let todo = "pointsman init writes one, pointsman --demo gate rehearses without one";
            Err(Failed::with(USAGE, problem.try_this(todo)))
        }
    }
}

/// The screen as plain lines: the status of every environment, then an attached session if a run is under way.
async fn plain(session: &Session) -> Finished {
    super::status::status(session, None).await?;
    let latest = session.app.store()?.runs(None, 1)?.pop();
    match latest.filter(|listed| listed.view.ended.is_none()) {
        Some(listed) => super::attach::attach(session, listed.view.number).await,
        None => Ok(OK),
    }
}
