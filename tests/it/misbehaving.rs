//! A misbehaving App Hosting: a stand-in in front of the emulator answers with errors, late, twice or not at all. No
//! success is reported without an observation, and no build is created twice.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::sandbox::{Said, Sandbox};
use super::stand_in::{Asked, Reply, StandIn};

/// The stand-in's reply to a request, or `None` to forward it to the emulator. May keep state between requests.
type Fault = Box<dyn FnMut(&Asked) -> Option<Reply> + Send>;

pub(crate) struct Platform {
    pub(crate) sandbox: Sandbox,
    fault: Arc<Mutex<Option<Fault>>>,
    /// The port of the emulator.
    pub(crate) port: u16,
    token: String,
}

impl Platform {
    /// Starts the emulator with 1.0.0 live, and a stand-in in front of it, which the config names as endpoint.
    pub(crate) fn new() -> Self {
        let sandbox = Sandbox::new();
        sandbox.deploy("1.0.0").exits(0);
        let url = sandbox.emulator()["url"].as_str().unwrap().to_owned();
        let port = url.rsplit(':').next().unwrap().parse().unwrap();
        let token = sandbox.run(&["emulator", "token"]).exits(0).out.trim().to_owned();
        let fault: Arc<Mutex<Option<Fault>>> = Arc::default();
        let inside = fault.clone();
        let stand_in = StandIn::new(move |asked, _| {
            let mut fault = inside.lock().unwrap();
            let instead = fault.as_mut().and_then(|fault| fault(asked));
            drop(fault);
            instead.unwrap_or_else(|| Reply::Raw(asked.forward(port)))
        });
        let config = sandbox.folder.path().join("config.yaml");
        let file = sandbox.folder.path().join("token");
        fs::write(&file, &token).unwrap();
        let text = fs::read_to_string(&config).unwrap().replace(
            "endpoint: emulator, ",
            &format!("endpoint: '{}', token_file: '{}', ", stand_in.url(), file.display()),
        );
        fs::write(&config, text).unwrap();
        Self { sandbox, fault, port, token }
    }

    pub(crate) fn misbehaves(&self, fault: impl FnMut(&Asked) -> Option<Reply> + Send + 'static) {
        *self.fault.lock().unwrap() = Some(Box::new(fault));
    }

    /// Calls the emulator directly.
    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("/v1/projects/demo-toto/locations/us-central1/{path}");
        self.below(method, &path, body)
    }

    /// Calls the emulator directly, with a whole path.
    pub(crate) fn below(&self, method: &str, path: &str, body: &Value) -> Value {
        let headers = [
            ("authorization".to_owned(), format!("Bearer {}", self.token)),
            ("content-type".to_owned(), "application/json".to_owned()),
            ("content-length".to_owned(), body.to_string().len().to_string()),
        ];
        let asked = Asked {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: headers.into(),
            body: body.to_string(),
        };
        emulators(&asked, self.port)
    }

    fn traffic(&self) -> Value {
        self.call("GET", "backends/toto-app/traffic", &json!({}))
    }

    /// The number of builds of a release.
    pub(crate) fn builds(&self, release: &str) -> usize {
        let list = self.call("GET", "backends/toto-app/builds?pageSize=100", &json!({}));
        let of = |build: &&Value| build["annotations"]["pointsman.dev/release"] == release;
        list["builds"].as_array().unwrap().iter().filter(of).count()
    }

    #[track_caller]
    pub(crate) fn serves(&self, release: &str) {
        let (version, _) = Sandbox::who(self.sandbox.app).unwrap();
        assert_eq!(version, release);
    }
}

/// Replies to the first `times` matching requests.
pub(crate) fn times(
    mut times: usize,
    like: impl Fn(&Asked) -> bool,
    reply: impl Fn(&Asked) -> Reply,
) -> impl FnMut(&Asked) -> Option<Reply> {
    move |asked| {
        if times == 0 || !like(asked) {
            return None;
        }
        times -= 1;
        Some(reply(asked))
    }
}

pub(crate) fn error(status: u16, word: &str, details: &Value) -> Reply {
    let error = json!({"code": status, "status": word, "message": "as told", "details": details});
    Reply::json(status, &json!({ "error": error }))
}

fn creates_build(asked: &Asked) -> bool {
    asked.is("POST", "toto-app/builds?")
}

pub(crate) fn rolls_out(asked: &Asked) -> bool {
    asked.is("POST", "toto-app/rollouts?")
}

/// The emulator's answer to a request.
fn emulators(asked: &Asked, port: u16) -> Value {
    let answer = String::from_utf8(asked.forward(port)).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

/// The emulator's answer to a request, modified.
pub(crate) fn changed(asked: &Asked, port: u16, change: impl Fn(&mut Value)) -> Reply {
    let mut json = emulators(asked, port);
    change(&mut json);
    Reply::json(200, &json)
}

#[test]
fn transient_faults_are_retried_without_duplicates() {
    let platform = Platform::new();
    let port = platform.port;
    let lost = move |asked: &Asked| {
        // The request takes effect, but the reply is lost.
        asked.forward(port);
        Reply::Cut
    };
    let busy = |_: &Asked| error(503, "UNAVAILABLE", &json!([]));
    let cases: [(&str, Fault); 6] = [
        ("1.1.0", Box::new(times(2, creates_build, lost))),
        ("1.2.0", Box::new(times(2, rolls_out, lost))),
        ("1.3.0", Box::new(times(3, |asked| asked.method == "GET", busy))),
        ("1.4.0", Box::new(times(2, rolls_out, |_| error(409, "ABORTED", &json!([]))))),
        ("1.5.0", Box::new(times(2, creates_build, |_| error(500, "INTERNAL", &json!([]))))),
        ("1.6.0", Box::new(times(1, |asked| asked.is("GET", "/traffic"), |_| Reply::Hangs))),
    ];
    for (release, fault) in cases {
        platform.misbehaves(fault);
        platform.sandbox.deploy(release).exits(0);
        platform.serves(release);
        assert_eq!(platform.builds(release), 1, "{release}");
    }

    // The error has a retry delay, which the client respects.
    let info = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2.5s"}]);
    let quota = move |_: &Asked| error(429, "RESOURCE_EXHAUSTED", &info);
    platform.misbehaves(times(1, creates_build, quota));
    let began = Instant::now();
    platform.sandbox.deploy("1.7.0").exits(0);
    assert!(began.elapsed() > Duration::from_millis(2500), "{:?}", began.elapsed());
    assert_eq!(platform.builds("1.7.0"), 1);
}

#[test]
fn permanent_faults_move_no_traffic_and_name_a_fix() {
    let platform = Platform::new();
    let refused = |release: &str| -> Said {
        let said = platform.sandbox.deploy(release);
        assert_ne!(said.code, 0, "{}", said.err);
        platform.serves("1.0.0");
        said
    };
    let disabled = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}]);
    platform.misbehaves(times(
        usize::MAX,
        |_| true,
        move |_| error(403, "PERMISSION_DENIED", &disabled),
    ));
    let said = refused("2.0.0").exits(1);
    assert!(said.err.contains("gcloud services enable"), "{}", said.err);

    // The token is rejected in the middle of a run.
    platform
        .misbehaves(times(usize::MAX, rolls_out, |_| error(401, "UNAUTHENTICATED", &json!([]))));
    let said = refused("2.1.0").exits(6);
    assert!(said.err.contains("pointsman doctor"), "{}", said.err);

    let port = platform.port;
    let fails = |asked: &Asked| asked.is("GET", "toto-app/builds/b-2-2-0");
    platform.misbehaves(times(usize::MAX, fails, move |asked| {
        changed(asked, port, |build| {
            let message = "fah/missing-lock-file: there is no package-lock.json";
            let error = json!({"code": 3, "message": message});
            build["state"] = json!("FAILED");
            build["errors"] = json!([{"error": error, "errorSource": "CLOUD_BUILD"}]);
            build["buildLogsUri"] = json!("https://console.cloud.google.com/build;region=x/1");
        })
    }));
    let said = refused("2.2.0").exits(1);
    for told in ["CLOUD_BUILD", "fah/missing-lock-file", "https://console.cloud.google.com/build"] {
        assert!(said.err.contains(told), "{told}: {}", said.err);
    }

    // A backend of another environment.
    let looked_at =
        |asked: &Asked| asked.method == "GET" && asked.path.ends_with("/backends/toto-app");
    platform.misbehaves(times(usize::MAX, looked_at, move |asked| {
        changed(asked, port, |backend| backend["environment"] = json!("production"))
    }));
    let said = refused("2.4.0").exits(1);
    assert!(said.err.contains("belongs to environment \"production\""), "{}", said.err);

    // A region that does not answer is unknown; it does not count as empty.
    let silent = |asked: &Asked| asked.is("GET", "toto-app/rollouts?");
    platform.misbehaves(times(usize::MAX, silent, |_| {
        Reply::json(200, &json!({"rollouts": [], "unreachable": ["us-central1"]}))
    }));
    let said = refused("2.3.0");
    assert!(said.err.contains("did not answer: us-central1"), "{}", said.err);
}

#[test]
fn succeeded_rollout_is_verified_against_traffic() {
    let platform = Platform::new();
    let port = platform.port;
    // The rollout is SUCCEEDED, but traffic did not move.
    platform.misbehaves(move |asked| {
        if rolls_out(asked) {
            return Some(Reply::json(
                200,
                &json!({"name": "projects/x/operations/y", "done": true}),
            ));
        }
        let looks = asked.is("GET", "toto-app/rollouts/");
        looks.then(|| Reply::json(200, &json!({"state": "SUCCEEDED"})))
    });
    let said = platform.sandbox.deploy("3.0.0");
    assert!([1, 5, 6].contains(&said.code), "{}: {}", said.code, said.err);
    assert!(said.err.contains("SUCCEEDED, but traffic did not follow"), "{}", said.err);
    platform.serves("1.0.0");

    // A foreign build is live after the switch.
    let mut switched = false;
    platform.misbehaves(move |asked| {
        switched |= rolls_out(asked);
        let looks = switched && asked.is("GET", "toto-app/traffic");
        looks.then(|| {
            changed(asked, port, |traffic| {
                let build =
                    "projects/demo-toto/locations/us-central1/backends/toto-app/builds/foreign";
                traffic["current"] = json!({"splits": [{"build": build, "percent": 100}]});
            })
        })
    });
    let said = platform.sandbox.deploy("3.1.0");
    assert_ne!(said.code, 0, "{}", said.out);
    assert!(said.err.contains("foreign"), "{}", said.err);
}

#[test]
fn build_waits_while_another_build_of_the_backend_is_under_way() {
    let platform = Platform::new();
    let port = platform.port;
    // More refusals than a request is retried: another build takes minutes.
    let mut refusals = 0;
    platform.misbehaves(move |asked| {
        if creates_build(asked) && refusals < 6 {
            refusals += 1;
            return Some(error(409, "ABORTED", &json!([])));
        }
        let lists = asked.is("GET", "toto-app/builds?");
        lists.then(|| {
            changed(asked, port, |list| {
                let mut other = list["builds"][0].clone();
                let name = other["name"].as_str().unwrap().rsplit_once('/').unwrap().0.to_owned();
                other["name"] = json!(format!("{name}/build-2026-11-29-001"));
                other["state"] = json!("BUILDING");
                other["createTime"] = json!("2026-01-01T00:00:00Z");
                list["builds"].as_array_mut().unwrap().push(other);
            })
        })
    });
    let run = platform.sandbox.deploy("3.0.0").exits(0).json()["run"].to_string();
    let log = platform.sandbox.run(&["logs", &run]).exits(0).out;
    let waits = log.lines().find(|line| line.contains("waiting: build build-2026-11-29-001"));
    let waits = waits.unwrap_or_else(|| panic!("{log}"));
    assert!(waits.contains("is under way for "), "{waits}");
    assert_eq!(platform.builds("3.0.0"), 1, "nothing was built twice");
    platform.serves("3.0.0");
}

#[test]
fn automatic_rollouts_are_held_until_promotion() {
    let platform = Platform::new();
    let policy =
        json!({"codebaseBranch": "main", "requiredPaths": [{"pattern": "src/", "type": "PREFIX"}]});
    let traffic = "backends/toto-app/traffic";
    platform.call(
        "PATCH",
        &format!("{traffic}?updateMask=rolloutPolicy"),
        &json!({ "rolloutPolicy": policy }),
    );
    let on_again = |what: &str| {
        let traffic = platform.traffic();
        assert_eq!(traffic["rolloutPolicy"], policy, "{what}: {traffic}");
        assert!(traffic["annotations"].get("pointsman.dev/rollout-policy").is_none(), "{traffic}");
    };
    let still_held = |what: &str| {
        let traffic = platform.traffic();
        assert_eq!(traffic["rolloutPolicy"]["disabled"], true, "{what}: {traffic}");
    };
    let (during, port) = (Arc::new(Mutex::new(Value::Null)), platform.port);
    let seen = during.clone();
    platform.misbehaves(move |asked| {
        if creates_build(asked) {
            let mut ask = Asked { method: "GET".into(), body: String::new(), ..asked.clone() };
            ask.path = asked.path.split("/builds").next().unwrap().to_owned() + "/traffic";
            ask.headers.remove("content-length");
            *seen.lock().unwrap() = emulators(&ask, port);
        }
        None
    });
    platform.sandbox.deploy("4.0.0").exits(0);
    let held = during.lock().unwrap().clone();
    assert_eq!(held["rolloutPolicy"]["disabled"], true, "{held}");
    assert_eq!(held["rolloutPolicy"]["codebaseBranch"], "main", "{held}");
    on_again("after a deploy");
    platform.sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    still_held("after a rollback");
    let told = platform.sandbox.run(&["status", "development"]).exits(0).out;
    assert!(told.contains("automatic rollouts are DISABLED"), "{told}");
    // A person allows them: by name where the environment asks for it, and read back.
    // The question lists the commits pushed meanwhile.
    let folder = platform.sandbox.folder.path();
    let git = |words: &[&str]| {
        let git = std::process::Command::new("git").args(["-C"]).arg(folder).args(words).output();
        assert!(git.unwrap().status.success(), "{words:?}");
    };
    git(&["init", "--quiet", "--initial-branch", "main"]);
    let who = ["-c", "user.name=ana", "-c", "user.email=ana@example.com"];
    git(&[&who[..], &["commit", "--quiet", "--allow-empty", "-m", "Change the greeting"]].concat());
    git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    let allow = ["allow-rollouts", "development"];
    let allowed = platform.sandbox.run(&allow).exits(3);
    assert!(allowed.err.contains("--yes"), "{}", allowed.err);
    let allowed =
        platform.sandbox.run(&[&allow[..], &["--yes", "--json"]].concat()).exits(0).json();
    assert_eq!(allowed["allowed"], json!(["toto-app"]), "{allowed}");
    let pushed = allowed["pushed"][0].as_str().unwrap();
    assert!(pushed.starts_with("Pushed to main meanwhile: "), "{pushed}");
    assert!(pushed.ends_with("Change the greeting"), "{pushed}");
    on_again("after a person allowed them");
    let again = platform.sandbox.run(&[&allow[..], &["--yes"]].concat()).exits(0).out;
    assert!(again.contains("no run left automatic rollouts of development disabled"), "{again}");
    platform.sandbox.deploy("4.1.0-broken").exits(1);
    still_held("after a failure");
    platform.sandbox.deploy("4.1.1").exits(0);
    on_again("after a promotion");

    // The policy cannot be restored: the run reports it, and the next run restores it.
    let puts_back =
        |asked: &Asked| asked.is("PATCH", "traffic") && !asked.body.contains("disabled");
    platform
        .misbehaves(times(usize::MAX, puts_back, |_| error(403, "PERMISSION_DENIED", &json!([]))));
    platform.sandbox.deploy("4.2.0").exits(0);
    let run = platform.sandbox.run(&["history", "--json"]).exits(0).json()[0]["run"].to_string();
    let report = platform.sandbox.run(&["report", &run]).exits(0).out;
    assert!(report.contains("automatic rollouts of toto-app were left DISABLED"), "{report}");
    platform.misbehaves(|_| None);
    platform.sandbox.deploy("4.2.1").exits(0);
    on_again("after the run that could not");

    // A rollback continues even if automatic rollouts cannot be disabled.
    platform.sandbox.deploy("4.3.0").exits(0);
    let holds = |asked: &Asked| asked.is("PATCH", "traffic");
    platform.misbehaves(times(usize::MAX, holds, |_| error(403, "PERMISSION_DENIED", &json!([]))));
    platform.sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    on_again("they could not be held");
}

#[test]
fn unhealthy_domain_warns_and_stops_nothing() {
    let platform = Platform::new();
    platform.misbehaves(times(usize::MAX, |asked| asked.is("GET", "toto-app/domains"), |_| {
        let status = json!({
            "hostState": "HOST_ACTIVE", "ownershipState": "OWNERSHIP_ACTIVE", "certState": "CERT_EXPIRING_SOON",
        });
        let name = "projects/p/locations/l/backends/toto-app/domains/app.betoto.pet";
        let well = json!({"name": "x/domains/toto-app--p.hosted.app", "type": "DEFAULT"});
        let custom = json!({"name": name, "type": "CUSTOM", "customDomainStatus": status});
        Reply::json(200, &json!({"domains": [well, custom]}))
    }));
    let said = platform.sandbox.deploy("6.0.0").exits(0);
    assert!(said.err.contains("domain app.betoto.pet is CERT_EXPIRING_SOON"), "{}", said.err);
    assert!(!said.err.contains("hosted.app"), "{}", said.err);
    platform.serves("6.0.0");
}

#[test]
fn domain_probe_is_down_only_with_customer_impact() {
    let platform = Platform::new();
    let says = |host: &'static str, certificate: &'static str| {
        let asks = |asked: &Asked| asked.is("GET", "toto-app/domains");
        platform.misbehaves(times(usize::MAX, asks, move |_| {
            let status = json!({
                "hostState": host, "ownershipState": "OWNERSHIP_ACTIVE", "certState": certificate,
            });
            let custom = json!({"name": "x/domains/app.betoto.pet", "customDomainStatus": status});
            Reply::json(200, &json!({"domains": [custom]}))
        }));
    };
    let seen = |exits: i32| {
        let told = platform.sandbox.run(&["health", "development", "--json"]).exits(exits).json();
        let all = told["probes"].as_array().unwrap();
        let one = all.iter().find(|probe| probe["name"] == "toto-app domains").unwrap();
        let others = all.iter().filter(|probe| !std::ptr::eq(*probe, one));
        assert!(
            others.clone().count() >= 2 && others.clone().all(|p| p["state"] == "ok"),
            "{told}"
        );
        (one["state"].as_str().unwrap().to_owned(), one["why"].as_str().unwrap().to_owned())
    };
    says("HOST_ACTIVE", "CERT_ACTIVE");
    assert_eq!(seen(0).0, "ok");
    says("HOST_ACTIVE", "CERT_EXPIRING_SOON");
    let (state, why) = seen(0);
    assert_eq!(
        (state.as_str(), why.as_str()),
        ("degraded", "certificate: domain app.betoto.pet is CERT_EXPIRING_SOON")
    );
    // A domain that is being set up has no customers yet, so it is only degraded.
    says("HOST_UNHOSTED", "CERT_PREPARING");
    assert_eq!(seen(0).0, "degraded");
    for (host, certificate) in [("HOST_ACTIVE", "CERT_EXPIRED"), ("HOST_NON_FAH", "CERT_ACTIVE")] {
        says(host, certificate);
        let (state, why) = seen(1);
        assert!(state == "down" && why.contains("domain app.betoto.pet is"), "{state}: {why}");
    }
    // Without an answer, the status of the domains is unknown.
    let asks = |asked: &Asked| asked.is("GET", "toto-app/domains");
    platform.misbehaves(times(usize::MAX, asks, |_| error(403, "PERMISSION_DENIED", &json!([]))));
    let (state, why) = seen(5);
    assert!(state == "stale" && why.contains("we cannot ask"), "{state}: {why}");
    platform.misbehaves(times(usize::MAX, asks, |_| {
        Reply::json(
            200,
            &json!({"domains": [], "unreachable": ["projects/p/locations/us-central1"]}),
        )
    }));
    assert_eq!(seen(5).0, "stale", "a region that did not answer may have any");
    // With `domains: false`, the probe is left out.
    let config = platform.sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&config).unwrap();
    let open = "    protection: open\n";
    fs::write(&config, text.replace(open, &format!("{open}    watch: {{ domains: false }}\n")))
        .unwrap();
    let told = platform.sandbox.run(&["health", "development"]).exits(0).out;
    assert!(!told.contains("domains"), "{told}");
}

#[test]
fn declared_but_unbound_secrets_are_reported() {
    let platform = Platform::new();
    let port = platform.port;
    let looked_at = |asked: &Asked| asked.is("GET", "toto-app/builds/b-5-0-0");
    platform.misbehaves(times(usize::MAX, looked_at, move |asked| {
        changed(asked, port, |build| {
            if let Some(bound) = build["config"]["effectiveEnv"].as_array_mut() {
                bound.retain(|one| one["variable"] != "STRIPE_SECRET_KEY");
            }
        })
    }));
    let said = platform.sandbox.deploy("5.0.0").exits(0);
    assert!(said.err.contains("declared, and not bound: STRIPE_SECRET_KEY"), "{}", said.err);
    platform.misbehaves(|_| None);
    let said = platform.sandbox.deploy("5.1.0").exits(0);
    assert!(!said.err.contains("not bound"), "{}", said.err);
}
