//! The lie: the page of an old run says what is live now.

use crate::truth::told::{Told, Truth, told};
use crate::world::{Bench, deploy_plan};

/// What an old run left, after another one.
fn an_old_run() -> Told {
    let bench = Bench::new();
    let old = bench.drive(&deploy_plan("1.0.0"));
    bench.drive(&deploy_plan("1.1.0"));
    told(&bench, &old)
}

#[test]
fn page_of_an_old_run() {
    let truth = Truth {
        exit: 0,
        screen: &["When it ended, 1.0.0 was live.", "live 1.1.0"],
        json: &[("/customers", "When it ended, 1.0.0 was live.")],
        report: &["customers: When it ended, 1.0.0 was live."],
        alerts: &["ended: promoted"],
        never: &["Customers are"],
    };
    truth.holds(&an_old_run());
}
