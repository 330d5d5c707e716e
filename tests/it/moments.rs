//! Moments in the life of a deploy. Whatever the size and the colours, the screen answers four questions at once: what is
//! live, what is it waiting for, what does an undo take, and which key is next. The pictures are in `screenshots/`.

use super::sandbox::Sandbox;
use super::terminal::Terminal;

/// The answers of a moment: what customers get, the state, the undo, and the key.
type Answers = [&'static str; 4];

const LOOKS: [(&str, &[&str]); 3] =
    [("dark", &[]), ("light", &["--theme", "default-light"]), ("mono", &["--color", "never"])];

/// Columns and rows, and the name in the picture's file.
const SIZES: [(u16, u16, &str); 3] = [(160, 45, "160x45"), (100, 30, "100x30"), (80, 24, "80x24")];

fn moment(demo: &str, name: &str, answers: Answers) {
    for (look, more) in LOOKS {
        let sandbox = Sandbox::new();
        let arguments = [&["--demo", demo][..], more].concat();
        let program = env!("CARGO_BIN_EXE_pointsman");
        let terminal = Terminal::run(&sandbox, program, &arguments, 45, 160);
        for (columns, rows, size) in SIZES {
            terminal.resize(rows, columns);
            for answer in answers {
                terminal.wants(answer);
            }
            terminal.picture(answers[1], &format!("{name}-{look}-{size}"));
        }
    }
}

#[test]
fn gate_answers_four_questions() {
    let answers =
        ["live 1.4.1", "WAITING FOR YOU", "undo: not needed, nothing moved", "T switch to 1.5.0"];
    moment("gate", "gate", answers);
}

#[test]
fn soak_answers_four_questions() {
    moment("soak", "soak", ["live 1.5.0", "RUNNING", "undo: B to 1.4.1", "B roll back to 1.4.1"]);
}

#[test]
fn shared_traffic_answers_four_questions() {
    let answers = ["live 10 % 1.5.0, 1.4.1", "RUNNING", "undo: B to 1.4.1", "B roll back to 1.4.1"];
    moment("shares", "shares", answers);
}

#[test]
fn failure_answers_four_questions() {
    let answers = ["live 1.4.1", "FAILED", "undo: not needed, nothing moved", "R retry"];
    moment("health-fail", "failed", answers);
}

#[test]
fn stale_probes_answer_four_questions() {
    let answers =
        ["live 1.4.1", "WAITING FOR HEALTH", "undo: not needed, nothing moved", "A abort"];
    moment("stale", "stale", answers);
}

#[test]
fn idle_answers_four_questions() {
    moment("idle", "idle", ["live 1.5.0", "PROMOTED", "undo: none", "D deploy"]);
}
