//! The end of a run's log is seen on machines that did not drive it.

use std::time::Duration;

use pointsman::adapters::run_log::FileLog;
use pointsman::domain::error::Problem;
use pointsman::domain::event::{Event, Outcome};

use pointsman::domain::ids::StepId;
use pointsman::domain::step::Failure;
use pointsman::ports::journal::{Journal as _, LEASE};
use pointsman::ports::log::{LogLine, RunLog as _};
use pointsman::ports::sharing::{Shared, Sharing as _};

use super::sandbox::wait_until;
use super::shared_store::{Host, team};
use super::store_conformance::{append, at, begin};

fn say(log: &FileLog, texts: impl IntoIterator<Item = String>) {
    for text in texts {
        let step = StepId::new("build").unwrap();
        log.line(&LogLine { at: at(1), step, service: None, text, tints: Vec::new() });
    }
}

fn numbered(from: u32, to: u32) -> Vec<String> {
    (from..=to).map(|number| format!("line {number}")).collect()
}

#[tokio::test]
async fn last_lines_and_those_before_a_failure_are_shared() {
    let (_, one, two) = team();
    let mut journal = one.journal();
    let run = begin(&mut journal, "1.0.0", false).unwrap().number;
    let log = one.log(run);
    say(&log, numbered(1, 300));
    let failed = Event::StepFailed { problem: Problem::new("no"), class: Failure::Lasting };
    append(&mut journal, run, &Event::StepStarted { attempt: 1 }).unwrap();
    append(&mut journal, run, &failed).unwrap();
    assert_eq!(one.link.shared(run, 3).await, Shared::Yes);
    say(&log, numbered(301, 1000));
    append(&mut journal, run, &Event::RunEnded { outcome: Outcome::Failed, because: None })
        .unwrap();
    assert_eq!(one.link.shared(run, 4).await, Shared::Yes);

    two.journal().run(run).unwrap();
    assert!(two.logged(run).is_empty(), "nothing was read yet");
    let only = |many: u32| format!("… {many} lines are only on laptop-1");
    let expected = [vec![only(270)], numbered(271, 300), vec![only(500)], numbered(801, 1000)];
    for _ in 0..2 {
        two.link.read_log(run);
        assert_eq!(two.logged(run), expected.concat());
    }
    one.link.read_log(run);
    assert_eq!(one.logged(run), numbered(1, 1000), "its own log stays");
}

/// Both machines drive the run in turn. Each follows the other, and has every line once.
#[test]
fn log_of_a_run_that_is_watched_arrives_while_it_is_written() {
    let (server, one, two) = team();
    let mut first = one.journal();
    let run = begin(&mut first, "1.0.0", false).unwrap().number;
    say(&one.log(run), numbered(1, 5));
    for (host, who) in [(&one, "ana"), (&two, "ben")] {
        host.link.watch(who, vec![run]);
        host.link.follow();
    }
    wait_until("the first lines arrive", || two.logged(run) == numbered(1, 5));
    say(&one.log(run), numbered(6, 9));
    wait_until("the next ones arrive", || two.logged(run) == numbered(1, 9));

    one.cut(true);
    server.clock.pass(LEASE + Duration::from_secs(2));
    two.journal().claim(run, None, at(70)).unwrap();
    say(&two.log(run), numbered(10, 12));
    one.cut(false);
    wait_until("those of the other machine arrive", || one.logged(run) == numbered(1, 12));
    assert_eq!(two.logged(run), numbered(1, 12));

    // It comes back, and a machine that followed neither of them gets the end of both logs.
    two.cut(true);
    server.clock.pass(LEASE + Duration::from_secs(2));
    first.claim(run, None, at(140)).unwrap();
    say(&one.log(run), numbered(13, 14));
    let ended = Event::RunEnded { outcome: Outcome::Aborted, because: None };
    append(&mut first, run, &ended).unwrap();
    one.link.settle();
    two.cut(false);
    wait_until("the last lines arrive", || two.logged(run) == numbered(1, 14));
    let three = Host::new(&server, "laptop-3");
    three.journal().run(run).unwrap();
    three.link.read_log(run);
    let mut all = three.logged(run);
    all.sort_by_key(|line| line.trim_start_matches("line ").parse::<u32>().unwrap());
    assert_eq!(all, numbered(1, 14));
}
