//! Builds as the platform has them now, and the database versions that they accept.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use crate::services::in_time;
use pointsman_core::error::Problem;
use pointsman_core::ids::{BuildId, ServiceName};
use pointsman_core::migration::SchemaRange;
use pointsman_core::plan::Member;
use pointsman_core::ports::hosting::{Build, Hosting};

/// The builds of the services, as the platform has them now. `None`: it has none of that name, or could not say.
pub(super) async fn read_builds(
    hosting: &dyn Hosting,
    members: &[Member],
    builds: &BTreeMap<ServiceName, BuildId>,
) -> Vec<(ServiceName, Result<Option<Build>, Problem>)> {
    let mut read = Vec::new();
    for member in members {
        let Some(id) = builds.get(member.service()) else { continue };
        let build = in_time(&format!("build {id}"), hosting.build(&member.target, id)).await;
        read.push((member.service().clone(), build));
    }
    read
}

/// Why a build could not read its secrets if it started again: versions that are disabled, destroyed or about to be.
/// What cannot be asked is no reason.
pub(super) async fn secret_faults(
    hosting: &dyn Hosting,
    member: &Member,
    build: &Build,
) -> Vec<String> {
    let asked = build.config.secrets().into_iter().map(|secret| async move {
        let looked = hosting.secret(&member.target, secret, true);
        let look = in_time(&format!("secret {}", secret.name), looked).await;
        let look = look.ok().flatten()?;
        look.fault(secret).or_else(|| look.warning(secret))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// The range that a build of each service accepts.
pub(super) async fn accepted(
    hosting: &dyn Hosting,
    members: &[Member],
    builds: &BTreeMap<ServiceName, BuildId>,
) -> Vec<(ServiceName, BTreeMap<String, SchemaRange>)> {
    ranges_of(read_builds(hosting, members, builds).await)
}

/// The database versions that builds accept.
pub(super) fn ranges_of(
    read: Vec<(ServiceName, Result<Option<Build>, Problem>)>,
) -> Vec<(ServiceName, BTreeMap<String, SchemaRange>)> {
    let accepts = |build: Result<Option<Build>, Problem>| {
        build.ok().flatten().map(|build| build.accepts).unwrap_or_default()
    };
    read.into_iter().map(|(service, build)| (service, accepts(build))).collect()
}
