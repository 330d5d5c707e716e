//! The figures of the builds with traffic, for the screen. Only where the config uses them: each reading is a request to
//! the platform's monitoring.

use std::time::Duration;

use crate::services::{READ_WITHIN, Services};
use crate::side_by_side::side_by_side;
use pointsman_core::checklist::{Item, Source};
use pointsman_core::ids::BuildId;
use pointsman_core::plan::Member;
use pointsman_core::planner::EnvironmentSpec;
use pointsman_core::ports::runtime::Runtime;
use pointsman_core::runtime_figures::{FigureReading, SHOWN_PERIOD};
use pointsman_core::snapshot::Evidence;
use pointsman_core::time::{earlier, spoken};

/// Interval of readings: the platform reports minutes.
pub const FIGURES_EVERY: Duration = Duration::from_mins(1);

/// Whether the config of an environment uses the platform's figures.
pub fn uses_figures(spec: &EnvironmentSpec) -> bool {
    let of_metrics = |item: &Item| matches!(item.source, Some(Source::Metrics { .. }));
    spec.policy.soak.metrics.is_some() || spec.checklist.iter().any(of_metrics)
}

/// The figures of each live build in the last minutes; unknown for every service if the live builds cannot be read. Empty if
/// the platform measures nothing, or is not running.
pub async fn figures_now(ports: &Services, spec: &EnvironmentSpec) -> Vec<FigureReading> {
    let Ok(Some(hosting)) = ports.hosting(&spec.endpoint, false).await else { return Vec::new() };
    let Some(runtime) = hosting.runtime() else { return Vec::new() };
    let live = match ports.live(hosting.as_ref(), &spec.members).await {
        Ok(live) => live,
        Err(problem) => {
            let now = ports.clock.now();
            let unknown = |member: &Member| FigureReading {
                service: member.service().clone(),
                build: None,
                at: now,
                figures: Evidence::Unknown(problem.what.clone()),
            };
            return spec.members.iter().map(unknown).collect();
        }
    };
    let builds = spec.members.iter().filter_map(|member| {
        let (_, build) = live.iter().find(|(service, _)| *service == member.service())?;
        Some((member, build.clone()?))
    });
    side_by_side(builds.map(|(member, build)| one(ports, runtime, member, build))).await
}

async fn one(
    ports: &Services,
    runtime: &dyn Runtime,
    member: &Member,
    build: BuildId,
) -> FigureReading {
    let now = ports.clock.now();
    let period = (earlier(now, SHOWN_PERIOD), now);
    let reading = runtime.figures(&member.target, &build, period);
    let figures = match tokio::time::timeout(READ_WITHIN, reading).await {
        Ok(Ok(figures)) => Evidence::Known(figures),
        Ok(Err(error)) => Evidence::Unknown(error.problem.sentence()),
        Err(_) => Evidence::Unknown(format!("no answer within {}", spoken(READ_WITHIN))),
    };
    FigureReading { service: member.service().clone(), build: Some(build), at: now, figures }
}
