//! The ports of slots. One port belongs to one slot of one emulator, also before the slot's process listens on it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

/// The port range of the slots. The system would assign a port that outgoing connections use too (Linux from 32768,
/// macOS and Windows from 49152), and another program could take the port of a slot that died.
const RANGE: Range<u16> = 20_000..32_000;

/// A port that no other slot gets while this value lives, whichever emulator of this user asks. To bind a port and
/// close it again proves too little: two builds that start together found the same port free, and one then answered
/// for both.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) number: u16,
    /// Locked while the slot exists. The system unlocks it when the emulator dies; if the slot's process outlives
    /// the emulator, the port itself is taken.
    _lock: Option<File>,
}

impl Port {
    /// A free port.
    pub(super) fn free() -> io::Result<Self> {
        // Without the folder there are no locks, and a port that nothing listens on has to do.
        let _ = DirBuilder::new().recursive(true).mode(0o700).create(folder());
        let many = RANGE.len();
        let random = RandomState::new().hash_one(()) % many as u64;
        let first = usize::try_from(random).unwrap_or_default();
        let around = RANGE.cycle().skip(first).take(many);
        let mut unlocked =
            around.filter_map(|number| Some(Self { number, _lock: lock(number).ok()? }));
        unlocked
            .find(|port| nothing_listens(port.number))
            .ok_or_else(|| io::ErrorKind::AddrInUse.into())
    }

    /// The port of a slot that outlived its emulator. Its process listens on it.
    pub(super) fn adopted(number: u16) -> Self {
        Self { number, _lock: lock(number).ok().flatten() }
    }
}

/// Another slot has the port.
#[derive(Debug)]
struct Taken;

/// Locks a port. `None` if this machine has no place for locks.
fn lock(number: u16) -> Result<Option<File>, Taken> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(false).mode(0o600);
    let Ok(file) = options.open(folder().join(number.to_string())) else {
        return Ok(None);
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(Taken),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

fn nothing_listens(number: u16) -> bool {
    std::net::TcpListener::bind(("127.0.0.1", number)).is_ok()
}

/// Where the emulators of this user lock their ports.
fn folder() -> PathBuf {
    let user = rustix::process::getuid().as_raw();
    std::env::temp_dir().join(format!("pointsman-ports-{user}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ports_of_slots_that_do_not_listen_yet_differ() {
        let ports: Vec<Port> = (0..300).map(|_| Port::free().unwrap()).collect();
        let numbers: HashSet<u16> = ports.iter().map(|port| port.number).collect();
        assert_eq!(numbers.len(), ports.len());
        assert!(numbers.iter().all(|number| RANGE.contains(number)));
    }

    #[test]
    fn port_of_a_slot_is_refused_to_another_until_it_is_given_back() {
        let port = Port::free().unwrap();
        let number = port.number;
        assert!(lock(number).is_err());
        drop(port);
        assert!(lock(number).is_ok());
    }
}
