//! The lie: a person skips an item of the checklist, and it is done.

use pointsman::domain::checklist::{Act, List};
use pointsman::domain::command::Command;
use pointsman::domain::policy::Protection;
use pointsman::domain::step::StepKind;

use crate::checklist::{item, plan, say};
use crate::truth::told::{Told, Truth, told};
use crate::world::Bench;

/// A person overrides an open item.
fn an_overridden_item() -> Told {
    let bench = Bench::new();
    let backup = item(List::Pre, "backup taken", None);
    let mut said = false;
    let view = bench.drive_watched(&plan(Protection::Confirm, vec![backup.clone()]), |view, _| {
        if view.checklists.contains_key(&List::Pre) && !std::mem::replace(&mut said, true) {
            say(&bench, view, &backup, Act::Override);
        }
        if view.gate() == Some(&StepKind::GateSwitch) {
            bench.send(view, &[Command::approve()]);
        }
    });
    told(&bench, &view)
}

#[test]
fn overridden_item() {
    let truth = Truth {
        exit: 0,
        screen: &["PROMOTED"],
        json: &[("/checklists/pre/0/standing", "overridden")],
        report: &["0/1, 1 overridden"],
        alerts: &["waits for its checklist", "waits for approval", "ended: promoted"],
        never: &["1/1"],
    };
    truth.holds(&an_overridden_item());
}
