//! The lines that a query shows: a bit for each line, and a count for each block of them. Ten million lines take 1.3 MB, where a
//! list of their numbers would take 40.

/// Words of 64 lines in a block.
const BLOCK: usize = 8;

/// Numbers of lines, lowest first.
#[derive(Debug, Default)]
pub(super) struct Kept {
    words: Vec<u64>,
    /// How many lines are shown before each block.
    before: Vec<usize>,
    length: usize,
}

impl Kept {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Adds a line. Its number must be higher than those before it.
    pub(super) fn push(&mut self, number: usize) {
        let word = number / 64;
        while self.words.len() <= word {
            if self.words.len().is_multiple_of(BLOCK) {
                self.before.push(self.length);
            }
            self.words.push(0);
        }
        self.words[word] |= 1 << (number % 64);
        self.length += 1;
    }

    /// The numbers of the lines from a position on.
    pub(super) fn starting_at(&self, position: usize) -> impl Iterator<Item = usize> + '_ {
        let block = self.before.partition_point(|before| *before <= position).saturating_sub(1);
        let passed = self.before.get(block).map_or(0, |before| position - before);
        let words = self.words.iter().enumerate().skip(block * BLOCK);
        words.flat_map(|(word, bits)| ones(*bits).map(move |bit| word * 64 + bit)).skip(passed)
    }
}

/// The places of the bits that are set, lowest first.
fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = bits.trailing_zeros();
        bits &= bits.checked_sub(1)?;
        Some(lowest as usize)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn lines_are_found_by_their_position(
            gaps in proptest::collection::vec(prop_oneof![1_usize..3, 1_usize..2_000], 0..300),
            position in 0_usize..400,
        ) {
            let numbers: Vec<_> =
                gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at - 1) }).collect();
            let mut kept = Kept::default();
            for number in &numbers {
                kept.push(*number);
            }
            prop_assert_eq!(kept.len(), numbers.len());
            let rest = numbers.get(position..).unwrap_or_default();
            prop_assert_eq!(kept.starting_at(position).collect::<Vec<_>>(), rest);
        }
    }
}
