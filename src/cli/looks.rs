//! Collects the display settings from environment variables and the command line.

use super::Session;
use super::args::Colour;
use crate::app::config_home;
use crate::config::schema::Motion;
use crate::tui::far_away;
use crate::tui::theme::{Asked, Depth, Looks, Themes, depth};

/// The display settings of this terminal and command line.
pub(super) fn looks(session: &Session) -> Looks {
    let of = |name: &str| std::env::var(name).unwrap_or_default();
    let asked = match session.arguments.color {
        Colour::Auto => Asked::Auto,
        Colour::Truecolor => Asked::Depth(Depth::True),
        Colour::Indexed => Asked::Depth(Depth::Indexed),
        Colour::Ansi => Asked::Depth(Depth::Ansi),
        Colour::Never => Asked::Depth(Depth::Never),
    };
    // These terminals would print the background query instead of answering it.
    let silent = ["", "dumb", "linux"];
    Looks {
        themes: themes(session),
        asked: session.arguments.theme.clone(),
        depth: depth(asked, &of("NO_COLOR"), &of("COLORTERM"), &of("TERM")),
        ascii: session.arguments.ascii,
        utf8: utf8(),
        colorfgbg: std::env::var("COLORFGBG").ok(),
        told: None,
        may_ask: !far_away() && !silent.contains(&&*of("TERM")),
        motion: if of("NO_MOTION").is_empty() { Motion::Full } else { Motion::Reduced },
    }
}

/// The theme folders: beside the config, then in the user's config folder.
pub(super) fn themes(session: &Session) -> Themes {
    let beside = session.arguments.config.parent().map(|folder| folder.join("themes"));
    let own = config_home().map(|home| home.join("themes"));
    Themes { folders: beside.into_iter().chain(own).collect() }
}

/// Whether the locale is UTF-8. The variables are read in POSIX order.
fn utf8() -> bool {
    let said = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    said.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}
