//! Records the assets of blue's pages before the switch, and checks after it whether they still exist.

use futures_util::future::join_all;

use super::context::Context;
use pointsman_core::event::Event;
use pointsman_core::ids::ServiceName;
use pointsman_core::plan::Member;
use pointsman_core::ports::prober::Prober;
use pointsman_core::probe::{Answer, Check, Expect, Fault};
use pointsman_core::stale_assets::{files_of, warning};
use pointsman_core::view::RunView;

/// Records the files that blue's pages load. A page that cannot be read is skipped.
pub(super) async fn note(context: &Context, member: &Member) {
    let timeout = context.plan().policy.health.timeout;
    let mut files = Vec::new();
    for page in &member.pages {
        let url = format!("{}{page}", member.url);
        if let Some(body) = context.outside.prober.read(&url, timeout).await {
            files.extend(files_of(&body));
        }
    }
    files.dedup();
    if !files.is_empty() {
        let service = member.service().clone();
        context.record(Event::FilesSeen { service, files }).await;
    }
}

/// Warnings about assets that blue's pages loaded and the public address no longer has.
pub async fn gone(prober: &dyn Prober, view: &RunView) -> Vec<String> {
    let mut warnings = Vec::new();
    for member in &view.plan.members {
        let Some(seen) = view.services.get(member.service()) else { continue };
        let asked = seen.files.iter().map(|file| missing(prober, view, member, file));
        let gone: Vec<String> = join_all(asked).await.into_iter().flatten().collect();
        let service: &ServiceName = member.service();
        warnings.extend(warning(service.as_str(), &gone, seen.files.len()));
    }
    warnings
}

/// The file, if the public address no longer has it.
async fn missing(
    prober: &dyn Prober,
    view: &RunView,
    member: &Member,
    file: &str,
) -> Option<String> {
    let health = &view.plan.policy.health;
    let check = Check::Http {
        url: format!("{}{file}", member.url),
        expect: Box::<Expect>::default(),
        fresh: false,
    };
    let answer = prober.measure(&check, health.timeout, &health.controls).await.answer;
    // Other answers say nothing about the file.
    matches!(answer, Answer::Bad(Fault::Status | Fault::Redirect, _)).then(|| file.to_owned())
}
