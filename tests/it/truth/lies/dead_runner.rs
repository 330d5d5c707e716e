//! The lie: the process of a run is gone, and the run is running.

use crate::truth::told::{Told, Truth, told};
use crate::world::{Bench, deploy_plan};

/// The runner died at the tenth fact.
fn a_dead_run() -> Told {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let view = bench.crash(&deploy_plan("1.1.0"), 10, false).unwrap();
    told(&bench, &view)
}

#[test]
fn dead_runner() {
    let truth = Truth {
        exit: 7,
        screen: &["? IN DOUBT at 2/9", "#2 ? IN DOUBT", "It had moved no traffic yet"],
        json: &[
            ("/outcome", "unknown"),
            ("/customers", "It had moved no traffic yet: 1.0.0 was live"),
        ],
        report: &["customers: It had moved no traffic yet: 1.0.0 was live"],
        alerts: &[],
        never: &["RUNNING", "Customers are"],
    };
    truth.holds(&a_dead_run());
}
