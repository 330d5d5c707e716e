//! What the services of a scripted world answer, and how fast.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use super::hosting::{Answering, FakeWorld};
use super::script::{Asked, odd};
use pointsman_core::health::{Identity, Sample};
use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::prober::{Prober, Question};
use pointsman_core::probe::{Check, Measurement};

impl FakeWorld {
    async fn answer(&self, base: &str) -> Sample {
        let who = self.answers(base);
        let (nth, today) = self.count(base);
        self.clock().sleep(latency(base, who.as_ref(), nth)).await;
        let green = who.as_ref().is_some_and(|who| who.preview && !who.live);
        let asked = Asked { base, green, after: today.unwrap_or_default(), nth };
        if let Some(odd) = today.and_then(|_| odd(self.scenario(), &asked, who.as_ref())) {
            return odd;
        }
        match who {
            // What is sick today was healthy in the past that was made for it.
            Some(who) if today.is_some() && self.scenario().sick(&who) => {
                Sample::Unhealthy("HTTP 503: JWT_SECRET is not set".to_owned())
            }
            Some(who) => Sample::Healthy(Identity {
                version: Some(who.release.to_string()),
                revision: Some(who.build.to_string()),
            }),
            // A backend outside of the config.
            None if base.starts_with("https://") => Sample::Healthy(Identity::default()),
            None => Sample::Unhealthy("connection refused".to_owned()),
        }
    }
}

/// The same for each world: green is a little slower, others have their own pace.
fn latency(base: &str, who: Option<&Answering>, nth: u64) -> Duration {
    let mut hasher = DefaultHasher::new();
    (base, nth).hash(&mut hasher);
    let jitter = hasher.finish() % 18;
    let usual = match who {
        Some(who) if who.preview && !who.live => 42,
        Some(_) => 30,
        None => 20 + (base.len() as u64 * 7) % 60,
    };
    Duration::from_millis(usual + jitter)
}

impl Prober for FakeWorld {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Sample> {
        Box::pin(self.answer(&question.base))
    }

    fn measure<'a>(
        &'a self,
        check: &'a Check,
        _: Duration,
        _: &'a [String],
    ) -> BoxFuture<'a, Measurement> {
        let address = check.to_string();
        let path = address.find("://").and_then(|at| Some(at + 3 + address[at + 3..].find('/')?));
        let base = address[..path.unwrap_or(address.len())].to_owned();
        Box::pin(async move {
            let began = self.clock().elapsed();
            let sample = self.answer(&base).await;
            let total = self.clock().elapsed().saturating_sub(began);
            Measurement::of(sample, self.clock().now(), total)
        })
    }
}
