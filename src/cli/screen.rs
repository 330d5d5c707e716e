//! No verb: the screen.

use std::io::{self, IsTerminal as _};

use super::Session;
use super::exit::{Failed, Finished, USAGE};
use super::print;
use crate::domain::error::Problem;
use crate::ports::journal::Journal as _;
use crate::tui::theme::Theme;
use crate::tui::{self, Options};

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
    let loaded = session.config()?;
    let theme = Theme { colour: colour(), ascii: session.arguments.ascii || !utf8() };
    if !theme.colour {
        // crossterm would print an empty colour, which is a reset and takes bold and reverse with it.
        crossterm::style::force_color_output(true);
    }
    let config = session.arguments.config.clone();
    let code = tui::run(session.app.clone(), loaded, Options { theme, config }).await?;
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

/// <https://no-color.org>: only a value that is not empty counts.
fn colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// What the locale says of the encoding, in the order that POSIX gives.
fn utf8() -> bool {
    let said = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    said.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}
