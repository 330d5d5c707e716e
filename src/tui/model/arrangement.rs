//! How a person arranged the panes: a preset, and how far the borders were moved. Kept between sessions.

use serde::{Deserialize, Serialize};

/// Which work the screen is arranged for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    #[default]
    Deploy,
    OnCall,
    Checklist,
    Logs,
}

/// The arrangement of the panes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Arrangement {
    pub preset: Preset,
    /// Columns by which the left column is wider than its share.
    pub left: i16,
    /// Columns by which the right column is wider than its share.
    pub right: i16,
}

/// How far a border can be moved.
const FARTHEST: i16 = 60;

impl Arrangement {
    /// Makes the left or the right column wider.
    pub fn widen(&mut self, right: bool, by: i16) {
        let column = if right { &mut self.right } else { &mut self.left };
        *column = (*column + by).clamp(-FARTHEST, FARTHEST);
    }
}
