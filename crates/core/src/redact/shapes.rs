//! Secrets by shape, as published by their vendors, and by name.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::HIDDEN;

/// Self-identifying tokens: GitHub, `GitLab`, npm, Google (API keys, access and refresh tokens, client secrets),
/// Stripe, Slack, Discord, Telegram, Teams, AWS, JWTs, PEM keys.
const SHAPES: &str = concat!(
    r"\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_[A-Za-z0-9_]{20,}|\bgl(?:pat|dt|rt|cbt|ptt|soat)-[A-Za-z0-9_-]{16,}",
    r"|\bnpm_[A-Za-z0-9]{30,}|\bpypi-[A-Za-z0-9_-]{16,}|\bdop_v1_[a-f0-9]{32,}",
    r"|\bAIza[A-Za-z0-9_-]{30,}|\bya29\.[A-Za-z0-9._-]{10,}|\bGOCSPX-[A-Za-z0-9_-]{20,}|\b1//0[A-Za-z0-9_-]{20,}",
    r"|\b[srp]k_(?:live|test)_[A-Za-z0-9]{10,}|\bwhsec_[A-Za-z0-9+/=]{10,}|\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/[A-Za-z0-9/]+",
    r"|discord(?:app)?\.com/api/webhooks/[0-9]+/[A-Za-z0-9_-]+|api\.telegram\.org/bot[0-9]+:[A-Za-z0-9_-]+",
    r"|webhook\.office\.com/webhookb2/[A-Za-z0-9@/_-]+|/(?:token|key|secret)s?/[A-Za-z0-9_-]{16,}",
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"|(?s:-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z))",
);

/// Credentials: `Bearer …`, `Basic …`, and any header that carries them.
const HEADERS: &str = concat!(
    r#"(?i)(?P<scheme>\b(?:bearer|basic)\s+)(?P<given>[A-Za-z0-9._~+/-]{8,}=*)"#,
    r#"|(?P<header>\b(?:proxy-)?authorization["']?\s*[:=]\s*["']?)(?P<all>[^\s"',]+(?:[ \t]+[A-Za-z0-9._~+/=-]{6,})?)"#,
    r#"|(?P<cookie>\b(?:set-)?cookie["']?\s*:\s*["']?)(?P<crumbs>[^"'\r\n]{6,})"#,
);

/// `user:password@` of an address. The user name stays.
const USERINFO: &str =
    r"(?P<before>\b[a-z][a-z0-9+.-]*://[^\s/@:]*:)(?P<password>[^\s/@]+)(?P<at>@)";

/// A name that announces a secret, and the value.
const NAMED: &str = concat!(
    r#"(?i)(?P<name>[A-Za-z0-9_.-]*(?:password|passwd|passphrase|[_-]pass|secret|api[_-]?key|access[_-]?key(?:[_-]?id)?"#,
    r#"|secret[_-]?key|private[_-]?key(?:[_-]?id)?|encryption[_-]?key|signing[_-]?key|auth[_-]?key|token|credentials?"#,
    r#"|pgpass|client[_-]?secret|signature))(?P<sign>["']?\s*(?:=|:|=>)\s*)"#,
    r#"(?:"(?P<double>[^"\r\n]{4,})"|'(?P<single>[^'\r\n]{4,})'|(?P<open>["']?)(?P<bare>[^\s"',;&}{)(<>]{4,}))"#,
);

#[expect(clippy::expect_used, reason = "the patterns are constants, and a test compiles them")]
fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("it compiles")
}

static BY_SHAPE: LazyLock<Regex> = LazyLock::new(|| compiled(SHAPES));
static BY_HEADER: LazyLock<Regex> = LazyLock::new(|| compiled(HEADERS));
static BY_ADDRESS: LazyLock<Regex> = LazyLock::new(|| compiled(USERINFO));
static BY_NAME: LazyLock<Regex> = LazyLock::new(|| compiled(NAMED));

/// The text without parts that look like secrets.
pub(super) fn by_shape(text: &str) -> String {
    let text = BY_SHAPE.replace_all(text, HIDDEN);
    let text = BY_HEADER.replace_all(&text, |found: &Captures<'_>| {
        let kept = ["scheme", "header", "cookie"].into_iter().find_map(|name| found.name(name));
        let given = found.name("given").map(|given| given.as_str());
        // "Basic authentication" is ordinary text.
        if given.is_some_and(|given| given.chars().all(|c| c.is_ascii_lowercase())) {
            return found[0].to_owned();
        }
        format!("{}{HIDDEN}", kept.map_or("", |kept| kept.as_str()))
    });
    let text = BY_ADDRESS.replace_all(&text, |found: &Captures<'_>| {
        format!("{}{HIDDEN}{}", &found["before"], &found["at"])
    });
    let text = BY_NAME.replace_all(&text, |found: &Captures<'_>| {
        let value = ["double", "single", "bare"].into_iter().find_map(|name| found.name(name));
        let Some(value) = value.filter(|v| is_value(&found["name"], &found["sign"], v.as_str()))
        else {
            return found[0].to_owned();
        };
        // The text around the value stays: its name, its sign and its quotes.
        let (all, from) = (&found[0], value.start() - found.get(0).map_or(0, |all| all.start()));
        format!("{}{HIDDEN}{}", &all[..from], &all[from + value.len()..])
    });
    text.into_owned()
}

/// Whether the text after such a name is a value, rather than an ordinary word, the name of a
/// variable, or a word for a missing value.
fn is_value(name: &str, sign: &str, value: &str) -> bool {
    if value.starts_with(['$', '%', '*', '[', '/', '.'])
        || ["process.", "projects/"].iter().any(|begin| value.starts_with(begin))
    {
        return false;
    }
    let word = value.trim_end_matches(['.', '!', '?', ':']);
    let nothing = ["null", "none", "undefined", "true", "false", "unset", "required", "missing"];
    if nothing.iter().any(|none| word.eq_ignore_ascii_case(none)) {
        return false;
    }
    let personal = name.to_ascii_lowercase().contains("pass");
    let plain = |c: char| c.is_ascii_lowercase() || c == '-' || c == '_';
    let loud = |c: char| c.is_ascii_uppercase() || c == '_';
    // `secret: stripe-key`, `token: expired`, `secret=STRIPE_KEY` are names or words; a password can be any text.
    let assigned = sign.contains('=');
    let names = word.chars().all(loud) || (!assigned && word.chars().all(plain));
    (personal && assigned) || (!(names && word.len() < 24) && (personal || word.len() >= 6))
}

/// Whether a line starts a private key without ending it.
pub(super) fn begins_key(line: &str) -> bool {
    let begins = line.rfind("-----BEGIN ").filter(|at| line[*at..].contains("PRIVATE KEY-----"));
    begins.is_some_and(|at| !ends_key(&line[at..]))
}

/// Whether a line ends a key.
pub(super) fn ends_key(line: &str) -> bool {
    line.contains("-----END ")
}
