//! Resolves names to addresses. A name without addresses is the service's fault; an unreachable resolver is a local
//! problem, and proves nothing about the service.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use dns_lookup::{LookupErrorKind, lookup_host};
use tokio::time::timeout;

use super::Miss;
use pointsman_core::probe::Fault;
use pointsman_core::time::spoken;

/// Timeout of a name lookup.
const LOOKUP_WITHIN: std::time::Duration = std::time::Duration::from_secs(3);

/// The number of lookups of each name, which selects the address to return first.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<String, usize>>);

impl Turns {
    /// The addresses of a host, with a different one first each time. Otherwise, the first address that works would
    /// hide an old backend that answers some of the customers.
    pub(super) async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Miss> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let mut found = looked_up(bare.to_owned()).await?;
        // Sort the addresses, because resolvers rotate their answers.
        found.sort_unstable();
        found.dedup();
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = turns.entry(bare.to_owned()).or_default();
        *turn = turn.wrapping_add(1);
        let first = (*turn - 1) % found.len().max(1);
        found.rotate_left(first);
        Ok(found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }
}

async fn looked_up(name: String) -> Result<Vec<IpAddr>, Miss> {
    let asked = name.clone();
    let asking = tokio::task::spawn_blocking(move || lookup_host(&asked).map(Iterator::collect));
    let found: Result<Vec<IpAddr>, _> = match timeout(LOOKUP_WITHIN, asking).await {
        Err(_) => {
            let within = spoken(LOOKUP_WITHIN);
            let why = format!("our resolver did not answer for {name} within {within}");
            return Err(Miss::Ours(why));
        }
        Ok(Err(error)) => return Err(Miss::Ours(error.to_string())),
        Ok(Ok(found)) => found,
    };
    found.map_err(|error| match error.kind() {
        LookupErrorKind::NoName | LookupErrorKind::NoData => {
            Miss::Bad(Fault::NoSuchName, format!("no such name: {name}"))
        }
        _ => Miss::Ours(format!("our resolver failed for {name}: {}", std::io::Error::from(error))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_of_a_name_rotate() {
        let turns = Turns::default();
        let of = async |host: &str| turns.addresses(host, 80).await.unwrap();
        assert_eq!(of("127.0.0.1").await, ["127.0.0.1:80".parse().unwrap()]);
        assert_eq!(of("[::1]").await, ["[::1]:80".parse().unwrap()]);
        let (first, second) = (of("localhost").await, of("localhost").await);
        assert_eq!(first.len(), second.len());
        assert!(first.len() == 1 || first[0] != second[0], "{first:?} {second:?}");
    }
}
