//! Draws the Pipeline pane: the jobs that test the release, failures and pending approvals.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use crate::domain::pipeline::{Job, PipelineRun, Standing};
use crate::tui::list::listing::Listing;
use crate::tui::model::Model;
use crate::tui::model::environments::Environment;
use crate::tui::panes::Pane;
use crate::tui::panes::pipeline::model::PipelineSnapshot;
use crate::tui::theme::{Role, Theme};
use crate::tui::view::{cut, framed, selected, styled, took, write};

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
    let width = usize::from(inner.width);
    let look = Look { model, theme, here, width };
    let Some(run) = run else {
        let (role, text) = look.nothing();
        return write(&styled(theme, role, &text, width), inner, buffer);
    };
    write(&look.head(run), inner, buffer);
    if let Some(listing) = listing(model, theme, inner) {
        listing.draw(theme, buffer);
    }
}

/// The list of the jobs, below the lines about the run: pending approvals are never scrolled off.
pub(in crate::tui) fn listing(model: &Model, theme: &Theme, inner: Rect) -> Option<Listing> {
    let here = model.here()?;
    let run = crate::tui::panes::pipeline::model::run(here)?;
    let look = Look { model, theme, here, width: usize::from(inner.width) };
    let head = u16::try_from(look.head(run).len()).unwrap_or(u16::MAX).min(inner.height);
    Some(look.jobs(run, Rect { y: inner.y + head, height: inner.height - head, ..inner }))
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

    fn jobs(&self, run: &PipelineRun, area: Rect) -> Listing {
        let mut listing = Listing::new(area, 4);
        let focused = self.model.focus == Pane::Pipeline;
        let chosen = self.model.chosen(Pane::Pipeline);
        for at in self.model.listed(Pane::Pipeline) {
            let job = &run.jobs[at];
            let here = focused && chosen == Some(at);
            let mut lines = vec![self.job(job, here)];
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
            listing.row(at, here, lines);
        }
        listing
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
