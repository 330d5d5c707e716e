//! The soak after a switch. A service fails by consecutive failures, or by its share of bad answers.

use std::collections::BTreeMap;
use std::time::Duration;

use super::share::ShareVerdict;
use super::{Decision, Sample, Share, Verdict, Wanted};
use crate::ids::ServiceName;
use crate::policy::SoakPolicy;
use crate::time::spoken;

/// The soak of one service.
#[derive(Debug)]
struct Watched {
    /// The builds that may answer.
    wanted: Vec<Wanted>,
    /// The number of answers of each.
    answers: Vec<u32>,
    row: u32,
    share: Share,
    answered: bool,
}

/// Monitors the services of a run during the soak.
#[derive(Debug)]
pub struct SoakWatch {
    policy: SoakPolicy,
    /// Maximum time between two rounds of samples that still counts as soak time.
    longest_round: Duration,
    services: BTreeMap<ServiceName, Watched>,
    samples: u32,
    bad: u32,
    blind: u32,
    /// End of the last complete round.
    last: Option<Duration>,
    watched: Duration,
    blind_for: Duration,
    gaps: Duration,
}

/// The state of the soak after a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// The soak continues; holds the time left.
    Left(Duration),
    /// The soak was long enough, and every service is healthy.
    Over,
    /// Too much time passed without answers for a verdict.
    TooBlind(Duration),
}

/// Extra time between two rounds that a loaded machine may need.
const GAP_TOLERANCE: Duration = Duration::from_secs(2);

impl Watched {
    /// Accepts a healthy answer of one of the builds.
    fn judge(&mut self, sample: &Sample) -> Result<(), String> {
        let mut why = None;
        for (wanted, answers) in self.wanted.iter().zip(&mut self.answers) {
            match wanted.judge(sample) {
                Ok(()) => {
                    *answers += 1;
                    return Ok(());
                }
                Err(differs) => why = why.or(Some(differs)),
            }
        }
        Err(why.unwrap_or_else(|| "no build is expected to answer".to_owned()))
    }
}

impl SoakWatch {
    /// A soak of some services, each with the builds that may answer. `timeout` is that of one sample.
    pub fn new(
        policy: SoakPolicy,
        timeout: Duration,
        wanted: BTreeMap<ServiceName, Vec<Wanted>>,
    ) -> Self {
        let share = Share::new(policy.share);
        let watched = |wanted: Vec<Wanted>| Watched {
            answers: vec![0; wanted.len()],
            wanted,
            row: 0,
            share: share.clone(),
            answered: false,
        };
        let services = wanted.into_iter().map(|(name, wanted)| (name, watched(wanted))).collect();
        Self {
            longest_round: policy.interval + timeout + GAP_TOLERANCE,
            policy,
            services,
            samples: 0,
            bad: 0,
            blind: 0,
            last: None,
            watched: Duration::ZERO,
            blind_for: Duration::ZERO,
            gaps: Duration::ZERO,
        }
    }

    /// Adds one answer. A returned decision is always a failure. Blind samples count neither as bad nor as good.
    pub fn push(&mut self, service: &ServiceName, sample: &Sample) -> Option<Decision> {
        let watched = self.services.get_mut(service)?;
        self.samples += 1;
        if matches!(sample, Sample::Blind(_)) {
            self.blind += 1;
            return None;
        }
        watched.answered = true;
        let judged = watched.judge(sample);
        watched.share.push(judged.is_ok());
        let Err(why) = judged else {
            watched.row = 0;
            return None;
        };
        watched.row += 1;
        self.bad += 1;
        let of_release = matches!(sample, Sample::Unhealthy(_));
        let failed =
            |evidence: String| Some(Decision::new(Verdict::Fail, evidence).of_release(of_release));
        if watched.row >= self.policy.failures {
            return failed(format!("{} failures in a row: {why}", watched.row));
        }
        if watched.share.verdict() == ShareVerdict::Exceeded {
            let (share, limit) = (watched.share.describe(), self.policy.share.percent);
            return failed(format!("{share}, more than {limit} %; last: {why}"));
        }
        None
    }

    /// Ends a round in which every service was probed once. `now` is monotonic. Only the time between two
    /// answered rounds at the planned interval counts: during a gap (a stopped process, a suspended machine, a
    /// locked store) there were no samples.
    pub fn end_round(&mut self, now: Duration, all_answered: bool) -> Round {
        let passed = self.last.map_or(Duration::ZERO, |last| now.saturating_sub(last));
        self.last = Some(now);
        if passed > self.longest_round {
            self.gaps += passed;
        } else if all_answered {
            self.watched += passed;
        } else {
            self.blind_for += passed;
        }
        if self.may_end() {
            return Round::Over;
        }
        // The limit is the length of the soak, and at least a minute.
        if self.blind_for > self.policy.length.max(Duration::from_mins(1)) {
            return Round::TooBlind(self.blind_for);
        }
        Round::Left(self.policy.length.saturating_sub(self.watched))
    }

    /// Whether the soak was long enough and no service is currently failing. After a bad answer, there must
    /// be enough answers to judge the share.
    fn may_end(&self) -> bool {
        let well = |watched: &Watched| {
            let judged = watched.share.verdict() != ShareVerdict::TooFew;
            watched.answered && watched.row == 0 && (judged || !watched.share.any_bad())
        };
        self.watched >= self.policy.length && self.services.values().all(well)
    }

    /// The number of a service's answers that came from the first build that may answer, where answers tell.
    pub fn answers_of_first(&self, service: &ServiceName) -> Option<u32> {
        let watched = self.services.get(service)?;
        let told = watched.wanted.first()?.tells_apart();
        watched.answers.first().copied().filter(|_| told)
    }

    /// The numbers so far, `120 samples, 2 bad`, with their limitations.
    pub fn summary(&self) -> String {
        let mut said = format!("{} samples, {} bad", self.samples, self.bad);
        if self.blind > 0 {
            said = format!("{said}, {} blind", self.blind);
        }
        if !self.gaps.is_zero() {
            said = format!("{said}; {} without samples not counted", spoken(self.gaps));
        }
        let few = |watched: &Watched| watched.share.verdict() == ShareVerdict::TooFew;
        if self.services.values().any(few) {
            let least = self.policy.share.least_samples;
            said = format!("{said}; share rule not applied below {least} samples");
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Identity;
    use crate::policy::DeployPolicy;

    const SECOND: Duration = Duration::from_secs(1);

    fn service() -> ServiceName {
        ServiceName::new("toto-app").unwrap()
    }

    fn watch() -> (SoakWatch, SoakPolicy) {
        let wanted = Wanted::by_revision("b-1");
        let policy = DeployPolicy::default();
        let soak = policy.soak;
        let watch =
            SoakWatch::new(soak.clone(), policy.health.timeout, [(service(), vec![wanted])].into());
        (watch, soak)
    }

    fn from(build: &str) -> Sample {
        Sample::Healthy(Identity { version: None, revision: Some(build.to_owned()) })
    }

    /// Runs rounds of one second each, from second `at` on. Returns the first decision and the last round.
    fn rounds(watch: &mut SoakWatch, at: u32, answers: &[Sample]) -> (Option<Decision>, Round) {
        let mut round = Round::Left(Duration::ZERO);
        for (n, sample) in (at..).zip(answers) {
            if let Some(decision) = watch.push(&service(), sample) {
                return (Some(decision), round);
            }
            round = watch.end_round(SECOND * n, !matches!(sample, Sample::Blind(_)));
        }
        (None, round)
    }

    #[test]
    fn a_soak_without_answers_does_not_pass() {
        let (mut watch, _) = watch();
        let blind = vec![Sample::Blind("no route".to_owned()); 125];
        let (failed, round) = rounds(&mut watch, 0, &blind);
        assert_eq!(failed, None);
        assert!(matches!(round, Round::TooBlind(_)), "{round:?}");
    }

    #[test]
    fn half_bad_answers_fail_from_any_replica() {
        for bad in [Sample::Unhealthy("HTTP 503".to_owned()), from("b-0")] {
            let (mut watch, _) = watch();
            let answers: Vec<_> =
                (0..60).map(|n| if n % 2 == 0 { from("b-1") } else { bad.clone() }).collect();
            let (failed, _) = rounds(&mut watch, 0, &answers);
            let evidence = failed.unwrap().evidence;
            assert!(evidence.starts_with("10 of 20 answers bad (50 %)"), "{evidence}");
        }
    }

    #[test]
    fn gaps_do_not_count_as_soak_time() {
        let (mut watch, soak) = watch();
        let well = vec![from("b-1"); 100];
        rounds(&mut watch, 0, &well);
        // The process was stopped for an hour.
        let (_, round) = rounds(&mut watch, 3_700, &well[..10]);
        assert_eq!(round, Round::Left(soak.length.saturating_sub(SECOND * 108)));
        let (_, round) = rounds(&mut watch, 3_710, &well[..12]);
        assert_eq!(round, Round::Over);
        assert_eq!(watch.summary(), "122 samples, 0 bad; 1h 00m without samples not counted");
    }

    #[test]
    fn few_answers_with_a_failure_extend_the_soak() {
        let (watch_of, mut policy) = watch();
        policy.length = SECOND * 5;
        let wanted = watch_of.services[&service()].wanted.clone();
        let mut watch = SoakWatch::new(policy, SECOND, [(service(), wanted)].into());
        let mut answers = vec![from("b-1"); 30];
        answers[2] = Sample::Unhealthy("HTTP 503".to_owned());
        let mut ended = 0;
        for (n, sample) in (0..).zip(&answers) {
            assert_eq!(watch.push(&service(), sample), None);
            if watch.end_round(SECOND * n, true) == Round::Over {
                ended = n;
                break;
            }
        }
        assert_eq!(ended, 19, "20 samples");
    }
}
