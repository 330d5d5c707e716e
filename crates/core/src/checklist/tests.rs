use super::*;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(hour * 3600).unwrap()
}

fn item(list: List, source: Option<Source>) -> Item {
    let text = "Key functionality verified".to_owned();
    let id = item_id(list, &text);
    Item { id, list, group: String::new(), text, required: true, source }
}

fn tick(of: &Item, act: Act, hour: i64, subject: &str) -> Tick {
    let (item, subject) = (of.id.clone(), subject.to_owned());
    Tick { item, act, actor: "ana".into(), at: at(hour), note: "seen it".into(), subject }
}

fn built(build: Option<&str>) -> Subject {
    Subject::new("source s", build)
}

fn label(item: &Item, ticks: &[Tick], subject: &Subject, now: i64) -> &'static str {
    stand(item, ticks, None, subject, at(now)).standing.label()
}

#[test]
fn ticks_expire_and_belong_to_one_build() {
    let by_hand = item(List::Deploy, None);
    assert_eq!(by_hand.id, "deploy/key-functionality-verified");
    let (before, green, other) = (built(None), built(Some("build b-1")), built(Some("build b-2")));
    assert_eq!(label(&by_hand, &[], &before, 10), "open");
    let early = [tick(&by_hand, Act::Tick, 10, before.now())];
    assert_eq!(label(&by_hand, &early, &before, 11), "done");
    assert_eq!(label(&by_hand, &early, &green, 11), "done", "built of that very source");
    assert_eq!(label(&by_hand, &early, &green, 15), "stale", "five hours ago");
    let late = [tick(&by_hand, Act::Tick, 10, green.now())];
    assert_eq!(label(&by_hand, &late, &green, 11), "done");
    assert_eq!(label(&by_hand, &late, &other, 11), "stale", "of another build");
    let back = [late[0].clone(), tick(&by_hand, Act::Untick, 11, green.now())];
    assert_eq!(label(&by_hand, &back, &green, 11), "open");
    let aside = [tick(&by_hand, Act::NotApplicable, 1, green.now())];
    assert_eq!(label(&by_hand, &aside, &green, 30), "not applicable", "a decision does not age");
    let said = stand(&by_hand, &late, None, &green, at(11)).said;
    assert_eq!(said, "ana 01 Jan 10:00Z: seen it");
}

#[test]
fn post_soak_ticks_belong_to_a_build() {
    let post = item(List::Post, None);
    let early = [tick(&post, Act::Tick, 10, "source s")];
    assert_eq!(label(&post, &early, &built(Some("build b-1")), 11), "stale");
    let aside = [tick(&post, Act::Override, 10, "source s")];
    assert_eq!(label(&post, &aside, &built(Some("build b-1")), 11), "overridden");
    assert!(may_act(&post, Act::Tick, "", None).is_err(), "nothing is deployed");
}

#[test]
fn machine_items_need_an_override_not_a_tick() {
    let auto = item(List::Deploy, Some(Source::Rollback));
    let subject = built(None);
    let stands = |ticks: &[Tick], verdict| {
        let proof = Proof { verdict, said: "nothing served before".into() };
        stand(&auto, ticks, Some(&proof), &subject, at(11)).standing
    };
    assert_eq!(stands(&[], Verdict::Pass), Standing::Done);
    assert_eq!(stands(&[], Verdict::Fail), Standing::Failed);
    assert_eq!(stands(&[], Verdict::Inconclusive), Standing::Unknown);
    assert_eq!(label(&auto, &[], &subject, 11), "open", "not asked yet");
    let by_hand = [tick(&auto, Act::Tick, 10, "source s")];
    assert_eq!(stands(&by_hand, Verdict::Fail), Standing::Failed);
    let aside = [tick(&auto, Act::Override, 10, "source s")];
    assert_eq!(stands(&aside, Verdict::Fail), Standing::Overridden);
    let of_another = [tick(&auto, Act::Override, 10, "source t")];
    assert_eq!(stands(&of_another, Verdict::Fail), Standing::Failed);
    assert!(may_act(&auto, Act::Tick, "I know", None).is_err());
    assert!(may_act(&auto, Act::Override, " ", None).is_err(), "not without a reason");
    assert!(may_act(&auto, Act::Override, "first release", None).is_ok());
}

/// Facts are hashed as they are written. A field added later must be left out while it has its default; otherwise
/// every earlier plan would count as changed.
#[test]
fn plan_evidence_keeps_its_stored_form() {
    let check =
        Check::Http { url: "http://x/api/health".into(), expect: Box::default(), fresh: true };
    let asked = Asked { name: "x".into(), check: Some(check), timeout: Duration::from_secs(5) };
    let source = Source::Probe { name: "all".into(), asked: vec![asked] };
    let written = r#"{"ask":"probe","name":"all","asked":[{"name":"x","check":{"http":{"url":"http://x/api/health","expect":{"status":[],"json":[],"headers":[],"version":null,"revision":null},"fresh":true}},"timeout":"5s"}]}"#;
    assert_eq!(serde_json::to_string(&source).unwrap(), written);
    assert_eq!(serde_json::from_str::<Source>(written).unwrap(), source);
}
