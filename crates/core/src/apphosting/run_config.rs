//! The limits of `runConfig` (`docs/internals/app-hosting.md`), which are also Cloud Run's. Where Google's
//! documentation and its validator disagree, these follow the validator.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::build_config::{CONCURRENCY, CPU, DEFAULT, MAX_INSTANCES, MEMORY, MIN_INSTANCES};

/// The keys of `runConfig:` that have limits. None: not set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RunConfig {
    pub cpu: Option<f64>,
    /// Memory, in mebibytes.
    #[serde(rename = "memoryMiB", deserialize_with = "whole")]
    pub memory: Option<i64>,
    /// Concurrent requests per instance.
    #[serde(deserialize_with = "whole")]
    pub concurrency: Option<i64>,
    /// Number of instances that are always running.
    #[serde(deserialize_with = "whole")]
    pub min_instances: Option<i64>,
    #[serde(deserialize_with = "whole")]
    pub max_instances: Option<i64>,
}

/// Truncates fractions, as Google's validator does.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a number beyond i64 is its nearest, and refused"
)]
fn whole<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<i64>, D::Error> {
    Ok(Option::<f64>::deserialize(d)?.map(|number| number as i64))
}

/// A violated limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The key under `runConfig`.
    pub key: &'static str,
    /// The reason, and the accepted values.
    pub why: String,
}

/// Memory (`MiB`) from which a minimum number of CPUs is required.
const MEMORY_NEEDS: [(i64, f64); 4] = [(24_576, 8.0), (16_384, 6.0), (8_192, 4.0), (4_096, 2.0)];
/// Memory (`MiB`) above which a minimum number of CPUs is required.
const MEMORY_OVER_NEEDS: [(i64, f64); 2] = [(1_024, 1.0), (512, 0.5)];
/// CPUs from which a minimum of memory (`MiB`) is required.
const CPU_NEEDS: [(f64, i64); 2] = [(6.0, 4_096), (4.0, 2_048)];
/// Default maximum number of instances.
const USUAL_MOST: i64 = 100;
/// Default number of CPUs per instance.
const USUAL_CPU: f64 = 1.0;

impl RunConfig {
    /// Merges another config into this one, key by key; `over` takes precedence.
    #[must_use]
    pub fn overridden_by(self, over: Self) -> Self {
        Self {
            cpu: over.cpu.or(self.cpu),
            memory: over.memory.or(self.memory),
            concurrency: over.concurrency.or(self.concurrency),
            min_instances: over.min_instances.or(self.min_instances),
            max_instances: over.max_instances.or(self.max_instances),
        }
    }

    /// The limits by name, as builds report them. What is not set has the platform's default.
    pub fn settings(&self) -> BTreeMap<String, String> {
        let text = |number: Option<f64>| {
            number.filter(|n| *n != 0.0).map_or(DEFAULT.to_owned(), |n| n.to_string())
        };
        // Zero counts as not set.
        let whole = |number: Option<i64>| {
            number.filter(|n| *n != 0).map_or(DEFAULT.to_owned(), |n| n.to_string())
        };
        let settings = [
            (CPU, text(self.cpu)),
            (MEMORY, whole(self.memory)),
            (CONCURRENCY, whole(self.concurrency)),
            (MIN_INSTANCES, whole(self.min_instances)),
            (MAX_INSTANCES, whole(self.max_instances)),
        ];
        settings.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// Maximum number of instances, and the CPUs of each. Zero counts as not set.
    pub fn most(&self) -> (u32, f64) {
        let most = self.max_instances.filter(|most| *most > 0).unwrap_or(USUAL_MOST);
        let cpu = self.cpu.filter(|cpu| *cpu > 0.0).unwrap_or(USUAL_CPU);
        (u32::try_from(most).unwrap_or(u32::MAX), cpu)
    }

    /// The first violated limit, in the order of Google's validator.
    pub fn broken(&self) -> Option<Broken> {
        self.alone().or_else(|| self.instances()).or_else(|| self.together())
    }

    fn alone(&self) -> Option<Broken> {
        if let Some(cpu) = self.cpu {
            let whole = [0.0, 1.0, 2.0, 4.0, 6.0, 8.0].contains(&cpu);
            if !whole && !(0.08..1.0).contains(&cpu) {
                return broken(
                    "cpu",
                    format!("cpu cannot be {cpu}: 0.08 to under 1, or 1, 2, 4, 6, 8"),
                );
            }
            if cpu > 0.0 && cpu < 1.0 && self.concurrency != Some(1) {
                let why = format!(
                    "with a cpu of {cpu} an instance takes one request at a time: concurrency: 1"
                );
                return broken("cpu", why);
            }
        }
        if let Some(memory) = self.memory
            && memory != 0
            && !(128..=32_768).contains(&memory)
        {
            return broken("memoryMiB", format!("memoryMiB cannot be {memory}: 128 to 32768"));
        }
        if let Some(concurrency) = self.concurrency
            && !(0..=1_000).contains(&concurrency)
        {
            return broken(
                "concurrency",
                format!("concurrency cannot be {concurrency}: 0 to 1000"),
            );
        }
        None
    }

    fn instances(&self) -> Option<Broken> {
        let both = [("minInstances", self.min_instances), ("maxInstances", self.max_instances)];
        for (key, set) in both {
            if let Some(number) = set.filter(|number| *number < 0) {
                return broken(key, format!("{key} cannot be {number}: 0 or more"));
            }
        }
        let (Some(least), most) = (self.min_instances, self.max_instances) else { return None };
        match most {
            Some(most) if most > 0 && least > most => {
                broken("minInstances", format!("minInstances {least} is over maxInstances {most}"))
            }
            None if least > USUAL_MOST => broken(
                "minInstances",
                format!(
                    "minInstances {least} is over {USUAL_MOST}, the most where maxInstances is not set"
                ),
            ),
            _ => None,
        }
    }

    fn together(&self) -> Option<Broken> {
        let (Some(cpu), Some(memory)) = (self.cpu, self.memory) else {
            return match (self.cpu, self.memory) {
                (Some(cpu), None) if cpu >= 4.0 => broken(
                    "cpu",
                    format!("a cpu of {cpu} needs memoryMiB to be set, to 2048 at least"),
                ),
                (None, Some(memory)) if memory >= 4_096 => broken(
                    "memoryMiB",
                    format!("memoryMiB {memory} needs cpu to be set, to 2 at least"),
                ),
                _ => None,
            };
        };
        let reached = MEMORY_NEEDS.into_iter().find(|(from, _)| memory >= *from);
        let over = MEMORY_OVER_NEEDS.into_iter().find(|(over, _)| memory > *over);
        if let Some((_, needed)) = reached.or(over).filter(|(_, needed)| cpu < *needed) {
            let why = format!("memoryMiB {memory} needs a cpu of {needed} at least, this is {cpu}");
            return broken("memoryMiB", why);
        }
        let needs = CPU_NEEDS.into_iter().find(|(from, _)| cpu >= *from);
        needs.filter(|(_, needed)| memory < *needed).and_then(|(_, needed)| {
            broken(
                "cpu",
                format!("a cpu of {cpu} needs memoryMiB {needed} at least, this is {memory}"),
            )
        })
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it ends every rule")]
fn broken(key: &'static str, why: String) -> Option<Broken> {
    Some(Broken { key, why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_inclusive_at_their_edges() {
        let of = |cpu: Option<f64>, memory: Option<i64>| RunConfig {
            cpu,
            memory,
            ..RunConfig::default()
        };
        let cases = [
            (of(Some(3.0), None), Some("cpu")),
            (of(Some(0.07), None), Some("cpu")),
            (of(Some(0.5), None), Some("cpu")),
            (RunConfig { concurrency: Some(1), ..of(Some(0.08), None) }, None),
            (of(Some(0.0), Some(0)), None),
            (of(None, Some(127)), Some("memoryMiB")),
            (of(None, Some(32_769)), Some("memoryMiB")),
            (of(None, Some(4_095)), None),
            (of(None, Some(4_096)), Some("memoryMiB")),
            (of(Some(2.0), None), None),
            (of(Some(4.0), None), Some("cpu")),
            (of(Some(1.0), Some(4_096)), Some("memoryMiB")),
            (of(Some(2.0), Some(4_096)), None),
            (of(Some(2.0), Some(8_192)), Some("memoryMiB")),
            (of(Some(6.0), Some(24_576)), Some("memoryMiB")),
            (of(Some(8.0), Some(24_576)), None),
            (of(Some(8.0), Some(4_095)), Some("cpu")),
            (of(Some(4.0), Some(2_047)), Some("cpu")),
            (of(Some(4.0), Some(2_048)), None),
            (RunConfig { concurrency: Some(1), ..of(Some(0.5), Some(1_024)) }, None),
            (RunConfig { concurrency: Some(1), ..of(Some(0.5), Some(1_025)) }, Some("memoryMiB")),
            (RunConfig { concurrency: Some(1), ..of(Some(0.4), Some(513)) }, Some("memoryMiB")),
            (RunConfig { concurrency: Some(1_001), ..of(None, None) }, Some("concurrency")),
            (RunConfig { max_instances: Some(-1), ..of(None, None) }, Some("maxInstances")),
            (RunConfig { min_instances: Some(9), max_instances: Some(0), ..of(None, None) }, None),
        ];
        for (config, key) in cases {
            assert_eq!(config.broken().map(|b| b.key), key, "{config:?}");
        }
    }
}
