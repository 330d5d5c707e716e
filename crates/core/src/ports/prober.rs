//! Probes the health and identity of services, and every other monitored target.

use std::time::Duration;

use super::BoxFuture;
use crate::health::Sample;
use crate::plan::HealthEndpoint;
use crate::probe::{Check, Measurement};

/// A health request to a service.
#[derive(Debug, Clone)]
pub struct Question {
    /// Scheme, host and port.
    pub base: String,
    pub health: HealthEndpoint,
    /// Timeout of a whole request, from the name lookup to the last byte.
    pub timeout: Duration,
    /// Control addresses: if none of them answers either, our side is at fault (N12).
    pub controls: Vec<String>,
}

/// Runs probes. A call never fails: being unable to probe is a result too.
pub trait Prober: Send + Sync {
    /// Probes a service once.
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Sample>;

    /// Runs a probe and measures the answer.
    fn measure<'a>(
        &'a self,
        check: &'a Check,
        timeout: Duration,
        controls: &'a [String],
    ) -> BoxFuture<'a, Measurement>;

    /// Reads a page, up to a size. None: no good answer, or this prober cannot read pages.
    fn read<'a>(&'a self, _url: &'a str, _timeout: Duration) -> BoxFuture<'a, Option<String>> {
        Box::pin(std::future::ready(None))
    }
}
