//! One line in the index of a log.

use std::borrow::Cow;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::str::FromStr;

use serde::Deserialize;

use crate::domain::log_level::LogLevel;
use crate::domain::time::Timestamp;

/// What the index reads of a [`LogLine`](crate::ports::log::LogLine), without copies: a log may have millions.
#[derive(Deserialize)]
pub(super) struct Indexed<'a> {
    pub(super) at: Timestamp,
    pub(super) step: &'a str,
    #[serde(default)]
    pub(super) service: Option<&'a str>,
    #[serde(borrow)]
    pub(super) text: Cow<'a, str>,
}

/// The number of a name, which is added if it is new.
pub(super) fn number_of(names: &mut Vec<String>, name: &str) -> usize {
    names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}

/// The number of a name that was read from a file. `None`: it cannot be the name of a `T`.
pub(super) fn number_of_read<T: FromStr>(names: &mut Vec<String>, name: &str) -> Option<usize> {
    let known = names.iter().any(|known| known == name);
    (known || name.parse::<T>().is_ok()).then(|| number_of(names, name))
}

/// The position of a line, and the fields to filter on without reading the line. Packed into 64 bits:
/// 39 for the position, 1 that marks a continuation of the line before, 1 that marks a fact, 3 for
/// the level, 8 for the source, 12 for the step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry(u64);

const PLACE: u64 = (1 << 39) - 1;
const HANGS: u64 = 1 << 39;
const FACT: u64 = 1 << 40;

impl Entry {
    pub(super) fn new(place: u64, level: LogLevel, source: usize, step: usize) -> Self {
        let bits = |value: usize, most: usize| value.min(most) as u64;
        Self(
            (place & PLACE)
                | bits(level as usize, 7) << 41
                | bits(source, 255) << 44
                | bits(step, 4095) << 52,
        )
    }

    pub(super) fn fact(self) -> Self {
        Self(self.0 | FACT)
    }

    /// Marks the entry as a continuation of the line before it.
    pub(super) fn hanging(self) -> Self {
        Self(self.0 | HANGS)
    }

    pub(super) fn place(self) -> u64 {
        self.0 & PLACE
    }

    pub(super) fn is_fact(self) -> bool {
        self.0 & FACT != 0
    }

    pub(super) fn hangs(self) -> bool {
        self.0 & HANGS != 0
    }

    pub(super) fn level(self) -> LogLevel {
        LogLevel::ALL[usize::try_from(self.0 >> 41 & 7).unwrap_or(2).min(4)]
    }

    pub(super) fn source(self) -> usize {
        usize::try_from(self.0 >> 44 & 255).unwrap_or(0)
    }

    pub(super) fn step(self) -> usize {
        usize::try_from(self.0 >> 52).unwrap_or(0)
    }
}

/// The bytes of the line that begins at a place in the file; `None` if it does not end.
pub(super) fn line_at(file: &File, place: u64) -> Option<Vec<u8>> {
    let (mut bytes, mut filled) = (vec![0; 4096], 0);
    loop {
        let read = file.read_at(&mut bytes[filled..], place + filled as u64).ok()?;
        let end = bytes[filled..filled + read].iter().position(|byte| *byte == b'\n');
        if let Some(end) = end {
            bytes.truncate(filled + end);
            return Some(bytes);
        }
        filled += read;
        match read {
            0 => return None,
            _ if filled == bytes.len() => bytes.resize(filled * 2, 0),
            _ => {}
        }
    }
}
