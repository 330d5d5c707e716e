//! The shape of a log line: its words without the values that differ between runs. Two lines of the same shape
//! are the same message at different times (N17).

use std::collections::HashSet;
use std::fs::File;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use crate::ports::log::LogLine;

/// Hashes the shape of a line. All words with a digit count as equal: they are numbers, times, ids or hashes.
pub(super) fn shape(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let differs = word.chars().any(|c| c.is_ascii_digit());
        hasher.write(if differs { b"#" } else { word.as_bytes() });
        hasher.write_u8(0);
    }
    hasher.finish()
}

/// The shapes of all lines of a log; `None` if the file cannot be opened.
pub(super) fn shapes(file: &Path) -> Option<HashSet<u64>> {
    let reader = BufReader::new(File::open(file).ok()?);
    let lines = reader.lines().map_while(Result::ok);
    let lines = lines.filter_map(|line| serde_json::from_str::<LogLine>(&line).ok());
    Some(lines.map(|line| shape(&line.text)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignores_values_that_differ_in_every_run() {
        let same = [
            ("GET /api/pets/17 200 in 12 ms", "GET /api/pets/9041 200 in 3 ms"),
            ("build b-1-5-0-r9-f90820 ready", "build b-1-4-1-r6-ab12cd ready"),
            ("2026-11-22T17:00:00Z listening", "2026-11-23T09:12:44Z listening"),
        ];
        for (one, other) in same {
            assert_eq!(shape(one), shape(other), "{one}");
        }
        assert_ne!(shape("JWT_SECRET is not set"), shape("listening on 4000"));
        assert_ne!(shape("a b"), shape("ab"));
    }
}
