//! The parts of `apphosting.yaml` that a build needs: commands and environment variables. The base file and the
//! environment's file are merged by App Hosting's rules (`docs/internals/app-hosting.md`, apphosting.yaml).

mod cause;
mod quota;
mod run_config;
mod secret;

use serde::Deserialize;

use super::build_config::{Bound, BuildConfig, SecretRef, Variable};

pub use self::cause::{cause_of, tells_cause};
pub use self::quota::over_quota;
pub use self::run_config::{Broken, RunConfig};
pub use self::secret::{Version, version};

/// The parts of the file that decide how a service is built and run. Unknown keys are ignored, as
/// App Hosting ignores them; the linter warns about them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AppHostingYaml {
    /// CPU, memory and instance limits.
    pub run_config: RunConfig,
    /// Build and run commands.
    pub scripts: Scripts,
    pub env: Vec<EnvironmentVariable>,
}

/// The `scripts:` section: build and run commands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Scripts {
    /// Runs once, in the prepared folder.
    pub build_command: Option<String>,
    pub run_command: Option<String>,
}

/// The phases in which a variable is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Availability {
    /// Set for `buildCommand`.
    Build,
    /// Set for `runCommand`.
    Runtime,
}

/// One entry of `env:`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EnvironmentVariable {
    #[serde(default)]
    pub variable: String,
    /// The value, unless the variable is bound to a secret.
    #[serde(default, deserialize_with = "scalar")]
    pub value: Option<String>,
    /// The name of the secret that it is bound to.
    #[serde(default)]
    pub secret: Option<String>,
    /// The phases in which it is set. None: both.
    #[serde(default)]
    pub availability: Option<Vec<Availability>>,
}

/// Numbers and booleans are accepted as text.
fn scalar<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Scalar {
        Text(String),
        Whole(i64),
        Real(f64),
        Truth(bool),
    }
    Ok(Option::<Scalar>::deserialize(d)?.map(|s| match s {
        Scalar::Text(t) => t,
        Scalar::Whole(n) => n.to_string(),
        Scalar::Real(n) => n.to_string(),
        Scalar::Truth(b) => b.to_string(),
    }))
}

/// Whether App Hosting silently removes variables of this name.
pub fn reserved(variable: &str) -> bool {
    matches!(variable, "PORT" | "K_SERVICE" | "K_REVISION" | "K_CONFIGURATION")
        || variable.starts_with("X_FIREBASE_")
}

impl EnvironmentVariable {
    /// Whether the variable is set in a phase.
    pub fn at(&self, when: Availability) -> bool {
        self.availability.as_ref().is_none_or(|list| list.contains(&when))
    }

    /// Whether App Hosting silently removes the variable.
    pub fn reserved(&self) -> bool {
        reserved(&self.variable)
    }
}

/// Whether a variable's name marks its value as one that is not shown. What a browser gets is public.
pub fn hidden(variable: &str) -> bool {
    let (words, upper) =
        (["SECRET", "PASSWORD", "PRIVATE_KEY", "TOKEN"], variable.to_ascii_uppercase());
    words.iter().any(|word| upper.contains(word)) && !upper.starts_with("NEXT_PUBLIC_")
}

impl AppHostingYaml {
    /// Why App Hosting refuses to build with this file, if it does. It validates each file
    /// separately, not the merged result.
    pub fn refused(&self) -> Option<String> {
        let set = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let one = |e: &&EnvironmentVariable| set(&e.value) == set(&e.secret);
        let variable = self.env.iter().find(one).map(|e| {
            let name = if e.variable.is_empty() { "a variable" } else { &e.variable };
            format!("{name} needs either a value or a secret")
        });
        self.run_config.broken().map(|broken| broken.why).or(variable)
    }

    /// Variables that are bound to a secret. The emulator has no secrets, so its file must
    /// override each with a dummy value.
    pub fn secret_variables(&self) -> impl Iterator<Item = &str> {
        let bound = self.env.iter().filter(|variable| variable.secret.is_some());
        bound.map(|variable| variable.variable.as_str())
    }

    /// The configuration that a build from this file would have. Versions of secrets are only known after the build,
    /// and so is the file of each variable.
    pub fn config(&self) -> BuildConfig {
        let bound = |variable: &EnvironmentVariable| match (&variable.secret, &variable.value) {
            (Some(secret), _) => SecretRef::parse(secret).map_or(Bound::Untold, Bound::Secret),
            (None, Some(value)) => Bound::Text(value.clone()),
            (None, None) => Bound::Untold,
        };
        let variables = self.env.iter().map(|variable| {
            (
                variable.variable.clone(),
                Variable { bound: bound(variable), overridden: false, file: None },
            )
        });
        BuildConfig { settings: self.run_config.settings(), variables: Some(variables.collect()) }
    }

    /// Merges another file into this one; the fields of `over` take precedence.
    #[must_use]
    pub fn overridden_by(self, over: Self) -> Self {
        let scripts = Scripts {
            build_command: over.scripts.build_command.or(self.scripts.build_command),
            run_command: over.scripts.run_command.or(self.scripts.run_command),
        };
        let mut env = over.env;
        for left in self.env {
            if !env.iter().any(|e| e.variable == left.variable) {
                env.push(left);
            }
        }
        Self { run_config: self.run_config.overridden_by(over.run_config), scripts, env }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> AppHostingYaml {
        serde_yaml::from_str(yaml).unwrap()
    }

    #[test]
    fn environment_file_overrides_by_field_and_variable() {
        let base = read(
            "scripts: {buildCommand: b, runCommand: r}\nenv: [{variable: A, value: 1}, {variable: B, secret: s}]",
        );
        let over = read("scripts: {runCommand: r2}\nenv: [{variable: B, value: dummy}]");
        let merged = base.overridden_by(over);
        assert_eq!(merged.scripts.build_command.as_deref(), Some("b"));
        assert_eq!(merged.scripts.run_command.as_deref(), Some("r2"));
        let env: Vec<_> =
            merged.env.iter().map(|e| (e.variable.as_str(), e.value.as_deref())).collect();
        assert_eq!(env, [("B", Some("dummy")), ("A", Some("1"))]);
    }
}
