//! No verb: the screen.

use std::io::{self, IsTerminal as _};

use super::Session;
use super::exit::{Failed, Finished, USAGE};
use super::looks::looks;
use super::print;
use crate::domain::error::Problem;
use crate::ports::journal::Journal as _;
use crate::tui::theme::Depth;
use crate::tui::{self, Options, bindings};

pub(super) async fn screen(session: &Session) -> Finished {
    if session.arguments.plain {
        return plain(session).await;
    }
    let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    if dumb || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        let problem = Problem::new("there is no terminal to show the screen on");
        let todo = "name what to do: pointsman status, pointsman attach RUN, pointsman --help";
        return Err(Failed::with(USAGE, problem.try_this(todo)));
    }
    if !session.arguments.config.exists() {
        let file = session.arguments.config.display();
        let problem = Problem::new(format!("there is no config at {file}"));
        let todo = "pointsman --demo gate rehearses without one; --config FILE or POINTSMAN_CONFIG \
                    names another";
        return Err(Failed::with(USAGE, problem.try_this(todo)));
    }
    let loaded = session.config()?;
    let looks = looks(session);
    // A theme that cannot be used is said before the screen is taken, like a config.
    looks.theme(&loaded.config.ui)?;
    if looks.depth == Depth::Never {
        // crossterm would print an empty colour, which is a reset and takes bold and reverse with it.
        crossterm::style::force_color_output(true);
    }
    bindings(&loaded).map_err(Failed::config)?;
    let config = session.arguments.config.clone();
    let read_only = session.arguments.read_only;
    let code = tui::run(session.app.clone(), loaded, Options { looks, config, read_only }).await?;
    if let Some(address) = session.app.emulator() {
        print::note(format!(
            "the emulator and its services keep running ({}); pointsman emulator stop ends them",
            address.url
        ));
    }
    Ok(code)
}

/// What the screen shows, in lines: how every environment is, and then the run under way, if there is
/// one, to be followed and driven.
async fn plain(session: &Session) -> Finished {
    super::status::status(session, None).await?;
    let latest = session.app.store()?.runs(None, 1)?.pop();
    match latest.filter(|listed| listed.view.ended.is_none()) {
        Some(listed) => super::attach::attach(session, listed.view.number).await,
        None => Ok(super::exit::OK),
    }
}
