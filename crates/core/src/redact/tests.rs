use super::*;
use crate::error::Problem;
use crate::event::Event;
use crate::step::Failure;

/// Whole lines. The text between `«` and `»` must be removed.
const SECRETS: &[&str] = &[
    "Authorization: Bearer «abcdefgh12345678»",
    "authorization: Basic «Ym9iOnBhc3N3b3Jk»",
    "Proxy-Authorization: «Basic Ym9iOnBhc3N3b3Jk»",
    "curl -H 'Authorization: token «abcdef0123456789»'",
    "using bearer «eyJ0abcdef.ghijkl-mnop» now",
    "Cookie: «session=abcdef0123456789; id=7»",
    "set-cookie: «sid=s%3Aabcdefghijk.lmnop; Path=/»",
    "X-Api-Key: «abcdef0123456789»",
    "x-goog-api-key: «abcdef0123456789»",
    "«ghp_abcdefghijklmnop1234»",
    "«github_pat_11ABCDEFG0abcdefghijkl_mnop»",
    "«glpat-abcdefghij_klmnopqrst»",
    "«npm_abcdefghijklmnopqrstuvwxyz0123456789»",
    "«pypi-AgEIcHlwaS5vcmcCJDU0abcdef»",
    "key «AIzaSyA1234567890abcdefghijklmnopqrstuv» is used",
    "«ya29.a0AfH6SMBabcdefghijk»",
    "client «GOCSPX-abcdefghijklmnopqrstuvwx»",
    "refresh «1//0abcdefghijklmnopqrstuvwxyz»",
    "«sk_live_51H8abcdefghijklmnop»",
    "«rk_test_51H8abcdefghijklmnop»",
    "«whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw»",
    "«SG.abcdefghijklmnop.abcdefghijklmnopqrstuvwx»",
    "«xoxb-123456789012-abcdefghijkl»",
    "«xapp-1-A0123-456-abcdef»",
    "https://«hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXX»",
    "https://«discord.com/api/webhooks/123456789/abcdef-GHIJKL_mnop»",
    "https://«api.telegram.org/bot123456:ABC-DEF1234ghIkl»/sendMessage",
    "https://ci.example.com/hook«/token/abcdefghij0123456789»",
    "«AKIAIOSFODNN7EXAMPLE»",
    "aws_secret_access_key = «wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»",
    "«eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2lnbmF0dXJl»",
    "-----BEGIN PRIVATE KEY-----«\\nMIIEvQIBADANBg\\n»-----END PRIVATE KEY-----",
    "{\"private_key\": \"-----BEGIN PRIVATE KEY-----«\\nMIIEvQIBADANBg»\\n-----END PRIVATE KEY-----\\n\"}",
    "\"private_key_id\": \"«0123456789abcdef0123456789abcdef01234567»\"",
    "\"client_secret\": \"«d-FL95Q19q7MQmFpd7hHD0Ty»\"",
    "DATABASE_URL=postgres://bob:«s3cr3tpw»@db/x",
    "redis://:«hunter2»@cache:6379",
    "https://deploy:«p%40ssw0rd»@git.example.com/x.git",
    "password: «hunter2hunter2»",
    "DB_PASS=«abcd»",
    "PGPASSWORD='«correct horse»'",
    "STRIPE_SECRET_KEY=«whatever-it-is»",
    "secretKey: «Zm9vYmFyYmF6»",
    "apiKey=«0123456789abcdef»",
    "auth_token => «abcdef123456»",
];

/// Lines of ordinary build logs, which must stay unchanged.
const ORDINARY: &[&str] = &[
    "GET /api/health 200 in 3 ms",
    "the token expired",
    "Unexpected token: punc (})",
    "SyntaxError: Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",
    "build b-1-1-0-r2-02390f is READY",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "HEAD is now at 1a2b3c4d5e6f708192a3b4c5d6e7f80910111213 Merge branch 'main'",
    "id 123e4567-e89b-12d3-a456-426614174000",
    "us-central1-docker.pkg.dev/demo/apphosting/web@sha256:e3b0c44298fc1c149afbf4c8996fb924",
    "the secret stripe-key has no dummy in apphosting.emulator.yaml",
    "missing secret: stripe-key",
    "secret: projects/p/secrets/stripe-key/versions/3",
    "- variable: API_KEY, secret: STRIPE_API_KEY",
    "token_env: GITHUB_TOKEN",
    "password: ${DB_PASSWORD}",
    "PASSWORD=$DB_PASSWORD",
    "API_KEY is undefined",
    "apiKey: undefined",
    "basic authentication is off",
    "npm http fetch GET 200 https://registry.npmjs.org/next 312ms (cache miss)",
    "integrity sha512-9OS2DF5hmZP0BCo6IqpIaJPC8bQ5lnCAVfUrBLyxLYZOk2vNPhxhWtdWAA==",
    "+ next@15.1.0 tokenizer@2.0.0",
    "Creating an optimized production build ...",
    "https://app.example.com:8080/api/health?page=2",
    "ssh://git@github.com/acme/web.git",
    "user maria, at 12:30: done",
    "docker.io/library/node:20-alpine@sha256:abc",
    "warn: csrf token: missing",
    "design tokens: 42 generated",
    "▲ Next.js 15.1.0 - Local: http://localhost:3000",
];

fn marked(line: &str) -> (String, Vec<String>) {
    let hidden = line.split('«').skip(1).filter_map(|rest| rest.split('»').next());
    (line.replace(['«', '»'], ""), hidden.map(str::to_owned).collect())
}

#[test]
fn redaction_removes_values_and_keeps_names() {
    let mut kept = Vec::new();
    for line in SECRETS {
        let (line, hidden) = marked(line);
        let told = redacted(&line);
        let left = hidden.iter().any(|secret| secret.split(' ').any(|part| told.contains(part)));
        if left || !told.contains(HIDDEN) {
            kept.push(format!("{line}  →  {told}"));
        }
    }
    assert!(kept.is_empty(), "{}", kept.join("\n"));
    assert_eq!(redacted("STRIPE_SECRET_KEY=abcdef123"), format!("STRIPE_SECRET_KEY={HIDDEN}"));
    assert_eq!(redacted("postgres://bob:pw12@db/x"), format!("postgres://bob:{HIDDEN}@db/x"));
}

#[test]
fn redaction_keeps_ordinary_text() {
    let changed: Vec<_> = ORDINARY
        .iter()
        .map(|line| (line, redacted(line)))
        .filter(|(line, told)| told != *line)
        .map(|(line, told)| format!("{line}  →  {told}"))
        .collect();
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}

#[test]
fn redacts_multi_line_keys() {
    let told = |lines: &[&str]| {
        let mut state = Lines::default();
        lines.iter().map(|line| state.redacted(line)).collect::<Vec<_>>()
    };
    let key = [
        "begin",
        "-----BEGIN RSA PRIVATE KEY-----",
        "Proc-Type: 4,ENCRYPTED",
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
        "BKcwggSj==",
        "-----END RSA PRIVATE KEY-----",
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
    ];
    let hidden = [HIDDEN; 5];
    let expected = [&["begin"][..], &hidden, &key[6..]].concat();
    assert_eq!(told(&key), expected);
    let cut = ["-----BEGIN PRIVATE KEY-----", "MIIEvQ", "listens on {\"port\": 8080}", "next line"];
    assert_eq!(told(&cut)[2..], cut[2..]);
    let cut = ["-----BEGIN PRIVATE KEY-----", "MIIEvQ", "Build failed, exit code 1", "Done."];
    assert_eq!(told(&cut)[2..], cut[2..]);
}

#[test]
fn redacts_known_values_in_any_encoding() {
    know("correct horse/battery");
    know("line one of it\nline two of it");
    for text in [
        "said correct horse/battery here",
        "in an address: correct+horse%2Fbattery",
        "line two of it",
        "as JSON: line one of it\\nline two of it",
    ] {
        let told = redacted(text);
        assert!(told.contains(HIDDEN), "{told}");
        assert!(!told.contains("battery") && !told.contains("two of it"), "{told}");
    }
}

#[test]
fn facts_contain_no_service_secret() {
    let evidence = "HTTP 500: api_key=abcdef123456".to_owned();
    let problem = Problem::new("x").because(evidence.clone());
    let facts = [
        Event::StepFailed { problem, class: Failure::Lasting },
        Event::StepSkipped { reason: evidence.clone(), next: None },
        Event::RunPaused { because: evidence },
    ];
    for event in facts {
        assert!(!format!("{:?}", without_secrets(event)).contains("abcdef123456"));
    }
}
