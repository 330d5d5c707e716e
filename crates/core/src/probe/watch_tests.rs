use proptest::prelude::*;

use super::*;
use crate::health::Identity;
use crate::probe::Timing;

const INTERVAL: Duration = Duration::from_secs(5);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn heard(second: i64, answer: Answer, ms: u64) -> Measurement {
    let timing = Timing { total: Duration::from_millis(ms), ..Timing::default() };
    Measurement {
        at: at(second),
        answer,
        timing,
        identity: Identity::default(),
        certificate: None,
        odd: None,
    }
}

fn bad() -> Answer {
    Answer::Bad(Fault::Status, "HTTP 503".to_owned())
}

fn blind() -> Answer {
    Answer::Blind("no route from here".to_owned())
}

fn watch() -> Watch {
    Watch::new(Rules::default(), INTERVAL, INTERVAL)
}

/// The state after each answer, one answer per interval: `.` good, `x` bad, `?` blind.
fn states(watch: &mut Watch, answers: &str) -> Vec<State> {
    let from = watch.last().map_or(0, |last| last.at.as_second() + 5);
    (from..)
        .step_by(5)
        .zip(answers.chars())
        .map(|(second, c)| {
            let answer = match c {
                '.' => Answer::Good,
                'x' => bad(),
                _ => blind(),
            };
            watch.push(heard(second, answer, 100));
            watch.state()
        })
        .collect()
}

#[test]
fn one_failure_is_no_outage_and_two_are() {
    use State::{Down, Off, Ok};
    let mut watch = watch();
    assert_eq!(states(&mut watch, "..."), [Off, Off, Ok], "up after three in a row");
    assert_eq!(states(&mut watch, "x"), [Ok], "one 503 changes nothing");
    states(&mut watch, "....................");
    assert_eq!(states(&mut watch, "xx"), [Ok, Down]);
    assert!(watch.why().contains("2 fails in a row: HTTP 503"), "{}", watch.why());
    assert_eq!(states(&mut watch, ".."), [Down; 2], "two are too few to be up again");
    assert_eq!(states(&mut watch, "."), [Ok]);
}

#[test]
fn local_network_failure_proves_nothing() {
    let mut watch = watch();
    states(&mut watch, "....");
    assert_eq!(states(&mut watch, "????"), [State::Ok; 4], "20 s are four intervals, not more");
    let stale = states(&mut watch, "?");
    assert_eq!(stale, [State::Stale]);
    assert!(watch.why().contains("no route from here"), "{}", watch.why());
    assert_eq!(watch.stats().bad, 0);
    assert_eq!(states(&mut watch, "..."), [State::Off, State::Off, State::Ok]);
    let change = watch.tick(at(10_000)).unwrap();
    assert_eq!((change.to, change.why.as_str()), (State::Stale, "no recent probe"));
}

#[test]
fn a_probe_that_never_ran_reports_that() {
    let mut watch = watch();
    assert_eq!(states(&mut watch, "?"), [State::Stale]);
    assert_eq!(watch.why(), "we cannot ask: no route from here");
    assert_eq!(states(&mut watch, "..."), [State::Off, State::Off, State::Ok]);
}

#[test]
fn samples_before_a_long_gap_do_not_count() {
    let mut watch = watch();
    states(&mut watch, "....");
    let change = watch.push(heard(9000, Answer::Good, 10)).unwrap();
    assert_eq!((change.from, change.to), (State::Ok, State::Off), "one answer is too few again");
    states(&mut watch, ".");
    assert_eq!(states(&mut watch, "."), [State::Ok]);
    watch.push(heard(20_000, bad(), 10));
    assert_eq!(watch.state(), State::Off);
    assert_eq!(states(&mut watch, "x"), [State::Down]);
}

#[test]
fn alternating_answers_flap_until_steady() {
    let mut watch = watch();
    let seen = states(&mut watch, "....x.x.");
    assert_eq!(*seen.last().unwrap(), State::Flapping, "{seen:?}");
    let seen = states(&mut watch, ".........");
    let steady = seen.iter().position(|s| *s == State::Ok);
    assert_eq!(steady, Some(8), "ten in a row: {seen:?}");
    let seen = states(&mut watch, "x.x.xxxxx");
    assert_eq!(seen[7..], [State::Flapping, State::Down], "it stays down now: {seen:?}");
}

#[test]
fn scattered_failures_are_degraded() {
    let mut watch = watch();
    let one_of_twenty = "...................x".repeat(4);
    let seen = states(&mut watch, &format!("...{one_of_twenty}."));
    assert_eq!(seen.last(), Some(&State::Degraded), "{seen:?}");
    assert!(watch.why().contains("answers bad (4 %)"), "{}", watch.why());
    // A past outage does not count.
    let mut watch = self::watch();
    let seen = states(&mut watch, &format!("...xxxxxxxx{}", ".".repeat(25)));
    assert_eq!(seen.last(), Some(&State::Ok), "{}", watch.why());
}

#[test]
fn a_new_sample_ends_staleness() {
    use State::{Off, Ok, Stale};
    let mut watch = watch();
    states(&mut watch, "...");
    watch.tick(at(600));
    assert_eq!(watch.state(), Stale);
    let seen: Vec<_> = (600..603)
        .map(|second| {
            watch.push(heard(second, Answer::Good, 10));
            watch.state()
        })
        .collect();
    assert_eq!(seen, [Off, Off, Ok]);
}

#[test]
fn only_lasting_slowness_is_degraded() {
    let mut watch = watch();
    states(&mut watch, "...");
    let slow = |watch: &mut Watch, second| {
        watch.push(heard(second, Answer::Good, 1500));
        watch.state()
    };
    for second in (15..45).step_by(5) {
        assert_eq!(slow(&mut watch, second), State::Ok);
    }
    assert_eq!(slow(&mut watch, 45), State::Degraded);
    assert!(watch.why().contains("p95 1500 ms > 1.0s"), "{}", watch.why());
    for second in 0..20 {
        watch.push(heard(50 + second, Answer::Good, 80));
    }
    assert_eq!(watch.state(), State::Ok);
}

#[test]
fn reports_an_expiring_certificate() {
    let mut watch = watch();
    for second in 0..3 {
        let until = Some(at(6 * 86_400 + 60));
        watch.push(Measurement { certificate: until, ..heard(second, Answer::Good, 10) });
    }
    assert_eq!((watch.state(), watch.why()), (State::Degraded, "its certificate ends in 6 d"));
}

proptest! {
    /// For every sequence: only bad answers make it down, only good ones make it up, and blind answers
    /// alone never make anything but stale.
    #[test]
    fn every_state_has_evidence(answers in "[.x?]{1,200}") {
        let mut watch = watch();
        let seen = states(&mut watch, &answers);
        for (n, state) in seen.iter().enumerate() {
            let so_far = &answers[..=n];
            let known: String = so_far.chars().filter(|c| *c != '?').collect();
            match state {
                State::Down => {
                    prop_assert!(known.contains("xx") && !known.ends_with("..."));
                }
                State::Ok | State::Degraded => {
                    prop_assert!(known.contains("...") && !known.ends_with("xx"));
                }
                State::Flapping => prop_assert!(known.contains('x') && known.contains('.')),
                State::Off | State::Stale => {}
            }
        }
        if !answers.contains('x') {
            prop_assert!(!seen.contains(&State::Down) && !seen.contains(&State::Flapping));
        }
    }
}
