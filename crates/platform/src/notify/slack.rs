//! Slack's incoming webhooks (`docs/internals/notifications.md`).

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::{address, lost, refused, retry_after, variable};
use pointsman_core::alert::{Alert, Kind};
use pointsman_core::ports::outbox::{Delivery, DeliveryResult};

/// Slack's maximum length of a header, in characters.
const HEADER_CHARACTERS: usize = 150;
/// Slack's maximum length of a section, in characters.
const SECTION_CHARACTERS: usize = 3000;

pub(super) async fn send(
    client: &Client,
    url_env: &str,
    letter: &Delivery,
) -> Result<DeliveryResult, DeliveryResult> {
    let url = address(&variable(url_env)?)?;
    let response = client.post(url).json(&body(&letter.alert)).send().await.map_err(lost)?;
    let (status, after) = (response.status(), retry_after(&response));
    if status != StatusCode::OK {
        return Ok(refused(status, after, &response.text().await.unwrap_or_default()));
    }
    // Only a body of `ok` is a success; status 200 is not enough.
    let said = response.text().await.map_err(lost)?;
    if said.trim() == "ok" {
        return Ok(DeliveryResult::Taken);
    }
    Ok(DeliveryResult::Later("its answer is not ok: that is not Slack".to_owned(), None))
}

fn body(alert: &Alert) -> Value {
    let sign = match alert.kind {
        Kind::Failed | Kind::ProbeDown | Kind::InDoubt => ":red_circle:",
        Kind::RolledBack
        | Kind::RolloutsHeld
        | Kind::Flapping
        | Kind::Certificate
        | Kind::Blind => ":large_orange_circle:",
        Kind::Gate | Kind::Deployment => ":large_blue_circle:",
        Kind::Promoted | Kind::ProbeUp | Kind::Test => ":large_green_circle:",
    };
    // A `*` in the text would end the bold too early.
    let bold = if alert.text.contains('*') { "" } else { "*" };
    let mut text = format!("{sign} {bold}{}{bold}", escaped(&alert.text));
    for (word, said) in [("why", &alert.why), ("now", &alert.now)] {
        if !said.is_empty() {
            text = format!("{text}\n{word}: {}", escaped(said));
        }
    }
    let actor = alert.actor.as_deref().map(|a| format!("{} · ", escaped(a))).unwrap_or_default();
    let footer = format!("{actor}{}", alert.at.strftime("%Y-%m-%d %H:%M:%SZ"));
    json!({
        "text": cut(&escaped(&alert.text), HEADER_CHARACTERS),
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": cut(&text, SECTION_CHARACTERS)}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": footer}]},
        ],
        "unfurl_links": false,
    })
}

/// Escapes Slack's three control characters, so that a commit message cannot mention a channel.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most - 1).collect();
    // Slack would show half of an escape sequence literally.
    if let Some(at) = cut.rfind('&').filter(|at| !cut[*at..].contains(';')) {
        cut.truncate(at);
    }
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slack_text_is_escaped_and_truncated() {
        let mut alert = Alert::test("ana", "2026-11-23T12:00:00Z".parse().unwrap());
        alert.text = "deploy <!channel> failed & so on".to_owned();
        alert.why = "漢".repeat(4000);
        let body = body(&alert);
        assert_eq!(body["text"], "deploy &lt;!channel&gt; failed &amp; so on");
        let section = body["blocks"][0]["text"]["text"].as_str().unwrap();
        assert_eq!(section.chars().count(), SECTION_CHARACTERS);
        assert!(section.ends_with('…') && !section.contains("<!"), "{section}");
        for most in 4..20 {
            let cut = cut(&escaped("a<b<c&d>e>f"), most);
            let halves = cut.split('&').skip(1).filter(|rest| !rest.contains(';')).count();
            assert_eq!(halves, 0, "{cut}");
        }
    }
}
