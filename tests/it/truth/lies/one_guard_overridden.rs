//! The lie: a person overrides one guard, and the run was allowed by all of them.

use std::collections::BTreeMap;

use pointsman::domain::guard::Guard;

use crate::truth::told::{Told, Truth, told};
use crate::world::{Bench, deploy_plan};

fn with_one_override() -> Told {
    let bench = Bench::new();
    let mut plan = deploy_plan("1.0.0");
    plan.overrides = BTreeMap::from([(Guard::Freeze, "INC-12".to_owned())]);
    let view = bench.drive(&plan);
    told(&bench, &view)
}

#[test]
fn one_guard_overridden() {
    let truth = Truth {
        exit: 0,
        screen: &["overrides freeze: INC-12"],
        json: &[("/overrides/freeze", "INC-12")],
        report: &["override of freeze: INC-12"],
        alerts: &["overridden: freeze (INC-12)"],
        never: &["overrides promotion", "override of promotion"],
    };
    truth.holds(&with_one_override());
}
