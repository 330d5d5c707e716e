//! Probe results and latencies of the services in a scripted world.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use super::behaviour::Behaviour;
use super::script::{Asked, odd};
use super::world::{Inside, World};
use pointsman_core::health::{Identity, Sample};
use pointsman_core::ids::BuildId;
use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::log::{LogLine, RunLog};
use pointsman_core::ports::prober::{Prober, Question};
use pointsman_core::probe::{Check, Measurement};
use pointsman_core::release::ReleaseLabel;

/// The build that answers at an address.
pub(super) struct Answering {
    pub(super) build: BuildId,
    pub(super) release: Option<ReleaseLabel>,
    /// Full resource name of the backend.
    pub(super) backend: String,
    /// Whether it was probed at its preview address.
    pub(super) preview: bool,
    /// Whether it has the backend's traffic.
    pub(super) live: bool,
}

impl Answering {
    pub(super) fn label(&self) -> &str {
        self.release.as_ref().map_or("", ReleaseLabel::as_str)
    }
}

impl Inside {
    /// The build that answers at an address: the live build at a public address, the build itself at its preview
    /// address.
    fn answers(&mut self, base: &str) -> Option<Answering> {
        let (backend, build, preview) = if let Some(backend) = self.addresses.get(base).cloned() {
            let build = self.next_of(&backend)?;
            (backend, build, false)
        } else {
            let of = self.builds.iter().find(|((_, id), _)| base.contains(id.as_str()));
            of.map(|((backend, _), made)| (backend.clone(), made.build.id.clone(), true))?
        };
        let made = self.builds.get(&(backend.clone(), build.to_string()));
        Some(Answering {
            release: made.and_then(|made| made.build.release.clone()),
            preview,
            live: !preview || self.traffic.get(&backend) == Some(&build),
            build,
            backend,
        })
    }

    /// The build that gets a backend's next request. Of ten in a row, each build gets its share.
    fn next_of(&mut self, backend: &str) -> Option<BuildId> {
        let Some(shares) = self.shared.get(backend) else {
            return self.traffic.get(backend).cloned();
        };
        let at = self.shared_requests % 10 * 10;
        self.shared_requests += 1;
        let mut until = 0;
        let mine = shares.iter().find(|share| {
            until += u32::from(share.percent);
            at < until
        });
        mine.map(|share| share.build.clone())
    }

    /// The probe result of a build, according to its release's behaviour.
    fn behaves(&mut self, who: &Answering) -> Sample {
        let public = !who.preview;
        let probed = self.probed.entry((who.build.to_string(), public)).or_default();
        *probed += 1;
        let (nth, other) = (*probed, |version: &str| {
            let revision = Some("b-old".to_owned());
            Sample::Healthy(Identity { version: Some(version.to_owned()), revision })
        });
        let version = who.label().to_owned();
        let bad = match self.behaviour.get(&version).copied().unwrap_or(Behaviour::Healthy) {
            Behaviour::Blind => return Sample::Blind("no route".to_owned()),
            Behaviour::Nameless if public => {
                return Sample::Healthy(Identity { version: Some(version), revision: None });
            }
            Behaviour::Mixed if public && nth.is_multiple_of(5) => return other("1.0.0"),
            Behaviour::OldAnswers(after) if public && nth > after && nth.is_multiple_of(2) => {
                return other("1.0.0");
            }
            Behaviour::Alternates(after) => public && nth > after && nth.is_multiple_of(2),
            Behaviour::Healthy
            | Behaviour::Mixed
            | Behaviour::OldAnswers(_)
            | Behaviour::Nameless
            | Behaviour::DoesNotBuild => false,
            Behaviour::Broken => true,
            Behaviour::Flaky => nth.is_multiple_of(2),
            Behaviour::Leaks(after) => public && nth > after,
        };
        if bad {
            return Sample::Unhealthy("HTTP 503".to_owned());
        }
        Sample::Healthy(Identity { version: Some(version), revision: Some(who.build.to_string()) })
    }

    /// Counts a probe of an address. Returns its number since the start of the scenario, and the time since then.
    fn count(&mut self, base: &str, now: Duration) -> (u64, Option<Duration>) {
        let Some(began) = self.began else { return (0, None) };
        let count = self.counted.entry(base.to_owned()).or_default();
        *count += 1;
        (*count, Some(now.saturating_sub(began)))
    }
}

impl World {
    async fn probe(&self, base: &str) -> Sample {
        let now = self.elapsed();
        let (who, (nth, today)) = {
            let mut inside = self.lock();
            inside.probed_urls.push(base.to_owned());
            (inside.answers(base), inside.count(base, now))
        };
        self.pass(latency(base, who.as_ref(), nth)).await;
        if let (Some(stage), Some(after)) = (&self.stage, today) {
            let green = who.as_ref().is_some_and(|who| who.preview && !who.live);
            let asked = Asked { base, green, after, nth };
            if let Some(odd) = odd(stage.scenario, &asked, who.as_ref()) {
                return odd;
            }
            // Only now: in the history created for the scenario, the same release was healthy.
            if who.as_ref().is_some_and(|who| stage.scenario.sick(who)) {
                return Sample::Unhealthy("HTTP 503: JWT_SECRET is not set".to_owned());
            }
        }
        match who {
            Some(who) => self.lock().behaves(&who),
            // An address that is not in the config.
            None if base.starts_with("https://") && self.stage.is_some() => {
                Sample::Healthy(Identity::default())
            }
            None => Sample::Unhealthy("connection refused".to_owned()),
        }
    }
}

/// A reproducible latency: GREEN is a little slower, and addresses without a build have their own base latency.
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

impl Prober for World {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Sample> {
        Box::pin(self.probe(&question.base))
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
            let began = self.elapsed();
            let sample = self.probe(&base).await;
            Measurement::of(sample, self.now(), self.elapsed().saturating_sub(began))
        })
    }
}

/// Discards the log, which no test reads.
impl RunLog for World {
    fn line(&self, _: &LogLine) {}
}
