//! What a database could be restored from, asked before a migration changes it. Pointsman makes no backup itself.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::code::Code;
use super::error::Problem;
use super::google_api::GoogleApi;
use super::time::{Timestamp, parse_duration, spoken};

/// Whether a database keeps its earlier versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovery {
    /// Point-in-time recovery is on, back to this time if the platform tells.
    On {
        earliest: Option<Timestamp>,
    },
    Off,
    /// It cannot be read, with the reason.
    Unknown(String),
}

/// What a database could be restored from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restorable {
    pub recovery: Recovery,
    /// The snapshot time of the latest finished backup; the error says why it is unknown.
    pub backup: Result<Option<Timestamp>, String>,
}

/// Why a requirement is not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    pub problem: Problem,
    /// Whether it certainly lacks that. Otherwise it could not be read.
    pub known: bool,
}

/// What an environment requires before a migration writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupNeed {
    /// Point-in-time recovery.
    Recovery,
    /// A finished backup that is not older than this.
    Within(Duration),
}

/// The word for point-in-time recovery in the config.
const PITR: &str = "pitr";

impl FromStr for BackupNeed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == PITR {
            return Ok(Self::Recovery);
        }
        let within = parse_duration(text).ok().filter(|within| !within.is_zero());
        within.map(Self::Within).ok_or_else(|| {
            format!("{text:?} is neither {PITR} nor the greatest age of a backup, such as 24h")
        })
    }
}

impl fmt::Display for BackupNeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recovery => f.write_str(PITR),
            Self::Within(within) => f.write_str(&spoken(*within)),
        }
    }
}

impl Serialize for BackupNeed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Recovery => serializer.serialize_str(PITR),
            Self::Within(within) => serializer.serialize_str(&format!("{}s", within.as_secs())),
        }
    }
}

impl<'de> Deserialize<'de> for BackupNeed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Restorable {
    /// The point to restore to if a write that begins now goes wrong: the whole minute before. Restore points are whole
    /// minutes. `None` if there is none.
    pub fn point(&self, now: Timestamp) -> Option<Timestamp> {
        let Recovery::On { earliest } = self.recovery else { return None };
        let second = now.as_second();
        let minute = Timestamp::from_second(second - second.rem_euclid(60)).ok()?;
        Some(minute).filter(|minute| earliest.is_some_and(|earliest| earliest <= *minute))
    }

    /// Checks a requirement. Unknown does not meet it, but differs from a certain lack.
    pub fn meets(&self, need: BackupNeed, database: &str, now: Timestamp) -> Result<(), Unmet> {
        let unmet = |known: bool, what: String, why: String, todo: String| {
            let problem = Problem::coded(Code::NO_BACKUP, what).because(why).try_this(todo);
            Err(Unmet { problem, known })
        };
        let refused = |what, why, todo| unmet(true, what, why, todo);
        match (need, &self.recovery, &self.backup) {
            (BackupNeed::Recovery, Recovery::On { .. }, _) => match self.point(now) {
                Some(_) => Ok(()),
                None => refused(
                    format!("{database} cannot be restored to the last minute"),
                    "point-in-time recovery is on, but its earliest point is unknown or too recent"
                        .to_owned(),
                    "try again in two minutes".to_owned(),
                ),
            },
            (BackupNeed::Recovery, Recovery::Off, _) => refused(
                format!("point-in-time recovery of {database} is off"),
                "the config requires it before a migration".to_owned(),
                "gcloud firestore databases update --database DATABASE --enable-pitr".to_owned(),
            ),
            (BackupNeed::Recovery, Recovery::Unknown(why), _)
            | (BackupNeed::Within(_), _, Err(why)) => unmet(
                false,
                format!("whether {database} could be restored is not known"),
                why.clone(),
                format!("ask for {} on that project", GoogleApi::FirestoreAdmin.role()),
            ),
            (BackupNeed::Within(within), _, Ok(latest)) => {
                let age = latest.and_then(|at| Duration::try_from(now.duration_since(at)).ok());
                match age {
                    Some(age) if age <= within => Ok(()),
                    _ => refused(
                        format!("{database} has no backup of the last {}", spoken(within)),
                        latest.map_or("it has none at all".to_owned(), |at| {
                            format!("the latest is of {}", minute(at))
                        }),
                        "wait for the next one of its schedule, or export it first".to_owned(),
                    ),
                }
            }
        }
    }

    /// What it could be restored from, in a sentence.
    pub fn sentence(&self) -> String {
        let recovery = match &self.recovery {
            Recovery::On { earliest: Some(earliest) } => {
                format!("point-in-time recovery is on, back to {}", minute(*earliest))
            }
            Recovery::On { earliest: None } => "point-in-time recovery is on".to_owned(),
            Recovery::Off => "point-in-time recovery is OFF".to_owned(),
            Recovery::Unknown(why) => format!("point-in-time recovery is unknown: {why}"),
        };
        let backup = match &self.backup {
            Ok(Some(at)) => format!("latest backup {}", minute(*at)),
            Ok(None) => "no backup".to_owned(),
            // Both have the same cause, which is said once.
            Err(_) if matches!(self.recovery, Recovery::Unknown(_)) => return recovery,
            Err(why) => format!("backups unknown: {why}"),
        };
        format!("{recovery}; {backup}")
    }
}

/// A time to the minute, as restore points are given.
pub fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn restore_point_is_the_whole_minute_before() {
        let now = at("2026-11-29T10:20:30Z");
        let on = |earliest: &str| Restorable {
            recovery: Recovery::On { earliest: Some(at(earliest)) },
            backup: Ok(None),
        };
        assert_eq!(on("2026-11-22T00:00:00Z").point(now), Some(at("2026-11-29T10:20:00Z")));
        assert_eq!(on("2026-11-29T10:20:10Z").point(now), None, "switched on seconds ago");
        let off = Restorable { recovery: Recovery::Off, backup: Ok(Some(now)) };
        assert_eq!(off.point(now), None);
    }

    #[test]
    fn unknown_and_too_old_are_not_enough() {
        let now = at("2026-11-29T10:20:30Z");
        let unknown = Restorable {
            recovery: Recovery::Unknown("PERMISSION_DENIED".to_owned()),
            backup: Err("PERMISSION_DENIED".to_owned()),
        };
        let day: BackupNeed = "24h".parse().unwrap();
        for need in [BackupNeed::Recovery, day] {
            let refused = unknown.meets(need, "main", now).unwrap_err();
            assert!(!refused.known);
            let refused = refused.problem;
            assert!(refused.todo.contains("roles/datastore.viewer"), "{refused}");
        }
        let of =
            |backup: &str| Restorable { recovery: Recovery::Off, backup: Ok(Some(at(backup))) };
        assert!(of("2026-11-28T10:20:30Z").meets(day, "main", now).is_ok());
        assert!(of("2026-11-28T10:20:29Z").meets(day, "main", now).is_err());
        assert!(of("2026-11-29T10:00:00Z").meets(BackupNeed::Recovery, "main", now).is_err());
        assert!("0s".parse::<BackupNeed>().is_err() && "soon".parse::<BackupNeed>().is_err());
    }
}
