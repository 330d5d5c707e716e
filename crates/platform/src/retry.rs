//! Retries of transient failures. One loop for every client, so that every client has a limit.

#![expect(clippy::disallowed_methods, reason = "back-off between requests to a real server")]

use std::time::Duration;

use pointsman_core::retry::Backoff;

/// Repeats `call` until it succeeds, fails permanently, or was tried `attempts` times. `again` gets the error and
/// the back-off delay, and returns the delay before the next attempt; `None` ends the loop.
pub(super) async fn retried<T, E, F: Future<Output = Result<T, E>>>(
    attempts: u32,
    backoff: Backoff,
    mut call: impl FnMut() -> F,
    again: impl Fn(&E, Duration) -> Option<Duration>,
) -> Result<T, E> {
    let mut tries = 0;
    loop {
        tries += 1;
        let error = match call().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let wait = again(&error, backoff.after(tries)).filter(|_| tries < attempts);
        let Some(wait) = wait else { return Err(error) };
        tracing::debug!(tries, "a call failed in passing");
        tokio::time::sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const BACKOFF: Backoff =
        Backoff { first: Duration::from_secs(1), most: Duration::from_secs(4) };

    /// The number of calls, the total time and the result.
    fn trial(fails: u32, last: &'static str, again: Option<Duration>) -> (u32, u64, bool) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (calls, began) = (Cell::new(0), tokio::time::Instant::now());
            let call = || {
                calls.set(calls.get() + 1);
                std::future::ready(if calls.get() <= fails { Err(last) } else { Ok(()) })
            };
            let ended = retried(5, BACKOFF, call, |error, wait| {
                (*error == "busy").then(|| again.unwrap_or(wait))
            })
            .await;
            (calls.get(), began.elapsed().as_secs(), ended.is_ok())
        })
    }

    #[test]
    fn transient_errors_are_retried_with_backoff_and_others_are_not() {
        assert_eq!(trial(0, "busy", None), (1, 0, true));
        assert_eq!(trial(3, "busy", None), (4, 1 + 2 + 4, true));
        assert_eq!(trial(9, "busy", None), (5, 1 + 2 + 4 + 4, false));
        assert_eq!(trial(9, "busy", Some(Duration::from_secs(7))), (5, 28, false));
        assert_eq!(trial(9, "denied", None), (1, 0, false));
    }
}
