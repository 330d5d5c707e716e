//! Revisions as builds.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::Value;

use super::CloudRun;
use super::service::{build_of, revision_of};
use crate::google_api::wire::{endless, last_part, next_page};
use pointsman_core::build_config::{
    Bound, BuildConfig, CONCURRENCY, CPU, MAX_INSTANCES, MEMORY, MIN_INSTANCES, SecretRef, Variable,
};
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::ids::BuildId;
use pointsman_core::ports::hosting::{Build, BuildState, HostingError};
use pointsman_core::project::Target;
use pointsman_core::release::ReleaseLabel;
use pointsman_core::time::Timestamp;

/// Annotation of our revisions: the release.
pub(super) const RELEASE: &str = "pointsman.dev/release";
/// Annotation of our revisions: the database versions that the code accepts, as JSON.
pub(super) const SCHEMA: &str = "pointsman.dev/schema";
/// Annotation of our revisions: the commit that the image was built from, where the release names one.
pub(super) const COMMIT: &str = "pointsman.dev/commit";
/// Annotation of our revisions: their own name. A foreign revision may carry the annotations of ours, which the template
/// of the service hands on.
pub(super) const REVISION: &str = "pointsman.dev/revision";
/// How long a ready revision is waited for whose tag has no address yet.
const ADDRESS_WITHIN: SignedDuration = SignedDuration::from_mins(2);
/// Maximum pages of a list: Cloud Run keeps 1,000 revisions of a service.
const MOST_PAGES: usize = 100;

impl CloudRun {
    pub(super) fn revision_url(&self, target: &Target, id: &BuildId) -> String {
        let name = target.revision_name(id);
        self.url(&format!("{}/revisions/{name}", target.service_name()))
    }

    pub(super) async fn one_build(
        &self,
        target: &Target,
        id: &BuildId,
    ) -> Result<Option<Build>, HostingError> {
        let url = self.revision_url(target, id);
        let Some(revision) = self.api.maybe(GoogleApi::CloudRun, &url).await? else {
            return Ok(None);
        };
        let service = self.service(target).await?;
        build(target, &service, &revision, self.clock.now()).map(Some)
    }

    /// Every revision, newest first.
    pub(super) async fn all_builds(&self, target: &Target) -> Result<Vec<Build>, HostingError> {
        let service = self.service(target).await?;
        let url = self.url(&format!("{}/revisions", target.service_name()));
        let (mut all, mut token) = (Vec::new(), String::new());
        for _ in 0..MOST_PAGES {
            let query = [("pageSize", "100"), ("pageToken", token.as_str())];
            let call = (Method::GET, url.as_str());
            let page = self.api.fetch(GoogleApi::CloudRun, call, &query, None).await?;
            for revision in page["revisions"].as_array().into_iter().flatten() {
                all.push(build(target, &service, revision, self.clock.now())?);
            }
            match next_page(&page) {
                Some(next) if next == token => break,
                Some(next) => next.clone_into(&mut token),
                None => {
                    all.sort_by_key(|build| std::cmp::Reverse(build.created));
                    return Ok(all);
                }
            }
        }
        Err(endless(GoogleApi::CloudRun, "revision"))
    }
}

fn build(
    target: &Target,
    service: &Value,
    revision: &Value,
    now: Timestamp,
) -> Result<Build, HostingError> {
    let name = last_part(&revision["name"]);
    let conditions = revision["conditions"].as_array().into_iter().flatten();
    let ready = conditions.into_iter().find(|one| one["type"] == "Ready");
    let word = ready.and_then(|one| one["state"].as_str()).unwrap_or("CONDITION_PENDING");
    let state = match word {
        "CONDITION_SUCCEEDED" => BuildState::Ready,
        "CONDITION_FAILED" => BuildState::Unusable,
        _ => BuildState::Working,
    };
    let told = &revision["annotations"];
    let ours = told[REVISION] == name;
    let annotation = |key: &str| told[key].as_str().filter(|_| ours).map(str::to_owned);
    let created = revision["createTime"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    // Routes come a little after the revision is ready. Without the address, GREEN would never be asked.
    let young = created.is_some_and(|at| now.duration_since(at) < ADDRESS_WITHIN);
    let state = match state {
        BuildState::Ready if young && lacks_address(service, name) => BuildState::Working,
        state => state,
    };
    Ok(Build {
        id: build_of(target, name)?,
        state,
        state_word: word.trim_start_matches("CONDITION_").to_owned(),
        release: annotation(RELEASE).and_then(|label| ReleaseLabel::new(label).ok()),
        commit: annotation(COMMIT),
        created,
        // Treat an annotation that cannot be read as absent.
        accepts: annotation(SCHEMA)
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default(),
        preview: preview(service, name),
        config: config(revision),
        problem: (state == BuildState::Unusable).then(|| problem(name, ready, revision)),
    })
}

/// Whether a revision has a tag of ours whose address is not known yet.
fn lacks_address(service: &Value, revision: &str) -> bool {
    let targets = service["traffic"].as_array().into_iter().flatten();
    let mut ours = targets.filter(|one| super::change::is_ours(one));
    ours.any(|one| revision_of(service, one) == revision) && preview(service, revision).is_none()
}

/// The address of one of our tags at a revision.
fn preview(service: &Value, revision: &str) -> Option<String> {
    let statuses = service["trafficStatuses"].as_array().into_iter().flatten();
    let mut ours = statuses.filter(|one| super::change::is_ours(one));
    let tag = ours.find(|one| revision_of(service, one) == revision)?;
    tag["uri"].as_str().filter(|uri| !uri.is_empty()).map(str::to_owned)
}

fn problem(name: &str, ready: Option<&Value>, revision: &Value) -> Problem {
    let why = ready.and_then(|one| one["message"].as_str()).unwrap_or("it gave no reason");
    let what = format!("revision {name} failed to start");
    let problem = Problem::coded(Code::BUILD_FAILED, what).because(why);
    let page = revision["logUri"].as_str().filter(|page| page.starts_with("https://"));
    match page {
        Some(page) => problem.try_this(format!("read its log: {page}")),
        None => problem,
    }
}

/// What a revision carries besides its code: its image, limits and variables.
fn config(revision: &Value) -> BuildConfig {
    let container = container(revision);
    let text = |value: &Value| match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let limits = &container["resources"]["limits"];
    let scaling = &revision["scaling"];
    let settings = [
        ("image", text(&container["image"])),
        (CPU, text(&limits["cpu"])),
        (MEMORY, text(&limits["memory"]).map(|memory| mebibytes(&memory))),
        (CONCURRENCY, text(&revision["maxInstanceRequestConcurrency"])),
        (MIN_INSTANCES, text(&scaling["minInstanceCount"])),
        (MAX_INSTANCES, text(&scaling["maxInstanceCount"])),
    ];
    let settings = settings.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    BuildConfig { settings: settings.collect(), variables: variables(container) }
}

/// The container that gets the requests: the only one with ports, or the first.
pub(super) fn container(of: &Value) -> &Value {
    let all = of["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let with_ports = |one: &&Value| one["ports"].as_array().is_some_and(|ports| !ports.is_empty());
    all.iter().find(with_ports).or_else(|| all.first()).unwrap_or(&Value::Null)
}

/// `512Mi` and `1Gi` in mebibytes. Other forms stay as they are.
fn mebibytes(memory: &str) -> String {
    let number = |unit: &str| memory.strip_suffix(unit)?.parse::<u64>().ok();
    match (number("Mi"), number("Gi")) {
        (Some(mebibytes), _) => mebibytes.to_string(),
        (None, Some(gibibytes)) => (gibibytes * 1024).to_string(),
        (None, None) => memory.to_owned(),
    }
}

fn variables(container: &Value) -> Option<BTreeMap<String, Variable>> {
    let one = |entry: &Value| {
        let name = entry["name"].as_str()?.to_owned();
        let secret = &entry["valueSource"]["secretKeyRef"];
        let bound = match (secret["secret"].as_str(), entry["value"].as_str()) {
            (Some(name), _) => {
                let version = secret["version"].as_str().unwrap_or("latest");
                let text = if name.contains('/') {
                    format!("{name}/versions/{version}")
                } else {
                    format!("{name}@{version}")
                };
                SecretRef::parse(&text).map_or(Bound::Untold, Bound::Secret)
            }
            // An empty value is the default, which the API omits.
            (None, value) => Bound::Text(value.unwrap_or_default().to_owned()),
        };
        Some((name, Variable { bound, overridden: false, file: None }))
    };
    container
        .is_object()
        .then(|| container["env"].as_array().into_iter().flatten().filter_map(one).collect())
}
