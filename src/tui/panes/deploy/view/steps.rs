//! The steps: state, title, duration and usual duration.

use ratatui::text::{Line, Span};

use crate::domain::build_config::summary;
use crate::domain::checklist::{List, Tally, may_pass};
use crate::domain::ids::ServiceName;
use crate::domain::plan::{Member, RunKind};
use crate::domain::run::RunState;
use crate::domain::step::{StepKind, StepState};
use crate::domain::step_durations::{LEAST_RUNS, StepDurations};
use crate::domain::time::spoken;
use crate::domain::view::{RunView, ServiceView, StepView};
use crate::tui::model::Model;
use crate::tui::model::environments::RunSnapshot;
use crate::tui::theme::{Mark, Role, Theme};
use crate::tui::view::{clock, cut, moment, took, wrapped, wrapped_in};

/// The data behind the list of steps.
pub(in crate::tui) struct Look<'a> {
    pub(in crate::tui) model: &'a Model,
    pub(in crate::tui) run: &'a RunSnapshot,
    pub(in crate::tui) elapsed: u64,
    pub(in crate::tui) theme: &'a Theme,
    pub(in crate::tui) width: usize,
}

/// Minimum width to show a column of usual durations.
const WITH_USUAL: usize = 70;

impl Look<'_> {
    fn has_columns(&self, usual: &StepDurations) -> bool {
        usual.runs >= LEAST_RUNS && self.width >= WITH_USUAL
    }

    pub(super) fn columns(&self, usual: &StepDurations) -> Vec<Line<'static>> {
        if !self.has_columns(usual) {
            return Vec::new();
        }
        let text = format!("{:>width$}", "took  usually ", width = self.width);
        vec![Line::styled(text, self.theme.style(Role::Muted))]
    }

    pub(super) fn step(
        &self,
        at: usize,
        step: &StepView,
        here: bool,
        usual: &StepDurations,
    ) -> Line<'static> {
        let driven = self.run.runner.is_some();
        let gone = self.elapsed.saturating_sub(step.began_ms.unwrap_or(self.elapsed));
        let time = match step.state {
            StepState::Pending | StepState::NotRun { .. } => String::new(),
            // The duration of a step without an observed end is unknown.
            StepState::InDoubt => "?".to_owned(),
            StepState::Running { .. } if !driven => "?".to_owned(),
            StepState::Running { .. } | StepState::Waiting => {
                running_for(&self.run.view, step, gone)
            }
            _ => took(step.took_ms),
        };
        // A step without a runner is not running, whatever the last fact says.
        let lost = matches!(step.state, StepState::Running { .. }) && !driven;
        let mark = self.theme.step(if lost { &StepState::InDoubt } else { &step.state });
        let known = usual.steps.get(&step.plan.id);
        let usually = if step.plan.kind.is_gate() { None } else { known };
        let usually = usually.map(|took| crate::tui::view::took(ms(took.p50))).unwrap_or_default();
        // Keep the column in rows without a value.
        let usually = if self.has_columns(usual) { format!("{usually:>8}") } else { String::new() };
        self.line(at, step, here, mark, &time, usually)
    }

    fn line(
        &self,
        at: usize,
        step: &StepView,
        here: bool,
        mark: Mark,
        time: &str,
        usually: String,
    ) -> Line<'static> {
        let cursor = if here { self.theme.pick("▶", ">") } else { " " };
        let attempt = match step.state {
            StepState::Running { attempt } if attempt > 1 => format!("  attempt {attempt}"),
            _ => String::new(),
        };
        let room = self.width.saturating_sub(17 + time.len().max(5) + usually.len());
        let title = cut(&format!("{}{attempt}", step.plan.title), room);
        Line::from(vec![
            Span::raw(format!(" {cursor}{:>2} ", at + 1)),
            Span::styled(format!("{} {:<5}", mark.glyph, mark.word), self.theme.style(mark.role)),
            Span::raw(format!("{title:<room$} {time:>5}")),
            Span::styled(usually, self.theme.style(Role::Muted)),
        ])
    }

    /// The summary of a step, and the evidence of a gate.
    pub(super) fn details(&self, step: &StepView, whole: bool) -> Vec<Line<'static>> {
        let text = match &step.state {
            StepState::Skipped { reason } => Some(format!("reason: {reason}")),
            StepState::Ok | StepState::Warning if !step.summary.is_empty() && whole => {
                Some(step.summary.clone())
            }
            StepState::Waiting => {
                let list = step.plan.kind.guarded_by();
                let mut lines = Vec::new();
                if step.plan.kind == StepKind::GateSwitch {
                    lines = self.evidence();
                    lines.extend(self.unprovable(step));
                    lines.extend(self.approvals());
                }
                lines.extend(list.and_then(|list| self.list(list)));
                lines.extend(self.deadline());
                return lines;
            }
            StepState::Failed { .. } => return self.progress(step),
            StepState::Running { .. } => {
                let mut lines = self.progress(step);
                lines.extend(self.slower(step));
                return lines;
            }
            _ => None,
        };
        // Warnings are shown in full, up to three lines; successes take one line.
        let most = if step.state == StepState::Warning { 3 } else { 1 };
        let lines = text.iter().flat_map(|d| wrapped_in(d, self.width.saturating_sub(9), most));
        let style = self.theme.style(Role::Muted);
        lines.map(|text| Line::styled(format!("         {text}"), style)).collect()
    }

    /// The evidence at the gate: the health of GREEN, and whether a rollback is possible.
    fn evidence(&self) -> Vec<Line<'static>> {
        use crate::domain::health::Verdict;
        let view = &self.run.view;
        let mut parts = Vec::new();
        for service in view.plan.members.iter().map(Member::service) {
            let Some(seen) = view.services.get(service) else { continue };
            let (glyph, role, word) = match seen.green_health {
                Some(Verdict::Pass) => (self.theme.pick("✓", "[+]"), Role::Ok, "healthy"),
                Some(Verdict::Fail) => (self.theme.pick("✗", "[X]"), Role::Failed, "NOT healthy"),
                Some(Verdict::Inconclusive) => {
                    (self.theme.pick("?", "[~]"), Role::Unknown, "NOT known to be healthy")
                }
                None if seen.green_left_out => {
                    let word = "not proven: a person left that out";
                    (self.theme.pick("–", "[-]"), Role::Warning, word)
                }
                None => (
                    self.theme.pick("?", "[~]"),
                    Role::Unknown,
                    "cannot be asked before the switch",
                ),
            };
            // Failures show the reason, successes the time of the verdict.
            let more = match &seen.green_judged {
                Some((at, _)) if seen.green_health == Some(Verdict::Pass) => {
                    format!(", judged {}", clock(*at))
                }
                Some((_, evidence)) => format!(": {evidence}"),
                None => String::new(),
            };
            parts.push((glyph, role, format!("{service} GREEN {word}{more}")));
        }
        parts.extend(self.config_changes());
        let blue = view.services.values().all(|s| s.blue.is_some());
        parts.push(if blue {
            (self.theme.pick("✓", "[+]"), Role::Ok, "undo: BLUE stays".to_owned())
        } else {
            (
                self.theme.pick("▲", "[!]"),
                Role::Warning,
                "no undo: nothing served before".to_owned(),
            )
        });
        // What keeps the gate shut comes first: a low pane cuts the rest off.
        parts.sort_by_key(|(_, role, _)| *role == Role::Ok);
        let mut lines: Vec<Line<'static>> = Vec::new();
        let room = self.width.saturating_sub(9);
        for (glyph, role, text) in parts {
            let spans = [
                Span::styled(format!("{glyph} "), self.theme.style(role)),
                Span::raw(format!("{text}   ")),
            ];
            let width: usize = spans.iter().map(Span::width).sum();
            match lines.last_mut().filter(|line| line.width() + width <= room + 12) {
                Some(line) => line.spans.extend(spans),
                None => {
                    lines.push([Span::raw("         ")].into_iter().chain(spans).collect());
                }
            }
        }
        lines
    }

    /// What changes besides code, in one part a service.
    fn config_changes(&self) -> Vec<(&'static str, Role, String)> {
        let delta = self.theme.pick("Δ", "[d]");
        let of = |(service, seen): (&ServiceName, &ServiceView)| {
            let changes = seen.config_changes.as_ref().filter(|changes| !changes.is_empty())?;
            Some((delta, Role::Warning, format!("{service} {}", summary(changes))))
        };
        self.run.view.services.iter().filter_map(of).collect()
    }

    /// Who has approved, where a rule counts them.
    fn approvals(&self) -> Vec<Line<'static>> {
        let told = self.run.view.approvals_sentence().unwrap_or_default();
        self.marked(self.theme.pick("◆", "[?]"), Role::Waiting, &told)
    }

    /// When the gate is due: the time left, and the moment by the clock of the machine that drives the run.
    fn deadline(&self) -> Option<Line<'static>> {
        let deadline = self.run.view.deadline().filter(|_| self.run.runner.is_some())?;
        let now = self.model.clock()?;
        let left = std::time::Duration::try_from(deadline.at.duration_since(now));
        let at = moment(deadline.at, self.model.now);
        let text = match left {
            Ok(left) if deadline.ends => format!("expires in {} ({at})", took(ms(left))),
            Ok(left) => format!("due in {} ({at})", took(ms(left))),
            Err(_) if deadline.ends => format!("expired {at}"),
            Err(_) => format!("was due {at}"),
        };
        let role = if now >= deadline.remind { Role::Warning } else { Role::Muted };
        let text = cut(&format!("{text}; + extends it"), self.width.saturating_sub(12));
        let mark = self.theme.pick("◷", "[t]");
        Some(Line::styled(format!("         {mark} {text}"), self.theme.style(role)))
    }

    /// The state of the checklist that guards a gate.
    fn list(&self, list: List) -> Option<Line<'static>> {
        let view = &self.run.view;
        let seen = view.checklists.get(&list)?;
        let tally = Tally::of(seen);
        let open: Vec<&str> = view
            .plan
            .checklist
            .iter()
            .filter(|item| seen.iter().any(|s| s.id == item.id && !s.standing.settled()))
            .map(|item| item.text.as_str())
            .collect();
        let (glyph, role) = if may_pass(view, list).is_err() {
            (self.theme.pick("✗", "[X]"), Role::Failed)
        } else if open.is_empty() {
            (self.theme.pick("✓", "[+]"), Role::Ok)
        } else {
            (self.theme.pick("▲", "[!]"), Role::Warning)
        };
        let open =
            if open.is_empty() { String::new() } else { format!(": open {}", open.join(", ")) };
        let text = format!("checklist {tally}{open}");
        let text = cut(&text, self.width.saturating_sub(12));
        Some(Line::from(vec![
            Span::styled(format!("         {glyph} "), self.theme.style(role)),
            Span::raw(text),
        ]))
    }

    /// Progress per service, from the runner. Empty without one.
    fn progress(&self, step: &StepView) -> Vec<Line<'static>> {
        let told = self.model.panes.deploy.progress.as_ref();
        let told = told.filter(|(run, _)| *run == self.run.view.number);
        let words = told.filter(|_| self.run.runner.is_some()).map_or(&[][..], |(_, words)| words);
        let words = words.iter().filter(|word| word.step == step.plan.id.as_str());
        let style = self.theme.style(Role::Muted);
        let dot = self.theme.pick("·", "-");
        let room = self.width.saturating_sub(11);
        words
            .map(|word| {
                let service = word.service.as_deref().unwrap_or_default();
                let text = format!("{service:<10} {}", word.text);
                let text = cut(text.trim_start(), room);
                Line::styled(format!("         {dot} {text}"), style)
            })
            .collect()
    }

    /// The limits of the verification after a switch.
    fn unprovable(&self, gate: &StepView) -> Vec<Line<'static>> {
        self.marked(self.theme.pick("▲", "[!]"), Role::Warning, &gate.summary)
    }

    /// A text below its step, wrapped, with a mark before its first line.
    fn marked(&self, mark: &str, role: Role, text: &str) -> Vec<Line<'static>> {
        let lines = wrapped(text, self.width.saturating_sub(12));
        let lines = lines.into_iter().filter(|line| !line.is_empty()).enumerate();
        let style = self.theme.style(role);
        let mark = |nth| if nth == 0 { mark } else { " " };
        lines.map(|(n, text)| Line::styled(format!("         {} {text}", mark(n)), style)).collect()
    }

    /// A warning if a step takes longer than 19 of 20 earlier ones, before anything fails.
    fn slower(&self, step: &StepView) -> Vec<Line<'static>> {
        let view = &self.run.view;
        let usual = StepDurations::of(
            &self.model.panes.history.runs,
            &view.plan.environment,
            view.plan.kind,
        );
        let gone = self.elapsed.saturating_sub(step.began_ms.unwrap_or(self.elapsed));
        let known = usual.steps.get(&step.plan.id).filter(|_| usual.runs >= LEAST_RUNS);
        let slow = known.filter(|took| gone > ms(took.p95) + 1000);
        let said = slow.map(|usual| {
            let text = format!(
                "         {} slower than usual (p95 {})",
                self.theme.pick("▲", "[!]"),
                took(ms(usual.p95))
            );
            Line::styled(text, self.theme.style(Role::Warning))
        });
        said.into_iter().collect()
    }

    /// The point after which instant undo is unavailable, and how long BLUE stays warm.
    pub(super) fn no_return(&self) -> Vec<Line<'static>> {
        let view = &self.run.view;
        let has_blue = view.services.values().any(|s| s.blue.is_some());
        let gone = matches!(&view.state, RunState::Ended { outcome }
            if *outcome != crate::domain::event::Outcome::Promoted);
        if view.plan.kind != RunKind::Deploy || !has_blue || view.undoing() || gone {
            return Vec::new();
        }
        let dash = self.theme.pick("┄", "-").repeat(6);
        let keep = view.plan.policy.keep_blue;
        let until = view.ended.and_then(|ended| ended.checked_add(keep).ok());
        let passed = self.model.now.zip(until).is_some_and(|(now, until)| until <= now);
        let warm = match until {
            Some(until) if passed => {
                format!("it had to stay warm until {}", moment(until, self.model.now))
            }
            Some(until) => format!("it stays warm until {}", moment(until, self.model.now)),
            None => {
                format!("it stays warm for {} after this run", spoken(keep))
            }
        };
        let text = format!("   {dash} undo is instant until K cleans up BLUE {dash}");
        // Before anything moved there is nothing to undo: the line only says where that will end.
        let role = if view.touched_traffic() { Role::NoReturn } else { Role::Pending };
        let pending = self.theme.step(&StepState::Pending);
        vec![
            Line::styled(text, self.theme.style(role)),
            Line::styled(
                format!(
                    "   K {} {:<5}Clean up BLUE (a separate run); {warm}",
                    pending.glyph, pending.word
                ),
                self.theme.style(Role::Pending),
            ),
        ]
    }
}

pub(super) fn ms(length: std::time::Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// How long a step has been running; for a soak, also its full length.
fn running_for(view: &RunView, step: &StepView, ms: u64) -> String {
    let length = view.plan.policy.soak.length.as_millis();
    match (step.plan.kind.soaks(), &step.state, u64::try_from(length)) {
        (true, StepState::Running { attempt: 1 }, Ok(length)) => {
            format!("{} / {}", took(ms), took(length))
        }
        _ => took(ms),
    }
}
