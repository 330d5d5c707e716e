//! Cloud Monitoring: the time series of the requests that the traffic proxy measured. Google reports a minute once it is
//! over, up to 3 minutes late; here it is reported at once, unless `monitoring.json` in the emulator's folder says
//! otherwise: `{"late_seconds": 240}`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::Call;
use super::error::ApiError;
use super::filter::{comparisons, values};
use super::{Answer, Api};
use crate::meter::{Counts, FINITE_BUCKETS, GROWTH};
use pointsman_core::time::Timestamp;

const FILE: &str = "monitoring.json";
const REQUESTS: &str = "run.googleapis.com/request_count";
const LATENCIES: &str = "run.googleapis.com/request_latencies";
const PARAMETERS: [&str; 13] = [
    "aggregation.alignmentPeriod",
    "aggregation.crossSeriesReducer",
    "aggregation.groupByFields",
    "aggregation.perSeriesAligner",
    "filter",
    "interval.endTime",
    "interval.startTime",
    "orderBy",
    "pageSize",
    "pageToken",
    "secondaryAggregation.alignmentPeriod",
    "secondaryAggregation.perSeriesAligner",
    "view",
];

impl Api {
    /// `GET /v3/projects/P/timeSeries`.
    pub(super) fn time_series(&self, call: &Call) -> Answer {
        let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let ("GET", ["projects", project, "timeSeries"]) = (call.method.as_str(), path.as_slice())
        else {
            return Err(ApiError::no_such_url());
        };
        call.takes(&PARAMETERS)?;
        let word = |key: &str| call.query.get(key).map(String::as_str).unwrap_or_default();
        let time = |key: &str| {
            let parsed = word(key).parse::<Timestamp>();
            parsed.map_err(|_| ApiError::invalid(key, format!("{key} is no time")))
        };
        let (from, to) = (time("interval.startTime")?, time("interval.endTime")?);
        if word("aggregation.perSeriesAligner") != "ALIGN_DELTA" {
            return Err(ApiError::unimplemented("other aligners than ALIGN_DELTA"));
        }
        let filter = comparisons(word("filter"))?;
        let one = |key: &str| values(&filter, key).first().copied().unwrap_or_default().to_owned();
        let (metric, service) = (one("metric.type"), one("resource.labels.service_name"));
        let revision = one("resource.labels.revision_name");
        let late = self.told(FILE)?["late_seconds"].as_i64().unwrap_or(0);
        let now = self.platform.clock.now().as_second();
        let Some(meter) = self.platform.meter(project, &service, &revision) else {
            return Ok(json!({}));
        };
        let mut minutes = meter.between(from, to);
        minutes.retain(|(begin, _)| late == 0 || begin + 60 + late <= now);
        let mut by_status: BTreeMap<u16, Vec<(i64, Counts)>> = BTreeMap::new();
        for (begin, statuses) in minutes {
            for (status, counts) in statuses {
                by_status.entry(status).or_default().push((begin, counts));
            }
        }
        let labels = json!({
            "project_id": project, "service_name": service, "revision_name": revision,
            "location": "us-central1", "configuration_name": service,
        });
        let series = by_status
            .into_iter()
            .map(|(status, points)| series(&metric, status, &labels, (&points, now)));
        let series = series.collect::<Result<Vec<_>, _>>()?;
        // Google leaves out an empty list.
        Ok(if series.is_empty() { json!({}) } else { json!({ "timeSeries": series }) })
    }
}

fn series(
    metric: &str,
    status: u16,
    labels: &Value,
    (points, now): (&[(i64, Counts)], i64),
) -> Result<Value, ApiError> {
    let (kind, value): (&str, fn(&Counts) -> Value) = match metric {
        REQUESTS => ("INT64", |c| json!({ "int64Value": c.requests.to_string() })),
        LATENCIES => ("DISTRIBUTION", distribution),
        _ => return Err(ApiError::invalid("filter", format!("no metric {metric}"))),
    };
    // Newest first, as Google's.
    let points = points.iter().rev().map(|(begin, counts)| {
        let time = |second: i64| Timestamp::from_second(second).map(|at| at.to_string());
        let interval =
            json!({ "startTime": time(*begin).ok(), "endTime": time((begin + 60).min(now)).ok() });
        json!({ "interval": interval, "value": value(counts) })
    });
    Ok(json!({
        "metric": { "type": metric, "labels": {
            "response_code": status.to_string(), "response_code_class": format!("{}xx", status / 100),
        }},
        "resource": { "type": "cloud_run_revision", "labels": labels },
        "metricKind": "DELTA", "valueType": kind, "points": points.collect::<Vec<_>>(),
    }))
}

fn distribution(counts: &Counts) -> Value {
    let buckets: Vec<_> = counts.buckets.iter().map(u64::to_string).collect();
    json!({ "distributionValue": {
        "count": counts.requests.to_string(), "bucketCounts": buckets,
        "bucketOptions": { "exponentialBuckets": {
            "numFiniteBuckets": FINITE_BUCKETS, "growthFactor": GROWTH, "scale": 1.0,
        }},
    }})
}
