//! Probe results: telemetry, not facts. They have a separate database, so that thousands of samples never delay a fact.
//! It may lose the last seconds in a power cut. It keeps a ring of the newest samples of each probe.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, params};

use super::open::private_file;
use super::prepared::{Prepared as _, keep_statements};
use pointsman_core::error::Problem;
use pointsman_core::health::Identity;
use pointsman_core::ports::samples::SampleStore;
use pointsman_core::probe::{Answer, Change, Fault, Measurement, ProbeChange, Timing};
use pointsman_core::time::Timestamp;

/// Maximum samples kept per probe.
const RING_SAMPLES: usize = 2000;
/// Maximum age of samples: older ones mostly belong to deleted builds.
const KEEP_SAMPLES_FOR: Duration = Duration::from_hours(14 * 24);
/// Maximum state changes kept in total.
const CHANGES_KEPT: usize = 5000;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS samples (
    probe TEXT NOT NULL,
    at    INTEGER NOT NULL,
    took  INTEGER NOT NULL,
    fault TEXT,
    said  TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS samples_of_probe ON samples (probe, at);
CREATE TABLE IF NOT EXISTS changes (
    probe  TEXT NOT NULL,
    name   TEXT NOT NULL,
    live   INTEGER NOT NULL,
    change TEXT NOT NULL
) STRICT;
";

/// Stored as the fault of a probe that this machine could not perform.
const BLIND: &str = "blind";

/// The database of probe results.
#[derive(Debug)]
pub struct Samples(Connection);

fn failed(error: &rusqlite::Error) -> Problem {
    Problem::new("what the probes heard cannot be kept").because(error.to_string())
}

impl Samples {
    /// Opens the database in the state folder, creating it if it is missing.
    pub fn open(state: &Path) -> Result<Self, Problem> {
        let file = state.join("probes.db");
        private_file(state, &file).map_err(|e| {
            Problem::new(format!("{} cannot be opened", file.display())).because(e.to_string())
        })?;
        let open = || {
            let connection = Connection::open(&file)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            keep_statements(&connection)?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "normal")?;
            connection.execute_batch(TABLES)?;
            Ok(connection)
        };
        open().map(Self).map_err(|e| failed(&e))
    }
}

fn fault(word: &str) -> Fault {
    // An unknown fault of a later version still means a bad answer.
    serde_json::from_value(word.into()).unwrap_or(Fault::Status)
}

impl SampleStore for Samples {
    fn keep(
        &mut self,
        heard: &[(String, Measurement)],
        turned: &[ProbeChange],
    ) -> Result<(), Problem> {
        let mut keep = || {
            let all = self.0.transaction()?;
            for (probe, sample) in heard {
                let (fault, said) = match &sample.answer {
                    Answer::Good => (None, sample.odd.as_ref()),
                    Answer::Bad(fault, said) => (Some(fault.label()), Some(said)),
                    Answer::Blind(said) => (Some(BLIND), Some(said)),
                };
                let took = i64::try_from(sample.timing.total.as_micros()).unwrap_or(i64::MAX);
                all.prepare_cached(
                    "INSERT INTO samples (probe, at, took, fault, said) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![probe, sample.at.as_millisecond(), took, fault, said])?;
            }
            for ProbeChange { key, name, live, change } in turned {
                let change = serde_json::to_string(change)
                    .map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
                all.prepare_cached(
                    "INSERT INTO changes (probe, name, live, change) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![key, name, live, change])?;
            }
            all.commit()
        };
        keep().map_err(|e| failed(&e))
    }

    fn prune(&self) -> Result<(), Problem> {
        let prune = || {
            let age = i64::try_from(KEEP_SAMPLES_FOR.as_millis()).unwrap_or(i64::MAX);
            self.0
                .run("DELETE FROM samples WHERE at < (SELECT max(at) FROM samples) - ?1", [age])?;
            self.0.run(
                "DELETE FROM samples WHERE rowid IN (SELECT rowid FROM (SELECT rowid, row_number() \
                 OVER (PARTITION BY probe ORDER BY at DESC) AS nth FROM samples) WHERE nth > ?1)",
                [RING_SAMPLES],
            )?;
            self.0.run(
                "DELETE FROM changes WHERE rowid <= (SELECT max(rowid) FROM changes) - ?1",
                [CHANGES_KEPT],
            )
        };
        prune().map(drop).map_err(|e| failed(&e))
    }

    fn recent(&self, probe: &str, most: usize) -> Result<Vec<Measurement>, Problem> {
        let read = || {
            let mut select = self.0.prepare_cached(
                "SELECT at, took, fault, said FROM samples WHERE probe = ?1 ORDER BY at DESC LIMIT ?2",
            )?;
            let rows = select.query_map(params![probe, most], |row| {
                let said = row.get::<_, Option<String>>(3)?;
                // The text of a good answer says what is odd about it.
                let (answer, odd) = match (row.get::<_, Option<String>>(2)?.as_deref(), said) {
                    (None, odd) => (Answer::Good, odd),
                    (Some(BLIND), said) => (Answer::Blind(said.unwrap_or_default()), None),
                    (Some(word), said) => {
                        (Answer::Bad(fault(word), said.unwrap_or_default()), None)
                    }
                };
                let total = Duration::from_micros(row.get::<_, i64>(1)?.try_into().unwrap_or(0));
                Ok(Measurement {
                    at: Timestamp::from_millisecond(row.get(0)?).unwrap_or_default(),
                    answer,
                    timing: Timing { total, ..Timing::default() },
                    identity: Identity::default(),
                    certificate: None,
                    odd,
                })
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        let mut newest_first = read().map_err(|e| failed(&e))?;
        newest_first.reverse();
        Ok(newest_first)
    }

    fn changes(&self, of: &str, most: usize) -> Result<Vec<ProbeChange>, Problem> {
        let read = || {
            let mut select = self.0.prepare_cached(
                "SELECT probe, name, live, change FROM changes WHERE substr(probe, 1, length(?1)) = ?1 \
                 ORDER BY rowid DESC LIMIT ?2",
            )?;
            let rows = select.query_map(params![of, most], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, String>(3)?))
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        let rows = read().map_err(|e| failed(&e))?.into_iter();
        let known = rows.filter_map(|(key, name, live, change)| {
            let change = serde_json::from_str::<Change>(&change).ok()?;
            Some(ProbeChange { key, name, live, change })
        });
        Ok(known.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pointsman_core::probe::State;

    fn sample(at: i64, answer: Answer) -> Measurement {
        let timing = Timing { total: Duration::from_micros(1500), ..Timing::default() };
        let at = Timestamp::from_second(at).unwrap();
        Measurement {
            at,
            answer,
            timing,
            identity: Identity::default(),
            certificate: None,
            odd: None,
        }
    }

    #[test]
    fn samples_survive_a_restart_in_a_ring() {
        let folder = tempfile::tempdir().unwrap();
        let heard = [
            sample(1, Answer::Good),
            sample(2, Answer::Bad(Fault::OtherBuild, "answered by b-2".into())),
            sample(3, Answer::Blind("no route".into())),
            Measurement { odd: Some("its domain is set up".into()), ..sample(4, Answer::Good) },
        ];
        let keyed: Vec<_> = heard.iter().map(|s| ("dev/app@b-1".to_owned(), s.clone())).collect();
        let change = Change {
            at: heard[1].at,
            from: State::Ok,
            to: State::Down,
            why: "2 fails in a row".into(),
        };
        let turned =
            ProbeChange { key: "dev/app@b-1".into(), name: "app BLUE".into(), live: true, change };
        Samples::open(folder.path()).unwrap().keep(&keyed, std::slice::from_ref(&turned)).unwrap();

        let mut samples = Samples::open(folder.path()).unwrap();
        assert_eq!(samples.recent("dev/app@b-1", 10).unwrap(), heard);
        assert_eq!(samples.recent("dev/app@b-1", 1).unwrap(), heard[3..]);
        assert_eq!(samples.changes("dev/", 10).unwrap(), [turned]);
        assert_eq!(samples.changes("production/", 10).unwrap(), []);
        let many: Vec<_> = (10..10 + 2100)
            .map(|at| ("dev/app@b-1".to_owned(), sample(at, Answer::Good)))
            .collect();
        samples.keep(&many, &[]).unwrap();
        samples.prune().unwrap();
        let kept = samples.recent("dev/app@b-1", 9999).unwrap();
        assert_eq!((kept.len(), kept[0].at.as_second()), (RING_SAMPLES, 110));
    }
}
