//! Secrets taken out of text by their shape, before it reaches a screen, a disk or an alert (F51).

use std::sync::LazyLock;

use regex::Regex;

use super::error::Problem;
use super::event::Event;

/// Shapes of well-known tokens, as their makers publish them: Bearer headers, GitHub, Google API
/// keys and OAuth tokens, Stripe, Slack, AWS, JWTs, PEM keys, and `password=…` in any spelling.
const SHAPES: &str = concat!(
    r"(?i:bearer\s+)[A-Za-z0-9._~+/=-]{8,}",
    r"|\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_[A-Za-z0-9_]{20,}",
    r"|\bAIza[A-Za-z0-9_-]{30,}|\bya29\.[A-Za-z0-9._-]{10,}",
    r"|\b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|\bwhsec_[A-Za-z0-9+/=]{10,}",
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/[A-Za-z0-9/]+",
    r"|\bAKIA[A-Z0-9]{16}\b|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*",
    r#"|(?i:password|passwd|secret|api_?key|token)["']?\s*[=:]\s*["']?[^\s"',}]{6,}"#,
);

#[expect(clippy::expect_used, reason = "the pattern is a constant, and a test compiles it")]
static PATTERN: LazyLock<Regex> = LazyLock::new(|| Regex::new(SHAPES).expect("it compiles"));

/// The text without anything that looks like a secret.
pub fn redacted(text: &str) -> String {
    PATTERN.replace_all(text, "[redacted]").into_owned()
}

/// A fact without anything that looks like a secret in what the outside world had it say.
pub fn without_secrets(mut event: Event) -> Event {
    let clean = |text: &mut String| *text = redacted(text);
    let clean_problem = |problem: &mut Problem| {
        [&mut problem.what, &mut problem.why, &mut problem.todo].into_iter().for_each(clean);
    };
    match &mut event {
        Event::StepFinished { summary: text, .. }
        | Event::Judged { evidence: text, .. }
        | Event::ReleaseFaulted { evidence: text, .. }
        | Event::RunnerLost { observed: text, .. } => clean(text),
        Event::ReleaseMarked { because, .. } => clean(because),
        Event::ChecklistSeen { items, .. } => items.iter_mut().for_each(|i| clean(&mut i.said)),
        Event::StepFailed { problem, .. }
        | Event::RolloutsReleased { problem: Some(problem), .. }
        | Event::UndoPlanned { because: problem, .. }
        | Event::RunEnded { because: Some(problem), .. } => clean_problem(problem),
        _ => {}
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_keeps_no_secret_of_a_service() {
        let evidence = "HTTP 500: api_key=abcdef123456".to_owned();
        let problem = Problem::new("x").because(evidence.clone());
        let class = super::super::step::Failure::Lasting;
        let event = without_secrets(Event::StepFailed { problem, class });
        assert!(!format!("{event:?}").contains("abcdef123456"));
    }

    #[test]
    fn secrets_go_and_words_stay() {
        let secrets = [
            "Authorization: Bearer abcdefgh12345678",
            "ghp_abcdefghijklmnop1234",
            "STRIPE_SECRET_KEY=sk_live_abcdefghijkl",
            "password: hunter2hunter2",
            "https://hooks.slack.com/services/T0/B0/abc",
            "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2lnbmF0dXJl",
        ];
        for secret in secrets {
            assert!(redacted(secret).contains("[redacted]"), "{secret}");
            assert!(!redacted(secret).contains("hunter2"));
        }
        for plain in ["GET /api/health 200 in 3 ms", "the token expired", "build b-1-1-0 is READY"]
        {
            assert_eq!(redacted(plain), plain);
        }
    }
}
