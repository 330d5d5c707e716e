//! Reads the token and the account of the gcloud program.

use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use tokio::process::Command;

use pointsman_core::redact::redacted;
use pointsman_core::text::harmless;

/// Timeout of a gcloud call. gcloud is a Python program, and slow.
const GCLOUD_WITHIN: Duration = Duration::from_secs(20);

/// The token of the logged-in account, or gcloud's error.
pub(super) async fn token() -> Result<SecretString, String> {
    let out = gcloud(&["auth", "print-access-token", "--quiet"]).await?;
    match out.trim() {
        "" => Err("it prints nothing".to_owned()),
        token => Ok(SecretString::from(token.to_owned())),
    }
}

/// The logged-in account.
pub(super) async fn account() -> Option<String> {
    let out = gcloud(&["config", "get-value", "account", "--quiet"]).await.ok()?;
    Some(out.trim().to_owned()).filter(|account| !account.is_empty())
}

async fn gcloud(arguments: &[&str]) -> Result<String, String> {
    let asked = Command::new("gcloud")
        .args(arguments)
        .stdin(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .output();
    let answered = tokio::time::timeout(GCLOUD_WITHIN, asked).await;
    let output = answered.map_err(|_| "it does not end".to_owned())?;
    let output = output.map_err(|e| format!("it cannot be started: {e}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it gives no reason");
    let first = first.trim_start_matches("ERROR: ");
    Err(redacted(&harmless(first, 300)))
}
