//! Asking a service how it is and who it is.

use std::time::Duration;

use super::BoxFuture;
use crate::domain::health::Sample;
use crate::domain::plan::HealthEndpoint;

/// One question.
#[derive(Debug, Clone)]
pub struct Question {
    /// Scheme, host and port.
    pub base: String,
    /// What to ask there.
    pub health: HealthEndpoint,
    /// For everything, from the name lookup to the last byte.
    pub timeout: Duration,
}

/// Asks, once. Never fails: not being able to ask is an answer too.
pub trait Prober: Send + Sync {
    /// Asks.
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Sample>;
}
