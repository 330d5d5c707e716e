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

/// A border between columns of panes that can be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Border {
    /// The right border of the left column.
    Left,
    /// The left border of the right column.
    Right,
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
    fn moved(&mut self, border: Border) -> &mut i16 {
        match border {
            Border::Left => &mut self.left,
            Border::Right => &mut self.right,
        }
    }

    /// Makes the left or the right column wider.
    pub fn widen(&mut self, border: Border, by: i16) {
        let moved = self.moved(border);
        *moved = moved.saturating_add(by).clamp(-FARTHEST, FARTHEST);
    }

    /// Gives a column its own share again.
    pub fn reset(&mut self, border: Border) {
        *self.moved(border) = 0;
    }
}
