//! The app's prober: reads the status of domains from their platform, and probes everything else.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::endpoint::Endpoint;
use crate::domain::health::{Identity, Sample};
use crate::domain::probe::{Answer, CERTIFICATE, Check, Fault, Measurement, SET_UP, Timing};
use crate::domain::project::Target;
use crate::domain::redact::redacted;
use crate::ports::BoxFuture;
use crate::ports::clock::Clock;
use crate::ports::hosting::TroubleKind;
use crate::ports::platforms::Platforms;
use crate::ports::prober::{Prober, Question};

/// Probes everything: the domains of a platform through the platform, the rest directly.
pub(super) struct EveryProber {
    /// The prober for everything else.
    pub(super) direct: Arc<dyn Prober>,
    pub(super) platforms: Arc<dyn Platforms>,
    pub(super) clock: Arc<dyn Clock>,
}

impl EveryProber {
    /// The platform's status of a backend's domains. Blind if the platform does not answer.
    async fn domains(&self, endpoint: &Endpoint, target: &Target) -> (Answer, Option<String>) {
        let hosting = match self.platforms.hosting(endpoint, false).await {
            Ok(Some(hosting)) => hosting,
            Ok(None) => return (Answer::Blind("the platform is not running".to_owned()), None),
            Err(problem) => return (Answer::Blind(redacted(&problem.to_string())), None),
        };
        let troubles = match hosting.domain_troubles(target).await {
            Ok(troubles) => troubles,
            Err(error) => return (Answer::Blind(redacted(&error.to_string())), None),
        };
        let told = |kind: TroubleKind| {
            let of = troubles.iter().filter(|trouble| trouble.kind == kind);
            let all: Vec<_> = of.map(|trouble| trouble.what.as_str()).collect();
            (!all.is_empty()).then(|| all.join("; "))
        };
        if let Some(why) = told(TroubleKind::Broken) {
            return (Answer::Bad(Fault::Domain, why), None);
        }
        let ends = told(TroubleKind::CertificateEnds).map(|what| format!("{CERTIFICATE}: {what}"));
        let new = told(TroubleKind::SetUp).map(|what| format!("{SET_UP}: {what}"));
        let odd: Vec<_> = [ends, told(TroubleKind::Odd), new].into_iter().flatten().collect();
        (Answer::Good, (!odd.is_empty()).then(|| odd.join("; ")))
    }
}

impl Prober for EveryProber {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Sample> {
        self.direct.ask(question)
    }

    fn measure<'a>(
        &'a self,
        check: &'a Check,
        timeout: Duration,
        controls: &'a [String],
    ) -> BoxFuture<'a, Measurement> {
        let Check::Domains { endpoint, target } = check else {
            return self.direct.measure(check, timeout, controls);
        };
        Box::pin(async move {
            let clock = &self.clock;
            let began = clock.elapsed();
            let asked = tokio::time::timeout(timeout, self.domains(endpoint, target)).await;
            let late = |_| (Answer::Blind("the platform does not answer".to_owned()), None);
            let (answer, odd) = asked.unwrap_or_else(late);
            let total = clock.elapsed().saturating_sub(began);
            let timing = Timing { total, ..Timing::default() };
            let identity = Identity::default();
            Measurement { at: clock.now(), answer, timing, identity, certificate: None, odd }
        })
    }

    fn read<'a>(&'a self, url: &'a str, timeout: Duration) -> BoxFuture<'a, Option<String>> {
        self.direct.read(url, timeout)
    }
}
