//! `emulator`.

use serde_json::{Value, json};

use super::Session;
use super::args::EmulatorVerb;
use super::exit::{Finished, OK};
use crate::app::Stopped;
use crate::domain::code::Code;
use crate::domain::error::Problem;

pub(super) async fn emulator(session: &Session, verb: &EmulatorVerb) -> Finished {
    let app = &session.app;
    match verb {
        EmulatorVerb::Start { insecure_owner_token } => {
            let address = app.start_emulator(*insecure_owner_token).await?;
            let text = format!(
                "the emulator is running at {}, process {}",
                address.url, address.process.pid
            );
            session.result(
                &text,
                &json!({"running": true, "url": address.url, "pid": address.process.pid}),
            );
        }
        EmulatorVerb::Stop => {
            let stopped = app.stop_emulator().await?;
            let (text, ended) = match stopped {
                Stopped::Ran => ("stopped the emulator and its services".to_owned(), None),
                Stopped::Left(0) => ("the emulator was not running".to_owned(), Some(0)),
                Stopped::Left(count) => {
                    let text =
                        format!("the emulator was not running; stopped {count} leftover services");
                    (text, Some(count))
                }
            };
            let ran = stopped == Stopped::Ran;
            session.result(&text, &json!({"running": false, "ran": ran, "left_behind": ended}));
        }
        EmulatorVerb::Status => {
            let status = app.emulator_status().await?;
            session.result(&text(&status), &status);
        }
        EmulatorVerb::Token => {
            let token = app.emulator_token()?;
            session.result(&token, &json!({"token": token}));
        }
        EmulatorVerb::Url => {
            let address = app.emulator().ok_or_else(|| {
                Problem::coded(Code::EMULATOR_UNAVAILABLE, "the emulator is not running")
            })?;
            session.result(&address.url, &json!({"url": address.url}));
        }
        EmulatorVerb::Serve { insecure_owner_token } => {
            app.serve_emulator(*insecure_owner_token).await?;
        }
    }
    Ok(OK)
}

fn text(status: &Value) -> String {
    if status["running"] != true {
        return "the emulator is not running".to_owned();
    }
    let word = |v: &Value| v.as_str().unwrap_or("-").to_owned();
    let mut text = format!("{}, process {}\n", word(&status["url"]), status["pid"]);
    for service in status["services"].as_array().into_iter().flatten() {
        text = format!(
            "{text}{:<12} {:<18} live: {}\n",
            word(&service["service"]),
            word(&service["address"]),
            word(&service["live"])
        );
        if let Some(problem) = service["problem"].as_str() {
            text = format!("{text}  NOT LISTENING: {problem}\n");
        }
        for slot in service["slots"].as_array().into_iter().flatten() {
            text = format!(
                "{text}  {:<36} {:<14} port {:<6} pid {:<8} restarts {}\n",
                word(&slot["build"]),
                word(&slot["release"]),
                slot["port"],
                slot["pid"],
                slot["restarts"]
            );
        }
    }
    text
}
