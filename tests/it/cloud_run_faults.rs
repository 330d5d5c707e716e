//! Misbehaviour of Cloud Run: a stand-in before the emulator answers with errors, late, or after a foreign change.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::cloud_run::{SERVICES, edit, facts, of_app, version};
use super::misbehaving::{Platform, changed, error, times};
use super::sandbox::wait_until;
use super::stand_in::{Asked, Reply};

/// A config with a stand-in for Google in front of the emulator. The images of its three releases are folders.
fn remote() -> Platform {
    let platform = Platform::new();
    let sandbox = &platform.sandbox;
    edit(sandbox, "kind: app-hosting", "kind: cloud-run");
    let images = sandbox.folder.path().join("images");
    fs::create_dir(&images).unwrap();
    for (service, port) in [("toto-app", sandbox.app), ("toto-bo", sandbox.bo)] {
        let of = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/toto");
        for release in ["1.1.0", "1.2.0", "1.3.0-bad"] {
            let image = images.join(format!("{service}-{release}"));
            let copied = Command::new("cp").arg("-r").arg(of.join(service)).arg(image).status();
            assert!(copied.unwrap().success());
            if release.ends_with("bad") {
                let file = images.join(format!("{service}-{release}/apphosting.yaml"));
                fs::write(file, "runConfig: { cpu: 3 }\n").unwrap();
            }
        }
        let image = format!("file://{}/{service}-{{release}}", images.display());
        let to = format!("backend: run-{service}, image: '{image}',");
        edit(sandbox, &format!("backend: {service},"), &to);
        platform.call("DELETE", &format!("backends/{service}?force=true"), &json!({}));
        let address = json!({"pointsman.dev/address": format!("localhost:{port}")});
        let body = json!({ "annotations": address });
        platform.below("POST", &format!("{SERVICES}?serviceId=run-{service}"), &body);
    }
    platform
}

#[test]
fn changes_that_meet_others_are_decided_again_and_lost_answers_build_nothing_twice() {
    let platform = remote();
    let sandbox = &platform.sandbox;
    let port = platform.port;
    let mut stale = times(
        2,
        |asked| asked.is("PATCH", "services/run-toto-app?"),
        |_| error(409, "ABORTED", &json!([])),
    );
    let mut lost = times(
        1,
        |asked| asked.is("PATCH", "services/run-toto-bo?"),
        move |asked| {
            // It takes effect, and the answer is an error.
            asked.forward(port);
            error(503, "UNAVAILABLE", &json!([]))
        },
    );
    platform.misbehaves(move |asked| stale(asked).or_else(|| lost(asked)));
    let said = sandbox.deploy("1.1.0");
    assert_eq!(said.code, 0, "{}", said.err);
    let revisions = |service: &str| {
        let listed = platform.below("GET", &format!("{SERVICES}/{service}/revisions"), &json!({}));
        listed["revisions"].as_array().unwrap().len()
    };
    assert_eq!((revisions("run-toto-app"), revisions("run-toto-bo")), (1, 1));
}

#[test]
fn refusals_of_cloud_run_are_told_with_the_role_and_move_nothing() {
    let platform = remote();
    let sandbox = &platform.sandbox;
    sandbox.deploy("1.1.0").exits(0);
    platform.misbehaves(|asked| {
        asked
            .is("PATCH", "services/run-toto-app?updateMask=traffic")
            .then(|| error(403, "PERMISSION_DENIED", &json!([])))
    });
    let said = sandbox.deploy("1.2.0");
    assert_ne!(said.code, 0);
    let all = format!("{}{}", said.out, said.err);
    assert!(all.contains("Cloud Run answered HTTP 403"), "{all}");
    assert!(all.contains("roles/run.developer"), "{all}");
    assert_eq!(version(sandbox), "1.1.0");
    platform.misbehaves(|asked| {
        asked.is("GET", "services/run-toto-app").then(|| Reply::json(200, &json!({})))
    });
    let unread = sandbox.run(&["status", "development"]).out;
    assert!(unread.contains("unknown"), "{unread}");
}

#[test]
fn doctor_tests_the_roles_that_change_something() {
    let platform = remote();
    let sandbox = &platform.sandbox;
    let answers = |permissions: Value| {
        move |asked: &Asked| {
            let asks = asked.path.ends_with(":testIamPermissions");
            asks.then(|| Reply::json(200, &json!({ "permissions": permissions })))
        }
    };
    platform.misbehaves(answers(json!(["run.services.update"])));
    let well = sandbox.run(&["doctor", "development"]).exits(0).out;
    assert!(well.contains("may change revisions, traffic and tags in demo-toto"), "{well}");
    platform.misbehaves(answers(json!([])));
    let lacks = sandbox.run(&["doctor", "development"]).exits(0).out;
    assert!(lacks.contains("these credentials lack run.services.update"), "{lacks}");
    assert!(lacks.contains("--role roles/run.developer"), "{lacks}");
    // A server that cannot say is not one that refuses.
    platform.misbehaves(|asked| {
        let asks = asked.path.ends_with(":testIamPermissions");
        asks.then(|| error(404, "NOT_FOUND", &json!([])))
    });
    sandbox.run(&["doctor", "development"]).exits(0);
    // Not allowed to ask, or switched off, is not lacking it.
    platform.misbehaves(|asked| {
        let asks = asked.path.ends_with(":testIamPermissions");
        asks.then(|| error(403, "PERMISSION_DENIED", &json!([])))
    });
    let forbidden = sandbox.run(&["doctor", "development"]).exits(0).out;
    assert!(forbidden.contains("cannot be checked"), "{forbidden}");
}

/// The service as the emulator shows it.
fn shown(platform: &Platform) -> Value {
    platform.below("GET", &format!("{SERVICES}/run-toto-app"), &json!({}))
}

#[test]
fn traffic_that_somebody_moves_in_between_is_not_overwritten() {
    another_person_moves_traffic(0);
}

#[test]
fn traffic_that_somebody_has_only_requested_is_not_overwritten() {
    another_person_moves_traffic(3);
}

#[test]
fn traffic_that_somebody_moves_without_an_end_is_not_overwritten() {
    another_person_moves_traffic(usize::MAX);
}

/// Just before our change, a person gives GREEN a third. The next `reads` show the request, and that it is not in effect.
fn another_person_moves_traffic(mut reads: usize) {
    let platform = Arc::new(remote());
    let sandbox = &platform.sandbox;
    sandbox.deploy("1.1.0").exits(0);
    let before = shown(&platform)["trafficStatuses"].clone();
    let blue = before[0]["revision"].clone();
    let moved = Arc::new(AtomicBool::new(false));
    let (person, port) = (Arc::downgrade(&platform), platform.port);
    let mut conflict =
        times(1, |asked| asked.is("PATCH", "services/run-toto-app?updateMask=traffic"), {
            let moved = moved.clone();
            move |asked| {
                let ours: Value = serde_json::from_str(&asked.body).unwrap();
                let green = &ours["traffic"][0]["revision"];
                let of = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION";
                let body = json!({"traffic": [
                    {"type": of, "revision": blue, "percent": 67},
                    {"type": of, "revision": green, "percent": 33},
                ]});
                let platform = person.upgrade().unwrap();
                platform.below("PATCH", &asked.path, &body);
                wait_until("a third is with GREEN", || {
                    shown(&platform)["trafficStatuses"].to_string().contains("33")
                });
                moved.store(true, Ordering::SeqCst);
                error(409, "ABORTED", &json!([]))
            }
        });
    platform.misbehaves(move |asked| {
        let is_read = asked.method == "GET" && asked.path.ends_with("services/run-toto-app");
        if is_read && moved.load(Ordering::SeqCst) && reads > 0 {
            reads -= 1;
            return Some(changed(asked, port, |service| {
                service["trafficStatuses"] = before.clone();
                service["reconciling"] = json!(true);
            }));
        }
        conflict(asked)
    });
    let said = sandbox.deploy("1.2.0");
    assert_ne!(said.code, 0);
    let all = format!("{}{}", said.out, said.err);
    assert!(all.contains("was moved in this moment"), "{all}");
    assert!(all.contains("67 %") && all.contains("33 %"), "{all}");
    let shares = shown(&platform)["trafficStatuses"].to_string();
    assert!(shares.contains("67") && shares.contains("33"), "{shares}");
}

#[test]
fn green_is_asked_once_its_tag_has_an_address() {
    let platform = remote();
    let (port, count) = (platform.port, Arc::new(AtomicUsize::new(0)));
    platform.misbehaves(move |asked| {
        let service =
            asked.is("GET", "services/run-toto-app") && asked.path.ends_with("run-toto-app");
        service.then(|| {
            changed(asked, port, |service| {
                let Some(statuses) = service["trafficStatuses"].as_array_mut() else { return };
                for status in statuses.iter_mut().filter(|status| status["tag"].is_string()) {
                    if count.fetch_add(1, Ordering::Relaxed) < 3 {
                        status.as_object_mut().unwrap().remove("uri");
                    }
                }
            })
        })
    });
    platform.sandbox.deploy("1.1.0").exits(0);
    let ready = &of_app(&facts(&platform.sandbox, "2"), "green-ready")[0];
    assert!(ready["preview"].is_string(), "{ready}");
}

#[test]
fn failed_revision_blocks_neither_the_next_deploy_nor_a_rollback() {
    let platform = remote();
    let sandbox = &platform.sandbox;
    sandbox.deploy("1.1.0").exits(0);
    sandbox.deploy("1.2.0").exits(0);
    let failed = sandbox.deploy("1.3.0-bad");
    assert_ne!(failed.code, 0);
    assert!(failed.err.contains("failed to start"), "{}", failed.err);
    assert_eq!(version(sandbox), "1.2.0");
    sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    assert_eq!(version(sandbox), "1.1.0");
    let clear = ["--override", "bad", "--reason", "it was good"];
    let again = ["deploy", "development", "--release", "1.2.0", "--yes"];
    sandbox.run(&[&again[..], &clear].concat()).exits(0);
    assert_eq!(version(sandbox), "1.2.0");
}

#[test]
fn service_that_no_tag_can_reach_is_deployed_without_asking_green() {
    let platform = remote();
    let port = platform.port;
    platform.misbehaves(move |asked| {
        let service =
            asked.is("GET", "services/run-toto-app") && asked.path.ends_with("run-toto-app");
        service.then(|| {
            changed(asked, port, |service| {
                service["ingress"] = json!("INGRESS_TRAFFIC_INTERNAL_ONLY");
            })
        })
    });
    platform.sandbox.deploy("1.1.0").exits(0);
    let ready = &of_app(&facts(&platform.sandbox, "2"), "green-ready")[0];
    assert_eq!(ready["preview"], Value::Null);
    assert_eq!(version(&platform.sandbox), "1.1.0");
}
