//! The Alerts pane: drawn from the queue at every size, and driven by keys.

use pointsman::domain::alert::{Alert, Channel, Kind};
use pointsman::domain::policy::Protection;
use pointsman::ports::outbox::{Delivery, DeliveryState};
use pointsman::tui::effect::Effect;
use pointsman::tui::msg::Msg;
use pointsman::tui::panes::alerts::model::Queue;
use pointsman::tui::theme::Theme;

use super::screen::{Screen, at_gate, steady};

fn delivery(id: u64, at: &str, kind: Kind, text: &str) -> Delivery {
    let alert = Alert {
        key: format!("k{id}"),
        turns: None,
        kind,
        at: at.parse().unwrap(),
        environment: Some("production".parse().unwrap()),
        run: None,
        release: None,
        actor: None,
        text: text.to_owned(),
        why: "refused: connection refused (os error 111)".to_owned(),
        deployment: None,
        seen_by_all: None,
        now: "pointsman health production".to_owned(),
    };
    let channel = match id % 2 {
        0 => Channel::Slack { url_env: "SLACK_WEBHOOK_URL".to_owned() },
        _ => Channel::Webhook { url: "https://hooks.example/p".to_owned(), secret_env: None },
    };
    Delivery { id, channel, alert, attempts: 3, unset_since: None }
}

/// A delivery in each state, newest first.
pub(crate) fn queue() -> Queue {
    let until = "2026-09-14T10:05:00Z".parse().unwrap();
    let waits = DeliveryState::Waits { until, why: "it answers 503".to_owned() };
    let lost = DeliveryState::GivenUp("410: the webhook was deleted".to_owned());
    let at = "2026-09-14T09:58:01Z";
    let latest = vec![
        (delivery(9, at, Kind::ProbeDown, "production: stripe is DOWN"), waits),
        (delivery(8, at, Kind::ProbeDown, "production: 決済 is DOWN"), lost),
        (
            delivery(6, at, Kind::Gate, "production: run #7 waits at its gate"),
            DeliveryState::Silenced,
        ),
        (
            delivery(4, at, Kind::Promoted, "staging: 1.5.0 is live"),
            DeliveryState::Delivered(until),
        ),
    ];
    Queue { latest, pending: 1, silence: Some((until, "ana".to_owned(), "game day".to_owned())) }
}

fn with(queue: Option<Queue>) -> Screen {
    let mut screen = Screen::new(Protection::Typed);
    screen.run(&at_gate(), Some(7));
    if let Some(queue) = queue {
        screen.send(Msg::Alerts(queue));
    }
    screen.char('9');
    screen.wait(5);
    screen
}

#[test]
fn alerts_pane_shows_each_delivery_with_its_state() {
    let mut screen = with(Some(queue()));
    for (name, size, ascii) in
        [("wide", (160, 45), false), ("usual", (100, 30), false), ("compact", (80, 24), true)]
    {
        screen.send(Msg::Resize(size.0, size.1));
        let drawn = steady(&screen.draw(&Theme::without_colour(ascii)));
        insta::assert_snapshot!(format!("pane_alerts_{name}"), drawn);
    }
    for (width, height) in (1..90).step_by(3).flat_map(|w| (1..40).step_by(3).map(move |h| (w, h)))
    {
        screen.send(Msg::Resize(width, height));
        screen.draw(&Theme::without_colour(width % 2 == 0));
    }
}

#[test]
fn alerts_pane_tells_unread_from_empty() {
    with(None).shows("Not read yet.");
    with(Some(Queue::default())).shows("No alert yet.");
}

#[test]
fn selected_alert_stays_selected_when_a_newer_one_arrives() {
    let mut screen = with(Some(queue()));
    screen.send(Msg::Resize(100, 30));
    screen.char('9');
    screen.char('j');
    screen.shows("410: the webhook was deleted");
    let mut newer = queue();
    let one = delivery(11, "2026-09-14T09:59:00Z", Kind::ProbeUp, "production: stripe is OK");
    newer
        .latest
        .insert(0, (one, DeliveryState::Delivered("2026-09-14T09:59:01Z".parse().unwrap())));
    screen.send(Msg::Alerts(newer));
    screen.shows("410: the webhook was deleted");
    let copied = screen.char('y');
    let Some(Effect::Copy(text, _)) = copied.first() else { panic!("{copied:?}") };
    assert!(
        text.contains("決済 is DOWN") && text.contains("pointsman health production"),
        "{text}"
    );
}
