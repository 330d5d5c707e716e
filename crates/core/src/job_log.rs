//! Parses the log of a CI job, so that it can be opened at its error.

/// A line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct JobLine {
    pub text: String,
    /// Whether the runner marked it as an error.
    pub error: bool,
}

/// Parses a job's log: removes timestamps and markers, and flags `##[error]` lines. The caller
/// strips colours and control characters.
pub fn job_log(text: &str) -> Vec<JobLine> {
    let line = |line: &str| {
        let line = line.trim_start_matches('\u{feff}');
        // `2026-01-15T15:10:05.0123456Z `.
        let timed = line.split_once(' ').filter(|(at, _)| at.ends_with('Z') && at.contains('T'));
        let rest = timed.map_or(line, |(_, rest)| rest);
        let marked = rest.strip_prefix("##[").and_then(|rest| rest.split_once(']'));
        match marked {
            Some(("endgroup", _)) => None,
            Some(("error", rest)) => Some(JobLine { text: rest.to_owned(), error: true }),
            Some(("warning" | "notice" | "debug", rest)) => {
                Some(JobLine { text: rest.to_owned(), error: false })
            }
            Some((_, rest)) => Some(JobLine { text: format!("▸ {rest}"), error: false }),
            None => Some(JobLine { text: rest.to_owned(), error: false }),
        }
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_log_opens_at_its_error() {
        let text = "\u{feff}2026-01-15T15:10:05.01Z ##[group]Run npm run lint\n2026-01-15T15:10:05.02Z ##[endgroup]\nplain\n2026-01-15T15:10:09.6Z ##[error]Process completed with exit code 1.\n";
        let lines = job_log(text);
        let texts: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["▸ Run npm run lint", "plain", "Process completed with exit code 1."]);
        assert_eq!(lines.iter().position(|line| line.error), Some(2));
    }
}
