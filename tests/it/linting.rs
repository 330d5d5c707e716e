//! `lint` gives the same verdicts as Google's checker, and reports problems that the checker does not.

use std::fs;

use pointsman::config::{Findings, Severity, lint};
use serde_json::Value;

use crate::sandbox::Sandbox;

fn judged(files: &[(&str, &str)]) -> Vec<Findings> {
    let folder = tempfile::tempdir().unwrap();
    let write = |(name, text): &(&str, &str)| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file
    };
    let files: Vec<_> = files.iter().map(write).collect();
    lint(&files)
}

/// The findings of one file: severity, line, message.
fn told(text: &str) -> Vec<(Severity, usize, String)> {
    let findings = judged(&[("apphosting.yaml", text)]).remove(0).findings;
    findings.into_iter().map(|f| (f.severity, f.line, f.message)).collect()
}

/// The keys that a message of Google names. Ours must name them too.
fn keys(raw: &str) -> Vec<&str> {
    let known = [
        "cpu",
        "memoryMiB",
        "concurrency",
        "minInstances",
        "maxInstances",
        "availability",
        "value",
        "secret",
        "connector",
        "networkInterfaces",
        "network",
    ];
    // "invalid value -1" names no key.
    let words = raw.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| known.contains(word) && (*word != "value" || raw.contains("'value'")))
        .collect()
}

#[test]
fn linter_matches_googles_vectors() {
    let vectors = include_str!("../data/apphosting_vectors.json");
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let vectors = vectors["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 39);
    let mut refused = 0;
    for vector in vectors {
        let name = vector["name"].as_str().unwrap();
        let environment = vector["environment"].as_str().unwrap_or("none");
        let file = format!("apphosting.{environment}.yaml");
        let mut files = vec![("apphosting.yaml", vector["base"].as_str().unwrap())];
        files.extend(vector["env_file"].as_str().map(|text| (file.as_str(), text)));
        let errors: Vec<_> = judged(&files)
            .into_iter()
            .flat_map(|file| file.findings)
            .filter(|finding| finding.severity == Severity::Error)
            .collect();
        assert_eq!(errors.is_empty(), vector["expect"]["ok"] == true, "{name}: {errors:?}");
        let Some(raw) = vector["expect"]["raw_log"].as_str() else { continue };
        refused += 1;
        let ours: String = errors.iter().map(|finding| finding.message.clone() + "\n").collect();
        for key in keys(raw) {
            assert!(ours.contains(key), "{name}: {key} is not in {ours}");
        }
        // Google's parser, yaml.v3, gives a line only for type errors; ours gives a place for every error.
        let line = raw.split("line ").nth(1).and_then(|rest| rest.split(':').next());
        if let Some(line) = line {
            assert_eq!(errors[0].line.to_string(), line, "{name}");
        }
    }
    assert_eq!(refused, 15, "of the vectors");
}

#[test]
fn ignored_keys_are_reported_with_places() {
    let text = "runConfig:\n  timeoutSeconds: 300\n  memoryMib: 512\nschemaVersion: 1\n";
    let found = judged(&[("apphosting.yaml", text)]).remove(0);
    let places: Vec<_> = found.findings.iter().map(|f| (f.line, f.column, f.severity)).collect();
    let warning = Severity::Warning;
    assert_eq!(places, [(2, 3, warning), (3, 3, warning), (4, 1, warning)]);
    let drawn = found.to_string();
    assert!(drawn.contains("knows no \"timeoutSeconds\" in runConfig"), "{drawn}");
    assert!(drawn.contains("did you mean \"memoryMiB\"?"), "{drawn}");
    assert!(drawn.contains("warning: ") && drawn.ends_with("3 warnings"), "{drawn}");
}

#[test]
fn misleading_variables_are_reported() {
    let one = |entry: &str| told(&format!("env:\n  - {{ {entry} }}\n"));
    let cases = [
        ("variable: A, value: x", None),
        ("variable: PORT, value: 1", Some((Severity::Warning, "taken out without a word"))),
        ("variable: X_FIREBASE_A, value: 1", Some((Severity::Warning, "taken out"))),
        ("variable: lower, value: x", Some((Severity::Warning, "is no name"))),
        ("variable: A, value: x, availability: []", Some((Severity::Warning, "neither for"))),
        (
            "variable: NEXT_PUBLIC_A, value: x, availability: [RUNTIME]",
            Some((Severity::Warning, "Next.js")),
        ),
        ("variable: NODE_ENV, value: production", Some((Severity::Warning, "devDependencies"))),
        ("variable: NODE_ENV, value: production, availability: [RUNTIME]", None),
        ("variable: A, secret: s@5, availability: [RUNTIME]", None),
        ("variable: A, secret: s@5", Some((Severity::Warning, "every step of the build"))),
        (
            "variable: A, secret: s, availability: [RUNTIME]",
            Some((Severity::Note, "latest at each build")),
        ),
        (
            "variable: A, secret: s@latest, availability: [RUNTIME]",
            Some((Severity::Warning, "fah/improper-secret-format")),
        ),
        ("variable: NEXT_PUBLIC_KEY, secret: s@5", Some((Severity::Note, "every browser"))),
        (
            "variable: A, value: x, secret: s@5, availability: [RUNTIME]",
            Some((Severity::Error, "one of them")),
        ),
    ];
    for (entry, wanted) in cases {
        let told = one(entry);
        match wanted {
            None => assert_eq!(told, [], "{entry}"),
            Some((severity, words)) => {
                assert_eq!(told.len(), 1, "{entry}: {told:?}");
                assert_eq!((told[0].0, told[0].1), (severity, 2), "{entry}");
                assert!(told[0].2.contains(words), "{entry}: {told:?}");
            }
        }
    }
    let dummy = [("apphosting.emulator.yaml", "env: [{ variable: A_SECRET, value: dummy }]\n")];
    assert_eq!(judged(&dummy)[0].findings, []);
    let twice = told("env:\n  - { variable: A, value: x }\n  - { variable: A, value: y }\n");
    assert_eq!((twice.len(), twice[0].1), (1, 3), "{twice:?}");
}

#[test]
fn plain_secrets_are_found_and_not_shown() {
    let secrets = [
        "env:\n  - { variable: JWT_SECRET, value: hunter2hunter2 }\n",
        "env:\n  - variable: JWT_SECRET\n    value: \"hunter2hunter2\"\n",
        "env:\n  - { variable: A, value: ghp_0123456789hunter2ABCDEFGHIJ01234 }\n",
        "env:\n  - { variable: A, secret: ghp_0123456789hunter2ABCDEFGHIJ01234 }\n",
    ];
    for text in secrets {
        let found = judged(&[("apphosting.yaml", text)]).remove(0);
        let all = format!("{found}{:?}", found.findings);
        assert!(found.count(Severity::Warning) > 0, "{all}");
        assert!(!all.contains("hunter2"), "{all}");
    }
}

#[test]
fn merged_files_are_linted() {
    let files = [
        ("apphosting.yaml", "runConfig:\n  cpu: 1\n  memoryMiB: 2048\n"),
        ("apphosting.prod.yaml", "runConfig:\n  cpu: 0.5\n  concurrency: 1\n"),
        ("apphosting.emulator.yaml", "runConfig:\n  cpu: 0.5\n  concurrency: 1\n"),
        ("apphosting.my-env.yaml", "{}"),
    ];
    let found = judged(&files);
    let told: Vec<_> = found.iter().map(Findings::counted).collect();
    assert_eq!(told, ["nothing is wrong", "1 warning", "nothing is wrong", "1 warning"]);
    assert!(found[1].findings[0].message.contains("over apphosting.yaml this cannot be deployed"));
    assert!(found[3].findings[0].message.contains("\"my-env\""));
}

#[test]
fn lint_exit_code_follows_findings() {
    let sandbox = Sandbox::new();
    let file = sandbox.folder.path().join("apphosting.yaml");
    let path = file.to_str().unwrap();
    fs::write(&file, "runConfig: { cpu: 3 }\n").unwrap();
    let refused = sandbox.run(&["lint", path]).exits(1);
    assert!(
        refused.err.contains("apphosting.yaml:1:19") && refused.err.contains("cpu cannot be 3")
    );
    fs::write(&file, "runConfig: { timeoutSeconds: 300 }\n").unwrap();
    assert!(sandbox.run(&["lint", path]).exits(0).out.contains("1 warning"));
    sandbox.run(&["lint", path, "--strict"]).exits(1);
    let json = sandbox.run(&["lint", path, "--json"]).exits(0).json();
    assert_eq!(json["files"][0]["findings"][0]["severity"], "warning");
    assert_eq!(json["ok"], true);
    fs::write(&file, "runConfig: { cpu: 1 }\n").unwrap();
    let clean = sandbox.run(&["lint", path, "--strict"]).exits(0);
    assert!(clean.out.contains("nothing is wrong"), "{}", clean.out);
    let none = sandbox.run(&["lint", "no/such/apphosting.yaml"]).exits(2);
    assert!(none.err.contains("cannot be read"), "{}", none.err);
    // Without arguments, `lint` checks the services of the config.
    let all = sandbox.run(&["lint"]).exits(0);
    assert!(all.out.contains("apphosting.production.yaml"), "{}", all.out);
}

/// Copies the services into the sandbox, so that a test can change their files.
fn own_services(sandbox: &Sandbox) -> std::path::PathBuf {
    let from = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/toto");
    let to = sandbox.folder.path().join("toto");
    for name in ["toto-app", "toto-bo"] {
        fs::create_dir_all(to.join(name)).unwrap();
        for file in fs::read_dir(from.join(name)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), to.join(name).join(file.file_name())).unwrap();
        }
    }
    let config = sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace(from.to_str().unwrap(), to.to_str().unwrap())).unwrap();
    to
}

#[test]
fn lint_errors_refuse_a_deploy_before_building() {
    let sandbox = Sandbox::new();
    let file = own_services(&sandbox).join("toto-bo/apphosting.emulator.yaml");
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("runConfig: {{ cpu: 3 }}\n{good}")).unwrap();
    let refused = sandbox.deploy("1.0.0").exits(2);
    assert!(refused.err.contains("apphosting.emulator.yaml:1:19"), "{}", refused.err);
    assert!(refused.err.contains("cpu cannot be 3"), "{}", refused.err);
    assert_eq!(sandbox.run(&["history", "--json"]).exits(0).json(), serde_json::json!([]));

    // A warning is reported but does not stop the deploy.
    fs::write(&file, format!("runConfig: {{ timeoutSeconds: 300 }}\n{good}")).unwrap();
    let config = sandbox.folder.path().join("config.yaml");
    let list = "checklists: { pre: [ { text: Configured, required: true, auto: { lint: config } }, \
                { text: Secrets stored, required: true, auto: { lint: secrets } } ] }\n";
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text + list).unwrap();
    sandbox.deploy("1.0.0").exits(0);
    let facts = sandbox.run(&["events", "1", "--json"]).exits(0).out;
    assert!(facts.contains("lint: 1") && facts.contains(" warnings"), "{facts}");
    let seen = facts.lines().find(|fact| fact.contains("checklist-seen")).unwrap();
    assert!(seen.contains("toto-bo/apphosting.emulator.yaml:1:14"), "{seen}");
    assert!(seen.contains("timeoutSeconds"), "{seen}");
    // The guide's files let every build step read all secrets.
    assert!(
        seen.contains("JWT_SECRET is a secret that every step of the build can read"),
        "{seen}"
    );
}

#[test]
fn lint_compares_environments_without_secrets() {
    let sandbox = Sandbox::new();
    let folder = own_services(&sandbox).join("toto-app");
    let staging = "runConfig: { maxInstances: 5 }\nenv:\n  - { variable: MAIL_SECRET, value: hunter2 }\n  \
                   - { variable: API, value: https://stg }\n  - { variable: KEY, secret: key@1 }\n";
    fs::write(folder.join("apphosting.development.yaml"), staging).unwrap();
    let compared = sandbox.run(&["lint", "--between", "development", "production"]).exits(0);
    for told in ["runConfig.maxInstances", "env.API", "\"https://stg\"", "secret key@1", "not set"]
    {
        assert!(compared.out.contains(told), "{told} is not in {}", compared.out);
    }
    assert!(!compared.out.contains("hunter2"), "{}", compared.out);
    let json = sandbox.run(&["lint", "--between", "development", "production", "--json"]).exits(0);
    let json = json.json();
    let differences = json["services"][0]["differences"].as_array().unwrap();
    let keys: Vec<_> = differences.iter().map(|d| d["key"].as_str().unwrap()).collect();
    assert!(keys.contains(&"env.MAIL_SECRET") && keys.is_sorted(), "{keys:?}");
    sandbox.run(&["lint", "--between", "development", "nowhere"]).exits(2);
}

#[test]
fn combined_limits_are_checked_against_the_quota() {
    let sandbox = Sandbox::new();
    let file = sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let with = |quota: &str| {
        let said = format!("region: us-central1, cpu_quota: {quota} }}");
        fs::write(&file, text.replacen("region: us-central1 }", &said, 1)).unwrap();
    };
    with("199");
    let told = sandbox.run(&["lint"]).exits(0).out;
    let why = "toto-app may take 100 instances of 2 CPU: 200 CPUs, and the project has 199";
    assert!(told.contains(why) && told.contains("config.yaml:3:"), "{told}");
    sandbox.run(&["lint", "--strict"]).exits(1);
    // The plan of a deploy stores the finding for its checklist.
    let loaded = pointsman::config::load(&file).unwrap();
    let release = pointsman::domain::release::ReleaseLabel::new("1.0.0").unwrap();
    let plan = pointsman::engine::proposal::what_ships(&loaded, "production", &release).unwrap();
    let flaws = plan.lint.unwrap().flaws;
    let flaw = flaws.iter().find(|flaw| flaw.what == why).unwrap();
    assert_eq!(flaw.place, "projects.toto-f9d2f.cpu_quota");

    with("200");
    let told = sandbox.run(&["lint"]).exits(0).out;
    assert!(!told.contains("may take"), "{told}");
    with("0");
    let refused = sandbox.run(&["check"]).exits(2);
    assert!(refused.err.contains("cpu_quota must be 1 or more"), "{}", refused.err);
}
