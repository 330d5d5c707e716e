//! Another theme for this session: shown while it is chosen in the palette, and kept on Enter.

use super::Driver;
use super::watch::Told;
use crate::tui::effect::ThemeUse;
use crate::tui::msg::Msg;
use crate::tui::theme::{Depth, Looks, Theme, ThemeError};

impl Driver {
    /// Draws with another theme, or again with the one of before.
    pub(super) fn use_theme(&mut self, what: ThemeUse) {
        let (name, keeps) = match what {
            ThemeUse::Back => {
                if let Some(before) = self.theme_before.take() {
                    self.theme = before;
                }
                return;
            }
            ThemeUse::Show(name) => (name, false),
            ThemeUse::Keep(name) => (name, true),
        };
        match named(&self.looks, &name, self.theme.ascii) {
            Ok(theme) => {
                let before = std::mem::replace(&mut self.theme, theme);
                self.theme_before.get_or_insert(before);
            }
            Err(why) => {
                self.use_theme(ThemeUse::Back);
                self.update(Msg::Alarm(format!("theme {name} cannot be used: {why}")));
                return;
            }
        }
        if keeps {
            self.theme_before = None;
            self.looks.asked = Some(name.clone());
            // The watcher has ended only if the screen ends too.
            let _ = self.watcher.send(Told::Kept(name.clone()));
            let text = format!("theme {name} in this session; ui: {{ theme: {name} }} keeps it");
            self.update(Msg::Tell(text));
        }
    }
}

/// A theme by its name.
fn named(looks: &Looks, name: &str, ascii: bool) -> Result<Theme, String> {
    if looks.depth == Depth::Never {
        return Err("colours are off (NO_COLOR or --color never)".to_owned());
    }
    match looks.themes.palette(name) {
        Ok(palette) => Ok(Theme::new(&palette, looks.depth, ascii)),
        Err(ThemeError::Missing(problem)) => Err(problem.to_string()),
        Err(ThemeError::Wrong(findings)) => Err(super::watch::first(&findings)),
    }
}
