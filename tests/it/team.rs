//! Two machines share a store: what one does, the other sees, steers and takes over. Each machine has its own state
//! folder and identity; they share the platform, as machines share Google's. The store is in Pointsman's emulator and in
//! Google's.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use pointsman::app::Samples;
use pointsman::ports::samples::SampleStore as _;
use serde_json::Value;

use super::alerts::{OK, Receiver, SECRET};
use super::firestore::Emulator;
use super::sandbox::{Said, Sandbox, free_port, wait_until};
use super::sick::{Service, Sick};

/// Two machines, with one platform and one shared store.
struct Team {
    one: Machine,
    two: Machine,
    project: String,
}

struct Machine {
    sandbox: Sandbox,
    /// Google's emulator for the store, or Pointsman's.
    firestore: Option<String>,
    /// Its user, and its name.
    who: (&'static str, &'static str),
}

impl Machine {
    fn of(
        sandbox: Sandbox,
        project: &str,
        firestore: Option<&str>,
        who: (&'static str, &'static str),
    ) -> Self {
        let config = sandbox.folder.path().join("config.yaml");
        let store = format!(
            "version: 1\nstore: {{ kind: firestore, project: {project}, endpoint: emulator }}"
        );
        let text = std::fs::read_to_string(&config).unwrap().replace("version: 1", &store);
        std::fs::write(&config, text).unwrap();
        Self { sandbox, firestore: firestore.map(str::to_owned), who }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.command(arguments);
        command.env("USER", self.who.0).env("POINTSMAN_MACHINE", self.who.1);
        if let Some(host) = &self.firestore {
            command.env("FIRESTORE_EMULATOR_HOST", host);
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Said {
        Said::by(&mut self.command(arguments))
    }

    /// The number of the environment's last run, and its outcome.
    fn last(&self) -> (u64, String) {
        let history = self.run(&["history", "development", "--json"]).exits(0).json();
        let last = &history[0];
        (last["run"].as_u64().unwrap(), last["outcome"].as_str().unwrap_or_default().to_owned())
    }

    /// Deploys in the background. The soak lasts until a person ends it.
    fn soaks(&self, release: &str) -> String {
        let deploy = ["deploy", "development", "--release", release, "--yes", "--detach", "--json"];
        let pid = self.run(&deploy).exits(0).json()["pid"].to_string();
        wait_until("it soaks", || {
            let facts = self.run(&["events", "last", "--json"]).out;
            facts.lines().last().is_some_and(|fact| fact.contains("\"step\":\"soak\""))
        });
        pid
    }

    fn slow_soak(self, project: &str) -> Self {
        self.sandbox.write_config(
            "soak: { for: 60s, interval: 100ms }\n    health: { interval: 100ms }\n    \
             attest: { consecutive: 3, interval: 20ms }",
            "{ kind: list, labels: [\"1.0.0\", \"1.1.0\"] }",
        );
        Self::of(self.sandbox, project, self.firestore.as_deref(), self.who)
    }

    /// The hashes of a run's facts.
    fn chain(&self, run: u64) -> Vec<String> {
        let said = self.run(&["events", &run.to_string(), "--json"]).exits(0).out;
        let fact = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        said.lines().map(|line| fact(line)["hash"].as_str().unwrap().to_owned()).collect()
    }
}

impl Team {
    fn new(google: Option<&Emulator>) -> Self {
        let (one, project) = (Sandbox::new(), Emulator::project());
        one.run(&["emulator", "start"]).exits(0);
        let two = Sandbox { folder: tempfile::tempdir().unwrap(), app: one.app, bo: one.bo };
        std::fs::copy(one.folder.path().join("config.yaml"), two.folder.path().join("config.yaml"))
            .unwrap();
        std::fs::create_dir(two.state()).unwrap();
        symlink(one.state().join("emulator"), two.state().join("emulator")).unwrap();
        let firestore = google.map(|google| google.base.replace("http://", ""));
        let machine = |sandbox, who| Machine::of(sandbox, &project, firestore.as_deref(), who);
        let one = machine(one, ("ana", "laptop-1"));
        let two = machine(two, ("ben", "laptop-2"));
        Self { one, two, project }
    }

    fn slow_soak(self) -> Self {
        let Self { one, two, project } = self;
        Self { one: one.slow_soak(&project), two: two.slow_soak(&project), project }
    }

    /// A team on each emulator.
    fn each(test: impl Fn(Self)) {
        test(Self::new(None));
        if let Some(google) = Emulator::googles() {
            test(Self::new(Some(&google)));
        }
    }
}

fn kill(pid: &str) {
    assert!(Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
}

#[test]
fn what_one_machine_deployed_the_other_knows_and_rolls_back() {
    Team::each(|team| {
        let Team { one, two, .. } = &team;
        for release in ["1.0.0", "1.1.0"] {
            one.run(&["deploy", "development", "--release", release, "--yes"]).exits(0);
        }
        assert_eq!(two.last(), (2, "promoted".to_owned()));
        assert_eq!(two.chain(2), one.chain(2), "the chains are the same bytes");
        // An archive of one machine holds what the other one did, run by run.
        let export = two.run(&["store", "export"]).exits(0).out;
        let fact = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        let exported: Vec<_> = export.lines().map(fact).collect();
        for run in [1, 2] {
            let of = exported.iter().filter(|fact| fact["run"] == run);
            let hashes: Vec<_> = of.map(|fact| fact["hash"].as_str().unwrap().to_owned()).collect();
            assert_eq!(hashes, one.chain(run));
        }
        two.run(&["verify", "last"]).exits(0);
        let log = |machine: &Machine| machine.run(&["logs", "2"]).exits(0).out;
        assert!(log(one).lines().count() > 1, "{}", log(one));
        assert_eq!(log(two), log(one));
        let report = two.run(&["report", "2"]).exits(0).out;
        assert!(report.contains("1.1.0"), "{report}");
        two.run(&["rollback", "development", "--yes"]).exits(0);
        assert_eq!(Sandbox::who(one.sandbox.app).unwrap().0, "1.0.0");
        assert_eq!(one.last(), (3, "rolled_back".to_owned()));
        assert_eq!(one.chain(3), two.chain(3));
    });
}

#[test]
fn run_of_one_machine_is_seen_and_ended_from_the_other() {
    Team::each(|team| {
        team.one.run(&["deploy", "development", "--release", "1.0.0", "--yes"]).exits(0);
        let Team { one, two, .. } = team.slow_soak();
        one.soaks("1.1.0");
        let status = two.run(&["status", "development", "--json"]).json();
        let run = &status["run"];
        assert_eq!((run["run"].as_u64(), run["state"].as_str()), (Some(2), Some("running")));
        assert!(run["host"].is_string(), "{status}");
        let refused = two.run(&["deploy", "development", "--release", "1.0.0", "--yes"]).exits(4);
        assert!(refused.err.contains("is under way"), "{}", refused.err);
        two.run(&["abort", "2"]).exits(0);
        let ended = two.run(&["attach", "2", "--json"]);
        assert!(ended.out.contains("command-accepted"), "{}{}", ended.out, ended.err);
        assert_eq!(Sandbox::who(one.sandbox.app).unwrap().0, "1.0.0", "it went back");
        assert_eq!(one.chain(2), two.chain(2));
    });
}

/// Rules are joined by OR: one that lets everybody read everything also shows the store.
#[test]
fn doctor_names_rules_that_let_clients_into_the_store() {
    let Team { one, project, .. } = Team::new(None);
    let doctor = || one.run(&["doctor", "development"]);
    let told = doctor().exits(0).out;
    assert!(told.contains("ok    store rules"), "{told}");
    let rules = |allows: &Value| {
        let text = serde_json::json!({ format!("projects/{project}"): { "allows": allows } });
        let file = one.sandbox.state().join("emulator/rules.json");
        std::fs::write(file, text.to_string()).unwrap();
    };
    for act in ["get", "list", "create", "update", "delete"] {
        rules(&serde_json::json!([act]));
        let told = doctor().exits(1).out;
        let may = format!("an anonymous client may {act} environments/production");
        assert!(told.contains("wrong store rules") && told.contains(&may), "{told}");
        assert!(told.contains("roles/datastore.user"), "{told}");
    }
}

/// CI starts a deploy and continues once two people on other machines approve it.
#[test]
fn mute_and_silence_of_one_machine_hold_on_the_other() {
    Team::each(|team| {
        team.one.run(&["deploy", "development", "--release", "1.0.0", "--yes"]).exits(0);
        let mute = ["health", "development", "--mute", "toto-app", "--for", "1h"];
        let mute = [&mute[..], &["--reason", "incident 17"]].concat();
        team.one.run(&mute).exits(0);
        let seen = team.two.run(&["handover", "development"]).exits(0).out;
        assert!(seen.contains("incident 17 (ana@laptop-1 (local))"), "{seen}");

        let silence = ["alerts", "silence", "--for", "1h", "--reason", "maintenance"];
        team.two.run(&silence).exits(0);
        let seen = team.one.run(&["alerts"]).exits(0);
        assert!(
            seen.out.contains("maintenance") || seen.err.contains("maintenance"),
            "{}",
            seen.out
        );
        team.one.run(&["alerts", "speak"]).exits(0);
        team.one.run(&["health", "development", "--unmute", "toto-app"]).exits(0);
        let seen = team.two.run(&["handover", "development"]).exits(0).out;
        assert!(!seen.contains("incident 17") && !seen.contains("silenced"), "{seen}");
    });
}

#[test]
fn probe_that_two_machines_watch_alerts_once() {
    Team::each(|team| {
        let sick = Arc::new(AtomicBool::new(false));
        let service = Service::new(Sick::Unless(sick.clone()));
        let webhook = free_port();
        let hook = Receiver::at(webhook, |_| Some(OK));
        let probes = format!(
            "    watch: {{ interval: 200ms, rise: 2, timeout: 400ms }}\n    probes:\n      \
             - {{ name: api, url: '{}' }}\n  production:",
            service.url()
        );
        let notify = format!(
            "notify:\n  webhook: {{ url: 'http://127.0.0.1:{webhook}/hook', secret_env: HOOK_SECRET }}\n  \
             on: [probe_down, probe_up]\n"
        );
        let machines = [&team.one, &team.two];
        let mut watching = machines.map(|machine| {
            let file = machine.sandbox.folder.path().join("config.yaml");
            let text = std::fs::read_to_string(&file).unwrap();
            let text = text.replace("  production:", &probes) + &notify;
            std::fs::write(&file, text).unwrap();
            let mut command = machine.command(&["health", "development", "--watch"]);
            command.env("HOOK_SECRET", SECRET).spawn().unwrap()
        });
        let states = |machine: &Machine| {
            let samples = Samples::open(&machine.sandbox.state()).unwrap();
            samples.changes("development/", 9).unwrap().len()
        };
        let both = |seen: usize| machines.iter().all(|machine| states(machine) >= seen);
        wait_until("both have seen it well", || both(1));
        sick.store(true, Ordering::SeqCst);
        let settled = |states: [&str; 2]| {
            let alerts = machines.map(|machine| machine.run(&["alerts", "--json"]).json());
            let of = alerts.map(|alerts| alerts["alerts"][0]["state"].clone());
            of.iter().all(|state| states.iter().any(|known| state == known))
                && alerts_of(&of, "delivered") == 1
        };
        wait_until("one has sent it, and the other knows", || settled(["delivered", "elsewhere"]));
        sick.store(false, Ordering::SeqCst);
        wait_until("it is up again", || hook.taken().len() >= 2);
        wait_until("both know", || settled(["delivered", "elsewhere"]));
        for watch in &mut watching {
            watch.kill().unwrap();
            watch.wait().unwrap();
        }
        let types: Vec<_> = hook.taken().iter().map(|body| body["type"].clone()).collect();
        assert_eq!(types, ["probe.down", "probe.up"]);
    });
}

fn alerts_of(states: &[Value], wanted: &str) -> usize {
    states.iter().filter(|state| *state == wanted).count()
}

#[test]
fn switch_is_approved_by_two_people_elsewhere() {
    let google = Emulator::googles();
    let Team { one, two, .. } = Team::new(google.as_ref());
    let config = |machine: &Machine| {
        let file = machine.sandbox.folder.path().join("config.yaml");
        let rule =
            "  development:\n    approvals: { people: 2 }\n    may: { deploy: [ana@laptop-1] }";
        let text = std::fs::read_to_string(&file).unwrap().replacen("  development:", rule, 1);
        std::fs::write(file, text).unwrap();
    };
    one.run(&["deploy", "development", "--release", "1.0.0", "--yes"]).exits(0);
    [&one, &two].into_iter().for_each(config);
    let warned = one.run(&["check"]).exits(0);
    assert!(warned.out.contains("names are not proven"), "{}{}", warned.out, warned.err);
    let refused = two.run(&["deploy", "development", "--release", "1.1.0", "--yes"]).exits(3);
    assert!(refused.err.contains("ben@laptop-2 (local) may not deploy"), "{}", refused.err);

    let deploy = ["deploy", "development", "--release", "1.1.0", "--yes"];
    let deploying = one.command(&deploy).spawn().unwrap();
    let given = |machine: &Machine| {
        let run = machine.run(&["status", "development", "--json"]).json()["run"].clone();
        run["approvals"]["given"].as_array().map(Vec::len)
    };
    wait_until("it waits", || given(&two) == Some(0));
    let own = one.run(&["approve", "last"]).exits(3);
    assert!(own.err.contains("ana@laptop-1 (local) started this run"), "{}", own.err);
    let other = two.run(&["approve", "last", "--plan", "0123456789abcdef"]).exits(3);
    assert!(other.err.contains("differs from the reviewed one"), "{}", other.err);
    two.run(&["approve", "last", "--note", "dashboards are green"]).exits(0);
    wait_until("the other machine sees it", || given(&one) == Some(1));
    let again = two.run(&["approve", "last"]).exits(3);
    assert!(again.err.contains("has approved already"), "{}", again.err);
    let handover = one.run(&["handover", "development"]).exits(0).out;
    let told = "1 of 2 approvals: ben@laptop-2 (local) \"dashboards are green\"";
    assert!(handover.contains(told), "{handover}");
    let third = Machine { who: ("cho", "laptop-2"), ..two };
    third.run(&["approve", "last"]).exits(0);
    let done = deploying.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success() && told.contains("0 of 2 approvals"), "{told}");
    assert_eq!(Sandbox::who(one.sandbox.app).unwrap().0, "1.1.0");
    let report = third.run(&["report", "last"]).exits(0).out;
    assert!(report.contains("dashboards are green"), "{report}");
    // Back without anybody else, by a person who may not deploy.
    third.run(&["rollback", "development", "--yes"]).exits(0);
    assert_eq!(Sandbox::who(one.sandbox.app).unwrap().0, "1.0.0");
}

/// The end of a shift: one machine hands its run over, and may be switched off.
#[test]
fn run_is_handed_over_to_another_machine() {
    Team::each(|team| {
        let Team { one, two, project } = team;
        one.run(&["deploy", "development", "--release", "1.0.0", "--yes"]).exits(0);
        // With a database, whose lock is held by the run: it must change hands too.
        let migrations = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let migrations = migrations.join("examples/toto/migrations");
        for machine in [&one, &two] {
            let file = machine.sandbox.folder.path().join("config.yaml");
            let text = std::fs::read_to_string(&file).unwrap();
            let rule = format!(
                "  development:\n    approvals: {{ people: 1, requester: allowed }}\n    databases: {{ main: {{ kind: \
                 firestore, project: {project}, endpoint: emulator, migrations: {} }} }}",
                migrations.display()
            );
            std::fs::write(file, text.replacen("  development:", &rule, 1)).unwrap();
        }
        let deploy = ["deploy", "development", "--release", "1.1.0", "--yes", "--detach", "--json"];
        let pid = one.run(&deploy).exits(0).json()["pid"].to_string();
        let run = || two.run(&["status", "development", "--json"]).json()["run"].clone();
        wait_until("it waits", || run()["state"] == "waiting");
        let refused = two.run(&["accept", "2", "--yes"]).exits(3);
        assert!(refused.err.contains("no one has offered it"), "{}", refused.err);
        one.run(&["offer", "2"]).exits(0);
        let told = "OFFERED by ana@laptop-1 (local): pointsman accept 2";
        let handover = || two.run(&["handover", "development"]).exits(0).out;
        wait_until("the other machine sees the offer", || handover().contains(told));
        two.run(&["accept", "2", "--yes"]).exits(0);
        let gone = || !std::path::Path::new(&format!("/proc/{pid}/exe")).exists();
        wait_until("the first process ends", gone);
        assert_eq!(run()["host"], Value::Null, "it is driven here");
        two.run(&["approve", "2"]).exits(0);
        wait_until("it ends", || one.last() == (2, "promoted".to_owned()));
        assert_eq!(Sandbox::who(one.sandbox.app).unwrap().0, "1.1.0");
        wait_until("one chain", || one.chain(2) == two.chain(2));
        let facts = one.run(&["events", "2", "--json"]).out;
        let taken = facts.lines().find(|fact| fact.contains("run-taken-on")).unwrap();
        assert!(taken.contains("ben@laptop-2 (local)"), "{taken}");
    });
}

#[test]
fn run_of_a_dead_machine_is_in_doubt_and_resumed_from_another() {
    let google = Emulator::googles();
    let team = Team::new(google.as_ref());
    team.one.run(&["deploy", "development", "--release", "1.0.0", "--yes"]).exits(0);
    let Team { one, two, .. } = team.slow_soak();
    kill(&one.soaks("1.1.0"));
    // The lease of another machine must end first: no process here can see that it is gone.
    let refused = two.run(&["resume", "2", "--choose", "go-back", "--yes"]).exits(4);
    assert!(refused.err.contains("runs it"), "{}", refused.err);
    let began = Instant::now();
    let followed = two.run(&["attach", "2", "--json"]);
    assert!(followed.err.contains("is in doubt"), "{}", followed.err);
    assert!(began.elapsed().as_secs() < 90, "it is known within 90 s");
    two.run(&["resume", "2", "--choose", "go-back", "--yes"]);
    assert_eq!(Sandbox::who(one.sandbox.app).unwrap().0, "1.0.0");
    assert_eq!(two.last(), (2, "rolled_back".to_owned()));
    assert_eq!(one.chain(2), two.chain(2));
}

/// The way of a machine to a server, which can be cut: connections end, and new ones are refused.
struct Relay {
    address: String,
    cut: Arc<AtomicBool>,
    /// The next request with this text is not delivered, and the relay is cut from then on.
    cuts_at: Arc<Mutex<Option<String>>>,
    /// Connections that were refused while it was cut.
    refused: Arc<AtomicU32>,
}

impl Relay {
    fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (cut, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let (server, is_cut, counts) = (server.to_owned(), cut.clone(), refused.clone());
        let cuts_at = Arc::new(Mutex::new(None));
        let at = cuts_at.clone();
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if is_cut.load(Ordering::SeqCst) {
                    counts.fetch_add(1, Ordering::SeqCst);
                    continue;
                }
                let far = TcpStream::connect(&server).unwrap();
                let pairs = [(near.try_clone(), far.try_clone()), (Ok(far), Ok(near))];
                for (from, to) in pairs {
                    let (is_cut, at) = (is_cut.clone(), at.clone());
                    let (from, to) = (from.unwrap(), to.unwrap());
                    std::thread::spawn(move || forward(&is_cut, &at, from, to));
                }
            }
        });
        Self { address, cut, cuts_at, refused }
    }

    fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
        self.refused.store(0, Ordering::SeqCst);
    }
}

/// Copies bytes one way until either side ends, or the relay is cut.
fn forward(
    cut: &AtomicBool,
    cuts_at: &Mutex<Option<String>>,
    mut from: TcpStream,
    mut to: TcpStream,
) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(many @ 1..) = from.read(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..many]);
        let mut at = cuts_at.lock().unwrap();
        if at.take_if(|at| text.contains(at.as_str())).is_some() {
            cut.store(true, Ordering::SeqCst);
        }
        drop(at);
        if cut.load(Ordering::SeqCst) || to.write_all(&buffer[..many]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[test]
fn deploy_waits_for_the_shared_store_and_a_rollback_does_not() {
    let Some(google) = Emulator::googles() else { return };
    let relay = Relay::to(&google.base.replace("http://", ""));
    let mut team = Team::new(Some(&google));
    team.one.firestore = Some(relay.address.clone());
    team.one.run(&["deploy", "development", "--release", "1.0.0", "--yes"]).exits(0);
    let Team { one, two, .. } = team.slow_soak();
    // Cut before it begins: nothing is begun.
    relay.cut(true);
    let refused = one.run(&["deploy", "development", "--release", "1.1.0", "--yes"]);
    assert_ne!(refused.code, 0);
    assert!(refused.err.contains("does not answer"), "{}", refused.err);
    relay.cut(false);
    // Cut right before the first effect: the fact that announces it does not arrive, and the effect waits.
    *relay.cuts_at.lock().unwrap() = Some("build-requested".to_owned());
    one.run(&["deploy", "development", "--release", "1.1.0", "--yes", "--detach"]).exits(0);
    let tried = || relay.refused.load(Ordering::SeqCst) >= 3;
    wait_until("it tried three times", tried);
    let last = || one.run(&["events", "2", "--json"]).out.lines().last().unwrap().to_owned();
    assert!(last().contains("build-requested"), "{}", last());
    assert_eq!(Sandbox::who(one.sandbox.app).unwrap().0, "1.0.0", "no traffic moved");
    relay.cut(false);
    let soaks = || one.run(&["events", "2", "--json"]).out.contains("\"step\":\"soak\"");
    wait_until("it soaks", soaks);
    // Cut while it soaks: the rollback does not wait.
    relay.cut(true);
    one.run(&["abort", "2"]).exits(0);
    let ended = || {
        one.run(&["verify", "2", "--json"]).out.contains("\"intact\":true")
            && one.last().1 == "rolled_back"
    };
    wait_until("it went back", ended);
    assert_eq!(Sandbox::who(one.sandbox.app).unwrap().0, "1.0.0");
    let doctor = one.run(&["doctor", "development"]);
    assert!(doctor.out.contains("NOT SHARED"), "{}", doctor.out);
    assert_ne!(two.last().1, "rolled_back", "the other machine cannot know yet");
    relay.cut(false);
    // The runner tries for half a minute; after it, any process of the machine shares what is left.
    wait_until("it is shared", || two.last() == (2, "rolled_back".to_owned()));
    assert_eq!(one.chain(2), two.chain(2));
}

#[test]
fn rollback_works_without_the_shared_store() {
    let Some(google) = Emulator::googles() else { return };
    let relay = Relay::to(&google.base.replace("http://", ""));
    let mut team = Team::new(Some(&google));
    team.one.firestore = Some(relay.address.clone());
    for release in ["1.0.0", "1.1.0"] {
        team.one.run(&["deploy", "development", "--release", release, "--yes"]).exits(0);
    }
    relay.cut(true);
    let rolled_back = team.one.run(&["rollback", "development", "--yes"]);
    assert_eq!(Sandbox::who(team.one.sandbox.app).unwrap().0, "1.0.0", "{}", rolled_back.err);
    assert!(rolled_back.err.contains("is not recorded"), "{}", rolled_back.err);
}

#[test]
fn runs_of_one_machine_move_into_the_empty_store_once() {
    let team = Team::new(None);
    let Team { one, two, .. } = &team;
    let config = one.sandbox.folder.path().join("config.yaml");
    let shared = std::fs::read_to_string(&config).unwrap();
    let local: String = shared
        .lines()
        .filter(|line| !line.starts_with("store:"))
        .fold(String::new(), |text, line| text + line + "\n");
    std::fs::write(&config, &local).unwrap();
    let alone = one.run(&["store"]).exits(0);
    assert!(alone.out.contains("this machine only"), "{}", alone.out);
    let handover = one.run(&["handover", "development"]).exits(0).out;
    assert!(handover.starts_with("Handover, ") && handover.contains("of this machine only"));
    one.run(&["store", "push"]).exits(3);
    for release in ["1.0.0", "1.1.0"] {
        one.run(&["deploy", "development", "--release", release, "--yes"]).exits(0);
    }
    let before = one.chain(2);
    std::fs::write(&config, &shared).unwrap();
    let handover = one.run(&["handover", "development"]).exits(0).out;
    assert!(handover.contains("shared through demo-"), "{handover}");
    let status = one.run(&["store", "--json"]).exits(0).json();
    assert_eq!((status["runs_not_shared"].as_u64(), &status["last"]), (Some(2), &Value::Null));
    one.run(&["store", "push"]).exits(0);
    assert_eq!((one.chain(2), two.chain(2)), (before.clone(), before));
    let again = two.run(&["store", "push"]);
    assert!(again.code != 0 && again.err.contains("has 2 runs already"), "{}", again.err);
    two.run(&["store", "verify"]).exits(0);
    // The history is there, so a rollback knows where to.
    two.run(&["rollback", "development", "--yes"]).exits(0);
    assert_eq!(two.last(), (3, "rolled_back".to_owned()));
    one.run(&["verify", "1"]).exits(0);
    one.run(&["store", "verify"]).exits(0);
}
