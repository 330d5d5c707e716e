//! `alerts`: sent and pending alerts, and tests of channels.

use std::time::Duration;

use serde_json::{Value, json};

use super::Session;
use super::args::AlertsVerb;
use super::exit::{FAILED, Failed, Finished, OK, USAGE};
use super::print;
use crate::domain::alert::Alert;
use crate::domain::code::Code;
use crate::domain::describe;
use crate::domain::error::Problem;
use crate::ports::mutes::{Muted, Mutes};
use crate::ports::outbox::{Delivery, DeliveryState, Outbox};

/// Maximum number of listed alerts.
const ALERTS_LISTED: usize = 50;
/// Time limit for `alerts send` and `alerts test`.
const TEST_WITHIN: Duration = Duration::from_secs(20);

pub(super) async fn alerts(session: &Session, verb: Option<&AlertsVerb>) -> Finished {
    let mut store = session.app.store()?;
    let now = session.app.clock.now();
    let actor = session.app.actor();
    let by = (actor.as_str(), now);
    match verb.unwrap_or(&AlertsVerb::List) {
        AlertsVerb::List => return list(session, &store, &store.letters(ALERTS_LISTED)?),
        AlertsVerb::Test => return test(session, &mut store).await,
        AlertsVerb::Send => {
            store.hurry(now)?;
            let waiting = deliver(session, TEST_WITHIN).await?;
            let letters = store.letters(ALERTS_LISTED)?;
            list(session, &store, &letters)?;
            return Ok(if waiting == 0 { OK } else { FAILED });
        }
        AlertsVerb::Silence { length, reason } => {
            if reason.trim().is_empty() {
                let problem = Problem::coded(Code::REASON_NEEDED, "a silence needs a reason")
                    .try_this("--reason TEXT");
                return Err(Failed::with(USAGE, problem));
            }
            let until = now.checked_add(*length).map_err(|e| {
                Failed::with(USAGE, Problem::new("the length is too long").because(e.to_string()))
            })?;
            store.mute(Muted::Everything, Some((until, reason)), by)?;
        }
        AlertsVerb::Speak => store.mute(Muted::Everything, None, by)?,
    }
    let silence = store.silence(now)?;
    let text = match &silence {
        Some((until, actor, reason)) => {
            let until = until.strftime("%d %b %H:%M:%SZ");
            format!("alerts are silenced until {until}: {reason} ({actor})")
        }
        None => "alerts are on".to_owned(),
    };
    session.result(&text, &json!({"silent_until": silence.map(|(until, ..)| until)}));
    Ok(OK)
}

/// Delivers pending alerts for a limited time. Returns how many remain.
pub(super) async fn deliver(session: &Session, within: Duration) -> Result<usize, Failed> {
    match session.app.courier()? {
        Some(mut courier) => Ok(courier.empty(within).await?),
        None => Ok(0),
    }
}

async fn test(session: &Session, store: &mut (impl Outbox + Mutes)) -> Finished {
    let notify = session.config()?.notify();
    if notify.channels.is_empty() {
        let problem =
            Problem::new("all alerts are silenced").because("the config has no channel").try_this(
                "notify: { slack: { url_env: SLACK_WEBHOOK_URL }, on: [failed, rolled_back] }",
            );
        return Err(Failed::with(USAGE, problem));
    }
    let alert = Alert::test(&session.app.actor(), session.app.clock.now());
    store.put(&notify, &alert)?;
    deliver(session, TEST_WITHIN).await?;
    let mut letters = store.letters(ALERTS_LISTED)?;
    letters.retain(|(letter, _)| letter.alert.key == alert.key);
    let arrived =
        |(_, fate): &(Delivery, DeliveryState)| matches!(fate, DeliveryState::Delivered(_));
    let all = letters.iter().all(arrived);
    list(session, store, &letters)?;
    Ok(if all { OK } else { FAILED })
}

fn list(
    session: &Session,
    store: &(impl Outbox + Mutes),
    letters: &[(Delivery, DeliveryState)],
) -> Finished {
    let lines: Vec<_> = letters.iter().map(line).collect();
    let text = if lines.is_empty() { "no alerts yet".to_owned() } else { lines.join("\n") };
    let json: Vec<_> = letters.iter().map(to_json).collect();
    session.result(&text, &json!({"waiting": store.waiting()?, "alerts": json}));
    if let Some((until, actor, reason)) = store.silence(session.app.clock.now())? {
        let until = until.strftime("%d %b %H:%M:%SZ");
        print::note(format!("alerts are silenced until {until}: {reason} ({actor})"));
    }
    Ok(OK)
}

fn line((letter, fate): &(Delivery, DeliveryState)) -> String {
    let stands = describe::delivery(fate);
    let (at, alert) = (letter.alert.at.strftime("%d %b %H:%M:%SZ"), &letter.alert);
    format!("{at}  {}\n    {}: {stands}", alert.text, letter.channel)
}

fn to_json((letter, fate): &(Delivery, DeliveryState)) -> Value {
    let (state, at, why) = match fate {
        DeliveryState::Waits { until, why } => ("waits", Some(until), why.as_str()),
        DeliveryState::Delivered(at) => ("delivered", Some(at), ""),
        DeliveryState::GivenUp(why) => ("given_up", None, why.as_str()),
        DeliveryState::Silenced => ("silenced", None, ""),
        DeliveryState::Elsewhere(machine) => ("elsewhere", None, machine.as_str()),
    };
    json!({
        "id": letter.alert.id(), "type": letter.alert.kind.event_type(), "text": letter.alert.text,
        "channel": letter.channel.to_string(), "state": state, "at": at, "why": why,
        "attempts": letter.attempts, "alert": letter.alert,
    })
}
