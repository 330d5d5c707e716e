//! The figures of builds that have traffic: requests, failed requests and latency, as the platform measures them, and the
//! rules that a release must meet after the switch.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::health::Verdict;
use crate::ids::{BuildId, ServiceName};
use crate::snapshot::Evidence;
use crate::time::{Timestamp, parse_duration};

/// Requests below which nothing is judged, unless the config says otherwise.
pub const LEAST_REQUESTS: u64 = 100;

/// What the platform measured of one build in a period.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    pub requests: u64,
    /// Those answered with 5xx.
    pub errors: u64,
    /// 95 of 100 requests were answered within this many milliseconds. `None`: not reported.
    pub p95_ms: Option<f64>,
    /// The end of the last measured minute. `None`: nothing is reported yet, which says nothing about the requests.
    pub until: Option<Timestamp>,
}

impl Figures {
    /// The share of failed requests, in per cent.
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub fn error_percent(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.errors as f64 / self.requests as f64 * 100.0)
    }

    /// `0.3 % of 1200 failed, p95 120 ms, until 12:03Z`.
    pub fn sentence(&self) -> String {
        let Some(until) = self.until else { return "no figures are reported yet".to_owned() };
        let share = self.error_percent().map_or("no requests".to_owned(), |share| {
            format!("{share:.1} % of {} failed", self.requests)
        });
        let p95 = self.p95_ms.map(|ms| format!(", p95 {ms:.0} ms")).unwrap_or_default();
        format!("{share}{p95}, until {}", until.strftime("%H:%MZ"))
    }
}

/// The period whose figures the screen shows.
pub const SHOWN_PERIOD: Duration = Duration::from_mins(10);

/// The figures of a live build in the last minutes, as read at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FigureReading {
    pub service: ServiceName,
    /// `None`: which build is live is unknown.
    pub build: Option<BuildId>,
    pub at: Timestamp,
    pub figures: Evidence<Figures>,
}

/// A histogram of latencies: the number of requests in each bucket, with the bucket's upper bound in milliseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    buckets: Vec<(f64, f64, u64)>,
}

impl Histogram {
    /// Adds requests with latencies between two bounds.
    pub fn add(&mut self, from: f64, to: f64, requests: u64) {
        if requests > 0 {
            self.buckets.push((from, to, requests));
        }
    }

    /// The 95th percentile, interpolated inside its bucket.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn p95(&self) -> Option<f64> {
        let mut buckets = self.buckets.clone();
        buckets.sort_by(|a, b| a.1.total_cmp(&b.1));
        let all: u64 = buckets.iter().map(|(_, _, n)| n).sum();
        let wanted = all as f64 * 0.95;
        let mut below = 0.0;
        for (from, to, n) in buckets {
            let n = n as f64;
            if below + n >= wanted {
                // The last bucket has no upper bound.
                let to = if to.is_finite() { to } else { from };
                return Some(from + (to - from) * ((wanted - below) / n));
            }
            below += n;
        }
        None
    }
}

/// The largest share of failed requests, in per cent: `<1%`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorLimit(f64);

/// The largest 95th percentile of the latency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LatencyLimit {
    /// A multiple of BLUE's before the switch: `<1.3x`.
    Times(f64),
    /// A time: `<800ms`.
    Within(Duration),
}

/// The rules for a release's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FigureRules {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<ErrorLimit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<LatencyLimit>,
    /// Requests below which nothing is judged.
    pub at_least: u64,
}

impl Default for FigureRules {
    fn default() -> Self {
        let (errors, p95) = (ErrorLimit(1.0), LatencyLimit::Times(1.3));
        Self { errors: Some(errors), p95: Some(p95), at_least: LEAST_REQUESTS }
    }
}

// Limits are never NaN.
impl Eq for FigureRules {}

/// The result of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureVerdict {
    /// `errors` or `p95`.
    pub rule: &'static str,
    pub verdict: Verdict,
    pub said: String,
}

impl FigureRules {
    /// Judges GREEN's figures since the switch, with BLUE's before it where a rule compares them.
    /// `own`: how many of GREEN's requests were at most this run's own, which say nothing about customers.
    pub fn judge(&self, blue: Option<&Figures>, green: &Figures, own: u64) -> Vec<FigureVerdict> {
        let errors = self.errors.map(|limit| self.errors(limit, green, own));
        let p95 = self.p95.map(|limit| self.p95(limit, blue, (green, own)));
        errors.into_iter().chain(p95).collect()
    }

    /// Why these figures are too few, or too late, to judge.
    fn too_few(&self, who: &str, figures: &Figures, own: u64) -> Option<String> {
        if figures.until.is_none() {
            return Some(format!("{who}: no figures are reported yet; they come minutes late"));
        }
        let customers = figures.requests.saturating_sub(own);
        (customers < self.at_least).then(|| {
            let beside = if own > 0 { ", besides our own probes" } else { "" };
            format!("{who}: {customers} of the {} requests needed{beside}", self.at_least)
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a share")]
    fn errors(&self, limit: ErrorLimit, green: &Figures, own: u64) -> FigureVerdict {
        let rule = "errors";
        if let Some(said) = self.too_few("GREEN", green, own) {
            return FigureVerdict { rule, verdict: Verdict::Inconclusive, said };
        }
        // How many of the requests are our own is an estimate: it may neither hide failed ones nor condemn a release.
        let customers = green.requests.saturating_sub(own).max(1);
        let most = green.errors as f64 / customers as f64 * 100.0;
        let least = green.error_percent().unwrap_or_default();
        let (verdict, share, of) = if most < limit.0 {
            (Verdict::Pass, most, customers)
        } else if least >= limit.0 {
            (Verdict::Fail, least, green.requests)
        } else {
            (Verdict::Inconclusive, most, customers)
        };
        let said = format!("{share:.2} % of {of} requests failed (limit {limit})");
        FigureVerdict { rule, verdict, said }
    }

    fn p95(
        &self,
        limit: LatencyLimit,
        blue: Option<&Figures>,
        (green, own): (&Figures, u64),
    ) -> FigureVerdict {
        let rule = "p95";
        let inconclusive =
            |said: String| FigureVerdict { rule, verdict: Verdict::Inconclusive, said };
        if let Some(said) = self.too_few("GREEN", green, own) {
            return inconclusive(said);
        }
        // Latencies cannot be told apart.
        if own * 2 > green.requests {
            return inconclusive("GREEN: most requests are our own probes".to_owned());
        }
        let Some(now) = green.p95_ms else {
            return inconclusive("GREEN: no latency is reported".to_owned());
        };
        let (most, beside) = match limit {
            LatencyLimit::Within(within) => (within.as_secs_f64() * 1000.0, String::new()),
            LatencyLimit::Times(times) => {
                let Some(blue) = blue else {
                    return inconclusive("no BLUE to compare with".to_owned());
                };
                if let Some(said) = self.too_few("BLUE before the switch", blue, 0) {
                    return inconclusive(said);
                }
                let Some(before) = blue.p95_ms else {
                    return inconclusive("BLUE: no latency is reported".to_owned());
                };
                let beside = format!(", BLUE {before:.0} ms of {} requests", blue.requests);
                (before * times, beside)
            }
        };
        let verdict = if now < most { Verdict::Pass } else { Verdict::Fail };
        let said =
            format!("p95 {now:.0} ms of {} requests{beside} (limit {limit})", green.requests);
        FigureVerdict { rule, verdict, said }
    }
}

fn number(text: &str, unit: &str) -> Option<f64> {
    let number: f64 = text.trim().strip_prefix('<')?.strip_suffix(unit)?.trim().parse().ok()?;
    Some(number).filter(|number| number.is_finite() && *number > 0.0)
}

impl FromStr for ErrorLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let percent = number(text, "%").filter(|percent| *percent <= 100.0);
        percent.map(Self).ok_or_else(|| format!("{text:?} is no share: write \"<1%\""))
    }
}

impl FromStr for LatencyLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(times) = number(text, "x") {
            return Ok(Self::Times(times));
        }
        let within =
            text.trim().strip_prefix('<').and_then(|text| parse_duration(text.trim()).ok());
        let within = within.filter(|within| within.as_millis() > 0).map(Self::Within);
        within.ok_or_else(|| {
            format!("{text:?} is no limit: write \"<1.3x\" of BLUE's, or a time such as \"<800ms\"")
        })
    }
}

impl fmt::Display for ErrorLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}%", self.0)
    }
}

impl fmt::Display for LatencyLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(times) => write!(f, "<{times}x"),
            Self::Within(within) if within.subsec_millis() == 0 => {
                write!(f, "<{}s", within.as_secs())
            }
            Self::Within(within) => write!(f, "<{}ms", within.as_millis()),
        }
    }
}

/// Both limits are written as their text.
macro_rules! as_text {
    ($limit:ty) => {
        impl Serialize for $limit {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $limit {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
as_text!(ErrorLimit);
as_text!(LatencyLimit);

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(requests: u64, errors: u64, p95_ms: f64) -> Figures {
        let until = Some(Timestamp::from_second(1_700_000_000).unwrap());
        Figures { requests, errors, p95_ms: Some(p95_ms), until }
    }

    fn rules(errors: &str, p95: &str) -> FigureRules {
        FigureRules {
            errors: Some(errors.parse().unwrap()),
            p95: Some(p95.parse().unwrap()),
            at_least: LEAST_REQUESTS,
        }
    }

    fn verdicts(rules: &FigureRules, blue: Option<&Figures>, green: &Figures) -> [Verdict; 2] {
        let judged: Vec<_> = rules.judge(blue, green, 0).iter().map(|one| one.verdict).collect();
        judged.try_into().unwrap()
    }

    #[test]
    fn few_or_late_figures_decide_nothing() {
        use Verdict::{Fail, Inconclusive, Pass};
        let rules = rules("<1%", "<1.3x");
        let blue = figures(1000, 0, 100.0);
        let judged = |green: &Figures| verdicts(&rules, Some(&blue), green);
        assert_eq!(judged(&Figures::default()), [Inconclusive; 2], "nothing reported yet");
        assert_eq!(judged(&figures(99, 99, 900.0)), [Inconclusive; 2], "99 requests");
        assert_eq!(judged(&figures(100, 0, 129.0)), [Pass; 2]);
        assert_eq!(judged(&figures(100, 1, 130.0)), [Fail; 2], "the limit itself is too much");
        assert_eq!(verdicts(&rules, None, &figures(100, 0, 1.0)), [Pass, Inconclusive]);
        let few = figures(50, 0, 100.0);
        assert_eq!(verdicts(&rules, Some(&few), &figures(100, 0, 1.0)), [Pass, Inconclusive]);
        let silent = Figures { p95_ms: None, ..figures(100, 0, 0.0) };
        assert_eq!(judged(&silent), [Pass, Inconclusive]);
    }

    #[test]
    fn own_requests_are_no_customers() {
        use Verdict::{Fail, Inconclusive};
        let rules = rules("<1%", "<800ms");
        let judged = |requests, errors, own| {
            let judged = rules.judge(None, &figures(requests, errors, 10.0), own);
            [judged[0].verdict, judged[1].verdict]
        };
        assert_eq!(judged(150, 0, 150), [Inconclusive; 2], "only our own requests");
        assert_eq!(
            judged(1000, 2, 900),
            [Inconclusive; 2],
            "2 of 100 customers, or of 1000 requests"
        );
        assert_eq!(judged(1000, 20, 900), [Fail, Inconclusive]);
    }

    #[test]
    fn limits_are_read_as_they_are_written() {
        for text in ["<1%", "<0.5%", "<100%"] {
            assert_eq!(text.parse::<ErrorLimit>().unwrap().to_string(), text);
        }
        for text in ["<1.3x", "<800ms", "<2s"] {
            assert_eq!(text.parse::<LatencyLimit>().unwrap().to_string(), text);
        }
        for wrong in ["1%", "<0%", "<101%", "<x%", "<NaN%"] {
            assert!(wrong.parse::<ErrorLimit>().is_err(), "{wrong}");
        }
        for wrong in ["1.3x", "<0x", "<infx", "<0ms", "<500us", "<soon"] {
            assert!(wrong.parse::<LatencyLimit>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn percentile_is_interpolated() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.p95(), None);
        histogram.add(100.0, 200.0, 10);
        histogram.add(0.0, 100.0, 90);
        assert_eq!(histogram.p95(), Some(150.0));
        let mut open = Histogram::default();
        open.add(500.0, f64::INFINITY, 3);
        assert_eq!(open.p95(), Some(500.0), "the last bucket says at least that much");
    }
}
