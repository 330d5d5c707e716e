//! Finds the cause of a failed build. App Hosting's build steps report it as one line of
//! JSON among hundreds of log lines.

use serde::Deserialize;

/// Prefix of every error code of App Hosting.
const CODE: &str = "fah/";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    code: String,
    user_facing_message: String,
    raw_log: Option<String>,
}

/// The cause that a log line states, such as `fah/failed-framework-build: …`, and the raw log of the failed step.
pub fn cause_of(line: &str) -> Option<(String, String)> {
    // Cloud Build prefixes each line with its step.
    let json = line.get(line.find('{')?..)?;
    let said: Said = serde_json::from_str(json.trim_end()).ok()?;
    let known = said.code.starts_with(CODE) && !said.user_facing_message.is_empty();
    // The message may have line breaks; a log shows it as one line.
    let message = said.user_facing_message.split_whitespace().collect::<Vec<_>>().join(" ");
    known.then(|| (format!("{}: {message}", said.code), said.raw_log.unwrap_or_default()))
}

/// Whether a line states the cause of a failure, which matters more than later lines.
pub fn tells_cause(line: &str) -> bool {
    line.strip_prefix(CODE).is_some_and(|rest| rest.contains(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extracts_the_cause_from_a_log_line() {
        let line = r#"Step #2: {"reason":"Failed","code":"fah/failed-framework-build","userFacingMessage":"npm run build ended with 1","rawLog":"a\nb","isUserAttributed":true}"#;
        let (cause, heard) = cause_of(line).unwrap();
        assert_eq!(cause, "fah/failed-framework-build: npm run build ended with 1");
        assert_eq!(heard, "a\nb");
        assert!(tells_cause(&cause));
        let bare = r#"{"code":"fah/other","userFacingMessage":"it\nfailed","rawLog":null}"#;
        assert_eq!(cause_of(bare).unwrap(), ("fah/other: it failed".to_owned(), String::new()));
        for other in ["ERROR: build step 2 failed", "{\"code\": 7}", "{", "fah/ is a prefix", ""] {
            assert!(cause_of(other).is_none() && !tells_cause(other), "{other}");
        }
    }
}
