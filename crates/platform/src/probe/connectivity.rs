//! Distinguishes a failed service from a failed local network: if a target does not answer, probes control
//! addresses that must answer (N12).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Mutex;

use super::connect::Dialer;
use super::{Miss, Told};
use pointsman_core::ports::clock::Clock;
use pointsman_core::probe::{Check, Fault};

/// Default controls: two resolvers by IP address, so that a broken name lookup is not mistaken for a broken
/// network, and Google's API, for networks that allow nothing else out.
const USUAL: [&str; 3] =
    ["tcp://1.1.1.1:443", "tcp://8.8.8.8:443", "tcp://firebaseapphosting.googleapis.com:443"];
/// How long a result stays valid.
const ANSWER_HOLDS: Duration = Duration::from_secs(2);
/// Timeout of a control probe.
const CONTROL_WITHIN: Duration = Duration::from_secs(2);

/// Checks whether the local network works, and caches the result for `ANSWER_HOLDS`.
pub(super) struct Connectivity {
    clock: Arc<dyn Clock>,
    /// Time and result of the last check of the control probes.
    known: Mutex<BTreeMap<Vec<String>, (Duration, Eyes)>>,
}

/// Failures of the local network, with their reasons.
#[derive(Debug, Clone, Default)]
struct Eyes {
    /// Why the network is down, if no control answers.
    network: Option<String>,
    /// Why name lookup is down, if no name is found.
    names: Option<String>,
}

impl Connectivity {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, known: Mutex::default() }
    }

    /// Why the local network is at fault, if it is. A name that is not found is our own fault only if no other name
    /// is found either.
    pub(super) async fn blind(
        &self,
        dialer: &Dialer,
        check: &Check,
        fault: Fault,
        controls: &[String],
    ) -> Option<String> {
        let eyes = self.eyes(dialer, check, controls).await?;
        if fault == Fault::NoSuchName { eyes.network.or(eyes.names) } else { eyes.network }
    }

    /// The state of the local network. `None` if the target does not need it.
    async fn eyes(&self, dialer: &Dialer, check: &Check, controls: &[String]) -> Option<Eyes> {
        let controls: Vec<String> = match controls {
            // A target on this machine needs no network.
            [] if is_here(check) => return None,
            [] => USUAL.iter().map(|usual| (*usual).to_owned()).collect(),
            named => named.to_vec(),
        };
        // One check at a time: many probes fail together when the network is cut.
        let mut known = self.known.lock().await;
        let now = self.clock.elapsed();
        if let Some((asked, answer)) = known.get(&controls)
            && now.saturating_sub(*asked) < ANSWER_HOLDS
        {
            return Some(answer.clone());
        }
        let asked = join_all(controls.iter().map(|control| reach(dialer, control))).await;
        let said = |(control, asked): (&String, &Result<(), Miss>)| match asked {
            Err(Miss::Bad(_, why) | Miss::Ours(why)) => Some(format!("{control}: {why}")),
            Ok(()) => None,
        };
        let first = || controls.iter().zip(&asked).find_map(said).unwrap_or_default();
        let lost = |asked: &Result<(), Miss>| {
            matches!(asked, Err(Miss::Bad(Fault::NoSuchName, _) | Miss::Ours(_)))
        };
        let mut named =
            controls.iter().zip(&asked).filter(|(control, _)| is_named(control)).peekable();
        let no_names = named.peek().is_some() && named.all(|(_, asked)| lost(asked));
        let none = asked.iter().all(Result::is_err);
        let eyes = Eyes {
            network: none.then(|| {
                format!("and none of {} control probes answers ({})", controls.len(), first())
            }),
            names: no_names.then(|| format!("and no other name is found either ({})", first())),
        };
        known.insert(controls, (self.clock.elapsed(), eyes.clone()));
        Some(eyes)
    }
}

/// Probes a control, which answers if a connection to it can be opened.
async fn reach(dialer: &Dialer, control: &str) -> Result<(), Miss> {
    let url = url::Url::parse(control).map_err(|e| Miss::Ours(e.to_string()))?;
    let port = url.port_or_known_default().unwrap_or(443);
    let address = format!("{}:{port}", url.host_str().unwrap_or_default());
    dialer.tcp(&address, CONTROL_WITHIN, &mut Told::default()).await.map(drop)
}

/// Whether a control's host is a name that must be looked up.
fn is_named(control: &str) -> bool {
    let host = url::Url::parse(control).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.is_some_and(|host| {
        host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_err() && host != "localhost"
    })
}

/// Whether the target is on this machine.
fn is_here(check: &Check) -> bool {
    let host = match check {
        Check::Http { url, .. } => {
            url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned))
        }
        Check::Tcp(address) => address.rsplit_once(':').map(|(host, _)| host.to_owned()),
        Check::Command { .. } | Check::Domains { .. } => None,
    };
    host.is_some_and(|host| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || host.ends_with(".localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}
