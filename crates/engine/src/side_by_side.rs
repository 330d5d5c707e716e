//! Several reads of a platform at once.

use futures_util::stream::{self, Buffered, Collect, StreamExt as _};

/// Reads under way at once. Enough that fifty services take about as long as one (`benches/scale.rs`); more would
/// only meet a platform's limit of requests per minute.
const AT_ONCE: usize = 64;

/// The results of all reads, in the order of the reads. Only for what ends by itself within seconds: a read that hangs
/// holds its place.
///
/// Its type is written out: with `impl Future` or `async fn`, the future would hold the iterator, whose closures make
/// callers that must be `Send` fail to compile.
pub(crate) fn side_by_side<F: Future>(
    reads: impl IntoIterator<Item = F>,
) -> Collect<Buffered<stream::Iter<std::vec::IntoIter<F>>>, Vec<F::Output>> {
    stream::iter(reads.into_iter().collect::<Vec<_>>()).buffered(AT_ONCE).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn reads_are_bounded_and_answered_in_order() {
        let (under_way, most) = (Cell::new(0), Cell::new(0));
        let read = |n: usize| {
            let (under_way, most) = (&under_way, &most);
            async move {
                under_way.set(under_way.get() + 1);
                most.set(under_way.get().max(most.get()));
                // The first ones answer last.
                let mut turns = AT_ONCE.saturating_sub(n) + 1;
                std::future::poll_fn(|context| {
                    turns -= 1;
                    context.waker().wake_by_ref();
                    if turns == 0 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
                })
                .await;
                under_way.set(under_way.get() - 1);
                n
            }
        };
        let mut all = std::pin::pin!(side_by_side((0..100).map(read)));
        let answers = loop {
            if let Some(answers) = all.as_mut().now_or_never() {
                break answers;
            }
        };
        assert_eq!(answers, (0..100).collect::<Vec<_>>());
        assert_eq!(most.get(), AT_ONCE);
    }
}
