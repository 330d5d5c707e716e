//! The plan as a list with a cursor. What does not fit gives way in this order: the summaries of finished steps, the
//! finished steps themselves (folded into one line), then steps far from the cursor. The point of no return stays.

use ratatui::text::{Line, Span};

use super::steps::Look;
use crate::domain::describe;
use crate::domain::step::StepState;
use crate::domain::step_durations::StepDurations;
use crate::tui::panes::deploy::update::resting;
use crate::tui::theme::Role;
use crate::tui::view::{first_shown, selected, styled, took};

/// Rows from which the line under the point of no return is shown too.
const ROOM_FOR_CLEAN_UP: usize = 10;
/// Rows from which the columns have names.
const ROOM_FOR_COLUMNS: usize = 8;

/// A line, and the index of the step that it is about.
pub(in crate::tui) type StepLine = (Option<usize>, Line<'static>);

impl Look<'_> {
    /// At most `room` lines of the plan, around the selected step.
    pub(in crate::tui) fn plan(&self, room: usize) -> Vec<StepLine> {
        let view = &self.run.view;
        let usual = StepDurations::of(
            &self.model.panes.history.runs,
            &view.plan.environment,
            view.plan.kind,
        );
        let mut head = self.columns(&usual);
        let mut foot = self.no_return();
        // Without the step that it is about, the line reads as a promise of the current one.
        if room < ROOM_FOR_CLEAN_UP {
            foot.truncate(usize::from(view.touched_traffic()));
        }
        // A low pane shows the next step rather than the names of its columns, and a very low one only the current step.
        if room < ROOM_FOR_COLUMNS {
            head.clear();
        }
        if head.len() + foot.len() + 3 > room {
            (head, foot) = (Vec::new(), Vec::new());
        }
        let middle = room - (head.len() + foot.len()).min(room);
        let lines = self.middle(middle, &usual);
        // What the clean-up does is shown wherever there is room for it.
        if !foot.is_empty() && lines.len() < middle {
            foot = self.no_return();
        }
        let of_none = |line| (None, line);
        let (head, foot) = (head.into_iter().map(of_none), foot.into_iter().map(of_none));
        head.chain(lines).chain(foot).collect()
    }

    fn middle(&self, room: usize, usual: &StepDurations) -> Vec<StepLine> {
        let view = &self.run.view;
        let at = self.model.panes.deploy.selected.filter(|at| *at < view.steps.len());
        let focus = at.unwrap_or_else(|| resting(view));
        let block = |at: usize, whole: bool| -> Vec<StepLine> {
            self.block(at, focus, whole, usual).into_iter().map(|line| (Some(at), line)).collect()
        };
        let blocks = |whole: bool| -> Vec<Vec<StepLine>> {
            (0..view.steps.len()).map(|at| block(at, whole)).collect()
        };
        let long = |blocks: &[Vec<StepLine>]| blocks.iter().map(Vec::len).sum::<usize>();
        let mut all = blocks(true);
        if long(&all) > room {
            all = blocks(false);
        }
        let mut folded = 0;
        if long(&all) > room {
            folded = self.finished_before(focus);
            if folded > 1 {
                all.splice(..folded, [vec![(Some(folded - 1), self.fold(folded))]]);
            } else {
                folded = 0;
            }
        }
        let before = focus + usize::from(folded > 0) - folded;
        let cursor: usize = all.iter().take(before).map(Vec::len).sum();
        let below = all.get(before).map_or(0, |block| block.len().saturating_sub(1));
        // Where each step begins, to count those that are not shown.
        let starts: Vec<usize> = all
            .iter()
            .scan(0, |at, block| Some(std::mem::replace(at, *at + block.len())))
            .collect();
        let lines: Vec<StepLine> = all.into_iter().flatten().collect();
        let total = lines.len();
        let from = first_shown(cursor, below, total, room);
        let mut shown: Vec<_> = lines.into_iter().skip(from).take(room).collect();
        if from + room < total && room > 1 {
            // The last line gives way to the number of steps below it.
            let hidden = starts.iter().filter(|start| **start + 1 >= from + room).count();
            shown.pop();
            let text = format!("      … {} below, j shows them", describe::counted(hidden, "step"));
            shown.push((None, Line::styled(text, self.theme.style(Role::Muted))));
        }
        shown
    }

    /// The lines of a step: its state, and what is worth knowing about it.
    fn block(
        &self,
        at: usize,
        focus: usize,
        whole: bool,
        usual: &StepDurations,
    ) -> Vec<Line<'static>> {
        let view = &self.run.view;
        let step = &view.steps[at];
        let chosen = self.model.panes.deploy.selected == Some(at);
        let current = view.current_step().filter(|_| view.ended.is_none()) == Some(at);
        let mut line = self.step(at, step, chosen || (current && at == focus), usual);
        if chosen {
            line = selected(line, self.theme.style(Role::Selection));
        }
        let mut lines = vec![line];
        if chosen {
            let width = self.width.saturating_sub(9);
            let about = styled(self.theme, Role::Muted, &step.plan.kind.explains(), width);
            lines.extend(about.into_iter().map(|line| {
                std::iter::once(Span::raw("         ")).chain(line.spans).collect::<Line<'_>>()
            }));
        }
        lines.extend(self.details(step, whole || chosen));
        lines
    }

    /// The number of finished steps at the top, up to the focused one.
    fn finished_before(&self, focus: usize) -> usize {
        let done = |state: &StepState| {
            matches!(state, StepState::Ok | StepState::Warning | StepState::Skipped { .. })
        };
        self.run.view.steps.iter().take(focus).take_while(|step| done(&step.state)).count()
    }

    /// Finished steps as one line.
    fn fold(&self, count: usize) -> Line<'static> {
        let steps = &self.run.view.steps[..count];
        let warned = steps.iter().filter(|step| step.state != StepState::Ok).count();
        let odd = if warned > 0 {
            format!(", {warned} with a warning or skipped")
        } else {
            String::new()
        };
        let time = took(steps.iter().map(|step| step.took_ms).sum());
        let mark = self.theme.step(if warned > 0 { &StepState::Warning } else { &StepState::Ok });
        let range = format!("1-{count}");
        let text = format!("{count} steps done in {time}{odd}, k shows them");
        Line::from(vec![
            Span::raw(format!("  {range:>3} ")),
            Span::styled(format!("{} {:<5}", mark.glyph, mark.word), self.theme.style(mark.role)),
            Span::styled(text, self.theme.style(Role::Muted)),
        ])
    }
}
