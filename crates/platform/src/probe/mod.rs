//! The prober: probes over HTTP, over TCP or with a program.

mod command;
mod connect;
mod connectivity;
mod fresh;
mod http;
mod names;

use std::sync::Arc;
use std::time::Duration;

use self::connect::Dialer;
use self::connectivity::Connectivity;
use self::fresh::Dates;
use pointsman_core::error::Problem;
use pointsman_core::health::{Identity, Sample};
use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::prober::{Prober, Question};
use pointsman_core::probe::{Answer, Check, Expect, Fault, Measurement, Timing};
use pointsman_core::redact::redacted;
use pointsman_core::time::Timestamp;

/// Probes from this machine. Every probe opens its own connection: an old connection must not hide a failure that a
/// new customer would see.
#[derive(Clone)]
pub struct MachineProber {
    clock: Arc<dyn Clock>,
    dialer: Dialer,
    sight: Arc<Connectivity>,
    dates: Arc<Dates>,
}

impl std::fmt::Debug for MachineProber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MachineProber")
    }
}

/// The measurements of one probe.
#[derive(Debug, Default)]
struct Told {
    /// The body, if requested.
    body: Option<Vec<u8>>,
    timing: Timing,
    identity: Identity,
    certificate: Option<Timestamp>,
}

/// Why a probe failed.
#[derive(Debug)]
enum Miss {
    /// The service failed, or the path to it.
    Bad(Fault, String),
    Ours(String),
}

impl MachineProber {
    /// Creates a prober. Fails only if this machine cannot use TLS at all.
    pub fn new(clock: Arc<dyn Clock>) -> Result<Self, Problem> {
        let sight = Arc::new(Connectivity::new(clock.clone()));
        Ok(Self { dialer: Dialer::new(clock.clone())?, clock, sight, dates: Arc::default() })
    }

    fn asker<'a>(&'a self, told: &'a mut Told) -> http::Asker<'a> {
        http::Asker { dialer: &self.dialer, clock: &*self.clock, dates: &self.dates, told }
    }

    async fn measured(&self, check: &Check, timeout: Duration, controls: &[String]) -> Measurement {
        let (mut told, began) = (Told::default(), self.clock.elapsed());
        let asked = match check {
            Check::Http { url, expect, fresh } => {
                let mut asker = self.asker(&mut told);
                asker.ask(url, expect, *fresh, timeout).await
            }
            Check::Tcp(address) => self.dialer.tcp(address, timeout, &mut told).await.map(drop),
            Check::Command { argv, folder } => command::run(argv, folder.as_deref(), timeout).await,
            // The caller, which can read platforms, handles these.
            Check::Domains { .. } => Err(Miss::Ours("domains are not probed from here".to_owned())),
        };
        told.timing.total = self.clock.elapsed().saturating_sub(began);
        let answer = match asked {
            Ok(()) => Answer::Good,
            Err(Miss::Ours(why)) => Answer::Blind(why),
            Err(Miss::Bad(fault, why))
                if fault.may_be_ours() && !matches!(check, Check::Command { .. }) =>
            {
                match self.sight.blind(&self.dialer, check, fault, controls).await {
                    Some(blind) => Answer::Blind(format!("{why}; {blind}")),
                    None => Answer::Bad(fault, why),
                }
            }
            Err(Miss::Bad(fault, why)) => Answer::Bad(fault, why),
        };
        // Redact the error texts of services, which are stored and shown.
        let answer = match answer {
            Answer::Bad(fault, why) => Answer::Bad(fault, redacted(&why)),
            Answer::Blind(why) => Answer::Blind(redacted(&why)),
            Answer::Good => Answer::Good,
        };
        let Told { timing, identity, certificate, .. } = told;
        Measurement { at: self.clock.now(), answer, timing, identity, certificate, odd: None }
    }
}

impl Prober for MachineProber {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Sample> {
        Box::pin(async move {
            let expect = Expect::of_health(&question.health);
            let url = format!("{}{}", question.base, question.health.path);
            let check = Check::Http { url, expect: Box::new(expect), fresh: true };
            self.measured(&check, question.timeout, &question.controls).await.sample()
        })
    }

    fn measure<'a>(
        &'a self,
        check: &'a Check,
        timeout: Duration,
        controls: &'a [String],
    ) -> BoxFuture<'a, Measurement> {
        Box::pin(self.measured(check, timeout, controls))
    }

    fn read<'a>(&'a self, url: &'a str, timeout: Duration) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            let mut told = Told { body: Some(Vec::new()), ..Told::default() };
            let mut asker = self.asker(&mut told);
            asker.ask(url, &Expect::default(), false, timeout).await.ok()?;
            told.body.map(|body| String::from_utf8_lossy(&body).into_owned())
        })
    }
}
