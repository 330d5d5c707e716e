//! The secrets that a build will read, asked before it is requested.

use std::time::Duration;

use futures_util::future::join_all;

use crate::context::{Context, StepError};
use pointsman_core::build_config::SecretRef;
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::plan::Member;
use pointsman_core::ports::hosting::{HostingError, HostingReason};
use pointsman_core::secret::{Reader, SecretLook};

/// Time limit for all secrets of a service.
const ASK_WITHIN: Duration = Duration::from_secs(20);

/// Refuses a build whose secrets it could not read: that build would fail after minutes, or start and fail. What cannot
/// be asked stops nothing. Returns what a person should know.
pub(super) async fn readable(context: &Context, member: &Member) -> Result<Vec<String>, StepError> {
    let service = member.service();
    let lint = context.plan().lint.as_ref();
    let Some(secrets) = lint.and_then(|lint| lint.secrets.get(service)) else {
        return Ok(Vec::new());
    };
    let hosting = &context.outside.hosting;
    let look =
        |secret| async move { (secret, hosting.secret(&member.target, secret, false).await) };
    let looks = join_all(secrets.iter().map(look));
    let Some(looks) = context.within(ASK_WITHIN, looks).await else {
        let said = format!("secrets not checked: no answer within {} s", ASK_WITHIN.as_secs());
        return Ok(vec![said]);
    };
    let (mut faults, mut told, mut unseen) = (Vec::new(), Vec::new(), Vec::new());
    let (mut failed, mut unread) = (None, None);
    for (secret, look) in looks {
        match look {
            Ok(Some(look)) => {
                if let Some(fault) = look.fault(secret) {
                    faults.push((fault, look.remedy(secret, target_project(member))));
                    continue;
                }
                told.extend(look.warning(secret));
                unseen.extend(not_granted(secret, &look));
                if let Reader::Unknown(why) = look.reader {
                    unread.get_or_insert(why);
                }
            }
            // One sentence for all of them: they have one cause.
            Err(error) if failed.is_none() => failed = Some(not_checked(&error)),
            Ok(None) | Err(_) => {}
        }
    }
    if let Some((_, remedy)) = faults.first().cloned() {
        let why: Vec<_> = faults.into_iter().map(|(fault, _)| fault).collect();
        let problem = Problem::coded(Code::SECRET_UNREADABLE, format!("{service} cannot be built"));
        return Err(StepError::lasting(problem.because(why.join("; ")).try_this(remedy)));
    }
    told.extend(failed);
    told.extend(unread.map(|why| format!("grants of secrets not checked: {why}")));
    if !unseen.is_empty() {
        told.push(grant(member, &unseen));
    }
    Ok(told)
}

fn target_project(member: &Member) -> &str {
    member.target.project().as_str()
}

fn not_granted(secret: &SecretRef, look: &SecretLook) -> Option<String> {
    matches!(look.reader, Reader::NotSeen(_)).then(|| secret.name.clone())
}

fn not_checked(error: &HostingError) -> String {
    let why = error.problem.sentence();
    match error.reason {
        HostingReason::Forbidden => format!("secrets not checked: {why}: {}", error.problem.todo),
        HostingReason::NotFound
        | HostingReason::AlreadyExists
        | HostingReason::Busy
        | HostingReason::Unimplemented
        | HostingReason::Other => format!("secrets not checked: {why}"),
    }
}

/// The secrets whose own policies do not name the backend's account, and the command that grants it.
fn grant(member: &Member, names: &[String]) -> String {
    let target = &member.target;
    format!(
        "no grant found for {} of {}; if the build cannot read them: firebase apphosting:secrets:grantaccess {} \
         --backend {} --location {} --project {}",
        names.join(", "),
        member.service(),
        names.join(","),
        target.backend(),
        target.location(),
        target.project()
    )
}
