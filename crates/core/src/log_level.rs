//! Detects the level of a log line. Services log in any format, so this recognises the few forms that nearly all of
//! them share. A line without a level counts as `Info`.

/// Severity of a log line.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
pub enum LogLevel {
    Trace,
    Debug,
    #[default]
    Info,
    Warn,
    Error,
}

impl LogLevel {
    /// From the lowest to the highest.
    pub const ALL: [Self; 5] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// One letter for a column.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Trace => "T",
            Self::Debug => "D",
            Self::Info => "I",
            Self::Warn => "W",
            Self::Error => "E",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// The level that a line states: a word such as `ERROR`, `[warn]`, `level=debug` or `"severity":"ERROR"` near
    /// its start, or the name of an exception.
    pub fn of(line: &str) -> Self {
        let end = line.char_indices().nth(SEARCHED_CHARACTERS).map_or(line.len(), |(at, _)| at);
        let begin = line.get(..end).unwrap_or(line);
        for word in begin.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            if let Some(level) = named(word) {
                return level;
            }
            if EXCEPTIONS.iter().any(|end| word.ends_with(end) && word.len() > end.len()) {
                return Self::Error;
            }
        }
        Self::Info
    }
}

/// Number of characters searched: a level comes before the message, not inside it.
const SEARCHED_CHARACTERS: usize = 60;
/// Suffixes of exception names in common languages.
const EXCEPTIONS: [&str; 2] = ["Error", "Exception"];

fn named(word: &str) -> Option<LogLevel> {
    // In lower case, only the names of levels count; the other words occur in ordinary sentences.
    match word {
        "ERROR" | "ERR" | "FATAL" | "CRITICAL" | "ALERT" | "EMERGENCY" | "PANIC" | "SEVERE"
        | "Error" | "Fatal" | "error" | "fatal" | "FAIL" => Some(LogLevel::Error),
        "WARN" | "WARNING" | "Warning" | "Warn" | "warn" | "warning" => Some(LogLevel::Warn),
        "INFO" | "NOTICE" | "Info" | "info" => Some(LogLevel::Info),
        "DEBUG" | "debug" => Some(LogLevel::Debug),
        "TRACE" | "trace" => Some(LogLevel::Trace),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detects_log_levels() {
        let cases = [
            ("2026-11-22T17:00:00Z ERROR db: gone", LogLevel::Error),
            ("[warn] slow answer", LogLevel::Warn),
            ("level=debug msg=\"x\"", LogLevel::Debug),
            ("{\"severity\":\"ERROR\",\"message\":\"no\"}", LogLevel::Error),
            ("TypeError: undefined is not a function", LogLevel::Error),
            ("npm ERR! missing script", LogLevel::Error),
            ("listening on 4000", LogLevel::Info),
            ("GET /api/health 200 in 12 ms", LogLevel::Info),
            ("Traceback: none of these", LogLevel::Info),
            ("", LogLevel::Info),
        ];
        for (line, level) in cases {
            assert_eq!(LogLevel::of(line), level, "{line}");
        }
        let late = format!("{} error", "x ".repeat(60));
        assert_eq!(LogLevel::of(&late), LogLevel::Info);
    }
}
