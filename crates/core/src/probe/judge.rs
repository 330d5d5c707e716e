//! Judges whether an HTTP answer is good.

use serde_json::Value;

use super::{Answer, Expect, Fault};
use crate::health::{Identity, Sample};
use crate::text::harmless;

/// An HTTP answer as received.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    pub status: u16,
    pub headers: &'a [(String, String)],
    /// The body, up to a size.
    pub body: &'a [u8],
    /// Size in bytes. If the answer exceeds the size that is read, the number of bytes read.
    pub bytes: u64,
}

/// Judges an answer, and returns the identity of the build that gave it.
pub fn judge(expect: &Expect, heard: &Heard<'_>) -> (Answer, Identity) {
    let bad = |fault, why: String| (Answer::Bad(fault, why), Identity::default());
    let wanted = match expect.status.as_slice() {
        [] => (200..300).contains(&heard.status),
        some => some.contains(&heard.status),
    };
    if !wanted && (300..400).contains(&heard.status) {
        let to = heard.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location"));
        let to = to.map_or("nowhere".to_owned(), |(_, to)| harmless(without_query(to), 120));
        return bad(Fault::Redirect, format!("HTTP {}, sends to {to}", heard.status));
    }
    if !wanted {
        let said = harmless(String::from_utf8_lossy(heard.body).trim(), 80);
        let said = if said.is_empty() { said } else { format!(": {said}") };
        return bad(Fault::Status, format!("HTTP {}{said}", heard.status));
    }
    for (name, part) in &expect.headers {
        let found = heard.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        match found {
            Some((_, value)) if value.contains(part.as_str()) => {}
            Some(_) => {
                return bad(Fault::Content, format!("header {name} does not contain {part:?}"));
            }
            None => return bad(Fault::Content, format!("there is no header {name}")),
        }
    }
    let (few, many) = (expect.min_bytes, expect.max_bytes);
    if let Some(least) = few.filter(|least| heard.bytes < *least) {
        let why = format!("{} bytes, fewer than {least}", heard.bytes);
        return bad(Fault::Content, why);
    }
    if let Some(most) = many.filter(|most| heard.bytes > *most) {
        return bad(Fault::Content, format!("more than {most} bytes"));
    }
    let parsed = serde_json::from_slice::<Value>(heard.body);
    if let Some(Err(why)) = expect.word.as_ref().map(|word| word.judge(parsed.as_ref().ok())) {
        return bad(Fault::Content, why);
    }
    if expect.json.is_empty() && expect.version.is_none() && expect.revision.is_none() {
        return (Answer::Good, Identity::default());
    }
    let Ok(json) = parsed else {
        let said = harmless(String::from_utf8_lossy(heard.body).trim(), 60);
        let said = if said.is_empty() { "empty".to_owned() } else { said };
        let why = format!("HTTP {}, but the answer is not JSON: {said}", heard.status);
        return bad(Fault::Content, why);
    };
    for (pointer, value) in &expect.json {
        if json.pointer(pointer) != Some(value) {
            let found = json.pointer(pointer).map_or("nothing".to_owned(), ToString::to_string);
            let found = harmless(&found, 60);
            return bad(Fault::Content, format!("{pointer} is {found}, not {value}"));
        }
    }
    let at = |pointer: &Option<String>| {
        let value = json.pointer(pointer.as_deref()?)?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(harmless(&text, 120))
    };
    let identity = Identity { version: at(&expect.version), revision: at(&expect.revision) };
    let who = Sample::Healthy(identity.clone());
    match expect.wanted.as_ref().map(|wanted| wanted.judge(&who)) {
        Some(Err(why)) => (Answer::Bad(Fault::OtherBuild, why), identity),
        _ => (Answer::Good, identity),
    }
}

/// An address without its query, which may contain a secret.
fn without_query(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(expect: &Expect, status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers: Vec<_> =
            headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let bytes = body.len() as u64;
        judge(expect, &Heard { status, headers: &headers, body: body.as_bytes(), bytes }).0
    }

    fn fault(answer: Answer) -> Option<(Fault, String)> {
        let Answer::Bad(fault, why) = answer else { return None };
        Some((fault, why))
    }

    #[test]
    fn each_failure_kind_has_its_own_label() {
        let plain = Expect::default();
        assert_eq!(said(&plain, 204, &[], ""), Answer::Good);
        let (word, why) = fault(said(&plain, 503, &[], "JWT_SECRET is not set")).unwrap();
        assert_eq!((word, why.as_str()), (Fault::Status, "HTTP 503: JWT_SECRET is not set"));
        let login = [("Location", "https://login.example/?token=s3cret")];
        let (word, why) = fault(said(&plain, 302, &login, "")).unwrap();
        assert_eq!(
            (word, why.as_str()),
            (Fault::Redirect, "HTTP 302, sends to https://login.example/")
        );
        let ok = Expect { json: vec![("/status".into(), json!("ok"))], ..Expect::default() };
        assert_eq!(said(&ok, 200, &[], r#"{"status":"ok"}"#), Answer::Good);
        let (word, why) = fault(said(&ok, 200, &[], r#"{"status":"sick"}"#)).unwrap();
        assert_eq!((word, why.as_str()), (Fault::Content, "/status is \"sick\", not \"ok\""));
        assert_eq!(fault(said(&ok, 200, &[], "<html>")).unwrap().0, Fault::Content);
        let sized = Expect { min_bytes: Some(3), max_bytes: Some(5), ..Expect::default() };
        assert_eq!(said(&sized, 200, &[], "four"), Answer::Good);
        for (body, wanted) in [("a", "1 bytes, fewer than 3"), ("sixsix", "more than 5 bytes")] {
            assert_eq!(
                fault(said(&sized, 200, &[], body)).unwrap(),
                (Fault::Content, wanted.into())
            );
        }
        let typed = Expect { headers: vec![("content-type".into(), "json".into())], ..plain };
        assert_eq!(said(&typed, 200, &[("Content-Type", "application/json")], ""), Answer::Good);
        assert_eq!(fault(said(&typed, 200, &[], "")).unwrap().0, Fault::Content);
        let teapot = Expect { status: vec![418, 302], ..Expect::default() };
        assert_eq!(said(&teapot, 302, &login, ""), Answer::Good);
        assert_eq!(fault(said(&teapot, 200, &[], "")).unwrap().0, Fault::Status);
    }
}
