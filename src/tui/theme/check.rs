//! Checks whether a theme is readable for everyone (`docs/internals/screen.md`, Themes).

use ratatui::style::Modifier;

use super::Palette;
use super::colour::Paint;
use super::eye::{DEFICIENCIES, Light, contrast, difference, with_deficiency};
use super::role::Role;
use crate::config::theme::ThemeKind;
use crate::config::{Finding, ThemeText};

/// Minimum contrast of text (WCAG 2.1, 1.4.3).
const TEXT_CONTRAST: f32 = 4.5;
/// Minimum contrast of lines and shapes (WCAG 2.1, 1.4.11).
const SHAPE_CONTRAST: f32 = 3.0;
/// CIEDE2000 difference below which two colours are hard to tell apart.
const STATE_DISTANCE: f32 = 20.0;

/// The problems of a theme, with the roles they affect.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lint {
    /// Problems that make the theme unusable.
    pub errors: Vec<Finding>,
    /// Tolerable problems: words and shapes on the screen show the same information.
    pub notes: Vec<Finding>,
}

/// Checks a theme. Colours that the user's terminal defines cannot be checked.
pub fn check(text: &ThemeText, palette: &Palette) -> Lint {
    let mut lint = Lint::default();
    for role in Role::ALL {
        lint.errors.extend(readable(text, palette, *role));
    }
    lint.errors.extend(slots(text, palette));
    let selection = palette.look(Role::Selection).mods;
    if !selection.intersects(Modifier::REVERSED | Modifier::UNDERLINED | Modifier::BOLD) {
        let message = "selection is visible by colour alone: add mods: [reverse]".to_owned();
        lint.errors.push(text.finding(&["roles", "selection"], message));
    }
    let blended = blended(text, palette);
    if text.theme.colour_blind {
        lint.errors.extend(blended);
    } else {
        lint.notes.extend(blended);
    }
    lint
}

/// The background of a role; black or white if it is the terminal's background.
fn background(palette: &Palette, role: Role) -> Light {
    let on = [palette.look(role).bg, palette.look(Role::Surface).bg];
    let usual = match palette.kind {
        ThemeKind::Dark => Paint::Rgb(0, 0, 0),
        ThemeKind::Light => Paint::Rgb(255, 255, 255),
    };
    let seen = on.into_iter().flatten().chain([usual]).find_map(Paint::seen);
    seen.unwrap_or_default()
}

fn readable(text: &ThemeText, palette: &Palette, role: Role) -> Option<Finding> {
    let least = match role {
        Role::Surface | Role::Raised | Role::GaugeEmpty => return None,
        Role::Border | Role::BorderFocus | Role::GaugeFull => SHAPE_CONTRAST,
        _ => TEXT_CONTRAST,
    };
    let letters = palette.look(role).fg?.seen()?;
    let has = contrast(letters, background(palette, role));
    (has < least).then(|| {
        let message = format!("{} has a contrast of {has:.1}:1, under {least}:1", role.name());
        text.finding(&["roles", role.name(), "fg"], message)
    })
}

fn slots(text: &ThemeText, palette: &Palette) -> Vec<Finding> {
    let of = |role: Role| palette.look(role).fg;
    let (blue, green) = (of(Role::Blue), of(Role::Green));
    let mut findings = Vec::new();
    let mut say = |message: String| {
        findings.push(text.finding(&["roles", Role::Green.name()], message));
    };
    if green.is_some() && green == of(Role::Ok) {
        say("slot.green is drawn as state.ok: GREEN is a slot, not a success".to_owned());
    }
    if let (Some(blue), Some(green)) = (blue.and_then(Paint::seen), green.and_then(Paint::seen)) {
        let apart = difference(blue, green);
        if apart < STATE_DISTANCE {
            say(format!("slot.blue and slot.green are {apart:.0} apart, under {STATE_DISTANCE}"));
        }
    }
    findings
}

/// The pairs of ok, warning and failed that look alike with a colour vision deficiency.
fn blended(text: &ThemeText, palette: &Palette) -> Vec<Finding> {
    let states = [Role::Ok, Role::Warning, Role::Failed];
    let mut findings = Vec::new();
    for (at, one) in states.iter().enumerate() {
        for other in &states[at + 1..] {
            let seen = |role: &Role| palette.look(*role).fg.and_then(Paint::seen);
            let (Some(a), Some(b)) = (seen(one), seen(other)) else {
                continue;
            };
            for (name, matrix) in &DEFICIENCIES {
                let apart = difference(with_deficiency(a, matrix), with_deficiency(b, matrix));
                if apart < STATE_DISTANCE {
                    let message = format!(
                        "{} and {} are {apart:.0} apart with {name}, under {STATE_DISTANCE}",
                        one.name(),
                        other.name()
                    );
                    findings.push(text.finding(&["roles", other.name(), "fg"], message));
                }
            }
        }
    }
    findings
}
