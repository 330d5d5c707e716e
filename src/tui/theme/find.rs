//! Finds themes: the user's folders first, then the built-in themes.

use std::path::{Path, PathBuf};

use super::Palette;
use crate::config::theme::ThemeKind;
use crate::config::{Findings, ThemeText};
use crate::domain::error::Problem;

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        const SHIPPED: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../themes/", $name, ".yaml")))),*];
    };
}

shipped!(
    "default-dark",
    "default-light",
    "high-contrast",
    "colorblind-dark",
    "colorblind-light",
    "mono",
    "terminal-16",
    "catppuccin-mocha",
    "catppuccin-latte",
    "gruvbox-dark",
    "nord",
    "solarized-light",
);

/// The default themes.
const DARK: &str = "default-dark";
const LIGHT: &str = "default-light";
/// The theme without colours.
pub(super) const MONO: &str = "mono";

/// The themes available on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Themes {
    /// The user's theme folders. An earlier one takes precedence.
    pub folders: Vec<PathBuf>,
}

/// Why a theme cannot be used.
#[derive(Debug)]
pub enum ThemeError {
    /// No theme has that name.
    Missing(Problem),
    /// The theme exists but is invalid.
    Wrong(Findings),
}

impl Themes {
    /// All theme names, the user's first.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for folder in &self.folders {
            let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let mut own: Vec<_> = files.filter_map(|file| name_of(&file.path())).collect();
            own.sort_unstable();
            names.extend(own);
        }
        names.extend(SHIPPED.iter().map(|(name, _)| (*name).to_owned()));
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    }

    /// The file of a theme, given by its path or found in a folder; `None` if there is no such file.
    pub fn file(&self, name: &str) -> Option<PathBuf> {
        let given = PathBuf::from(name);
        if given.extension().is_some_and(|e| e.eq_ignore_ascii_case("yaml")) {
            return Some(given);
        }
        let files = self.folders.iter().map(|folder| folder.join(format!("{name}.yaml")));
        files.into_iter().find(|file| file.is_file())
    }

    /// Reads a theme; `None` if no theme has that name.
    pub fn text(&self, name: &str) -> Option<Result<ThemeText, Findings>> {
        if let Some(file) = self.file(name) {
            return Some(match crate::source::text(&file) {
                Ok(text) => ThemeText::read(&text, &file),
                Err(error) => Err(Findings::unread(&file, &error.to_string())),
            });
        }
        let (name, text) = SHIPPED.iter().find(|(known, _)| *known == name)?;
        Some(ThemeText::read(text, Path::new(&format!("themes/{name}.yaml"))))
    }

    /// Reads a theme and resolves its colours.
    pub fn palette(&self, name: &str) -> Result<Palette, ThemeError> {
        let text = self.text(name).ok_or_else(|| ThemeError::Missing(self.missing(name)))?;
        let text = text.map_err(ThemeError::Wrong)?;
        self.mix(&text).map_err(ThemeError::Wrong)
    }

    /// Resolves the colours of a theme that was read.
    pub fn mix(&self, text: &ThemeText) -> Result<Palette, Findings> {
        Palette::mix(text, &|name| self.text(name))
    }

    fn missing(&self, name: &str) -> Problem {
        Problem::new(format!("there is no theme {name:?}"))
            .try_this(format!("use one of {}", self.names().join(", ")))
    }
}

fn name_of(file: &Path) -> Option<String> {
    let yaml = file.extension().is_some_and(|e| e.eq_ignore_ascii_case("yaml"));
    file.file_stem().filter(|_| yaml)?.to_str().map(str::to_owned)
}

/// The theme behind `auto`.
pub(super) fn automatic(background: ThemeKind) -> &'static str {
    match background {
        ThemeKind::Dark => DARK,
        ThemeKind::Light => LIGHT,
    }
}

/// Names the kind of a theme.
pub fn kind_word(kind: ThemeKind) -> &'static str {
    match kind {
        ThemeKind::Dark => "dark",
        ThemeKind::Light => "light",
    }
}
