//! The emulator of this state folder: finds, starts, queries, stops and runs it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::{App, MUST_START, own_session};
use crate::adapters::process::ThisMachine;
use crate::domain::code::Code;
use crate::domain::error::Problem;
use crate::domain::ids::ServiceName;
use crate::domain::plan::Member;
use crate::domain::planner::EnvironmentSpec;
use crate::emulator::{self, Address};

/// The result of stopping the emulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    Ran,
    /// It was not running; this many leftover processes were killed.
    Left(usize),
}

impl App {
    fn emulator_folder(&self) -> PathBuf {
        self.state.join("emulator")
    }

    /// The emulator of this state folder, if it is running.
    pub fn emulator(&self) -> Option<Address> {
        Address::find(&self.emulator_folder(), self.processes.as_ref())
    }

    /// The services of an emulator environment whose port another program uses, with a message that names it.
    pub fn held_ports(&self, spec: &EnvironmentSpec) -> Vec<(ServiceName, String)> {
        if !spec.endpoint.on_emulator() {
            return Vec::new();
        }
        let own = self.emulator().map(|emulator| emulator.process.pid);
        let held = |member: &Member| {
            let port = Url::parse(&member.url).ok()?.port()?;
            let mut holders = ThisMachine::listeners_of(port).into_iter();
            let other = holders.find(|holder| own != Some(holder.pid))?;
            Some((member.service().clone(), format!("port {port} is used by {other}")))
        };
        spec.members.iter().filter_map(held).collect()
    }

    /// The token for control calls to the emulator.
    pub fn emulator_token(&self) -> Result<String, Problem> {
        Address::token(&self.emulator_folder()).map_err(|e| {
            Problem::coded(Code::EMULATOR_UNAVAILABLE, "the emulator has no token")
                .because(e.to_string())
                .try_this("start it: pointsman emulator start")
        })
    }

    /// The documents of a stopped emulator, served for reading by this process only.
    pub(super) async fn resting_documents(&self) -> std::io::Result<emulator::Resting> {
        emulator::Resting::open(&self.emulator_folder(), self.clock.clone()).await
    }

    /// Starts the emulator unless it is running. If processes race, only one emulator starts: it holds a lock on
    /// its folder.
    pub async fn start_emulator(&self, owner_allowed: bool) -> Result<Address, Problem> {
        let log = self.emulator_folder().join("emulator.log");
        let failed = |why: String| {
            Problem::coded(Code::EMULATOR_UNAVAILABLE, "the emulator did not start").because(why)
        };
        let began = self.clock.elapsed();
        let mut child = None;
        loop {
            if let Some(address) = self.emulator() {
                // It answers once the live builds are restored.
                self.emulator_status().await?;
                return Ok(address);
            }
            if child.is_none() {
                let mut arguments = vec!["emulator", "serve"];
                if owner_allowed {
                    arguments.push("--insecure-owner-token");
                }
                child = Some(self.background(&arguments, &log).map_err(failed)?);
            }
            if let Some(Ok(Some(status))) = child.as_mut().map(std::process::Child::try_wait)
                && !status.success()
            {
                let said = fs::read_to_string(&log).unwrap_or_default();
                let last = said.lines().last().unwrap_or_default();
                return Err(failed(format!("it ended with {status}: {last}")));
            }
            if self.clock.elapsed().saturating_sub(began) > MUST_START {
                return Err(failed(format!("it does not answer; its log is {}", log.display())));
            }
            self.clock.sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops the emulator and everything it runs, or the processes that a killed emulator left behind.
    pub async fn stop_emulator(&self) -> Result<Stopped, Problem> {
        let Some(address) = self.emulator() else {
            let folder = self.emulator_folder();
            let left = emulator::end_left_behind(&folder, self.clock.clone(), &*self.processes);
            return left.map(Stopped::Left).map_err(|e| {
                Problem::new("leftover processes of the emulator cannot be listed")
                    .because(e.to_string())
            });
        };
        self.processes.end_group(address.process.pid, false);
        let began = self.clock.elapsed();
        while self.processes.alive(&address.process) {
            if self.clock.elapsed().saturating_sub(began) > MUST_START {
                return Err(Problem::new("the emulator did not stop")
                    .try_this(format!("stop process {} manually", address.process.pid)));
            }
            self.clock.sleep(Duration::from_millis(20)).await;
        }
        Ok(Stopped::Ran)
    }

    /// The emulator's status as JSON, with its URL and pid.
    pub async fn emulator_status(&self) -> Result<serde_json::Value, Problem> {
        let Some(address) = self.emulator() else {
            return Ok(
                serde_json::json!({"running": false, "url": null, "pid": null, "services": []}),
            );
        };
        let failed = |e: reqwest::Error| {
            Problem::coded(Code::EMULATOR_UNAVAILABLE, "the emulator does not answer")
                .because(crate::adapters::http::chain(&e.without_url()))
        };
        let request =
            crate::adapters::http::client()?.get(format!("{}/pointsman/status", address.url));
        let answer = request.bearer_auth(self.emulator_token()?).send().await.map_err(failed)?;
        let mut status: serde_json::Value = answer.json().await.map_err(failed)?;
        status["running"] = true.into();
        status["url"] = address.url.into();
        status["pid"] = address.process.pid.into();
        Ok(status)
    }

    /// Runs the emulator until it is stopped.
    pub async fn serve_emulator(&self, owner_allowed: bool) -> Result<(), Problem> {
        own_session();
        let options = emulator::Options { folder: self.emulator_folder(), owner_allowed };
        let served = emulator::serve(options, self.clock.clone(), self.processes.clone()).await;
        served.map(|_| ()).map_err(|e| {
            Problem::coded(Code::EMULATOR_UNAVAILABLE, "the emulator cannot run")
                .because(e.to_string())
        })
    }

    /// Runs the sample service.
    pub async fn sample_app(&self) -> Result<(), Problem> {
        let served = emulator::sample_app::run(self.clock.clone()).await;
        served.map_err(|e| Problem::new("the sample service cannot run").because(e.to_string()))
    }
}
