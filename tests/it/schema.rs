//! Migrations with the real binary: in a deploy, a clean-up and a rollback, on their own, killed and refused.

use std::fmt::Write as _;
use std::path::PathBuf;

use pointsman::domain::document::{Fields, Value};
use pointsman::domain::migration::{Holder, LockState, lock_document, stop_request_document};
use pointsman::engine::database::{lock_seen, schema};
use pointsman::ports::database::{Database, Expected, Write};

use super::firestore::{Emulator, block_on};
use super::migrating::all;
use super::sandbox::{Said, Sandbox, wait_until};

/// A sandbox whose `development` has a database with migrations.
pub(crate) struct Place {
    pub(crate) sandbox: Sandbox,
    /// The address of Google's emulator, if the test uses it.
    host: Option<String>,
    project: String,
}

pub(crate) const EXPAND: &str = "description: Count\nphase: expand\nreversibility: full\nup:\n  - increment: { in: users, field: 'n', by: 1 }\ndown:\n  - increment: { in: users, field: 'n', by: -1 }\n";
const CONTRACT: &str = "description: Drop the old name\nphase: contract\nreversibility: none\nup:\n  - remove: { in: users, fields: [old] }\n";

impl Place {
    pub(crate) fn new(project: &str, ranges: &str, migrations: &[(&str, &str)]) -> Self {
        let place = Self { sandbox: Sandbox::new(), host: None, project: project.to_owned() };
        place.configure(ranges, "");
        for (name, text) in migrations {
            place.write(name, text);
        }
        place
    }

    fn folder(&self) -> PathBuf {
        self.sandbox.folder.path().join("migrations")
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.folder()).unwrap();
        std::fs::write(self.folder().join(name), text).unwrap();
    }

    /// Writes a config with a database and the schema ranges that each service accepts.
    pub(crate) fn configure(&self, ranges: &str, more: &str) {
        self.sandbox.write_config(
            "health: { attempts: 8, interval: 100ms, timeout: 2s, consecutive: 3 }\n    \
             attest: { consecutive: 3, interval: 20ms, within: 20s }\n    \
             soak: { for: 300ms, interval: 100ms, failures: 2 }\n    keep_blue: 1ms",
            "{ kind: list, labels: [\"1.0.0\"] }",
        );
        let file = self.sandbox.folder.path().join("config.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        let database = format!(
            "    databases: {{ main: {{ kind: firestore, project: {}, endpoint: emulator, migrations: migrations{more} }} }}\n  production:",
            self.project
        );
        let text = text.replacen("  production:", &database, 1);
        let text = text.replace(
            "revision: /revision } }",
            &format!("revision: /revision }}, schema: {{ {ranges} }} }}"),
        );
        std::fs::write(file, text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.sandbox.command(arguments);
        match &self.host {
            Some(host) => command.env("FIRESTORE_EMULATOR_HOST", host),
            None => command.env_remove("FIRESTORE_EMULATOR_HOST"),
        };
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap_or(-1);
        Said { code, out: text(output.stdout), err: text(output.stderr) }
    }

    pub(crate) fn database(&self) -> impl Database + use<> {
        let started = self.run(&["emulator", "start", "--json"]).exits(0).json();
        let token = self.run(&["emulator", "token"]).exits(0).out.trim().to_owned();
        let base = match &self.host {
            Some(host) => format!("http://{host}"),
            None => started["url"].as_str().unwrap().to_owned(),
        };
        let token = if self.host.is_some() { "owner".to_owned() } else { token };
        let bearer = pointsman::adapters::auth::Auth::Fixed(token.into());
        pointsman::adapters::firestore::Firestore::new(base, &self.project, "(default)", bearer)
            .unwrap()
    }

    /// Creates users and sets the baseline to 0.0.0, because no migration has run yet.
    pub(crate) fn users(&self, count: u64) {
        let database = self.database();
        block_on(async {
            for from in (0..count).step_by(500) {
                let write = |n: u64| {
                    let fields = [("n".to_owned(), Value::Integer(0))].into_iter().collect();
                    Write::whole(format!("users/u{n:06}"), Expected::Anything, fields)
                };
                let writes: Vec<_> = (from..(from + 500).min(count)).map(write).collect();
                database.commit(&writes).await.unwrap();
            }
        });
        self.run(&[
            "migrate",
            "baseline",
            "development",
            "--to",
            "0.0.0",
            "--yes",
            "--reason",
            "new",
        ])
        .exits(0);
    }

    fn version(&self) -> String {
        let status = self.run(&["migrate", "status", "development", "--json"]).exits(0).json();
        status["databases"][0]["version"].as_str().unwrap().to_owned()
    }

    fn wrong_counts(&self, wanted: i64) -> usize {
        let users = block_on(all(&self.database(), "users"));
        users.iter().filter(|d| d.fields["n"] != Value::Integer(wanted)).count()
    }
}

#[test]
fn deploy_expands_cleanup_contracts_and_incompatible_builds_get_no_traffic() {
    let place = Place::new(
        "demo-toto",
        "main: '>=1.0.0, <2.0.0'",
        &[("1.0.0_count.yaml", EXPAND), ("2.0.0_drop.yaml", CONTRACT)],
    );
    place.users(3);
    let deployed = place.run(&["deploy", "development", "--release", "1.0.0", "--yes", "--json"]);
    let deployed = deployed.exits(0);
    assert!(deployed.err.contains("First main is migrated to schema 1.0.0"), "{}", deployed.err);
    assert!(deployed.err.contains("No backup of main is made: "), "{}", deployed.err);
    let run = deployed.json()["run"].as_u64().unwrap().to_string();
    assert_eq!((place.version().as_str(), place.wrong_counts(1)), ("1.0.0", 0));
    let facts = place.run(&["events", &run]).exits(0).out;
    let at = |word: &str| facts.find(word).unwrap_or_else(|| panic!("no {word} in {facts}"));
    assert!(
        at("main: locked, fence") < at("1.0.0 up is done")
            && at("1.0.0 up is done") < at("requested build")
    );
    // The live build cannot work with 2.0.0, so the clean-up skips that migration and reports it.
    let cleaned = place.run(&["cleanup", "development", "--yes"]).exits(0);
    assert!(
        cleaned.err.contains("2.0.0 is pending: toto-bo accepts >=1.0.0, <2.0.0"),
        "{}",
        cleaned.err
    );
    let named = place.run(&["migrate", "up", "development", "--to", "2.0.0", "--yes"]).exits(3);
    assert!(named.err.contains("main cannot go to 2.0.0: toto-bo is live"), "{}", named.err);
    // The next release works with both versions, so the clean-up applies 2.0.0. The previous release can then never
    // be live again.
    place.configure("main: '>=1.0.0, <3.0.0'", "");
    place.run(&["deploy", "development", "--release", "1.1.0", "--yes"]).exits(0);
    let cleaned = place.run(&["cleanup", "development", "--yes"]).exits(0);
    assert!(
        cleaned.err.contains("Builds that need the removed data cannot be live again"),
        "{}",
        cleaned.err
    );
    assert_eq!(place.version(), "2.0.0");
    let refused = place.run(&["rollback", "development", "--to", "1.0.0", "--yes"]).exits(3);
    assert!(
        refused.err.contains("not 2.0.0")
            && refused.err.contains("deploy a release that accepts it"),
        "{}",
        refused.err
    );
    // A release that needs a newer schema than exists is refused before the run starts.
    place.configure("main: '>=5.0.0'", "");
    let early = place.run(&["deploy", "development", "--release", "1.2.0", "--yes"]).exits(3);
    assert!(early.err.contains("cannot work with main"), "{}", early.err);
}

#[test]
fn rollback_undoes_migrations_only_where_every_build_is_compatible() {
    let place = Place::new("demo-toto", "main: '=1.0.0'", &[("1.0.0_count.yaml", EXPAND)]);
    place.users(2);
    place.run(&["deploy", "development", "--release", "1.0.0", "--yes"]).exits(0);
    place.write("1.1.0_more.yaml", EXPAND);
    // The live build cannot work with 1.1.0, so the deploy neither migrates nor builds.
    place.configure("main: '>=1.0.0'", "");
    let unfit = place.run(&["deploy", "development", "--release", "1.1.0", "--yes"]).exits(1);
    assert!(unfit.err.contains("main cannot go to 1.1.0"), "{}", unfit.err);
    assert_eq!(place.version(), "1.0.0");
    // Deploy a release in between that accepts both versions.
    std::fs::remove_file(place.folder().join("1.1.0_more.yaml")).unwrap();
    place.run(&["deploy", "development", "--release", "1.0.1", "--yes"]).exits(0);
    place.write("1.1.0_more.yaml", EXPAND);
    place.run(&["deploy", "development", "--release", "1.1.0", "--yes"]).exits(0);
    assert_eq!((place.version().as_str(), place.wrong_counts(2)), ("1.1.0", 0));
    let closed = place.run(&["rollback", "development", "--to", "1.0.0", "--yes"]).exits(3);
    assert!(closed.err.contains("before the switch: add --undo-schema 1.0.0"), "{}", closed.err);
    // A backup that is required and missing refuses migrations, and never a rollback.
    place.configure("main: '>=1.0.0'", ", backup: { required: pitr }");
    let arguments = ["rollback", "development", "--to", "1.0.0", "--undo-schema", "1.0.0", "--yes"];
    let back = place.run(&arguments).exits(0);
    assert!(back.err.contains("1.1.0 is undone on main before the switch"), "{}", back.err);
    assert_eq!((place.version().as_str(), place.wrong_counts(1)), ("1.0.0", 0));
}

#[test]
fn destructive_migration_is_confirmed_by_name() {
    let place = Place::new("demo-toto", "main: '*'", &[("1.0.0_drop.yaml", CONTRACT)]);
    let file = place.sandbox.folder.path().join("config.yaml");
    let text =
        std::fs::read_to_string(&file).unwrap().replace("protection: open", "protection: typed");
    std::fs::write(&file, text).unwrap();
    place
        .run(&[
            "migrate",
            "baseline",
            "development",
            "--to",
            "0.0.0",
            "--yes",
            "--confirm",
            "development",
            "--reason",
            "new",
        ])
        .exits(0);
    let up = ["migrate", "up", "development", "--to", "1.0.0", "--yes", "--confirm"];
    let usual = place.run(&[&up[..], &["development"]].concat()).exits(3);
    assert!(usual.err.contains("write --confirm main@1.0.0"), "{}", usual.err);
    place.run(&[&up[..], &["main@1.0.0"]].concat()).exits(0);
    assert_eq!(place.version(), "1.0.0");
}

#[test]
fn foreign_database_lock_is_awaited_and_named() {
    let place = Place::new("demo-toto", "main: '*'", &[("1.0.0_count.yaml", EXPAND)]);
    place.users(1);
    let database = place.database();
    let holder = Holder {
        id: "another".to_owned(),
        host: "laptop".to_owned(),
        actor: "ana".to_owned(),
        purpose: "deploy 1.5.0 on development".to_owned(),
        ..Holder::default()
    };
    let hold = |lease_seconds| {
        let before = block_on(lock_seen(&database)).unwrap().unwrap();
        let lock = LockState { holder: holder.clone(), lease_seconds, ..before };
        let write = Write::whole(lock_document(), Expected::There, lock.fields());
        block_on(database.commit(&[write])).unwrap();
    };
    hold(600);
    let deploy = ["deploy", "development", "--release", "1.0.0", "--yes"];
    let busy = place.run(&deploy).exits(4);
    assert!(busy.err.contains("ana on laptop: deploy 1.5.0 on development"), "{}", busy.err);
    let waited = place.run(&[&deploy[..], &["--lock-wait", "1s"]].concat()).exits(4);
    assert!(waited.err.contains("waiting: database main is locked"), "{}", waited.err);
    let none = place.run(&["history", "development", "--json"]).json();
    assert_eq!(none.as_array().unwrap().len(), 1, "only the baseline is a run: {none}");
    // A holder with a live lease keeps the lock, whatever reason is given.
    let take = [&deploy[..], &["--take-over", "--reason", "that laptop is gone"]].concat();
    let refused = place.run(&take).exits(4);
    assert!(refused.err.contains("--take-over --force"), "{}", refused.err);
    // With `--force`, the holder gets a request to stop and releases the lock.
    let request = stop_request_document();
    let stops = std::thread::scope(|scope| {
        let stopping = scope.spawn(|| {
            wait_until("the request arrives", || {
                let mut read = block_on(database.read(std::slice::from_ref(&request))).unwrap();
                read.documents.pop().flatten().is_some()
            });
            let before = block_on(lock_seen(&database)).unwrap().unwrap();
            let lock = LockState { holder: Holder::default(), ..before };
            let write = Write::whole(lock_document(), Expected::There, lock.fields());
            block_on(database.commit(&[write])).unwrap();
        });
        let forced = place.run(&[&take[..], &["--force"]].concat());
        stopping.join().unwrap();
        forced
    });
    assert!(stops.exits(0).err.contains("requested a stop from the holder of the database lock"));
    // An expired lease needs no takeover.
    hold(0);
    place.run(&["deploy", "development", "--release", "1.1.0", "--yes"]).exits(0);
}

#[test]
fn leftover_database_lock_of_an_ended_run_is_free() {
    let place = Place::new("demo-toto", "main: '*'", &[("1.0.0_count.yaml", EXPAND)]);
    place.users(200);
    let database = place.database();
    let look = || block_on(lock_seen(&database)).unwrap().unwrap();
    let mut up = place.command(&["migrate", "up", "development", "--yes"]).spawn().unwrap();
    let mut left = look();
    wait_until("it holds the lock", || {
        left = look();
        left.held()
    });
    assert!(up.wait().unwrap().success());
    assert!(!look().held());
    // Restore the lock, as it is left when the database becomes unreachable in the middle of a run.
    let hold = |as_left: &LockState| {
        let left_behind = LockState { lease_seconds: 600, fence: look().fence, ..as_left.clone() };
        let write = Write::whole(lock_document(), Expected::There, left_behind.fields());
        block_on(database.commit(&[write])).unwrap();
    };
    hold(&left);
    let doctor = place.run(&["doctor"]);
    assert!(!doctor.out.contains("locked: ana"), "{}", doctor.out);
    place.run(&["migrate", "down", "development", "--to", "0.0.0", "--yes"]).exits(0);
    // A run with this number in another store may still be alive.
    let elsewhere = Holder { id: "another".to_owned(), ..left.holder.clone() };
    hold(&LockState { holder: elsewhere, ..left });
    place.run(&["migrate", "up", "development", "--yes"]).exits(4);
    let doctor = place.run(&["doctor"]);
    let told = "schema 0.0.0; locked: ana@laptop-1 (local) on ";
    assert!(doctor.out.contains(told), "{}", doctor.out);
}

/// The database is a listener that accepts connections but never answers.
#[test]
fn hanging_database_does_not_delay_a_rollback() {
    let mut place = Place::new("demo-toto", "main: '*'", &[("1.0.0_count.yaml", EXPAND)]);
    place.users(1);
    place.run(&["deploy", "development", "--release", "1.0.0", "--yes"]).exits(0);
    place.run(&["deploy", "development", "--release", "1.1.0", "--yes"]).exits(0);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    place.host = Some(silent.local_addr().unwrap().to_string());
    let back = place.run(&["rollback", "development", "--yes"]).exits(0);
    assert!(back.err.contains("main is unknown"), "{}", back.err);
    assert!(back.err.contains("main: unknown (the database does not answer)"), "{}", back.err);
    let (code, body) = super::sandbox::get(place.sandbox.app, "/api/health");
    assert!(code == 200 && body.contains("1.0.0"), "{body}");
}

/// Three processes compete for a migration and are repeatedly killed with SIGKILL in the middle. Each document must
/// change once.
fn killed(place: &Place, users: u64, kills: u64) {
    place.users(users);
    let database = place.database();
    let done = || {
        let seen = block_on(schema(&database)).unwrap();
        seen.dirty().map_or(0, |record| record.half.processed)
    };
    for kill in 0..kills {
        let before = done();
        let mut runners: Vec<_> = (0..3)
            .map(|_| {
                let mut command = place.command(&["migrate", "up", "development", "--yes"]);
                command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
                command.spawn().unwrap()
            })
            .collect();
        wait_until("it continues", || done() > before);
        std::thread::park_timeout(std::time::Duration::from_millis(kill * 37 % 101));
        let alive = |runner: &mut std::process::Child| runner.try_wait().unwrap().is_none();
        assert!(runners.iter_mut().any(alive), "it ended before kill {kill}");
        for mut runner in runners {
            runner.kill().unwrap();
            runner.wait().unwrap();
        }
        resume(place);
    }
    let ended = place.run(&["migrate", "up", "development", "--yes"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!((place.version().as_str(), place.wrong_counts(1)), ("1.0.0", 0));
}

/// Ends the run of a killed runner so that the next run can start. Its migration stays half applied.
fn resume(place: &Place) {
    let latest = place.run(&["history", "development", "--limit", "1", "--json"]).json();
    let run = latest[0]["run"].as_u64().unwrap().to_string();
    if latest[0]["outcome"] == "unknown" {
        place.run(&["resume", &run, "--choose", "leave", "--yes"]);
    }
}

#[test]
fn repeated_kills_change_each_document_once() {
    let place = Place::new("demo-killed", "main: '*'", &[("1.0.0_count.yaml", EXPAND)]);
    place.configure("main: '*'", ", batch: 20");
    killed(&place, 3000, 8);
}

#[test]
#[ignore = "takes minutes: cargo test --test it -- --ignored hundred_thousand"]
fn hundred_thousand_documents_with_twenty_kills() {
    for googles in [None, Emulator::googles()] {
        let project = Emulator::project();
        let mut place = Place::new(&project, "main: '*'", &[("1.0.0_count.yaml", EXPAND)]);
        place.host = googles.map(|g| g.base.trim_start_matches("http://").to_owned());
        killed(&place, 100_000, 20);
    }
}

#[test]
fn repeated_kills_on_googles_emulator() {
    let Some(googles) = Emulator::googles() else { return };
    let project = Emulator::project();
    let mut place = Place::new(&project, "main: '*'", &[("1.0.0_count.yaml", EXPAND)]);
    place.host = Some(googles.base.trim_start_matches("http://").to_owned());
    place.configure("main: '*'", ", batch: 20");
    killed(&place, 3000, 6);
}

#[test]
fn killed_migration_continues_where_it_stopped() {
    let place = Place::new("demo-resumed", "main: '*'", &[("1.0.0_count.yaml", EXPAND)]);
    place.configure("main: '*'", ", batch: 10, per_second: 400");
    place.users(600);
    let mut runner = place.command(&["migrate", "up", "development", "--yes"]).spawn().unwrap();
    wait_until("some of it is done", || {
        let status = place.run(&["migrate", "status", "development", "--json"]).json();
        status["databases"][0]["migrations"][0]["processed"].as_u64().unwrap_or(0) > 50
    });
    runner.kill().unwrap();
    runner.wait().unwrap();
    let status = place.run(&["status", "development"]).exits(0).out;
    assert!(status.contains("HALF DONE") && status.contains("in_doubt"), "{status}");
    // No run moves traffic until the migration is resolved.
    place.run(&["deploy", "development", "--release", "1.0.0", "--yes"]).exits(7);
    let run = place.run(&["history", "development", "--json"]).json()[0]["run"].to_string();
    place.run(&["resume", &run, "--choose", "continue", "--yes"]).exits(0);
    assert_eq!((place.version().as_str(), place.wrong_counts(1)), ("1.0.0", 0));
}

#[test]
fn half_done_program_migration_asks() {
    let program = "description: By the team\nphase: migrate\nreversibility: full\nup:\n  - run: [sh, -c, 'test \"$POINTSMAN_VERSION\" = 1.0.0 && test -e done && echo $GOOGLE_CLOUD_PROJECT $FIRESTORE_EMULATOR_HOST > told']\ndown:\n  - run: [rm, told]\n";
    let place = Place::new("demo-toto", "main: '*'", &[("1.0.0_team.yaml", program)]);
    let failed = place.run(&["migrate", "up", "development", "--yes"]).exits(1);
    assert!(failed.err.contains("exit status: 1"), "{}", failed.err);
    let again = place.run(&["migrate", "up", "development", "--yes"]).exits(3);
    assert!(
        again.err.contains("its result is unknown")
            && again.err.contains("migrate repair development"),
        "{}",
        again.err
    );
    place.run(&["deploy", "development", "--release", "1.0.0", "--yes"]).exits(3);
    let known = place.run(&["migrate", "repair", "development"]).exits(0).out;
    assert!(known.contains("half done"), "{known}");
    place.run(&["migrate", "repair", "development", "--as", "half", "--yes"]).exits(3);
    let arguments = [
        "migrate",
        "repair",
        "development",
        "--as",
        "half",
        "--yes",
        "--reason",
        "the file was missing",
    ];
    place.run(&arguments).exits(0);
    std::fs::write(place.sandbox.folder.path().join("done"), "").unwrap();
    place.run(&["migrate", "up", "development", "--yes"]).exits(0);
    let told = std::fs::read_to_string(place.sandbox.folder.path().join("told")).unwrap();
    let (project, host) = told.trim().split_once(' ').unwrap();
    assert_eq!((project, place.version().as_str()), ("demo-toto", "1.0.0"));
    assert!(host.starts_with("127.0.0.1:"), "Google's own libraries stay away from Google: {told}");
    place.run(&["migrate", "down", "development", "--to", "0.0.0", "--yes"]).exits(0);
    assert_eq!(place.version(), "0.0.0");
}

#[test]
fn edited_missing_or_late_migrations_stop_everything() {
    let place = Place::new(
        "demo-toto",
        "main: '*'",
        &[("1.0.0_count.yaml", EXPAND), ("1.10.0_count.yaml", EXPAND)],
    );
    place.run(&["migrate", "up", "development", "--yes"]).exits(0);
    // A comment and another description do not change the operations, so the file does not count as edited.
    let commented = EXPAND.replace("Count", "Count them all").replace("phase", "# why\nphase");
    place.write("1.0.0_count.yaml", &commented);
    place.write("1.9.0_late.yaml", EXPAND);
    let late = place.run(&["migrate", "up", "development", "--yes"]).exits(3);
    assert!(late.err.contains("1.9.0 comes before one that is applied"), "{}", late.err);
    place.run(&["migrate", "up", "development", "--out-of-order", "--yes"]).exits(0);
    assert_eq!(place.version(), "1.10.0");
    place.write("1.0.0_count.yaml", &EXPAND.replace("by: 1 ", "by: 2 "));
    let edited = place.run(&["migrate", "status", "development"]).exits(0).out;
    assert!(edited.contains("edited") && edited.contains("\"by\": 2"), "{edited}");
    place.run(&["migrate", "down", "development", "--to", "0.0.0", "--yes"]).exits(3);
    place.run(&["deploy", "development", "--release", "1.0.0", "--yes"]).exits(3);
    std::fs::remove_file(place.folder().join("1.0.0_count.yaml")).unwrap();
    let gone = place.run(&["migrate", "up", "development", "--yes"]).exits(3);
    assert!(gone.err.contains("its file is missing"), "{}", gone.err);
    // A database that other programs filled and that has no migration records.
    let other = Place::new("demo-other", "main: '*'", &[("1.0.0_count.yaml", EXPAND)]);
    block_on(async {
        let write = Write::whole("users/u1", Expected::Anything, Fields::new());
        other.database().commit(&[write]).await.unwrap();
    });
    let unsaid = other.run(&["migrate", "up", "development", "--yes"]).exits(3);
    assert!(
        unsaid.err.contains("it holds users")
            && unsaid.err.contains("migrate baseline development"),
        "{}",
        unsaid.err
    );
    other
        .run(&[
            "migrate",
            "baseline",
            "development",
            "--to",
            "1.0.0",
            "--yes",
            "--reason",
            "by hand",
        ])
        .exits(0);
    assert_eq!(other.version(), "1.0.0");
    let nothing = other.run(&["migrate", "up", "development", "--yes"]).exits(0);
    assert!(nothing.out.contains("nothing is pending"), "{}", nothing.out);
}

#[test]
fn emulator_address_excludes_a_real_database() {
    let mut place = Place::new("demo-toto", "main: '*'", &[("1.0.0_count.yaml", EXPAND)]);
    let file = place.sandbox.folder.path().join("config.yaml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    text = text.replacen(
        "promote_from: development\n",
        "databases: { main: { kind: firestore, project: toto-f9d2f, migrations: migrations } }\n",
        1,
    );
    std::fs::write(&file, text).unwrap();
    place.host = Some("127.0.0.1:9".to_owned());
    let arguments = ["migrate", "up", "production", "--yes", "--confirm", "production"];
    let refused = place.run(&arguments).exits(1);
    assert!(
        refused.err.contains("FIRESTORE_EMULATOR_HOST is set to 127.0.0.1:9"),
        "{}",
        refused.err
    );
    let status = place.run(&["status", "production"]).exits(0).out;
    assert!(status.contains("unknown: FIRESTORE_EMULATOR_HOST"), "{status}");
}

#[test]
fn migration_file_errors_have_places() {
    let place = Place::new("demo-toto", "main: '*'", &[]);
    let cases = [
        ("one.yaml", EXPAND.to_owned(), "is not named like a migration"),
        ("1.0.0_x.yaml", EXPAND.replace("expand", "expnd"), "phase cannot be \"expnd\""),
        ("1.0.0_x.yaml", EXPAND.replace("increment:", "incremnt:"), "did you mean \"increment\""),
        ("1.0.0_x.yaml", EXPAND.replace("in: users, ", ""), "it needs `in` or `in_every`"),
        ("1.0.0_x.yaml", EXPAND.replace("in: users", "in: users/u1"), "is no collection"),
        ("1.0.0_x.yaml", EXPAND.replace("in: users", "in: _migrations"), "pointsman's own record"),
        ("1.0.0_x.yaml", EXPAND.replace("field: 'n'", "field: a-b"), "is no path of a field"),
        ("1.0.0_x.yaml", EXPAND.replace("full", "none"), "it says that it cannot be undone"),
        ("1.0.0_x.yaml", CONTRACT.replace("none", "full"), "and has no `down`"),
        ("1.0.0_x.yaml", "a: [".to_owned(), "1.0.0_x.yaml"),
    ];
    for (name, text, wanted) in cases {
        let _ = std::fs::remove_dir_all(place.folder());
        place.write(name, &text);
        let refused = place.run(&["check"]).exits(2);
        let mut said = refused.err;
        let _ = write!(said, "{}", refused.out);
        assert!(said.contains(wanted), "{name}: {said}");
    }
    let _ = std::fs::remove_dir_all(place.folder());
    place.write("1.0.0_x.yaml", EXPAND);
    place.write("1.0.0_y.yaml", EXPAND);
    assert!(place.run(&["check"]).exits(2).err.contains("has the version 1.0.0 too"));
}

/// A build that can never start is refused before the first write, so the database stays unchanged.
#[test]
fn secret_without_a_dummy_is_refused_before_migrating() {
    let sandbox = Sandbox::new();
    let web = sandbox.folder.path().join("web");
    std::fs::create_dir_all(&web).unwrap();
    std::fs::create_dir_all(sandbox.folder.path().join("migrations")).unwrap();
    let yaml = "scripts: { buildCommand: 'true', runCommand: pointsman sample-app }\nenv: [{ variable: STRIPE_KEY, secret: stripe-key }]\n";
    std::fs::write(web.join("apphosting.yaml"), yaml).unwrap();
    let migration = "description: add\nphase: expand\nreversibility: full\nup:\n  - create: { document: s/a, fields: { x: 1 } }\ndown:\n  - delete: { document: s/a }\n";
    std::fs::write(sandbox.folder.path().join("migrations/1.0.0_add.yaml"), migration).unwrap();
    let config = format!(
        "version: 1\nservices:\n  web: {{ root: web, backend: web, health: {{ path: /api/health, version: /version, revision: /revision }} }}\nenvironments:\n  development:\n    protection: open\n    platform: {{ kind: app-hosting, endpoint: emulator, project: demo-toto, location: us-central1 }}\n    services: {{ web: {{ url: 'http://localhost:{}' }} }}\n    databases: {{ main: {{ kind: firestore, project: demo-toto, endpoint: emulator, migrations: migrations }} }}\ndeploy:\n  soak: {{ for: 300ms, interval: 100ms }}\n  attest: {{ consecutive: 3, interval: 20ms }}\n  health: {{ attempts: 8, interval: 100ms, consecutive: 2 }}\nreleases: {{ kind: list, labels: ['1.0.0'] }}\n",
        sandbox.app
    );
    std::fs::write(sandbox.folder.path().join("config.yaml"), config).unwrap();
    for verb in ["plan development --release 1.0.0", "deploy development --release 1.0.0 --yes"] {
        let said = sandbox.run(&verb.split(' ').collect::<Vec<_>>()).exits(3);
        assert!(said.err.contains("no value for STRIPE_KEY"), "{}", said.err);
        assert!(said.err.contains("apphosting.emulator.yaml"), "{}", said.err);
    }
    let status = ["migrate", "status", "development", "--json"];
    let json = sandbox.run(&status).json();
    assert!(!json.to_string().contains("\"applied\""), "{json}");
    let dummy = "env: [{ variable: STRIPE_KEY, value: none }]\n";
    std::fs::write(web.join("apphosting.emulator.yaml"), dummy).unwrap();
    sandbox.deploy("1.0.0").exits(0);
}
