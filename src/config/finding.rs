//! A thing that is wrong in the config, with its place.

use std::fmt;
use std::path::PathBuf;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

use super::node::Place;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead, where that can be guessed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    pub(super) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { line: place.line, column: place.column, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Everything that is wrong in one file, in its order.
#[derive(Debug, Clone)]
pub struct Findings {
    /// The file.
    pub file: PathBuf,
    /// Its text, for showing the places. Empty if it could not be read.
    pub text: String,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.file.display().to_string();
        for finding in &self.findings {
            let Some(span) = self.span(finding) else {
                writeln!(f, "error: {path}: {}", finding.message)?;
                continue;
            };
            let label = finding.hint.clone().unwrap_or_default();
            let mark = AnnotationKind::Primary.span(span).label(label);
            let report = [Level::ERROR
                .primary_title(finding.message.clone())
                .element(Snippet::source(&self.text).path(&path).annotation(mark))];
            writeln!(f, "{}\n", Renderer::plain().render(&report))?;
        }
        let n = self.findings.len();
        write!(f, "{path}: {n} problem{}", if n == 1 { "" } else { "s" })
    }
}

impl std::error::Error for Findings {}

impl Findings {
    /// Of a file that cannot be read at all.
    pub fn unread(file: &std::path::Path, why: &str) -> Self {
        let start = Place { line: 0, column: 0 };
        let findings = vec![Finding::new(start, format!("cannot be read: {why}"))];
        Self { file: file.to_owned(), text: String::new(), findings }
    }

    /// The bytes from the finding's place to the end of the word there.
    fn span(&self, finding: &Finding) -> Option<std::ops::Range<usize>> {
        let line = self.text.split_inclusive('\n').nth(finding.line.checked_sub(1)?)?;
        let before: usize =
            self.text.split_inclusive('\n').take(finding.line - 1).map(str::len).sum();
        let skip = finding.column.saturating_sub(1);
        let from = line.char_indices().nth(skip).map_or(line.trim_end().len(), |(at, _)| at);
        let ends = |c: char| c.is_whitespace() || ",:]}".contains(c);
        let word = line[from..].find(ends).unwrap_or(line.len() - from).max(1);
        let end = (from + word).min(line.len());
        let end = (end..=line.len()).find(|at| line.is_char_boundary(*at)).unwrap_or(line.len());
        Some(before + from..before + end)
    }
}
