//! What a run is reported as in each of the five places where it is: screen, exit code, JSON, report and alerts.

use pointsman::cli::print::json;
use pointsman::cli::print::lines::summary;
use pointsman::domain::alert;
use pointsman::domain::handover::{Post, lines};
use pointsman::domain::policy::Protection;
use pointsman::domain::readiness::default_target;
use pointsman::domain::report::markdown;
use pointsman::domain::snapshot::{BuildSnapshot, EnvironmentSnapshot, Readiness};
use pointsman::domain::time::Timestamp;
use pointsman::domain::view::{RunView, TrafficState};
use pointsman::tui::keys::Code;
use pointsman::tui::msg::Msg;
use serde_json::Value;

use crate::screen::{Screen, plain, seen};
use crate::world::Bench;

/// A run as it is reported.
pub(super) struct Told {
    pub(super) exit: u8,
    /// The main screen, the run's page in History and the handover, as one line: no words are split.
    pub(super) screen: String,
    pub(super) json: Value,
    /// As a page, and as a command prints it at its end.
    pub(super) report: String,
    /// Each alert, with why and what to do.
    pub(super) alerts: Vec<String>,
}

/// The reports of a run on a bench; the platform is read after it.
pub(super) fn told(bench: &Bench, view: &RunView) -> Told {
    let facts = bench.facts(view);
    let mut alerts = Vec::new();
    let mut so_far = RunView::begin(view.number, &facts[0]).unwrap();
    for fact in &facts[1..] {
        so_far.apply(fact).unwrap();
        let alert = alert::of(&so_far, fact);
        alerts.extend(alert.map(|a| [a.text, a.why, a.now].join(" | ")));
    }
    Told {
        exit: view.exit_code(),
        screen: screen(bench, view),
        json: json::report(view, &facts, false),
        report: format!("{}\n{}", markdown(view, &facts, None, false), summary(view)),
        alerts,
    }
}

fn screen(bench: &Bench, view: &RunView) -> String {
    let mut screen = Screen::new(Protection::Open);
    screen.send(Msg::Resize(200, 60));
    let environment = screen.model.environments[0].name.clone();
    screen.send(Msg::Looked(environment, look(bench)));
    screen.run(view, None);
    let main = words(&screen.draw(&plain()));
    screen.char('7');
    screen.send(Msg::Past(Ok(bench.runs().into())));
    screen.char('z');
    let position = bench.runs().iter().position(|run| run.number == view.number).unwrap();
    for _ in 0..position {
        screen.char('j');
    }
    screen.key(Code::Enter);
    format!("{main} {} {}", words(&screen.draw(&plain())), handover(bench))
}

/// What the next shift is handed.
fn handover(bench: &Bench) -> String {
    let (seen, runs) = (look(bench), bench.runs());
    let post = Post {
        name: "development",
        seen: Some(&seen),
        runs: &runs.iter().collect::<Vec<_>>(),
        driven: false,
        lock: None,
        worries: &[],
        probes: &[],
    };
    words(&lines(&post, Timestamp::UNIX_EPOCH).join("\n"))
}

/// The words of a screen without its frames.
pub(super) fn words(drawn: &str) -> String {
    let frame = |c: char| "│┃━─┏┓┗┛┌┐└┘".contains(c);
    let text: String = drawn.chars().map(|c| if frame(c) { ' ' } else { c }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a look at the platform finds.
fn look(bench: &Bench) -> EnvironmentSnapshot {
    let mut seen = seen();
    let target = default_target(&bench.runs(), &bench.live());
    for service in &mut seen.services {
        service.rollback = match &target {
            Ok(choice) => Readiness {
                target: Some(choice.name()),
                build: choice.builds.get(&service.service).cloned(),
                why: None,
                faults: Vec::new(),
            },
            Err(problem) => Readiness::none(problem.why.clone()),
        };
        let splits = bench.world.splits(service.service.as_str());
        service.traffic = TrafficState::of(&splits);
        let whole = match &service.traffic {
            TrafficState::Whole(build) => Some(build.clone()),
            _ => None,
        };
        service.live = whole.map(|build| BuildSnapshot {
            revision: None,
            release: bench.world.release(service.service.as_str(), &build),
            commit: bench.world.commit(service.service.as_str(), &build),
            state: "READY".to_owned(),
            preview: None,
            build,
        });
        service.rollouts_held = bench.world.held().contains(service.service.as_str());
    }
    seen
}

/// What is said of a run in all five places.
pub(super) struct Truth {
    pub(super) exit: u8,
    pub(super) screen: &'static [&'static str],
    /// Where in the JSON, and the value there.
    pub(super) json: &'static [(&'static str, &'static str)],
    pub(super) report: &'static [&'static str],
    /// The alerts, in order: each must contain its text, and there are no others.
    pub(super) alerts: &'static [&'static str],
    /// In none of the places.
    pub(super) never: &'static [&'static str],
}

impl Truth {
    #[track_caller]
    pub(super) fn holds(&self, told: &Told) {
        let wrong = self.wrong(told);
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    }

    /// What is missing, and what is false.
    fn wrong(&self, told: &Told) -> Vec<String> {
        let Told { exit, screen, json, report, alerts } = told;
        let mut wrong = Vec::new();
        if *exit != self.exit {
            wrong.push(format!("exits {exit}, not {}:\n{report}", self.exit));
        }
        for (place, text, wanted) in
            [("screen", screen, self.screen), ("report", report, self.report)]
        {
            let missing = wanted.iter().filter(|wanted| !text.contains(**wanted));
            wrong.extend(missing.map(|wanted| format!("the {place} lacks {wanted:?}:\n{text}")));
        }
        for (at, wanted) in self.json {
            let found = json.pointer(at).map(|value| match value.as_str() {
                Some(text) => text.to_owned(),
                None => value.to_string(),
            });
            if !found.as_ref().is_some_and(|found| found.starts_with(wanted)) {
                wrong.push(format!("the JSON has {found:?} at {at}, not {wanted:?}"));
            }
        }
        let all = alerts.len() == self.alerts.len();
        if !all || !alerts.iter().zip(self.alerts).all(|(alert, text)| alert.contains(text)) {
            wrong.push(format!("the alerts are {alerts:#?}, not {:#?}", self.alerts));
        }
        let everywhere = [screen.clone(), json.to_string(), report.clone(), alerts.join("\n")];
        for text in self.never {
            let said = everywhere.iter().find_map(|place| Some((place, place.find(text)?)));
            if let Some((place, at)) = said {
                let before: String = place[..at].chars().rev().take(90).collect();
                let before: String = before.chars().rev().collect();
                wrong.push(format!("somewhere it says {text:?}, after {before:?}"));
            }
        }
        wrong
    }
}
