//! Lines of text in a field of a document: compressed, in base64.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// A hostile document must not fill the memory.
const MOST_BYTES: u64 = 64 << 20;

pub(super) fn packed(lines: impl IntoIterator<Item = String>) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    for line in lines {
        // Writing to memory does not fail.
        let _ = writeln!(encoder, "{line}");
    }
    STANDARD.encode(encoder.finish().unwrap_or_default())
}

/// The lines; `None` if they cannot be read.
pub(super) fn unpacked(packed: &str) -> Option<Vec<String>> {
    let bytes = STANDARD.decode(packed).ok()?;
    let mut lines = String::new();
    GzDecoder::new(bytes.as_slice()).take(MOST_BYTES).read_to_string(&mut lines).ok()?;
    Some(lines.lines().map(str::to_owned).collect())
}
