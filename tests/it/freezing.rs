//! Freeze windows: what they stop, how to override them, and what they never stop.

use pointsman::domain::event::Outcome;
use pointsman::domain::freeze::Freeze;
use pointsman::domain::plan::Plan;
use pointsman::domain::planner;
use pointsman::domain::run::RunState;
use pointsman::tui::msg::Msg;

use super::sandbox::Sandbox;
use super::screen::{Screen, plain, seen};
use super::stand_in::{Reply, StandIn};
use super::world::{Act, Bench, deploy_plan};

#[test]
fn freeze_needs_an_override_and_rollback_does_not() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    sandbox.deploy("1.1.0").exits(0);
    let file = sandbox.folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let always = "    freeze: [{ name: always, from: 'Mon 00:00', to: 'Mon 00:00', zone: Europe/Madrid }]\n  production:";
    std::fs::write(&file, text.replacen("  production:", always, 1)).unwrap();

    let refused = sandbox.deploy("1.2.0").exits(3);
    assert!(refused.err.contains("development is frozen"), "{}", refused.err);
    assert!(refused.err.contains("always, until Mon 00:00 Europe/Madrid"), "{}", refused.err);
    assert!(refused.err.contains("a rollback is never frozen"), "{}", refused.err);
    sandbox.run(&["cleanup", "development", "--yes"]).exits(3);
    let status = sandbox.run(&["status", "development"]).exits(0).out;
    assert!(status.contains("FROZEN: always, until Mon 00:00"), "{status}");

    sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    let why = [
        "deploy",
        "development",
        "--release",
        "1.2.0",
        "--yes",
        "--reason",
        "customers cannot pay",
    ];
    let explained = sandbox.run(&why).exits(3);
    assert!(explained.err.contains("--override freeze"), "{}", explained.err);
    let deployed = sandbox.run(&[&why[..], &["--override", "freeze"]].concat()).exits(0);
    assert!(
        deployed.err.contains("Overrides freeze: development is frozen: always"),
        "{}",
        deployed.err
    );
    let facts = sandbox.run(&["report", "4"]).exits(0).out;
    assert!(facts.contains("override of freeze: customers cannot pay"), "{facts}");
}

fn freeze(from: &str, to: &str) -> Freeze {
    let json = serde_json::json!({ "name": "quiet", "from": from, "to": to, "zone": "UTC" });
    serde_json::from_value(json).unwrap()
}

/// The bench's clock starts on 1 January 1970, a Thursday.
#[test]
fn freeze_during_a_run_stops_before_the_switch_and_never_a_rollback() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let quiet = vec![freeze("Thu 00:00", "Thu 01:00")];
    bench.world.forget_acts();
    let view = bench.drive(&Plan { freeze: quiet.clone(), ..deploy_plan("1.1.0") });
    assert_eq!(view.state, RunState::Ended { outcome: Outcome::Failed });
    assert!(!view.touched_traffic());
    assert!(!bench.world.acts().iter().any(|act| matches!(act, Act::Switched(..))));
    let facts = format!("{:?}", bench.facts(&view));
    assert!(facts.contains("a freeze of development has begun"), "{facts}");

    let later = vec![freeze("Thu 00:01", "Thu 01:00")];
    let view = bench.drive(&Plan { freeze: later, ..deploy_plan("1.2.0") });
    assert_eq!(view.state, RunState::Ended { outcome: Outcome::Promoted });
    // Rollback plans have no freeze, even if their environment does.
    let spec = planner::EnvironmentSpec { freeze: quiet, ..super::world::spec() };
    let choice =
        pointsman::domain::readiness::default_target(&bench.runs(), &bench.live()).unwrap();
    let back =
        planner::rollback(spec, &choice, None, pointsman::domain::migration::SchemaWay::Keep);
    assert_eq!(bench.drive(&back.unwrap()).exit_code(), 0);
}

#[test]
fn screen_shows_the_freeze() {
    let mut screen = Screen::new(pointsman::domain::policy::Protection::Open);
    let frozen = pointsman::domain::snapshot::EnvironmentSnapshot {
        freeze: vec![freeze("Thu 00:00", "Fri 08:00")],
        ..seen()
    };
    let name = screen.model.environments[0].name.clone();
    screen.send(Msg::Looked(name, frozen));
    screen.wait(1000);
    screen.shows("frozen: quiet, until Fri 08:00");
    screen.send(Msg::Resize(160, 45));
    assert!(screen.draw(&plain()).contains("FROZEN quiet, until Fri 08:00 UTC"));
}

/// A calendar with one event that began an hour ago and ends in an hour.
fn calendar(name: &str) -> String {
    let at = |hours: i64| {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
        at.strftime("%Y%m%dT%H%M%SZ").to_string()
    };
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:{name}\r\nDTSTART:{}\r\n\
         DTEND:{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        at(-1),
        at(1)
    )
}

fn frozen_by(sandbox: &Sandbox, entry: &str) {
    let file = sandbox.folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let with = format!("    freeze: [{{ name: company, {entry}, zone: UTC }}]\n  production:");
    std::fs::write(&file, text.replacen("  production:", &with, 1)).unwrap();
}

#[test]
fn calendar_file_freezes_while_its_event_lasts() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    let file = sandbox.folder.path().join("freezes.ics");
    frozen_by(&sandbox, "calendar: freezes.ics");
    // A missing file is not an empty calendar.
    let refused = sandbox.deploy("1.1.0").exits(3);
    assert!(refused.err.contains("company: its calendar cannot be read"), "{}", refused.err);
    std::fs::write(&file, "<html>log in</html>").unwrap();
    let refused = sandbox.deploy("1.1.0").exits(3);
    assert!(refused.err.contains("it is no iCalendar text"), "{}", refused.err);
    std::fs::write(&file, calendar("Black Friday")).unwrap();
    let refused = sandbox.deploy("1.1.0").exits(3);
    assert!(refused.err.contains("company: Black Friday, until "), "{}", refused.err);
    let status = sandbox.run(&["status", "development"]).exits(0).out;
    assert!(status.contains("FROZEN: company: Black Friday"), "{status}");
    let cancelled = calendar("Black Friday").replace("UID:1", "UID:1\r\nSTATUS:CANCELLED");
    std::fs::write(&file, cancelled).unwrap();
    sandbox.deploy("1.1.0").exits(0);
}

#[test]
fn calendar_at_an_address_is_fetched_kept_and_never_holds_up_a_rollback() {
    let sandbox = Sandbox::new();
    sandbox.deploy("0.9.0").exits(0);
    sandbox.deploy("1.0.0").exits(0);
    sandbox.deploy("1.1.0").exits(0);
    let server = StandIn::new(|_, _| {
        let body = calendar("Audit");
        Reply::Says(200, "content-type: text/calendar\r\n".to_owned(), body)
    });
    frozen_by(&sandbox, &format!("calendar: '{}/private-token/basic.ics'", server.url()));
    let refused = sandbox.deploy("1.2.0").exits(3);
    assert!(refused.err.contains("company: Audit, until "), "{}", refused.err);
    assert!(!refused.err.contains("private-token"), "{}", refused.err);
    // A copy serves for a while, and a rollback asks for nothing.
    sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    sandbox.deploy("1.2.0").exits(3);
    assert_eq!(server.count("GET", "basic.ics"), 1);
    std::fs::remove_dir_all(sandbox.state().join("calendars")).unwrap();
    let off = StandIn::new(|_, _| Reply::Hangs);
    let file = sandbox.folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(&server.url(), &off.url())).unwrap();
    let refused = sandbox.deploy("1.2.0").exits(3);
    assert!(
        refused.err.contains("its calendar cannot be read: it was never fetched"),
        "{}",
        refused.err
    );
    let asked = off.count("GET", "basic.ics");
    sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    assert_eq!(off.count("GET", "basic.ics"), asked, "a rollback asks for no calendar");
    let why = ["--override", "freeze=the calendar moved"];
    let deploy = ["deploy", "development", "--release", "1.2.0", "--yes"];
    sandbox.run(&[&deploy[..], &why].concat()).exits(0);
}

#[test]
fn incomplete_and_unsafe_calendars_are_errors_with_their_place() {
    for (entry, why) in [
        ("calendar: 'http://example.com/x.ics'", "a calendar is read over https"),
        ("from: 'Mon 00:00'", "needs `from` and `to`, or `calendar`"),
        ("calendar: x.ics, from: 'Mon 00:00'", "needs `from` and `to`, or `calendar`"),
    ] {
        let sandbox = Sandbox::new();
        frozen_by(&sandbox, entry);
        sandbox.refuses_config(why);
    }
}
