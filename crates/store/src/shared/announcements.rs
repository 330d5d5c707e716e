//! Which machine sends an alert that every watching machine raises. One document for each subject and channel says who
//! sends it, or has sent it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::documents::{ANNOUNCEMENTS, read_entry, replaced_entry};
use super::presence::age as sent_ago;
use super::remote::{Remote, SharedError};
use crate::journal::text;
use crate::runner::Machine;
use pointsman_core::alert::{Alert, Channel, SeenByAll};
use pointsman_core::document::Document;
use pointsman_core::hash::Hash;
use pointsman_core::ports::database::Expected;
use pointsman_core::ports::sharing::Announce;
use pointsman_core::time::Timestamp;

/// A machine that has said nothing for this long after it began to send an alert does not send it.
const SENDS_WITHIN: Duration = Duration::from_mins(1);
/// Pause before the next question, while another machine sends it.
const AGAIN: Duration = Duration::from_secs(3);

/// The last alert about a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Announcement {
    /// The state; empty for an event.
    stands: String,
    /// The id and the name of the machine.
    machine: String,
    name: String,
    progress: Progress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Progress {
    Sends,
    Sent,
    Failed,
}

/// The path of a subject's document, the state that an alert says it has, and how far apart machines notice a change to
/// it. What was sent longer before was about an earlier change: the state may have changed back meanwhile without an alert.
fn place(alert: &Alert, channel: &Channel) -> Option<(String, String, Duration)> {
    let (subject, stands, within) = match alert.seen_by_all.as_ref()? {
        SeenByAll::Event => (&alert.key, String::new(), Duration::MAX),
        SeenByAll::State { subject, stands, within } => (subject, stands.clone(), *within),
    };
    let channel = text(channel).unwrap_or_default();
    let name = Hash::of(format!("{channel} {subject}").as_bytes());
    Some((format!("{ANNOUNCEMENTS}/{}", name.short()), stands, within))
}

/// Claims an alert of some age for this machine, unless another one sends it or has sent it.
pub(super) async fn claim(
    remote: &Remote,
    machine: &Machine,
    (alert, channel): (&Alert, &Channel),
    age: Duration,
) -> Result<Announce, SharedError> {
    let Some((path, stands, within)) = place(alert, channel) else { return Ok(Announce::Here) };
    let since = age.saturating_add(within);
    let (documents, now) = remote.read(std::slice::from_ref(&path)).await?;
    let before = documents.into_iter().flatten().next();
    let now = now.parse::<Timestamp>().unwrap_or_default();
    let last = before.as_ref().and_then(|before| Some((read(before)?, sent_ago(before, now)?)));
    if let Some(decided) = last.and_then(|last| by_another(last, machine, &stands, since)) {
        return Ok(decided);
    }
    let expected = before.map_or(Expected::NotThere, |before| Expected::Unchanged(before.updated));
    let (id, name) = (machine.id.clone(), machine.name.clone());
    let announcement = Announcement { stands, machine: id, name, progress: Progress::Sends };
    match remote.commit(&[replaced_entry(path, &announcement, expected)?]).await {
        Ok(_) => Ok(Announce::Here),
        Err(error) if error.is_conflict() => Ok(Announce::Later(AGAIN)),
        Err(error) => Err(error),
    }
}

fn read(document: &Document) -> Option<Announcement> {
    read_entry(document).ok()
}

/// What follows from the last alert of another machine about the same state, and the time since; `None` if this one may
/// send its own.
fn by_another(
    (last, ago): (Announcement, Duration),
    own: &Machine,
    stands: &str,
    since: Duration,
) -> Option<Announce> {
    if last.machine == own.id || last.stands != stands {
        return None;
    }
    match last.progress {
        Progress::Sent if ago < since => Some(Announce::Elsewhere(last.name)),
        Progress::Sends if ago < SENDS_WITHIN => Some(Announce::Later(AGAIN)),
        Progress::Sent | Progress::Sends | Progress::Failed => None,
    }
}

/// Records whether this machine has sent an alert, also one that it could not claim. If another one has claimed it or
/// sent it meanwhile, or the state is another one by now, that word stays.
pub(super) async fn settle(
    remote: &Remote,
    machine: &Machine,
    (alert, channel): (&Alert, &Channel),
    sent: bool,
) -> Result<(), SharedError> {
    let Some((path, stands, _)) = place(alert, channel) else { return Ok(()) };
    let (documents, _) = remote.read(std::slice::from_ref(&path)).await?;
    let before = documents.into_iter().flatten().next();
    let progress = if sent { Progress::Sent } else { Progress::Failed };
    let (id, name) = (machine.id.clone(), machine.name.clone());
    let word = Announcement { stands, machine: id, name, progress };
    let claimed = Announcement { progress: Progress::Sends, ..word.clone() };
    let expected = match before {
        None if sent => Expected::NotThere,
        Some(before) if read(&before).as_ref() == Some(&claimed) => {
            Expected::Unchanged(before.updated)
        }
        None | Some(_) => return Ok(()),
    };
    remote.commit(&[replaced_entry(path, &word, expected)?]).await.map(drop)
}
