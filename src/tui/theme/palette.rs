//! Resolves a theme file into the style of every role.

use std::collections::BTreeMap;

use ratatui::style::{Modifier, Style};

use super::colour::{Depth, Paint};
use super::role::{Role, known_names, parent};
use crate::config::theme::{Mod, RoleStyle, ThemeFile, ThemeKind};
use crate::config::{Finding, Findings, ThemeText};

/// The resolved style of a role.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Look {
    pub(super) fg: Option<Paint>,
    pub(super) bg: Option<Paint>,
    ansi16: (Option<Paint>, Option<Paint>),
    pub(super) mods: Modifier,
}

impl Look {
    pub(super) fn style(self, depth: Depth) -> Style {
        let mut style = Style::new().add_modifier(self.mods);
        if depth == Depth::Never {
            return style;
        }
        let of = |own: Option<Paint>, instead: Option<Paint>| {
            let paint = if depth == Depth::Ansi { instead.or(own) } else { own };
            paint.map(|paint| paint.at(depth))
        };
        style.fg = of(self.fg, self.ansi16.0);
        style.bg = of(self.bg, self.ansi16.1);
        style
    }
}

/// A theme with resolved colours.
#[derive(Debug, Clone, PartialEq)]
pub struct Palette {
    pub name: String,
    pub kind: ThemeKind,
    looks: BTreeMap<String, Look>,
}

/// Maximum depth of theme inheritance.
const ANCESTORS: usize = 4;

/// Looks up the text of another theme by its name.
type Find<'a> = &'a dyn Fn(&str) -> Option<Result<ThemeText, Findings>>;

impl Palette {
    /// Resolves a theme; `find` looks up the theme that it inherits from.
    /// The error lists every problem with its position.
    pub(super) fn mix(text: &ThemeText, find: Find<'_>) -> Result<Self, Findings> {
        let whole = inherited(text, find, ANCESTORS)?;
        let findings = wrong(text, &whole);
        if !findings.is_empty() {
            return Err(text.findings(findings));
        }
        let mut looks: BTreeMap<String, Look> = BTreeMap::new();
        for (name, style) in &whole.roles {
            // A link to another role takes precedence over other fields.
            let style = style.link.as_ref().map_or(style, |to| linked(&whole, to).unwrap_or(style));
            looks.extend(look(&whole, style).ok().map(|look| (name.clone(), look)));
        }
        Ok(Self { name: text.theme.name.clone(), kind: text.theme.kind, looks })
    }

    pub(super) fn look(&self, role: Role) -> Look {
        lineage(role.name()).find_map(|name| self.looks.get(name)).copied().unwrap_or_default()
    }
}

/// A role's name, and the names of its fallbacks in order.
fn lineage(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| parent(name)).chain(["text"])
}

fn linked<'t>(theme: &'t ThemeFile, to: &str) -> Option<&'t RoleStyle> {
    lineage(to).find_map(|name| theme.roles.get(name))
}

/// The theme merged with those it inherits from. A palette name that it
/// redefines recolours every role that uses the name.
fn inherited(text: &ThemeText, find: Find<'_>, left: usize) -> Result<ThemeFile, Findings> {
    let mut whole = text.theme.clone();
    let Some(name) = &text.theme.inherits else {
        return Ok(whole);
    };
    let refuse = |why: String| text.findings(vec![text.finding(&["inherits"], why)]);
    if left == 0 {
        return Err(refuse(format!("more than {ANCESTORS} themes inherit from one another")));
    }
    let found = find(name).ok_or_else(|| refuse(format!("there is no theme {name:?}")))??;
    let before = inherited(&found, find, left - 1)?;
    let own = std::mem::replace(&mut whole.palette, before.palette);
    whole.palette.extend(own);
    let own = std::mem::replace(&mut whole.roles, before.roles);
    whole.roles.extend(own);
    Ok(whole)
}

/// Problems of a theme's own definitions.
fn wrong(text: &ThemeText, whole: &ThemeFile) -> Vec<Finding> {
    let known = known_names();
    let mut findings = Vec::new();
    for (name, colour) in &text.theme.palette {
        if Paint::parse(colour).is_none() {
            findings.push(text.finding(&["palette", name], no_colour(colour)));
        }
    }
    for (name, style) in &text.theme.roles {
        if !known.contains(&name.as_str()) {
            let message = format!("there is no role {name:?}");
            findings.push(text.unknown(&["roles", name], message, name, &known));
        }
        if let Err((field, colour)) = look(whole, style) {
            let known: Vec<&str> = whole.palette.keys().map(String::as_str).collect();
            let at = ["roles", name.as_str(), field];
            findings.push(text.unknown(&at, no_colour(&colour), &colour, &known));
        }
        let Some(to) = &style.link else { continue };
        let at = ["roles", name, "link"];
        if !known.contains(&to.as_str()) {
            let message = format!("there is no role {to:?}");
            findings.push(text.unknown(&at, message, to, &known));
        } else if linked(whole, to).is_some_and(|other| other.link.is_some()) {
            let message = format!("{to} is a link itself; link to what it links to");
            findings.push(text.finding(&at, message));
        }
    }
    findings
}

fn no_colour(text: &str) -> String {
    format!(
        "{text:?} is no colour: write #rrggbb, 256:n, ansi:name, default, or a name of the palette"
    )
}

/// The look of a style; the error names the field and its value.
fn look(theme: &ThemeFile, style: &RoleStyle) -> Result<Look, (&'static str, String)> {
    let paint = |field: &'static str, text: &Option<String>| {
        text.as_ref().map_or(Ok(None), |text| {
            let written = theme.palette.get(text).unwrap_or(text);
            Paint::parse(written).map(Some).ok_or_else(|| (field, text.clone()))
        })
    };
    let few = style.ansi16.clone().unwrap_or_default();
    Ok(Look {
        fg: paint("fg", &style.fg)?,
        bg: paint("bg", &style.bg)?,
        ansi16: (paint("ansi16", &few.fg)?, paint("ansi16", &few.bg)?),
        mods: style.mods.iter().map(|m| modifier(*m)).collect(),
    })
}

fn modifier(written: Mod) -> Modifier {
    match written {
        Mod::Bold => Modifier::BOLD,
        Mod::Dim => Modifier::DIM,
        Mod::Italic => Modifier::ITALIC,
        Mod::Underline => Modifier::UNDERLINED,
        Mod::Reverse => Modifier::REVERSED,
    }
}
