//! The work behind an operation: prepares, builds and starts a build; waits for a rollout's build and moves
//! traffic. If the emulator dies in the middle, the operation starts over.

#![expect(
    clippy::disallowed_methods,
    reason = "the emulator is a real platform and runs in real time"
)]

use std::fs::OpenOptions;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::PREVIEW;
use super::effective_config::effective_config;
use super::log::last_words;
use super::platform::{Platform, backend_of};
use super::prepare::{BuildError, Prepared, command, prepare};
use super::registry::Kind;
use super::storage::Storage;
use pointsman_core::apphosting::Availability;

/// `google.rpc.Code` values reported in operations.
pub(super) const FAILED_PRECONDITION: i64 = 9;
const INTERNAL: i64 = 13;

/// How long open requests of a stopped build may take to finish, unless the caller sets
/// another limit.
pub(super) const DRAIN: Duration = Duration::from_secs(30);

impl Platform {
    pub(super) fn change(
        &self,
        kind: Kind,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Option<Value> {
        match self.registry().change(kind, name, change) {
            Ok(changed) => changed,
            Err(error) => {
                tracing::error!(%error, name, "the registry cannot be written");
                None
            }
        }
    }

    /// Finishes an operation with the current resource, or with an error.
    pub(super) fn finish(
        &self,
        operation: &str,
        type_name: &str,
        result: Result<Value, (i64, String)>,
    ) {
        let now = json!(self.clock.now());
        self.change(Kind::Operation, operation, |op| {
            op["done"] = json!(true);
            op["metadata"]["endTime"] = now;
            match result {
                Ok(mut resource) => {
                    let api = match type_name {
                        "Service" | "Revision" => "google.cloud.run.v2",
                        _ => "google.firebase.apphosting.v1",
                    };
                    resource["@type"] = json!(format!("type.googleapis.com/{api}.{type_name}"));
                    op["response"] = resource;
                }
                Err((code, message)) => op["error"] = json!({"code": code, "message": message}),
            }
        });
    }

    fn set_state(&self, kind: Kind, name: &str, state: &str) -> Option<Value> {
        self.change(kind, name, |resource| {
            resource["state"] = json!(state);
            resource["reconciling"] = json!(matches!(
                state,
                "BUILDING" | "BUILT" | "DEPLOYING" | "QUEUED" | "PENDING_BUILD" | "PROGRESSING"
            ));
        })
    }

    /// Runs a build until it is READY or FAILED. As at Google, a failed build does not fail its operation: the
    /// build resource carries the error.
    pub(super) async fn make_build(self: Arc<Self>, name: String, operation: String) {
        let build = self.built(&name).await;
        let result = build.ok_or((INTERNAL, "the build was deleted meanwhile".to_owned()));
        self.finish(&operation, "Build", result);
    }

    /// Runs a build to its end, and returns it. `None`: it was deleted meanwhile.
    pub(super) async fn built(self: &Arc<Self>, name: &str) -> Option<Value> {
        // Two operations may ask for the same build after a restart: the second one finds it made.
        let turn = self.turn(name);
        let _turn = turn.lock().await;
        let found = self.registry().get(name).ok().flatten()?;
        if found["reconciling"] != true {
            return Some(found);
        }
        match self.try_build(name).await {
            Ok(port) => self.change(Kind::Build, name, |build| {
                build["state"] = json!("READY");
                build["reconciling"] = json!(false);
                build["annotations"][PREVIEW] = json!(format!("http://127.0.0.1:{port}"));
            }),
            Err((source, error)) => self.change(Kind::Build, name, |build| {
                build["state"] = json!("FAILED");
                build["reconciling"] = json!(false);
                build["errors"] = json!([{
                    "error": {"code": FAILED_PRECONDITION, "message": error.message},
                    "errorSource": source,
                }]);
            }),
        }
    }

    async fn try_build(self: &Arc<Self>, name: &str) -> Result<u16, (&'static str, BuildError)> {
        let in_build = |e: BuildError| ("CLOUD_BUILD", e);
        let gone = || in_build(BuildError::new("the build was deleted meanwhile"));
        let read = |name: &str| self.registry().get(name).ok().flatten();
        let build = read(name).ok_or_else(gone)?;
        let backend = read(backend_of(name)).ok_or_else(gone)?;
        let folder = self.build_folder(name);
        let storage = Storage::of(&self.folder);
        let into = folder.join("source");
        let prepared =
            prepare(&build["source"], &backend, &into, &storage).await.map_err(in_build)?;
        if let Some(line) = prepared.yaml.scripts.build_command.clone() {
            self.run_build_command(name, &prepared, &line).await.map_err(in_build)?;
        }
        let config = effective_config(&prepared);
        self.change(Kind::Build, name, |build| {
            build["config"] = config.clone();
            if let Some(environment) = backend["environment"].as_str() {
                build["environment"] = json!(environment);
            }
        });
        self.set_state(Kind::Build, name, "BUILT");
        let build = self.set_state(Kind::Build, name, "DEPLOYING").ok_or_else(gone)?;
        let recipe = self.recipe(&build).map_err(in_build)?;
        self.slots.ensure(recipe).await.map_err(|e| ("CLOUD_RUN", e))
    }

    async fn run_build_command(
        &self,
        name: &str,
        prepared: &Prepared,
        line: &str,
    ) -> Result<(), BuildError> {
        let file = self.log_of(name);
        let log = OpenOptions::new().create(true).append(true).open(&file);
        let log = log.and_then(|log| Ok((log.try_clone()?, log)));
        let (out, err) = log.map_err(|e| BuildError::new(format!("no build log: {e}")))?;
        let path = super::platform::search_path();
        let mut command = command(prepared, line, Availability::Build, &path);
        command.stdout(Stdio::from(out)).stderr(Stdio::from(err));
        let status = self.slots.run_to_end(name, &mut command).await;
        let status = status.map_err(|e| BuildError::new(format!("{line:?}: {e}")))?;
        if status.success() {
            return Ok(());
        }
        Err(BuildError::new(format!("fah/failed-framework-build: {line:?} ended with {status}")))
    }

    /// Runs a rollout until it is SUCCEEDED or FAILED, or SKIPPED because a later one finished first.
    pub(super) async fn roll_out(self: Arc<Self>, name: String, build: String, operation: String) {
        self.set_state(Kind::Rollout, &name, "PENDING_BUILD");
        let result: Result<&str, String> = async {
            self.wait_ready(&build).await?;
            let turn = self.turn(backend_of(&name));
            let _turn = turn.lock().await;
            if self.overtaken(&name) {
                return Ok("SKIPPED");
            }
            self.set_state(Kind::Rollout, &name, "PROGRESSING");
            self.serve_in_turn(&build).await?;
            // Store the result while holding the lock: the next rollout must see that this one has finished.
            self.set_state(Kind::Rollout, &name, "SUCCEEDED");
            Ok("SUCCEEDED")
        }
        .await;
        let rollout = match result {
            Ok(state) => self.set_state(Kind::Rollout, &name, state),
            Err(message) => {
                self.change(Kind::Rollout, &name, |rollout| {
                    rollout["error"] = json!({"code": FAILED_PRECONDITION, "message": message});
                });
                self.set_state(Kind::Rollout, &name, "FAILED")
            }
        };
        self.finish(
            &operation,
            "Rollout",
            rollout.ok_or((INTERNAL, "the rollout is gone".to_owned())),
        );
    }

    /// Whether a rollout that was created later has already succeeded.
    fn overtaken(&self, rollout: &str) -> bool {
        let all = self.registry().list(Kind::Rollout, backend_of(rollout)).unwrap_or_default();
        let later = all.iter().rev().take_while(|r| r["name"] != rollout);
        later.into_iter().any(|r| r["state"] == "SUCCEEDED")
    }

    /// Moves all traffic to the build that a new target names, and finishes the operation. A change of policy moves
    /// none.
    pub(super) async fn apply_target(
        self: Arc<Self>,
        traffic: String,
        build: Option<String>,
        operation: String,
    ) {
        let served = match &build {
            Some(build) => self.serve_with(build).await,
            None => Ok(()),
        };
        let read = || self.registry().get(&traffic).ok().flatten().unwrap_or_default();
        let result = served.map(|()| read()).map_err(|why| (FAILED_PRECONDITION, why));
        self.finish(&operation, "Traffic", result);
    }

    /// Stops the processes of a build without traffic, after its last requests. Draining does not take the
    /// backend's lock, so that a switch never waits for it; afterwards this checks again whether the build is live.
    pub(super) async fn stop_idle(&self, build: &str, drain: Duration) -> Result<(), String> {
        let backend = backend_of(build);
        self.drained(backend, build, drain).await;
        let turn = self.turn(backend);
        let _turn = turn.lock().await;
        if self.serves(build) {
            return Err("build is serving traffic".to_owned());
        }
        self.slots.stop(build, true).await;
        Ok(())
    }

    /// Deletes a build, its processes and its folder.
    pub(super) async fn unmake_build(self: Arc<Self>, name: String, operation: String) {
        let build = self.registry().get(&name).ok().flatten().unwrap_or_default();
        let result = match self.stop_idle(&name, DRAIN).await {
            Err(why) => Err((FAILED_PRECONDITION, why)),
            Ok(()) => self
                .registry()
                .at_once(|r| r.delete(&name).and_then(|()| r.forget_slot(&name)))
                .map(|()| build)
                .map_err(|e| (INTERNAL, e.to_string())),
        };
        if result.is_ok() {
            // A folder that cannot be removed only uses disk space.
            let _ = std::fs::remove_dir_all(self.build_folder(&name));
        }
        self.finish(&operation, "Build", result);
    }

    async fn wait_ready(&self, build: &str) -> Result<(), String> {
        loop {
            let found = self.registry().get(build).ok().flatten();
            match found.as_ref().and_then(|b| b["state"].as_str()) {
                Some("READY") => return Ok(()),
                Some("BUILDING" | "BUILT" | "DEPLOYING") => {}
                Some(state) => return Err(format!("build '{build}' is {state}")),
                None => return Err(format!("build '{build}' was deleted")),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a build is ready and moves all traffic to it. Switches of one backend run one at a time.
    pub(super) async fn serve_with(self: &Arc<Self>, build: &str) -> Result<(), String> {
        self.wait_ready(build).await?;
        let turn = self.turn(backend_of(build));
        let _turn = turn.lock().await;
        self.serve_in_turn(build).await
    }

    /// Starts the build's process if necessary, then moves traffic; the caller holds the backend's lock. Stores the
    /// new target before the proxy switches, so that a restart in between ends at the same build.
    async fn serve_in_turn(self: &Arc<Self>, build: &str) -> Result<(), String> {
        let backend = backend_of(build).to_owned();
        let port = self.running(build).await?;
        self.change(Kind::Traffic, &format!("{backend}/traffic"), |traffic| {
            let whole = json!({"splits": [{"build": build, "percent": 100}]});
            if traffic.get("target").is_some() {
                traffic["target"] = whole.clone();
            }
            traffic["current"] = whole;
            traffic["reconciling"] = json!(false);
        });
        self.share(&backend, &[(build.to_owned(), port, 100)]);
        Ok(())
    }

    /// Starts a build's process if necessary, and returns its port.
    pub(super) async fn running(self: &Arc<Self>, build: &str) -> Result<u16, String> {
        let resource = self.registry().get(build).ok().flatten();
        let resource = resource.ok_or_else(|| format!("build '{build}' was deleted"))?;
        let recipe = self.recipe(&resource).map_err(|e| e.message)?;
        let log = recipe.log.clone();
        let told = |e: BuildError| format!("{}{}", e.message, last_words(&log));
        let port = self.slots.ensure(recipe).await.map_err(told)?;
        let preview = json!(format!("http://127.0.0.1:{port}"));
        if resource["annotations"][PREVIEW] != preview {
            self.change(Kind::Build, build, |b| b["annotations"][PREVIEW] = preview);
        }
        Ok(port)
    }
}
