//! A plan for one environment never contains anything of another (invariant 6).

use std::collections::BTreeMap;

use pointsman::config::load_text;
use pointsman::domain::event::Event;
use pointsman::domain::plan::{Plan, Source};
use pointsman::domain::planner;
use proptest::prelude::*;

use super::world::{deploy_plan, label};

/// A config whose services may name projects of any environment.
fn config(projects: [usize; 2], staging: usize, extra: bool) -> String {
    let all = ["toto-f9d2f", "toto-f9d2f-stg", "toto-bo", "toto-bo-stg", "demo-toto"];
    let local = if extra { "endpoint: emulator, " } else { "" };
    let url =
        |s: &str| if extra { format!("http://localhost:{s}") } else { format!("https://{s}.x") };
    format!(
        "version: 1
projects:
  toto-f9d2f: {{ environment: production, region: us-central1 }}
  toto-f9d2f-stg: {{ environment: staging, region: us-central1 }}
  toto-bo: {{ environment: production, region: us-central1 }}
  toto-bo-stg: {{ environment: staging, region: us-central1 }}
services:
  toto-app: {{ root: ., backend: toto-app, health: {{ version: /version }} }}
  toto-bo: {{ root: ., backend: toto-bo, health: {{ version: /version }} }}
environments:
  production:
    protection: typed
    platform: {{ kind: app-hosting, location: us-central1, project: toto-f9d2f }}
    services: {{ toto-app: {{ url: 'https://a.y' }}, toto-bo: {{ url: 'https://b.y', project: toto-bo }} }}
  staging:
    protection: confirm
    platform: {{ kind: app-hosting, {local}location: us-central1, project: {} }}
    services:
      toto-app: {{ url: '{}', project: {} }}
      toto-bo: {{ url: '{}', project: {} }}
releases: {{ kind: list, labels: [] }}
",
        all[staging],
        url("4000"),
        all[projects[0]],
        url("5000"),
        all[projects[1]],
    )
}

fn staging_plan(text: &str) -> Option<Plan> {
    let folder = tempfile::tempdir().unwrap();
    let loaded = load_text(text, &folder.path().join("config.yaml")).ok()?;
    let spec = loaded.spec("staging").unwrap();
    let sources: BTreeMap<_, _> = spec
        .members
        .iter()
        .map(|m| (m.service().clone(), Source::Archive("file:///x".into())))
        .collect();
    Some(planner::deploy(spec, &label("1.0.0"), &sources).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    #[test]
    fn staging_plan_never_holds_a_production_project(
        projects in [0..5_usize, 0..5_usize],
        staging in 0..5_usize,
        local in any::<bool>(),
    ) {
        let text = config(projects, staging, local);
        let allowed: &[usize] = if local { &[1, 3, 4] } else { &[1, 3] };
        let sound = projects.iter().all(|p| allowed.contains(p));
        match staging_plan(&text) {
            Some(plan) => {
                prop_assert!(sound);
                let json = serde_json::to_string(&plan).unwrap();
                prop_assert!(!json.contains("\"toto-f9d2f\"") && !json.contains("\"toto-bo\",\"location"));
                for member in &plan.members {
                    prop_assert_eq!(member.target.environment().as_str(), "staging");
                    prop_assert!(!["toto-f9d2f", "toto-bo"].contains(&member.target.project().as_str()));
                }
            }
            None => prop_assert!(!sound, "{}", text),
        }
    }
}

#[test]
fn malformed_plan_is_refused() {
    let good = deploy_plan("1.0.0");
    good.check().unwrap();
    let mut twice = good.clone();
    twice.members.push(good.members[0].clone());
    assert!(twice.check().is_err());
    let mut foreign = good.clone();
    foreign.environment = "production".parse().unwrap();
    assert!(foreign.check().unwrap_err().what.contains("contains"), "a target of development");
    let mut empty = good;
    empty.steps.clear();
    assert!(empty.check().is_err());
}

#[test]
fn plan_hash_covers_every_field() {
    let plan = deploy_plan("1.0.0");
    assert_eq!(plan.hash(), deploy_plan("1.0.0").hash());
    assert_ne!(plan.hash(), deploy_plan("1.0.1").hash());
    let mut other = plan.clone();
    other.policy.soak.failures += 1;
    assert_ne!(plan.hash(), other.hash());
    let whole = Event::RunStarted { plan_hash: plan.hash(), plan: Box::new(plan.clone()) };
    let again: Event = serde_json::from_value(serde_json::to_value(&whole).unwrap()).unwrap();
    let Event::RunStarted { plan: read, plan_hash } = again else { panic!() };
    assert_eq!((read.hash(), *read), (plan_hash, plan));
}
