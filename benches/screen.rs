//! Measures the screen in a terminal: first frame, key latency when idle and under a storm of log lines, idle cost, and
//! a log of ten million lines. Goals: `docs/internals/screen.md`. If installed, btop (idle) and lnav (ten million lines)
//! are measured for comparison.
//!
//! `cargo bench --bench screen`

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench is a program for a terminal"
)]

#[expect(dead_code, reason = "other benches use the rest")]
mod figure;
#[path = "figure/resident.rs"]
mod resident;
#[path = "../tests/it/sandbox.rs"]
#[expect(dead_code, clippy::panic, reason = "the tests use all of it, and fail by it")]
mod sandbox;
#[path = "../tests/it/terminal.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod terminal;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use figure::{Goal, judged, number, seen};
use pointsman::app::App;
use pointsman::domain::ids::{RunNumber, ServiceName};
use pointsman::domain::plan::Source;
use pointsman::domain::planner;
use pointsman::domain::release::ReleaseLabel;
use portable_pty::CommandBuilder;
use resident::resident_mb;
use sandbox::Sandbox;
use terminal::Terminal;

/// Resident memory with ten million lines: 60 MB, and eight bytes a line for where each begins.
const MOST_MB: f64 = 140.0;

/// Creates a run that never advances, so that only its log changes. Returns the log file.
fn begin(sandbox: &Sandbox) -> File {
    let app = App::new(Some(sandbox.state()), std::path::Path::new("")).unwrap();
    let config = sandbox.folder.path().join("config.yaml");
    let spec = pointsman::config::load(&config).unwrap().spec("development").unwrap();
    let source = Source::Archive("file:///nowhere".into());
    let sources: BTreeMap<ServiceName, Source> =
        spec.members.iter().map(|m| (m.service().clone(), source.clone())).collect();
    let plan = planner::deploy(spec, &ReleaseLabel::new("1.0.0").unwrap(), &sources).unwrap();
    let view = app.create(&mut app.store().unwrap(), &plan, false).unwrap();
    assert_eq!(view.number, RunNumber(1));
    let file = app.log_file(view.number);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    File::create(file).unwrap()
}

fn line(n: usize) -> String {
    format!(
        "{{\"at\":\"2026-11-22T17:42:{:02}.{:03}Z\",\"step\":\"build\",\"service\":\"toto-app\",\
         \"text\":\"GET /api/pets/{n} 200 in {} ms, request 9f3c2ab{n:07}, user agent of some length\"}}\n",
        n / 1000 % 60,
        n % 1000,
        n % 97
    )
}

/// Presses a key and measures the time until the screen shows its result.
fn key_to_screen(terminal: &mut Terminal, key: &str, shows: &str) -> Duration {
    let began = Instant::now();
    terminal.press(key);
    while !terminal.text().contains(shows) {
        assert!(began.elapsed() < Duration::from_secs(20), "{shows}\n{}", terminal.text());
        std::thread::park_timeout(Duration::from_micros(200));
    }
    began.elapsed()
}

fn keys(terminal: &mut Terminal, rounds: usize) -> (f64, f64) {
    let mut took = Vec::new();
    for _ in 0..rounds {
        for (key, shows) in [("7", "▶ 7 History"), ("1", "▶ 1 Environments"), ("2", "▶ 2 Deploy")]
        {
            took.push(key_to_screen(terminal, key, shows).as_secs_f64() * 1000.0);
            // A pause between keys, as with real typing.
            std::thread::park_timeout(Duration::from_millis(15));
        }
    }
    took.sort_by(f64::total_cmp);
    (took[took.len() / 2], took[took.len() * 99 / 100])
}

/// CPU seconds used by the threads of a process. Reads `schedstat`, because `stat` counts hundredths of a second, too
/// coarse for an idle process.
fn cpu(pid: u32) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let used = tasks.filter_map(|task| {
        let told = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        told.split_whitespace().next()?.parse::<f64>().ok()
    });
    used.sum::<f64>() / 1e9
}

fn told(what: &str, is: f64, goal: f64, unit: &str) {
    judged(what, is, unit, Goal::AtMost(goal), "");
}

/// Starts another program in a terminal of the same size. `None` if it is not installed.
fn peer(program: &str, arguments: &[&str]) -> Option<Terminal> {
    let known = std::process::Command::new(program).arg("--version").output();
    if known.is_err() {
        println!("{program} is not installed: skipped");
        return None;
    }
    let mut command = CommandBuilder::new(program);
    command.args(arguments);
    Some(Terminal::of(command, 45, 160))
}

/// Idle cost: CPU in per cent of a core, and bytes per second to the terminal.
fn at_rest(terminal: &Terminal) -> (f64, f64) {
    let (before, bytes, seconds) = (cpu(terminal.pid()), terminal.raw().len(), 20.0);
    std::thread::park_timeout(Duration::from_secs_f64(seconds));
    let used = (cpu(terminal.pid()) - before) / seconds * 100.0;
    (used, (terminal.raw().len() - bytes) as f64 / seconds)
}

fn beside(what: &str, ours: f64, peer: f64, unit: &str, goal: f64) {
    let of = format!("{} {unit} : {} {unit}", number(ours), number(peer));
    judged(what, ours / peer, "×", Goal::AtMost(goal), &of);
}

/// Compares with an idle btop, which refreshes a whole machine every 2 s; our screen refreshes a run every second.
fn beside_btop((used, written): (f64, f64)) {
    let Some(mut btop) = peer("btop", &[]) else { return };
    btop.wants("2000ms");
    std::thread::park_timeout(Duration::from_secs(4));
    let (theirs, bytes) = at_rest(&btop);
    beside("at rest, of a core, beside btop", used, theirs, "%", 0.5);
    beside("at rest, to the terminal, beside btop", written, bytes, "bytes/s", 0.5);
    let _ = btop.child.kill();
}

/// Compares with lnav: time and memory to open a log of ten million lines at its end.
fn beside_lnav(sandbox: &Sandbox) {
    let log =
        App::new(Some(sandbox.state()), std::path::Path::new("")).unwrap().log_file(RunNumber(1));
    let opened = |terminal: &mut Terminal, last: &str, key: &str| {
        let began = Instant::now();
        while !terminal.text().contains(last) {
            assert!(began.elapsed() < Duration::from_mins(2), "{}", terminal.text());
            terminal.press(key);
            std::thread::park_timeout(Duration::from_millis(50));
        }
        began.elapsed().as_secs_f64()
    };
    let mut ours = Terminal::open(sandbox, 45, 160);
    let took = opened(&mut ours, "10,000,001 lines", "");
    let resident = resident_mb(ours.pid());
    let _ = ours.child.kill();
    let Some(mut lnav) = peer("lnav", &[&log.to_string_lossy()]) else { return };
    let theirs = opened(&mut lnav, "pets/9999999 200", "G");
    beside("ten million lines opened, beside lnav", took, theirs, "s", 1.0);
    beside("resident with them, beside lnav", resident, resident_mb(lnav.pid()), "MB", 1.0);
    let _ = lnav.child.kill();
}

fn main() {
    let sandbox = Sandbox::new();
    let mut log = BufWriter::new(begin(&sandbox));
    let mut first = Vec::new();
    for _ in 0..10 {
        let began = Instant::now();
        let terminal = Terminal::open(&sandbox, 45, 160);
        while !terminal.text().contains("2 Deploy") {
            std::thread::park_timeout(Duration::from_micros(200));
        }
        first.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    first.sort_by(f64::total_cmp);
    told("first frame, from exec, p50", first[5], 50.0, "ms");

    let mut terminal = Terminal::open(&sandbox, 45, 160);
    terminal.wants("#1 deploy 1.0.0");
    let (p50, p99) = keys(&mut terminal, 60);
    told("key to screen at rest, p50", p50, 50.0, "ms");
    told("key to screen at rest, p99", p99, 50.0, "ms");
    let (used, written) = at_rest(&terminal);
    told("at rest with a run on the clock, of a core", used, 0.3, "%");
    told("at rest, to the terminal", written, 300.0, "bytes/s");
    beside_btop((used, written));

    let stop = Arc::new(AtomicBool::new(false));
    let (ends, mut n) = (stop.clone(), 0);
    let writer = std::thread::spawn(move || {
        let began = Instant::now();
        while !ends.load(Ordering::Relaxed) {
            // 5,000 lines per second, written every 10 ms.
            let due = usize::try_from(began.elapsed().as_millis()).unwrap() * 5;
            while n < due {
                log.write_all(line(n).as_bytes()).unwrap();
                n += 1;
            }
            log.flush().unwrap();
            std::thread::park_timeout(Duration::from_millis(10));
        }
        (log, n)
    });
    let before = cpu(terminal.pid());
    let began = Instant::now();
    let (p50, p99) = keys(&mut terminal, 120);
    let used = (cpu(terminal.pid()) - before) / began.elapsed().as_secs_f64() * 100.0;
    told("key to screen under 5,000 lines/s, p50", p50, 50.0, "ms");
    told("key to screen under 5,000 lines/s, p99", p99, 50.0, "ms");
    told("under 5,000 lines/s, of a core", used, 60.0, "%");
    stop.store(true, Ordering::Relaxed);
    let (mut log, mut n) = writer.join().unwrap();
    while n < 10_000_000 {
        log.write_all(line(n).as_bytes()).unwrap();
        n += 1;
    }
    log.flush().unwrap();
    let began = Instant::now();
    // Ten million lines plus one fact.
    terminal.wants("10,000,001 lines");
    seen("ten million lines indexed after", began.elapsed().as_secs_f64(), "s", "");
    told("resident with a log of ten million lines", resident_mb(terminal.pid()), MOST_MB, "MB");
    terminal.press("3");
    let top = key_to_screen(&mut terminal, "gg", "GET /api/pets/0 200");
    told("to the first of ten million lines", top.as_secs_f64() * 1000.0, 50.0, "ms");
    terminal.press("/pets/9999998 200\r");
    let began = Instant::now();
    terminal.wants("match 1 of 1");
    seen("ten million lines searched in", began.elapsed().as_secs_f64(), "s", "");
    told("resident after that", resident_mb(terminal.pid()), MOST_MB, "MB");
    let _ = terminal.child.kill();
    beside_lnav(&sandbox);
}
