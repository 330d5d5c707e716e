//! Who acts: a name and where it is known from. A name without its source says nothing, since anybody can set `$USER`.

use std::fmt;

/// Where a name is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameSource {
    /// The account of the Google credentials that reach the shared store.
    Google,
    /// The Unix user of a machine. No one has proven it.
    Local,
    /// Recorded by a version that did not record it, or not a person.
    Unknown,
}

/// A person or a service account, as recorded. Its text form is that of the actor of every fact: `ana@example.com (Google)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    pub name: String,
    pub source: NameSource,
}

const GOOGLE: &str = " (Google)";
const LOCAL: &str = " (local)";

impl Identity {
    /// The account of the Google credentials in use.
    pub fn google(account: &str) -> Self {
        Self { name: account.to_owned(), source: NameSource::Google }
    }

    /// A Unix user of a machine.
    pub fn local(user: &str, machine: &str) -> Self {
        Self { name: format!("{user}@{machine}"), source: NameSource::Local }
    }

    /// Reads the text form. The last word decides, which no name can change.
    pub fn of(actor: &str) -> Self {
        let sources = [(GOOGLE, NameSource::Google), (LOCAL, NameSource::Local)];
        let known = sources.into_iter().find_map(|(end, source)| {
            Some(Self { name: actor.strip_suffix(end)?.to_owned(), source })
        });
        known.unwrap_or_else(|| Self { name: actor.to_owned(), source: NameSource::Unknown })
    }

    /// Whether a list of names contains it. Accounts differ in more than case.
    pub fn is_in(&self, names: &[String]) -> bool {
        names.iter().any(|name| name.eq_ignore_ascii_case(&self.name))
    }

    /// Whether both are one person.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.source == other.source && self.name.eq_ignore_ascii_case(&other.name)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            NameSource::Google => GOOGLE,
            NameSource::Local => LOCAL,
            NameSource::Unknown => "",
        };
        write!(f, "{}{source}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever `$USER` and the host name are, the text of a local identity reads back as local.
        #[test]
        fn no_local_name_reads_as_an_account(user in ".{0,24}", machine in ".{0,24}") {
            for user in [user.clone(), format!("{user}{GOOGLE}"), "ana@example.com (Google)".to_owned()] {
                let local = Identity::local(&user, &format!("{machine}{GOOGLE}"));
                prop_assert_eq!(Identity::of(&local.to_string()), local);
            }
        }

        #[test]
        fn accounts_read_back(account in "[a-z.]{1,12}@[a-z.]{1,12}") {
            let google = Identity::google(&account);
            prop_assert_eq!(Identity::of(&google.to_string()), google);
        }
    }

    #[test]
    fn names_of_earlier_versions_have_no_source() {
        assert_eq!(Identity::of("ana").source, NameSource::Unknown);
        assert_eq!(Identity::of("ana").to_string(), "ana");
    }
}
