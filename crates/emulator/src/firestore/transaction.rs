//! Transactions: a commit fails if a document that the transaction read has changed. Google's emulator locks
//! those documents instead; either way one of two transactions on the same document gets ABORTED.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::Refusal;

/// The documents that a transaction read: each key, and the document's update time if it existed.
type Seen = BTreeMap<Vec<u8>, Option<String>>;

/// Maximum open transactions; the oldest are dropped, as they would be after 270 s.
const MOST_TRANSACTIONS: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct Transactions {
    open: BTreeMap<u64, Seen>,
    last: u64,
}

impl Transactions {
    pub(super) fn begin(&mut self) -> String {
        if self.open.len() == MOST_TRANSACTIONS {
            self.open.pop_first();
        }
        self.last += 1;
        self.open.insert(self.last, Seen::new());
        STANDARD.encode(self.last.to_be_bytes())
    }

    fn number(name: &str) -> Result<u64, Refusal> {
        let bytes = STANDARD.decode(name).ok().and_then(|b| b.try_into().ok());
        bytes.map(u64::from_be_bytes).ok_or_else(closed)
    }

    pub(super) fn saw(
        &mut self,
        name: &str,
        key: Vec<u8>,
        updated: Option<String>,
    ) -> Result<(), Refusal> {
        let seen = self.open.get_mut(&Self::number(name)?).ok_or_else(closed)?;
        seen.entry(key).or_insert(updated);
        Ok(())
    }

    pub(super) fn end(&mut self, name: &str) -> Result<Seen, Refusal> {
        self.open.remove(&Self::number(name)?).ok_or_else(closed)
    }
}

fn closed() -> Refusal {
    Refusal::invalid("Transaction is invalid or closed.")
}
