//! The config: all errors are reported in one pass with their places, and malicious files are refused before they do
//! harm.

use std::path::Path;

use pointsman::config::{Findings, json_schema, load, load_text};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn wrong(text: &str) -> Findings {
    load_text(text, &root().join("config.yaml")).unwrap_err()
}

#[test]
fn shipped_config_is_valid_and_complete() {
    let loaded = load(&root().join("config.yaml")).unwrap();
    let lists = &loaded.config.checklists;
    assert_eq!((lists.pre.len(), lists.deploy.len(), lists.post.len()), (12, 8, 8));
    assert_eq!(loaded.config.environments.len(), 3);
    assert_eq!(loaded.config.projects.len(), 4);
    for name in ["development", "staging", "production"] {
        let spec = loaded.spec(name).unwrap();
        let order: Vec<_> = spec.members.iter().map(|m| m.service().as_str()).collect();
        assert_eq!(order, ["toto-bo", "toto-app"]);
    }
    let bo = &loaded.spec("production").unwrap().members[0];
    assert_eq!(
        (bo.target.project().as_str(), bo.url.as_str()),
        ("toto-bo", "https://bo.betoto.pet")
    );
}

#[test]
fn all_mistakes_are_reported_with_places_and_suggestions() {
    let text = "version: 1
projects: {}
services:
  toto-app: { root: examples/toto/toto-app, bakend: toto-app, health: { version: /version } }
environments:
  development:
    protection: opne
    platform: { kind: app-hosting, endpoint: emulator, project: demo-toto, location: us-central1 }
    services: { toto-app: { url: 'http://localhost:4000' } }
    deploy: { soak: { for: 20 }, helth: {} }
releases: { kind: list, labels: [1.0] }
";
    let said: Vec<_> = wrong(text)
        .findings
        .into_iter()
        .map(|f| (f.line, f.column, f.message, f.hint.unwrap_or_default()))
        .collect();
    let expect = [
        (4, "needs \"backend\"", ""),
        (4, "no key \"bakend\"", "did you mean \"backend\"?"),
        (7, "protection cannot be \"opne\"", "one of: open, confirm, typed"),
        (10, "for should be text, this is a number", "write a unit"),
        (10, "no key \"helth\"", "did you mean \"health\"?"),
        (11, "labels should be text, this is a number", "quote it"),
    ];
    assert_eq!(said.len(), expect.len(), "{said:#?}");
    for ((line, column, message, hint), (at, what, near)) in said.iter().zip(expect) {
        assert_eq!(*line, at, "{message}");
        assert!(*column > 1, "{message}");
        assert!(message.contains(what), "{message}");
        assert!(hint.contains(near), "{hint}");
    }
}

#[test]
fn semantic_errors_are_reported_together() {
    let text = std::fs::read_to_string(root().join("config.yaml")).unwrap();
    let text = text
        .replace("project: toto-bo-stg }", "project: toto-bo }")
        .replace("promote_from: staging", "promote_from: stagin")
        .replace("zone: Europe/Madrid", "zone: Europe/Madird")
        .replace("http://localhost:5000", "http://localhost:4000")
        .replace("order: [toto-bo, toto-app]", "order: [toto-b, toto-app]");
    let findings = wrong(&text);
    let shown = findings.to_string();
    for what in [
        "project toto-bo belongs to production, not to staging",
        "there is no environment \"stagin\"",
        "Europe/Madird",
        "is the address of",
        "there is no service \"toto-b\"",
        "did you mean \"toto-bo\"?",
    ] {
        assert!(shown.contains(what), "{what} is not in\n{shown}");
    }
    assert!(findings.findings.iter().all(|f| f.line > 1));
}

#[test]
fn duplicate_key_is_reported_at_its_second_place() {
    let findings = wrong(
        "version: 1\nservices: {}\nenvironments: {}\nservices: {}\nreleases: { kind: list }\n",
    );
    assert_eq!(findings.findings.len(), 1, "{findings}");
    assert_eq!(findings.findings[0].line, 4);
    assert!(findings.findings[0].message.contains("appears twice"));
}

#[test]
fn alias_bombs_are_refused() {
    let aliases = (0..9).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        let of = format!("*a{n}, ").repeat(9);
        format!("{text}a{}: &a{} [{of}x]\n", n + 1, n + 1)
    });
    let quadratic = format!("a: &a [{}]\nb: [{}]\n", "x,".repeat(5000), "*a,".repeat(5000));
    let padded = format!(
        "a: &a [{}]\nb: [{}]\n# {}\n",
        "x,".repeat(5000),
        "*a,".repeat(100),
        "x".repeat(900_000)
    );
    let deep = format!("version: {}", "[".repeat(100_000));
    let huge = format!("version: 1\n# {}\n", "x".repeat(10 * 1024 * 1024));
    for (name, text, said) in [
        ("alias", aliases, "the aliases of this file repeat more than 20000 values"),
        ("padded", padded, "the aliases of this file repeat more than 20000 values"),
        ("quadratic", quadratic, "the aliases of this file repeat more than 20000 values"),
        ("many", format!("a: [{}]\n", "x,".repeat(110_000)), "more than 100000 values"),
        ("deep", format!("version: {}{}", "[".repeat(40), "]".repeat(40)), "more than 32 values"),
        ("deeper", deep, "recursion limit"),
        ("huge", huge, "larger than 1 MiB"),
    ] {
        let findings = wrong(&text);
        assert_eq!(findings.findings.len(), 1, "{name}: {findings}");
        assert!(findings.to_string().contains(said), "{name}: {findings}");
    }
}

/// A file may be wrong in tens of thousands of places: each is found, and the report stays short.
#[test]
fn forty_thousand_unknown_keys_are_reported() {
    let keys: Vec<_> = (0..40_000).map(|n| format!("k{n}: 1")).collect();
    let findings = wrong(&format!("version: 1\n{}\n", keys.join("\n")));
    assert!(findings.findings.len() >= 40_000, "{}", findings.findings.len());
    let text = findings.to_string();
    assert!(text.lines().count() < 1000 && text.contains("with another cause"), "{text:.400}");
}

#[test]
fn five_thousand_probes_are_accepted() {
    let probe =
        |n| format!("      - {{ name: p{n}, url: 'http://127.0.0.1:9/{n}', interval: 1s }}\n");
    let probes: String = (0..5000).map(probe).collect();
    let text = format!(
        "version: 1
services:
  app: {{ root: examples/toto/toto-app, backend: app, health: {{ path: /h, version: /version, revision: /revision }} }}
environments:
  e:
    protection: open
    platform: {{ kind: app-hosting, endpoint: emulator, project: demo-e, location: us-central1 }}
    services: {{ app: {{ url: 'http://localhost:4001' }} }}
    probes:
{probes}releases: {{ kind: list, labels: ['1.0.0'] }}
"
    );
    let loaded = load_text(&text, &root().join("config.yaml")).unwrap();
    assert_eq!(
        loaded.probe_names("e").unwrap().iter().filter(|n| n.starts_with('p')).count(),
        5000
    );
}

#[test]
fn oversized_config_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, vec![b'#'; 10 * 1024 * 1024]).unwrap();
    let findings = load(&file).unwrap_err();
    assert!(findings.to_string().contains("10485760 bytes"), "{findings}");
}

#[test]
fn empty_and_malformed_configs_are_explained() {
    for text in ["", "\0", "just words", "- a\n- b\n", "version: [1", "version: 2\nservices: {}"] {
        let findings = wrong(text);
        assert!(!findings.findings.is_empty(), "{text:?}");
    }
}

#[test]
fn schema_lists_exactly_the_accepted_keys() {
    let schema = json_schema();
    assert_eq!(schema["additionalProperties"], false);
    for key in ["version", "projects", "services", "environments", "deploy", "releases"] {
        assert!(schema["properties"].get(key).is_some(), "{key}");
    }
}

#[test]
fn shape_errors_do_not_hide_semantic_errors() {
    let text = std::fs::read_to_string(root().join("config.yaml")).unwrap();
    let text = text
        .replace("protection: open", "protection: opne")
        .replace("soak: { for: 20s }", "soak: { fro: 20s }")
        .replace("promote_from: staging", "promote_from: stagin")
        .replace("project: toto-bo-stg }", "project: toto-bo }")
        .replace("zone: Europe/Madrid", "zone: Europe/Madird");
    let findings = wrong(&text);
    let lines: Vec<_> = findings.findings.iter().map(|f| f.line).collect();
    assert_eq!(findings.findings.len(), 5, "{findings}");
    assert!(lines.is_sorted());
    assert!(findings.to_string().contains("did you mean \"for\"?"), "{findings}");
    assert!(!findings.to_string().contains("stand-in"));
}
