use std::io::Write as _;

use proptest::prelude::*;

use super::*;

/// A log file with `lines`, and the index that reads it.
fn book(lines: &[LogLine]) -> (tempfile::NamedTempFile, LogIndex) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write(&mut file, lines);
    let book = LogIndex::new(Some(file.reopen().unwrap()));
    (file, book)
}

fn write(file: &mut tempfile::NamedTempFile, lines: &[LogLine]) {
    for line in lines {
        writeln!(file, "{}", serde_json::to_string(line).unwrap()).unwrap();
    }
    file.flush().unwrap();
}

fn said(n: usize, text: &str) -> LogLine {
    LogLine {
        at: Timestamp::from_second(i64::try_from(n).unwrap()).unwrap(),
        step: StepId::new(if n.is_multiple_of(2) { "build" } else { "soak" }).unwrap(),
        service: Some(ServiceName::new(["toto-app", "toto-bo"][n % 2]).unwrap()),
        text: text.to_owned(),
        tints: Vec::new(),
    }
}

fn fact(second: i64, text: &str, step: &str) -> FactLine {
    let line = Line {
        at: Timestamp::from_second(second).unwrap(),
        source: "run".to_owned(),
        level: LogLevel::Info,
        hangs: false,
        text: text.to_owned(),
        tints: Vec::new(),
    };
    FactLine { line, step: step.to_owned(), begins: text == "begins" }
}

fn read_all(book: &mut LogIndex) {
    while book.grow() | book.sieve() {}
}

fn texts(book: &LogIndex) -> Vec<String> {
    book.lines(0, usize::MAX / 2).into_iter().map(|line| line.text).collect()
}

#[test]
fn line_whose_names_cannot_be_names_is_left_out() {
    let (mut file, mut book) = book(&[said(1, "one")]);
    for (key, name) in [("step", "bu\u{202e}ild"), ("step", "\u{1b}[2J"), ("service", "toto app")] {
        let mut line = serde_json::to_value(said(2, "two")).unwrap();
        line[key] = name.into();
        writeln!(file, "{line}").unwrap();
    }
    write(&mut file, &[said(3, "three")]);
    read_all(&mut book);
    assert_eq!(texts(&book), ["one", "three"]);
}

#[test]
fn facts_are_placed_by_time_among_later_lines() {
    let (mut file, mut book) = book(&[said(1, "one"), said(3, "three")]);
    book.fact(fact(0, "begins", "build"));
    book.fact(fact(2, "ok", "build"));
    book.fact(fact(9, "over", "soak"));
    read_all(&mut book);
    assert_eq!(texts(&book), ["begins", "one", "ok", "three", "over"]);
    assert_eq!(book.find(Mark::Step, None, true), Some((0, 1)), "only where a step begins");
    write!(file, "{{\"at\":\"half a").unwrap();
    file.flush().unwrap();
    read_all(&mut book);
    assert_eq!(book.extent().total, 5, "a line that is being written is none yet");
}

#[test]
fn filters_by_level_source_step_and_search() {
    let lines: Vec<_> = (0..5000)
        .map(|n| {
            said(n, &if n % 100 == 7 { format!("ERROR broke {n}") } else { format!("fine {n}") })
        })
        .collect();
    let (_file, mut book) = book(&lines);
    read_all(&mut book);
    let extent = book.extent();
    assert_eq!((extent.total, extent.shown, extent.errors), (5000, 5000, 50));
    assert_eq!(extent.sources, ["toto-app", "toto-bo"]);
    book.ask(Query { level: LogLevel::Error, ..Query::default() });
    read_all(&mut book);
    assert_eq!((book.extent().shown, texts(&book)[1].as_str()), (50, "ERROR broke 107"));
    book.ask(Query {
        step: Some("build".into()),
        source: Some("toto-bo".into()),
        ..Query::default()
    });
    read_all(&mut book);
    assert_eq!(book.extent().shown, 0, "that step is the other service's");
    book.ask(Query { search: Some("BROKE".into()), ..Query::default() });
    read_all(&mut book);
    assert_eq!(book.extent().matches, 0, "a capital means capitals");
    book.ask(Query { search: Some("broke".into()), ..Query::default() });
    read_all(&mut book);
    assert_eq!((book.extent().matches, book.extent().shown), (50, 5000));
    assert_eq!(book.find(Mark::Match, None, true), Some((7, 1)));
    assert_eq!(book.find(Mark::Match, Some(7), true), Some((107, 2)));
    assert_eq!(book.find(Mark::Match, Some(4907), true), Some((7, 1)), "and round");
    assert_eq!(book.find(Mark::Error, Some(107), false), Some((7, 1)));
    book.ask(Query { filter: Some("re:broke 1\\d\\d$".into()), ..Query::default() });
    read_all(&mut book);
    assert_eq!(texts(&book), ["ERROR broke 107"]);
    book.ask(Query { search: Some("re:(".into()), ..Query::default() });
    assert!(book.extent().wrong.is_some());
}

#[test]
fn finds_the_one_new_line_among_many() {
    let usual = |n: usize| said(n, &format!("GET /api/pets/{n} 200 in {} ms", n % 97));
    let before: Vec<_> = (0..1000).map(usual).collect();
    let mut now: Vec<_> = (0..20_000).map(usual).collect();
    now[12_345].text = "ERROR JWT_SECRET is not set".to_owned();
    let (_file, mut book) = book(&now);
    book.fact(fact(0, "begins", "build"));
    let known = before.iter().map(|line| shape(&line.text)).collect();
    book.compare_with(Some(known));
    book.ask(Query { news: Some(crate::domain::ids::RunNumber(1)), ..Query::default() });
    read_all(&mut book);
    assert_eq!(texts(&book), ["ERROR JWT_SECRET is not set"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() })]

    /// For any order of lines and queries, the shown lines equal those of a plain filter.
    #[test]
    fn shown_lines_match_the_query(
        parts in proptest::collection::vec(proptest::collection::vec("[ab ]{0,6}", 0..40), 1..5),
        needle in "[ab]{1,2}",
        searched in "[ab]{1,2}",
    ) {
        let (mut file, mut book) = book(&[]);
        book.ask(Query { filter: Some(needle.clone()), search: Some("zz".into()), ..Query::default() });
        let mut all = Vec::new();
        for part in &parts {
            let lines: Vec<_> = part.iter().enumerate().map(|(n, text)| said(n, text)).collect();
            write(&mut file, &lines);
            all.extend(part.iter().cloned());
            book.grow();
            book.sieve();
        }
        book.ask(Query { filter: Some(needle.clone()), search: Some(searched.clone()), ..Query::default() });
        read_all(&mut book);
        let left: Vec<_> = all.iter().filter(|text| text.contains(&needle)).cloned().collect();
        prop_assert_eq!(texts(&book), left.clone());
        let matches = left.iter().filter(|text| text.contains(&searched)).count();
        prop_assert_eq!(book.extent().matches, matches);
        prop_assert!(book.extent().whole);
    }
}

#[test]
fn stack_traces_fold_under_their_error() {
    let lines = [
        said(0, "listening"),
        said(2, "TypeError: refund is not a function"),
        said(2, "    at refund (refund.ts:88)"),
        said(2, "    at main (main.ts:1)"),
        said(3, "    indented, but of another service"),
    ];
    let (_file, mut book) = book(&lines);
    read_all(&mut book);
    assert_eq!(book.extent().errors, 1);
    book.ask(Query { level: LogLevel::Error, ..Query::default() });
    read_all(&mut book);
    let shown: Vec<_> = book.lines(0, 9).iter().map(|line| line.hangs).collect();
    assert_eq!(shown, [false, true, true], "it is filtered with its head");
    assert_eq!(book.find(Mark::Error, Some(0), true), Some((0, 1)), "and jumped to once");
}

#[test]
fn density_strip_marks_errors() {
    let text = |n: usize| match n {
        0 => "ERROR first",
        640 => "WARN in the middle",
        641 => "a needle",
        1279 => "ERROR last",
        _ => "GET / 200",
    };
    let lines: Vec<_> = (0..1280).map(|n| said(n, text(n))).collect();
    let (_file, mut book) = book(&lines);
    book.ask(Query { search: Some("needle".to_owned()), ..Query::default() });
    read_all(&mut book);
    let ticks = book.ticks();
    let at = |part: usize| ticks[part];
    assert_eq!(
        (at(0), at(64), at(127)),
        (Some(Tick::Error), Some(Tick::Match), Some(Tick::Error)),
        "the worse one of a part is shown"
    );
    assert_eq!(ticks.iter().flatten().count(), 3);
    book.ask(Query { level: LogLevel::Warn, ..Query::default() });
    read_all(&mut book);
    let told: Vec<_> = book.ticks().into_iter().flatten().collect();
    assert_eq!(told, [Tick::Error, Tick::Warning, Tick::Error], "of what is shown");
}
