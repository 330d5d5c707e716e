//! Draws the Pipeline pane: the jobs that test the release, failures and pending approvals.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use crate::domain::pipeline::{Job, PipelineRun, Standing};
use crate::tui::model::Model;
use crate::tui::model::environments::Environment;
use crate::tui::panes::Pane;
use crate::tui::panes::pipeline::model::PipelineSnapshot;
use crate::tui::theme::{Role, Theme};
use crate::tui::view::{cut, first_shown, framed, selected, styled, took, write};

/// Age from which the time of the last read is shown.
const OLD_AFTER: Duration = Duration::from_mins(1);

pub(in crate::tui) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let Some(here) = model.here() else { return };
    let run = crate::tui::panes::pipeline::model::run(here);
    let title = run.map_or(String::new(), |run| {
        let passed = run.jobs.iter().filter(|job| job.standing == Standing::Passed).count();
        format!(" {passed}/{} passed ", run.jobs.len())
    });
    let inner = framed(model, theme, Pane::Pipeline, title, area, buffer);
    let (width, height) = (usize::from(inner.width), usize::from(inner.height));
    let look = Look { model, theme, here, width };
    let Some(run) = run else {
        let (role, text) = look.nothing();
        return write(&styled(theme, role, &text, width), inner, buffer);
    };
    // Pending approvals are never scrolled off.
    let mut lines = look.head(run);
    let room = height.saturating_sub(lines.len());
    let (jobs, at) = look.jobs(run);
    let from = first_shown(at, 4, jobs.len(), room);
    lines.extend(jobs.into_iter().skip(from));
    write(&lines, inner, buffer);
}

struct Look<'a> {
    model: &'a Model,
    theme: &'a Theme,
    here: &'a Environment,
    width: usize,
}

impl Look<'_> {
    fn nothing(&self) -> (Role, String) {
        let text = match &self.here.pipeline {
            _ if !self.here.tested => {
                "No pipeline here. With pipeline: in config.yaml the run that tests a release is shown."
            }
            None => "Not read yet.",
            Some(PipelineSnapshot { problem: Some(problem), .. }) => {
                return (Role::Unknown, format!("Unknown: {problem}"));
            }
            Some(_) => "Nothing ran yet. W begins a run.",
        };
        (Role::Muted, text.to_owned())
    }

    fn told(&self, role: Role, text: &str) -> Line<'static> {
        Line::styled(cut(text, self.width), self.theme.style(role))
    }

    /// The lines of the jobs, and the index of the selected job's line.
    fn jobs(&self, run: &PipelineRun) -> (Vec<Line<'static>>, usize) {
        let (mut lines, mut at) = (Vec::new(), 0);
        let focused = self.model.focus == Pane::Pipeline;
        let pick = self.model.panes.pipeline.selected.min(run.jobs.len().saturating_sub(1));
        for (number, job) in run.jobs.iter().enumerate() {
            let here = focused && number == pick;
            if here {
                at = lines.len();
            }
            lines.push(self.job(job, here));
            // Other jobs show only their failed steps.
            for step in job.steps.iter().filter(|step| here || step.standing.bad()) {
                let mark = self.theme.pipeline(&step.standing);
                let spent = step.took.map(|t| took(t.as_secs() * 1000)).unwrap_or_default();
                let room = self.width.saturating_sub(14);
                lines.push(Line::from(vec![
                    Span::raw("      "),
                    Span::styled(mark.glyph, self.theme.style(mark.role)),
                    Span::raw(format!(" {} {spent}", cut(&step.name, room))),
                ]));
            }
        }
        (lines, at)
    }

    fn head(&self, run: &PipelineRun) -> Vec<Line<'static>> {
        let mark = self.theme.pipeline(&run.standing);
        let mut lines = vec![Line::from(vec![
            Span::raw(" "),
            Span::styled(format!("{} {}", mark.glyph, mark.word), self.theme.style(mark.role)),
            Span::raw(cut(
                &format!("  {}", run.told(self.model.clock())),
                self.width.saturating_sub(3 + mark.word.width()),
            )),
        ])];
        let of = [
            Some(run.title.clone()).filter(|title| !title.is_empty()),
            run.branch.clone(),
            run.commit.as_ref().map(|commit| commit.chars().take(7).collect()),
            run.actor.as_ref().map(|actor| format!("by {actor}")),
        ];
        let of: Vec<String> = of.into_iter().flatten().collect();
        lines.push(self.told(Role::Muted, &format!(" {}", of.join(" · "))));
        for approval in &run.approvals {
            let text = if approval.ours {
                format!(" WAITS FOR YOU  V approve X reject · {}", approval.environment)
            } else {
                let who = approval.reviewers.join(" or ");
                format!(" waits for {who} to approve {}", approval.environment)
            };
            lines.push(self.told(Role::Waiting, &text));
        }
        let seen = self.here.pipeline.as_ref();
        if let Some(problem) = seen.and_then(|seen| seen.problem.as_ref()) {
            lines.push(self.told(Role::Unknown, &format!(" unknown now: {problem}")));
        }
        let age = seen.map(|seen| self.model.elapsed.saturating_sub(seen.at));
        if let Some(age) = age.filter(|age| *age > OLD_AFTER) {
            let text = format!(" seen {} ago", took(self.model.seconds(age) * 1000));
            lines.push(self.told(Role::HealthStale, &text));
        }
        lines
    }

    fn job(&self, job: &Job, here: bool) -> Line<'static> {
        let mark = self.theme.pipeline(&job.standing);
        let cursor = if here { self.theme.pick("▶", ">") } else { " " };
        let spent =
            job.took(self.model.clock()).map(|t| took(t.as_secs() * 1000)).unwrap_or_default();
        let room = self.width.saturating_sub(18);
        let name = cut(&job.name, room);
        let rest = " ".repeat(room.saturating_sub(name.width()));
        let line = Line::from(vec![
            Span::raw(format!(" {cursor} ")),
            Span::styled(format!("{} {:<5}", mark.glyph, mark.word), self.theme.style(mark.role)),
            Span::raw(format!(" {name}{rest} {spent:>6}")),
        ]);
        if here { selected(line, self.theme.style(Role::Selection)) } else { line }
    }
}
