//! Which release customers get, in one sentence: for the screen, the report and the alerts.

use super::RunView;
use crate::domain::ids::ServiceName;
use crate::domain::plan::RunKind;
use crate::domain::step::Side;

impl RunView {
    /// The side that has all traffic of all services.
    pub fn side(&self) -> Option<Side> {
        let all = |side: Side| {
            let mut services = self.services.values();
            services.all(|s| s.serving.is_some() && s.serving.as_ref() == s.build(side))
        };
        [Side::Blue, Side::Green].into_iter().find(|side| all(*side))
    }

    /// What customers get, of a run that is about traffic. `driven`: a process drives the run, so what it read last
    /// is the present; else it is what was so then.
    pub fn customers(&self, driven: bool) -> Option<String> {
        let about = matches!(self.plan.kind, RunKind::Deploy | RunKind::Rollback);
        about.then(|| self.live_sentence(driven))
    }

    fn live_sentence(&self, driven: bool) -> String {
        let blue = self.blue_name();
        let blue = blue.map_or("the previous build".to_owned(), |name| name.to_string());
        let green = self.plan.name().map_or("green".to_owned(), |name| name.to_string());
        if let Some((on_green, on_blue)) = self.split() {
            let names = |of: Vec<&ServiceName>| {
                of.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            };
            return format!("SPLIT: {} on {green}, {} on {blue}.", names(on_green), names(on_blue));
        }
        if self.traffic_unknown() {
            return format!("The live build is unknown: {}.", self.traffic_read());
        }
        let over = self.ended.is_some();
        let then = if over { "When it ended" } else { "When it was last driven" };
        let again = if over { " again" } else { "" };
        match self.side() {
            _ if !self.touched_traffic() && over => {
                format!("It moved no traffic: {blue} stayed live. Nothing to undo.")
            }
            _ if !self.touched_traffic() && driven => {
                format!("Customers are still on {blue}. Nothing to undo.")
            }
            _ if !self.touched_traffic() => {
                format!("It had moved no traffic yet: {blue} was live. Nothing to undo.")
            }
            Some(Side::Blue) if driven && !over => format!("Customers are back on {blue}."),
            Some(Side::Green) if driven && !over => format!("Customers are on {green}."),
            Some(Side::Blue) => format!("{then}, {blue} was live{again}."),
            Some(Side::Green) => format!("{then}, {green} was live."),
            None => format!("No release has all traffic: {}.", self.traffic_read()),
        }
    }

    /// The traffic of each service as the run last read it.
    fn traffic_read(&self) -> String {
        let one =
            |(name, seen): (&ServiceName, &super::ServiceView)| format!("{name} {}", seen.traffic);
        self.services.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}
