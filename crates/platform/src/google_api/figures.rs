//! The figures of running builds: Cloud Run measures them, Cloud Monitoring reports them minutes late
//! (`docs/internals/google-apis.md`).

use reqwest::Method;
use serde_json::Value;

use super::{Client, wire};
use pointsman_core::google_api::GoogleApi;
use pointsman_core::ports::hosting::HostingError;
use pointsman_core::project::Target;
use pointsman_core::runtime_figures::{Figures, Histogram};
use pointsman_core::time::Timestamp;

const REQUESTS: &str = "run.googleapis.com/request_count";
const LATENCIES: &str = "run.googleapis.com/request_latencies";
/// Cloud Run reports each minute.
const ALIGNMENT: &str = "60s";
/// Maximum pages of one metric.
const MOST_PAGES: u32 = 10;

impl Client {
    /// The figures of one revision of a target's service.
    pub(crate) async fn figures_of(
        &self,
        target: &Target,
        revision: &str,
        period: (Timestamp, Timestamp),
    ) -> Result<Figures, HostingError> {
        let mut figures = Figures::default();
        for series in self.series(target, revision, REQUESTS, period).await? {
            let failed = series["metric"]["labels"]["response_code_class"] == "5xx"
                || series["metric"]["labels"]["response_code"]
                    .as_str()
                    .is_some_and(|code| code.starts_with('5'));
            for point in points(&series) {
                let requests = int64(&point["value"]["int64Value"])
                    .ok_or_else(|| wire::unreadable("a count of requests"))?;
                figures.requests += requests;
                figures.errors += if failed { requests } else { 0 };
                figures.until = figures.until.max(end(point));
            }
        }
        let mut latencies = Histogram::default();
        for series in self.series(target, revision, LATENCIES, period).await? {
            for point in points(&series) {
                add(&point["value"]["distributionValue"], &mut latencies);
            }
        }
        figures.p95_ms = latencies.p95();
        Ok(figures)
    }

    /// Every time series of a metric of one revision.
    async fn series(
        &self,
        target: &Target,
        revision: &str,
        metric: &str,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<Value>, HostingError> {
        let filter = format!(
            "metric.type=\"{metric}\" AND resource.type=\"cloud_run_revision\" AND \
             resource.labels.service_name=\"{}\" AND resource.labels.revision_name=\"{revision}\"",
            target.backend()
        );
        let origin = self.origin(GoogleApi::Monitoring);
        let url = format!("{origin}/v3/projects/{}/timeSeries", target.project());
        let (from, to) = (from.to_string(), to.to_string());
        let (mut all, mut token) = (Vec::new(), String::new());
        for _ in 0..MOST_PAGES {
            let query = [
                ("filter", filter.as_str()),
                ("interval.startTime", &from),
                ("interval.endTime", &to),
                ("aggregation.alignmentPeriod", ALIGNMENT),
                ("aggregation.perSeriesAligner", "ALIGN_DELTA"),
                ("pageToken", &token),
            ];
            let page = self.fetch(GoogleApi::Monitoring, (Method::GET, &url), &query, None).await?;
            all.extend(page["timeSeries"].as_array().into_iter().flatten().cloned());
            match wire::next_page(&page) {
                Some(next) => next.clone_into(&mut token),
                None => return Ok(all),
            }
        }
        Err(wire::endless(GoogleApi::Monitoring, "time series"))
    }
}

fn points(series: &Value) -> impl Iterator<Item = &Value> {
    series["points"].as_array().into_iter().flatten()
}

fn end(point: &Value) -> Option<Timestamp> {
    point["interval"]["endTime"].as_str()?.parse().ok()
}

/// A 64-bit number, which Google writes as text.
fn int64(json: &Value) -> Option<u64> {
    json.as_u64().or_else(|| json.as_str()?.parse().ok())
}

/// Adds a distribution: its first bucket is everything below the first bound, its last everything above the last one.
fn add(distribution: &Value, to: &mut Histogram) {
    let Some(bounds) = bounds(&distribution["bucketOptions"]) else { return };
    let counts = distribution["bucketCounts"].as_array().into_iter().flatten();
    for (at, count) in counts.enumerate() {
        let from = at.checked_sub(1).and_then(|at| bounds.get(at)).copied().unwrap_or(0.0);
        let until = bounds.get(at).copied().unwrap_or(f64::INFINITY);
        to.add(from, until, int64(count).unwrap_or_default());
    }
}

/// The bounds between the buckets, in one of Google's three notations.
fn bounds(options: &Value) -> Option<Vec<f64>> {
    let number = |json: &Value, key: &str| json[key].as_f64();
    let finite =
        |json: &Value| json["numFiniteBuckets"].as_i64().and_then(|n| i32::try_from(n).ok());
    if let Some(exponential) = options.get("exponentialBuckets") {
        let (scale, factor) = (number(exponential, "scale")?, number(exponential, "growthFactor")?);
        return Some((0..=finite(exponential)?).map(|n| scale * factor.powi(n)).collect());
    }
    if let Some(linear) = options.get("linearBuckets") {
        let (offset, width) =
            (number(linear, "offset").unwrap_or_default(), number(linear, "width")?);
        return Some((0..=finite(linear)?).map(|n| width.mul_add(f64::from(n), offset)).collect());
    }
    let explicit = options["explicitBuckets"]["bounds"].as_array()?;
    explicit.iter().map(Value::as_f64).collect()
}
