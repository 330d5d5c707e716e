//! The checklists of a run, or of a release to be deployed.

use super::{Refusal, deploy};
use crate::services::Services;
use pointsman_config::Loaded;
use pointsman_core::checklist::{
    Act, Item, ItemStatus, List, Subject, Tick, listed, may_act, open_items, stand,
};
use pointsman_core::code::Code;
use pointsman_core::describe::counted;
use pointsman_core::error::Problem;
use pointsman_core::guard::{Guard, Guards};
use pointsman_core::ids::{EnvironmentName, RunNumber, ServiceName};
use pointsman_core::plan::Plan;
use pointsman_core::policy::Protection;
use pointsman_core::release::ReleaseLabel;
use pointsman_core::view::RunView;

/// The current state of the checklists.
#[derive(Debug, Clone)]
pub struct ChecklistView {
    pub environment: EnvironmentName,
    pub release: ReleaseLabel,
    /// The run that the lists guard, if there is one.
    pub run: Option<Box<RunView>>,
    /// Each item with its status.
    pub items: Vec<(Item, ItemStatus)>,
    subject: Subject,
}

/// The lists of a run (`128`, `#128`), or of an environment: those of the named release, or else of the run in progress
/// there.
pub fn checklist(
    ports: &Services,
    loaded: impl FnOnce() -> Result<Loaded, Problem>,
    of: &str,
    release: Option<&ReleaseLabel>,
    services: &[ServiceName],
) -> Result<ChecklistView, Refusal> {
    if let Ok(number) = of.parse::<RunNumber>() {
        return of_run(ports, ports.stores.open()?.run(number)?.view);
    }
    let loaded = loaded().map_err(Refusal::Usage)?;
    let environment = EnvironmentName::new(of).map_err(Refusal::Usage)?;
    let last = ports.stores.open()?.runs(Some(&environment), 1)?.pop().map(|listed| listed.view);
    let under_way = last.filter(|view| {
        view.ended.is_none() && release.is_none_or(|r| view.plan.release.as_ref() == Some(r))
    });
    if let Some(view) = under_way {
        return of_run(ports, view);
    }
    let Some(release) = release else {
        loaded.spec(of).map_err(Refusal::Usage)?;
        return Err(Refusal::Usage(
            Problem::new(format!("no run is under way on {of}"))
                .because("a checklist is about one release")
                .try_this("name it with --release LABEL, or a run by its number"),
        ));
    };
    let spec = deploy::spec_of(&loaded, of, services)?;
    let plan = deploy::without_looking(&loaded, spec, release)?;
    let ticks = ports.stores.open()?.ticks(&plan.environment, release)?;
    let (subject, now) = (Subject::of_plan(&plan), ports.clock.now());
    let seen = |item: &Item| stand(item, &ticks, None, &subject, now);
    let items = plan.checklist.iter().map(|item| (item.clone(), seen(item))).collect();
    Ok(ChecklistView { environment, release: release.clone(), run: None, items, subject })
}

/// The lists of a run.
pub fn of_run(ports: &Services, view: RunView) -> Result<ChecklistView, Refusal> {
    let none = || {
        let problem = Problem::new(format!("run {} has no checklist", view.number));
        Refusal::Usage(problem.because("only a deploy has one"))
    };
    let release = view.plan.release.clone().filter(|_| !view.plan.checklist.is_empty());
    let release = release.ok_or_else(none)?;
    let ticks = ports.stores.open()?.ticks(&view.plan.environment, &release)?;
    let seen = listed(&view, &ticks, ports.clock.now());
    Ok(ChecklistView {
        environment: view.plan.environment.clone(),
        items: view.plan.checklist.iter().cloned().zip(seen).collect(),
        subject: Subject::of(&view),
        run: Some(Box::new(view)),
        release,
    })
}

impl ChecklistView {
    /// Finds an item by its id or text, or by a unique prefix of either.
    pub fn find(&self, named: &str) -> Result<&Item, Problem> {
        let wanted = named.trim().to_lowercase();
        let exact = |item: &&Item| item.id == wanted || item.text.to_lowercase() == wanted;
        let begins = |item: &&Item| {
            let bare = item.id.split('/').nth(1).unwrap_or_default();
            let texts = [item.id.as_str(), bare, &item.text.to_lowercase()];
            texts.iter().any(|text| text.starts_with(&wanted))
        };
        let items = || self.items.iter().map(|(item, _)| item);
        let mut found: Vec<&Item> = items().filter(exact).collect();
        if found.is_empty() {
            found = items().filter(begins).collect();
        }
        match found[..] {
            [one] => Ok(one),
            [] => {
                let all: Vec<_> = items().map(|item| item.id.as_str()).collect();
                Err(Problem::coded(Code::UNKNOWN_NAME, format!("there is no item {named:?}"))
                    .try_this(format!("name one of {}", all.join(", "))))
            }
            _ => {
                let ids: Vec<_> = found.iter().map(|item| item.id.as_str()).collect();
                Err(Problem::new(format!("{named:?} may be {}", ids.join(" or ")))
                    .try_this("name it by its id"))
            }
        }
    }

    /// Records an action on an item.
    pub fn act(&self, ports: &Services, item: &Item, act: Act, note: &str) -> Result<(), Refusal> {
        may_act(item, act, note, self.run.as_deref()).map_err(Refusal::Refused)?;
        let tick = Tick {
            item: item.id.clone(),
            act,
            actor: ports.actor.clone(),
            at: ports.clock.now(),
            note: note.trim().to_owned(),
            subject: self.subject.now().to_owned(),
        };
        ports.stores.open()?.tick(&self.environment, &self.release, &tick)?;
        Ok(())
    }
}

/// Applies the checklist guard to an unattended run, which could not pass its gates without ticks: a person must have
/// ticked the required items beforehand. `--yes` ticks nothing.
pub(super) fn ticked_beforehand(
    ports: &Services,
    plan: &Plan,
    services: &[ServiceName],
    overridden: bool,
    guards: &mut Guards,
) -> Result<(), Refusal> {
    let Some(release) = plan.release.as_ref().filter(|_| !plan.checklist.is_empty()) else {
        return Ok(());
    };
    if plan.policy.protection == Protection::Open {
        return Ok(());
    }
    let ticks = ports.stores.open()?.ticks(&plan.environment, release)?;
    let (subject, now) = (Subject::of_plan(plan), ports.clock.now());
    let by_hand = plan.checklist.iter().filter(|item| item.source.is_none()).cloned();
    let by_hand: Vec<Item> = by_hand.collect();
    let seen: Vec<_> =
        by_hand.iter().map(|item| stand(item, &ticks, None, &subject, now)).collect();
    // The run waits for the ticks of the last list, unless the checklist is overridden.
    let lists = List::ALL.into_iter().filter(|list| *list != List::Post || overridden);
    let open: Vec<String> = lists.flat_map(|list| open_items(&by_hand, &seen, list)).collect();
    if open.is_empty() {
        return Ok(());
    }
    let of = &plan.environment;
    // Ticks only apply to these services.
    let only: Vec<String> = services.iter().map(|one| format!(" --service {one}")).collect();
    let only = only.concat();
    guards.meet(
        Guard::Checklist,
        Problem::new(format!("the checklist has {}", counted(open.len(), "open required item")))
            .because(format!("{}; --yes ticks nothing", open.join("; ")))
            .try_this(format!(
                "pointsman checklist {of} --release {release}{only} tick ITEM; or deploy with --detach: such a run \
                 waits for people"
            )),
    );
    Ok(())
}
