//! The log of a build in the emulator, which keeps it in a file. Google's APIs have no such method.

use reqwest::Method;
use serde_json::Value;

use super::Client;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::ports::hosting::LogPart;

impl Client {
    /// Lines since a position. A log that cannot be read is skipped: it is no reason to fail.
    pub(crate) async fn emulator_log(&self, name: &str, from: u64) -> LogPart {
        let url = format!("{}/pointsman/log/{name}", self.base);
        let from_text = from.to_string();
        let query = [("from", from_text.as_str())];
        let call = (Method::GET, url.as_str());
        let answer = self.fetch(GoogleApi::AppHosting, call, &query, None).await;
        let answer = answer.unwrap_or_default();
        let lines = answer["lines"].as_array().into_iter().flatten();
        LogPart {
            lines: lines.filter_map(Value::as_str).map(str::to_owned).collect(),
            next: answer["next"].as_u64().unwrap_or(from),
        }
    }
}
