//! What a deploy would change besides code, before anything is built: the live builds against the files.

use super::lint::merged_files;
use crate::services::{Services, in_time};
use crate::side_by_side::side_by_side;
use pointsman_core::build_config::{BuildConfig, ConfigChange, compare};
use pointsman_core::error::Problem;
use pointsman_core::ids::BuildId;
use pointsman_core::plan::{Member, Plan};
use pointsman_core::ports::hosting::Hosting;

/// Maximum changes named; the gate shows them all, with the versions of secrets.
const NAMED: usize = 6;

/// The changes as lines for a confirmation. Empty if no build is live, or if the files cannot be read, which the lint
/// reports.
pub(super) async fn besides_code(ports: &Services, plan: &Plan) -> Vec<String> {
    // A platform that does not run has no live build that matters, and none is started for this.
    let Ok(Some(hosting)) = ports.platforms.hosting(&plan.endpoint, false).await else {
        return Vec::new();
    };
    let traffic = match ports.traffic(hosting.as_ref(), &plan.members).await {
        Ok(traffic) => traffic,
        Err(problem) => {
            return vec![format!("What changes besides code is not known: {}.", problem.what)];
        }
    };
    let read = plan.members.iter().filter_map(|member| {
        let files = merged_files(plan, member)?;
        let live = traffic.get(member.service())?.as_ref()?.whole()?.clone();
        let hosting = hosting.clone();
        Some(async move { (member, config(hosting.as_ref(), member, &live).await, files.config()) })
    });
    let mut lines = Vec::new();
    for (member, live, files) in side_by_side(read).await {
        let service = member.service();
        match live {
            Ok(live) => {
                let changes = compare(&live.of_files(), &files).unwrap_or_default();
                lines.extend(changes.iter().map(|change| line(service.as_str(), change)));
            }
            Err(problem) => lines.push(format!(
                "What changes besides code of {service} is not known: {}.",
                problem.what
            )),
        }
    }
    if lines.len() > NAMED {
        let more = lines.len() - NAMED;
        lines.truncate(NAMED);
        lines.push(format!("… and {more} more besides code."));
    }
    lines
}

fn line(service: &str, change: &ConfigChange) -> String {
    format!("Besides code, {service}: {change}.")
}

/// The configuration of a build; empty if the platform has no such build any more.
async fn config(
    hosting: &dyn Hosting,
    member: &Member,
    id: &BuildId,
) -> Result<BuildConfig, Problem> {
    let build = in_time(&format!("build {id}"), hosting.build(&member.target, id)).await?;
    Ok(build.map(|build| build.config).unwrap_or_default())
}
