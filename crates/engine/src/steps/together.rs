//! The result of a step that works on all services at once: what every one of them did, or every failure.

use crate::context::StepError;
use pointsman_core::error::Problem;
use pointsman_core::step::Failure;

/// All results, or one error that names each failure. Reporting the first one alone would hide the others until a retry.
pub(super) fn all_of<T>(
    results: impl IntoIterator<Item = Result<T, StepError>>,
) -> Result<Vec<T>, StepError> {
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(one) => done.push(one),
            Err(error) => failed.push(error),
        }
    }
    joined(failed).map_or(Ok(done), Err)
}

/// How certain a failure is, the most certain first: a known failure decides, whatever else is unknown.
fn rank(class: Failure) -> u8 {
    match class {
        Failure::Cancelled => 0,
        Failure::Drift => 1,
        Failure::Lasting => 2,
        Failure::Inconclusive => 3,
        Failure::Passing => 4,
    }
}

fn joined(mut failed: Vec<StepError>) -> Option<StepError> {
    failed.sort_by_key(|error| rank(error.class));
    let first = failed.first()?.clone();
    let each = |part: fn(&Problem) -> &String| {
        let mut texts: Vec<&str> = Vec::new();
        for error in &failed {
            let text = part(&error.problem).as_str();
            if !text.is_empty() && !texts.contains(&text) {
                texts.push(text);
            }
        }
        texts.join("; ")
    };
    let (what, why) = (each(|problem| &problem.what), each(|problem| &problem.why));
    Some(StepError { problem: Problem { what, why, ..first.problem }, class: first.class })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(what: &str, class: Failure) -> Result<(), StepError> {
        Err(StepError { problem: Problem::new(what).because(format!("why {what}")), class })
    }

    #[test]
    fn every_failure_is_named_and_the_most_certain_decides() {
        assert_eq!(all_of([Ok(1), Ok(2)]), Ok(vec![1, 2]));
        let error = all_of([
            failed("no answer", Failure::Passing),
            Ok(()),
            failed("app is broken", Failure::Lasting),
            failed("no answer", Failure::Passing),
        ]);
        let error = error.unwrap_err();
        assert_eq!(error.class, Failure::Lasting);
        assert_eq!(error.problem.what, "app is broken; no answer");
        assert_eq!(error.problem.why, "why app is broken; why no answer");
    }
}
