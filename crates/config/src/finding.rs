//! Problems in a config, each with its place.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

use super::node::Place;
use pointsman_core::describe::counted;
use pointsman_core::lint_report::About;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Note,
    /// Accepted, but misleading, or rejected later.
    Warning,
    /// The file cannot be used.
    #[default]
    Error,
}

/// One problem, with its place and an optional hint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// Whether it concerns the configuration or the secrets of a service.
    pub about: About,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1.
    pub column: usize,
    pub message: String,
    /// A suggestion, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The message without the key names of its path. Findings with the same cause are shown as one.
    #[serde(skip)]
    cause: String,
}

impl Finding {
    pub(super) fn new(place: Place, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            severity: Severity::Error,
            about: About::Config,
            line: place.line,
            column: place.column,
            cause: message.clone(),
            message,
            hint: None,
        }
    }

    /// A finding at a path of keys. Names of the path in the message do not count for its cause.
    pub(super) fn at(place: Place, path: &[&str], message: String) -> Self {
        let is_name = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        let mut cause = String::new();
        let mut rest = message.as_str();
        while !rest.is_empty() {
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            cause.push_str(if path.contains(&word) { "…" } else { word });
            let mut others = after.chars();
            cause.extend(others.next());
            rest = others.as_str();
        }
        Self { cause, ..Self::new(place, message) }
    }

    pub(super) fn warning(place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::new(place, message) }
    }

    pub(super) fn note(place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::new(place, message) }
    }

    pub(super) fn secret(self) -> Self {
        Self { about: About::Secrets, ..self }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// All findings of one file, in the order of their places.
#[derive(Debug, Clone)]
pub struct Findings {
    pub file: PathBuf,
    /// The file's text, for source excerpts. Empty if it could not be read.
    pub text: String,
    pub findings: Vec<Finding>,
}

/// Maximum causes shown in full.
const CAUSES_SHOWN: usize = 20;
/// Maximum further places listed for a cause.
const PLACES_SHOWN: usize = 12;

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.file.display().to_string();
        let causes = self.causes();
        for places in causes.iter().take(CAUSES_SHOWN) {
            self.write_cause(f, &path, places)?;
        }
        if let Some(more) = causes.len().checked_sub(CAUSES_SHOWN).filter(|more| *more > 0) {
            writeln!(
                f,
                "and {} with another cause; --json lists each\n",
                counted(more, "finding")
            )?;
        }
        write!(f, "{path}: {}", self.counted())?;
        if causes.len() < self.findings.len() {
            write!(f, ", {}", counted(causes.len(), "cause"))?;
        }
        Ok(())
    }
}

impl std::error::Error for Findings {}

impl Severity {
    fn label(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }

    fn level(self) -> Level<'static> {
        match self {
            Self::Error => Level::ERROR,
            Self::Warning => Level::WARNING,
            Self::Note => Level::NOTE,
        }
    }
}

impl Findings {
    /// Groups the findings by cause, in the order of their first places.
    fn causes(&self) -> Vec<Vec<&Finding>> {
        let (mut causes, mut known): (Vec<Vec<&Finding>>, _) = (Vec::new(), HashMap::new());
        for finding in &self.findings {
            let cause = (finding.severity, &finding.cause, &finding.hint);
            let at = *known.entry(cause).or_insert(causes.len());
            match causes.get_mut(at) {
                Some(places) => places.push(finding),
                None => causes.push(vec![finding]),
            }
        }
        causes
    }

    /// Writes a cause: its first place in full, and the line numbers of the others.
    fn write_cause(
        &self,
        f: &mut fmt::Formatter<'_>,
        path: &str,
        places: &[&Finding],
    ) -> fmt::Result {
        let Some((finding, others)) = places.split_first() else { return Ok(()) };
        let Some(span) = self.span(finding) else {
            return writeln!(f, "{}: {path}: {}", finding.severity.label(), finding.message);
        };
        let label = finding.hint.clone().unwrap_or_default();
        let mark = AnnotationKind::Primary.span(span).label(label);
        let report = [finding
            .severity
            .level()
            .primary_title(finding.message.clone())
            .element(Snippet::source(&self.text).path(path).annotation(mark))];
        writeln!(f, "{}", Renderer::plain().render(&report))?;
        if !others.is_empty() {
            let lines: Vec<_> =
                others.iter().take(PLACES_SHOWN).map(|one| one.line.to_string()).collect();
            let more = if others.len() > PLACES_SHOWN { ", …" } else { "" };
            let (places, lines) = (counted(others.len(), "more place"), lines.join(", "));
            writeln!(f, "  = the same in {places}: line {lines}{more}")?;
        }
        writeln!(f)
    }

    /// The number of findings of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// `2 problems, 1 warning`.
    pub fn counted(&self) -> String {
        let names = [
            (Severity::Error, "problem"),
            (Severity::Warning, "warning"),
            (Severity::Note, "note"),
        ];
        let counts = names.map(|(severity, name)| (self.count(severity), name));
        let told = counts.iter().filter(|(n, _)| *n > 0);
        let told: Vec<_> = told.map(|(n, name)| counted(*n, name)).collect();
        if told.is_empty() { "nothing is wrong".to_owned() } else { told.join(", ") }
    }

    /// The findings for an unreadable file.
    pub fn unread(file: &std::path::Path, why: &str) -> Self {
        let start = Place { line: 0, column: 0 };
        let findings = vec![Finding::new(start, format!("cannot be read: {why}"))];
        Self { file: file.to_owned(), text: String::new(), findings }
    }

    /// The byte range from the finding's place to the end of the word there.
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
