//! The traffic bar of a service: which version has all of it. BLUE is left and solid, GREEN right and hatched, so that
//! they differ without colour.

use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use crate::domain::step::Side;
use crate::domain::view::{RunView, ServiceView, TrafficState};
use crate::tui::theme::{Role, Theme};

/// Maximum length of a bar.
const LONGEST: usize = 40;
/// Minimum length of a bar.
const SHORTEST: usize = 4;

/// The two versions between which traffic moves.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::tui) struct Versions<'a> {
    pub(in crate::tui) blue: &'a str,
    pub(in crate::tui) green: &'a str,
}

/// Where the traffic is: on a side, shared, or what is known instead.
enum At {
    Side(Side),
    /// The share of GREEN, in per cent; BLUE has the rest.
    Shared(u8),
    Other(&'static str, Role),
}

/// The bar of a service of a run, as last read.
pub(in crate::tui) fn of_service(
    run: &RunView,
    name: &str,
    seen: &ServiceView,
    theme: &Theme,
    widths: (usize, usize),
) -> Line<'static> {
    let on = |side: Side| seen.serving.is_some() && seen.serving.as_ref() == seen.build(side);
    let at = if on(Side::Blue) {
        At::Side(Side::Blue)
    } else if on(Side::Green) {
        At::Side(Side::Green)
    } else if !seen.blue_known {
        At::Other("not read yet", Role::Unknown)
    } else {
        match &seen.traffic {
            TrafficState::None => At::Other("no build is live", Role::Muted),
            TrafficState::Unknown => At::Other("not read yet", Role::Unknown),
            TrafficState::Split(_) => {
                seen.green_share().map_or(At::Other("SPLIT", Role::Unknown), At::Shared)
            }
            TrafficState::Whole(_) => At::Other("another build", Role::Unknown),
        }
    };
    let blue = seen.blue_name().map(|name| name.to_string()).unwrap_or_default();
    let green = run.plan.name().map(|name| name.to_string()).unwrap_or_default();
    let versions = Versions { blue: &blue, green: &green };
    bar(name, versions, &at, theme, widths)
}

/// The bar of all traffic on one side.
pub(in crate::tui) fn on_side(
    name: &str,
    versions: Versions<'_>,
    side: Side,
    theme: &Theme,
    widths: (usize, usize),
) -> Line<'static> {
    bar(name, versions, &At::Side(side), theme, widths)
}

/// `widths`: of the name, and of the whole line.
fn bar(
    name: &str,
    versions: Versions<'_>,
    at: &At,
    theme: &Theme,
    (names, width): (usize, usize),
) -> Line<'static> {
    let tag = |version: &str| if version.is_empty() { 0 } else { version.width() + 1 };
    let texts =
        names + tag(versions.blue) + tag(versions.green) + " BLUE 100 %  100 % GREEN ".len() + 2;
    let room = width.saturating_sub(texts).clamp(SHORTEST, LONGEST);
    let share = match at {
        At::Side(Side::Blue) => Some(0),
        At::Side(Side::Green) => Some(100),
        At::Shared(green) => Some(*green),
        At::Other(..) => None,
    };
    let percent = |share: Option<u8>| match share {
        Some(share) => format!("{share:>3} %"),
        None => "  ? %".to_owned(),
    };
    let (left, right) = (percent(share.map(|green| 100 - green.min(100))), percent(share));
    let spaced =
        |version: &str| if version.is_empty() { String::new() } else { format!("{version} ") };
    let mut line = vec![
        Span::raw(format!(" {name:<names$} {}", spaced(versions.blue))),
        Span::styled("BLUE", theme.style(Role::Blue)),
        Span::raw(format!(" {left} ")),
    ];
    line.extend(middle(at, theme, room));
    line.extend([
        Span::raw(format!(" {right} {}", spaced(versions.green))),
        Span::styled("GREEN", theme.style(Role::Green)),
    ]);
    Line::from(line)
}

/// The bar itself. A share is never drawn as nothing or as all.
fn middle(at: &At, theme: &Theme, room: usize) -> Vec<Span<'static>> {
    let filled = |side: Side, cells: usize| {
        let role = if side == Side::Blue { Role::Blue } else { Role::Green };
        Span::styled(theme.fill(side).repeat(cells), theme.style(role))
    };
    match at {
        At::Side(side) => vec![filled(*side, room)],
        At::Shared(green) => {
            let green = (room * usize::from(*green) / 100).clamp(1, room.saturating_sub(1).max(1));
            vec![filled(Side::Blue, room - green), filled(Side::Green, green)]
        }
        At::Other(text, role) => vec![Span::styled(format!("{text:^room$}"), theme.style(*role))],
    }
}
