//! Compares the latency of green and blue, by the same requests at the same times (N13).

use std::time::Duration;

use super::snapshot::{Point, ProbeSnapshot, percentile};
use crate::health::Verdict;
use crate::step::Side;

/// Minimum answers of each build for a comparison.
pub const LEAST_SAMPLES: usize = 20;
/// A difference is significant below this p-value.
const P_VALUE: f64 = 0.01;
/// Green is slower if its p50 is this many times blue's…
const SLOWER_HALF: f64 = 1.10;
/// …or its p95 is this many times blue's.
const SLOWER_TAIL: f64 = 1.20;
/// Standard deviations above the expected number from which a number of slow or bad answers is unusual.
const OUTLIER_FACTOR: f64 = 3.0;

/// The latency difference between green and blue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Number of good answers of blue and green.
    pub samples: (usize, usize),
    pub bad: (usize, usize),
    /// Ratio of green's p50 to blue's.
    pub p50: f64,
    /// Ratio of green's p95 to blue's.
    pub p95: f64,
    /// How often green's answer is slower than blue's, minus how often it is faster: -1 to 1 (Cliff's delta).
    pub effect: f64,
    /// The probability of such a difference by chance (two-sided p-value of Mann and Whitney's test).
    pub chance: f64,
    pub verdict: Verdict,
}

impl Difference {
    /// A short description.
    pub fn sentence(&self) -> String {
        let (blue, green) = self.samples;
        // A ratio of a thousand is as telling as ten: the exact figure would only be long.
        let percent = |ratio: f64| match (ratio - 1.0) * 100.0 {
            more if more > 999.0 => "over +999 %".to_owned(),
            more => format!("{more:+.0} %"),
        };
        let verdict = match self.verdict {
            Verdict::Pass => "no slower".to_owned(),
            Verdict::Fail if fails_more(self.samples, self.bad) => {
                format!("FAILS {} of {}", self.bad.1, self.bad.1 + green)
            }
            Verdict::Fail => "SLOWER".to_owned(),
            Verdict::Inconclusive if self.bad.1 > 0 => match self.bad.1 {
                1 => "1 bad answer".to_owned(),
                bad => format!("{bad} bad answers"),
            },
            Verdict::Inconclusive => "too few answers".to_owned(),
        };
        let (p50, p95) = (percent(self.p50), percent(self.p95));
        format!("GREEN to BLUE p50 {p50} p95 {p95}, n {blue}:{green}: {verdict}")
    }
}

/// The comparison of blue and green for each service that has both.
pub fn differences(seen: &[ProbeSnapshot]) -> Vec<(String, Difference)> {
    let points = |name: &str, side| {
        let probe = seen.iter().find(|p| p.name == name && p.side == Some(side))?;
        Some(probe.points.as_slice())
    };
    let blues = seen.iter().filter(|probe| probe.side == Some(Side::Blue));
    let pairs = blues.filter_map(|blue| {
        let name = blue.name.as_str();
        let difference = compare(points(name, Side::Blue)?, points(name, Side::Green)?)?;
        Some((name.to_owned(), difference))
    });
    pairs.collect()
}

/// Compares the response times of good answers, and the number of bad ones: a fast error is not a fast answer.
pub fn compare(blue: &[Point], green: &[Point]) -> Option<Difference> {
    let times = |points: &[Point]| {
        let good = points.iter().filter_map(|point| {
            let Point::Good(time) = point else { return None };
            Some(*time)
        });
        let mut good: Vec<Duration> = good.collect();
        good.sort_unstable();
        good
    };
    let bad = |points: &[Point]| points.iter().filter(|point| **point == Point::Bad).count();
    let (b, g, bad) = (times(blue), times(green), (bad(blue), bad(green)));
    let ratio = |percent| {
        let (blue, green) = (percentile(&b, percent)?, percentile(&g, percent)?);
        Some(green.as_secs_f64() / blue.as_secs_f64().max(f64::EPSILON))
    };
    let (p50, p95) = (ratio(50)?, ratio(95)?);
    let (effect, chance) = mann_whitney(&b, &g);
    let slower = chance < P_VALUE && effect > 0.0 && p50 >= SLOWER_HALF;
    let tail = p95 >= SLOWER_TAIL && unusual_tail(&b, &g);
    let samples = (b.len(), g.len());
    let verdict = if fails_more(samples, bad) {
        Verdict::Fail
    } else if b.len().min(g.len()) < LEAST_SAMPLES {
        Verdict::Inconclusive
    } else if slower || tail {
        Verdict::Fail
    } else if bad.1 > 0 {
        Verdict::Inconclusive
    } else {
        Verdict::Pass
    };
    Some(Difference { samples, bad, p50, p95, effect, chance, verdict })
}

/// Whether green's share of bad answers exceeds blue's by more than chance explains (one-sided test of two
/// proportions, at `OUTLIER_FACTOR` standard deviations).
fn fails_more(good: (usize, usize), bad: (usize, usize)) -> bool {
    let (n, m) = (float(good.0 + bad.0), float(good.1 + bad.1));
    if n == 0.0 || m == 0.0 {
        return false;
    }
    let (blue, green) = (float(bad.0) / n, float(bad.1) / m);
    let pooled = float(bad.0 + bad.1) / (n + m);
    let deviation = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    deviation > 0.0 && (green - blue) / deviation >= OUTLIER_FACTOR
}

#[expect(clippy::cast_precision_loss, reason = "numbers of samples are small")]
fn float(n: usize) -> f64 {
    n as f64
}

/// Cliff's delta, and the two-sided p-value by the normal approximation, corrected for ties.
fn mann_whitney(blue: &[Duration], green: &[Duration]) -> (f64, f64) {
    let (n, m) = (float(blue.len()), float(green.len()));
    let mut u = 0.0;
    for time in green {
        let faster = blue.partition_point(|b| b < time);
        let not_slower = blue.partition_point(|b| b <= time);
        u += float(faster) + float(not_slower - faster) / 2.0;
    }
    let effect = 2.0 * u / (n * m) - 1.0;
    let mut all: Vec<_> = blue.iter().chain(green).collect();
    all.sort_unstable();
    let ties: f64 = all
        .chunk_by(|a, b| a == b)
        .map(|same| float(same.len()))
        .map(|same| same.powi(3) - same)
        .sum();
    let total = n + m;
    let variance = n * m / 12.0 * ((total + 1.0) - ties / (total * (total - 1.0)).max(1.0));
    if variance <= 0.0 {
        return (effect, 1.0);
    }
    let z = ((u - n * m / 2.0).abs() - 0.5).max(0.0) / variance.sqrt();
    (effect, (2.0 * above(z)).min(1.0))
}

/// The share of the normal distribution above z (Abramowitz and Stegun 26.2.17, 7.5e-8).
fn above(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let sum = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429]
        .iter()
        .rev()
        .fold(0.0, |sum, factor| (sum + factor) * t);
    (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * sum
}

/// Whether far more than 5 % of green's answers are slower than blue's p95.
fn unusual_tail(blue: &[Duration], green: &[Duration]) -> bool {
    let Some(limit) = percentile(blue, 95) else { return false };
    let slow = green.len() - green.partition_point(|time| *time <= limit);
    let n = float(green.len());
    float(slow) > 0.05 * n + OUTLIER_FACTOR * (n * 0.05 * 0.95).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Response times like those of a service: 100 to 160 ms, every 20th much slower.
    fn times(n: usize, factor: f64) -> Vec<Point> {
        let one = |i: usize| {
            let spread = float((i * 7919) % 61);
            let tail = if i % 20 == 19 { 80.0 } else { 0.0 };
            Point::Good(Duration::from_secs_f64((100.0 + spread + tail) * factor / 1000.0))
        };
        (0..n).map(one).collect()
    }

    #[test]
    fn detects_a_third_more_latency_and_no_false_difference() {
        let blue = times(100, 1.0);
        let slower = compare(&blue, &times(100, 1.3)).unwrap();
        assert_eq!(slower.verdict, Verdict::Fail, "{slower:?}");
        assert!((1.29..1.31).contains(&slower.p95), "{slower:?}");
        let same = compare(&blue, &times(100, 1.0)).unwrap();
        assert_eq!(same.verdict, Verdict::Pass, "{same:?}");
        assert!(same.chance > 0.9 && same.effect.abs() < 0.01, "{same:?}");
        assert_eq!(compare(&blue, &times(100, 0.8)).unwrap().verdict, Verdict::Pass, "faster");
        let few = compare(&blue, &times(19, 1.3)).unwrap();
        assert_eq!((few.verdict, few.samples), (Verdict::Inconclusive, (100, 19)));
        assert_eq!(compare(&blue, &[]), None);
    }

    #[test]
    fn detects_a_slow_tail() {
        let blue = times(200, 1.0);
        let mut green = times(200, 1.0);
        for slow in green.iter_mut().step_by(6) {
            *slow = Point::Good(Duration::from_millis(400));
        }
        assert_eq!(compare(&blue, &green).unwrap().verdict, Verdict::Fail);
    }

    #[test]
    fn fast_errors_do_not_count_as_fast_answers() {
        let blue = times(100, 1.0);
        let mut green = times(100, 0.8);
        green[7] = Point::Bad;
        let one = compare(&blue, &green).unwrap();
        assert_eq!(one.verdict, Verdict::Inconclusive, "never a pass with an error in it");
        assert!(one.sentence().ends_with("1 bad answer"), "{}", one.sentence());
        for bad in green.iter_mut().step_by(5) {
            *bad = Point::Bad;
        }
        let many = compare(&blue, &green).unwrap();
        assert_eq!(many.verdict, Verdict::Fail);
        assert!(many.sentence().ends_with("FAILS 21 of 100"), "{}", many.sentence());
        assert_eq!(compare(&green, &green).unwrap().verdict, Verdict::Inconclusive, "both fail");
    }

    #[test]
    fn p_values_match_published_tables() {
        for (z, share) in [(0.0, 0.5), (1.0, 0.158_655), (1.96, 0.024_998), (3.0, 0.001_350)] {
            assert!((above(z) - share).abs() < 1e-5, "{z}: {}", above(z));
        }
    }
}
