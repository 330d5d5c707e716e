//! The table of lies: a file for each false report that a deploy tool could give, with what must be said instead, in all
//! five places: screen, exit code, JSON, report and alerts.
//!
//! Most are played in the scripted world. Those whose lie is on the wire are played by the real binary in a [`town`].

use std::time::Duration;

use pointsman::domain::command::Command;
use pointsman::domain::event::Split;
use pointsman::domain::ids::BuildId;
use pointsman::domain::plan::Plan;

use super::drift::drifted;
use super::evidence::during_the_soak;
use super::told::{Told, told};
use crate::world::{Behaviour, Bench, deploy_plan};

mod abort_by_a_person;
mod bad_release_as_way_back;
mod cached_health;
mod captive_portal;
mod clock_that_jumps;
mod dead_runner;
mod edited_record;
mod exit_status;
mod finished_without_effect;
mod foreign_build;
mod foreign_rollout_at_rest;
mod foreign_split;
mod half_of_the_answers_are_bad;
mod half_of_the_answers_are_old;
mod health_of_another_service;
mod lost_reply;
mod missing_revision;
mod moving_branch;
mod nothing_was_live;
mod old_build_answers;
mod one_guard_overridden;
mod overridden_item;
mod page_of_an_old_run;
mod platform_says_nothing;
mod redirect_to_login;
mod removed_traffic;
mod right_label_other_build;
mod rollback_by_a_person;
mod rollouts_left_disabled;
mod same_label_again;
mod silent_name_server;
mod store_from_yesterday;
mod switch_refused;
mod switch_without_an_answer;
mod town;
mod traffic_without_a_value;
mod two_consoles;
mod we_cannot_ask;
mod word_of_a_good_status;

fn one_minute(release: &str) -> Plan {
    let mut plan = deploy_plan(release);
    plan.policy.soak.length = Duration::from_mins(1);
    plan
}

/// 1.0.0 is live, and 1.1.0 is deployed with a behaviour.
fn behaving(behaviour: Behaviour) -> Told {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    bench.world.behave("1.1.0", behaviour);
    let view = bench.drive(&one_minute("1.1.0"));
    told(&bench, &view)
}

/// From the fourth read after the switch on, `toto-app` has other traffic.
fn foreign(traffic: fn(&BuildId) -> Vec<Split>) -> Told {
    let (bench, view) = drifted(3, traffic);
    told(&bench, &view)
}

fn interrupted(command: &Command) -> Told {
    let (bench, view) = during_the_soak(command);
    told(&bench, &view)
}
