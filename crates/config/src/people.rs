//! `approvals:` and `may:`: how many people approve, and who may do what.

use std::collections::BTreeSet;

use super::Findings;
use super::file::Loaded;
use super::schema::Config;
use super::schema::environment::EnvironmentConfig;
use super::schema::people::{ApprovalsConfig, MayConfig, PeopleConfig};
use super::schema::store::StoreKind;
use pointsman_core::approvals::{Approvals, May, People};

impl Config {
    /// Whether everybody who reaches the store has proven an account to Google.
    fn proves_identities(&self) -> bool {
        let google = |store: &super::schema::store::StoreConfig| {
            store.kind == StoreKind::Firestore && store.endpoint.is_none()
        };
        self.store.as_ref().is_some_and(google)
    }
}

/// The approvals that a switch on an environment needs.
pub(super) fn approvals(config: &Config, of: &EnvironmentConfig) -> Option<Approvals> {
    let ApprovalsConfig { people, from, requester } = of.approvals.clone()?;
    Some(Approvals { people, from, requester, proven: config.proves_identities() })
}

/// Who may do what on an environment.
pub(super) fn may(config: &Config, of: &EnvironmentConfig) -> May {
    let people = |who: &PeopleConfig| match who {
        PeopleConfig::Everybody(_) => People::default(),
        PeopleConfig::Named(names) => People(names.clone()),
    };
    let MayConfig { deploy, approve, rollback } = &of.may;
    let (deploy, approve, rollback) = (people(deploy), people(approve), people(rollback));
    let ruled = [&deploy, &approve, &rollback].iter().any(|people| !people.is_anyone());
    May { deploy, approve, rollback, proven: ruled && config.proves_identities() }
}

/// What no person can fulfil: the keys below the environment, and the reason.
pub(super) fn wrong(of: &EnvironmentConfig) -> Vec<(Vec<String>, String)> {
    let key = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let mut found = Vec::new();
    if let Some(ApprovalsConfig { people, from, .. }) = &of.approvals {
        let may = match &of.may.approve {
            PeopleConfig::Named(names) => Some(names),
            PeopleConfig::Everybody(_) => None,
        };
        let lists = [Some(from).filter(|from| !from.is_empty()), may].into_iter().flatten();
        let named = lists
            .map(|names| names.iter().map(|name| name.to_lowercase()).collect::<BTreeSet<_>>());
        let named = named.reduce(|one, other| &one & &other).map(|names| names.len());
        let why = match named {
            Some(named) if usize::try_from(*people).is_ok_and(|people| named < people) => {
                Some(format!("{people} people have to approve, and `from` and `may` leave {named}"))
            }
            _ => None,
        };
        found.extend(why.map(|why| (key(&["approvals", "people"]), why)));
    }
    let MayConfig { deploy, approve, rollback } = &of.may;
    for (word, who) in [("deploy", deploy), ("approve", approve), ("rollback", rollback)] {
        if matches!(who, PeopleConfig::Named(names) if names.is_empty()) {
            let why = format!("no one may {word}: name a person, or write `anyone`");
            found.push((key(&["may", word]), why));
        }
    }
    found
}

impl Loaded {
    /// Warnings for environments whose rules about people rest on unproven names.
    pub fn unproven_people(&self) -> Findings {
        let proven = self.config.proves_identities();
        let ruled = self.config.environments.iter().filter_map(|(name, of)| {
            let key = match (&of.approvals, may(&self.config, of).is_open()) {
                (Some(_), _) => "approvals",
                (None, false) => "may",
                (None, true) => return None,
            };
            let why = "names are not proven with this store: whoever sets $USER is anybody. A shared store at Google knows the \
                       account of each person";
            Some((["environments", name.as_str(), key], why.to_owned()))
        });
        self.warned(ruled.filter(|_| !proven))
    }
}
