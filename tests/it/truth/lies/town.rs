//! The real binary on a platform and before customers' addresses that can lie: a stand-in is in front of the emulator's
//! API, and another in front of the public address of `toto-app`.

use std::fs;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::misbehaving::Platform;
use crate::sandbox::{Said, Sandbox, wait_until};
use crate::stand_in::{Asked, Reply, StandIn};
use crate::terminal::Terminal;
use crate::truth::told::{Told, words};

/// The public address's reply to a request, or `None` to pass it on to the service.
type Front = Box<dyn FnMut(&Asked) -> Option<Reply> + Send>;

/// A receiver of alerts, which the config of a sandbox names.
pub(super) struct Receiver(StandIn);

impl Receiver {
    pub(super) fn of(sandbox: &Sandbox) -> Self {
        let hook = StandIn::new(|_, _| Reply::Says(200, String::new(), String::new()));
        let config = sandbox.folder.path().join("config.yaml");
        let text = fs::read_to_string(&config).unwrap();
        let notify = format!(
            "notify:\n  webhook: {{ url: '{}/hook' }}\n  on: [promoted, failed, rolled_back]\n",
            hook.url()
        );
        fs::write(&config, text + &notify).unwrap();
        Self(hook)
    }

    /// What the newest run is reported as after a command.
    pub(super) fn told(&self, sandbox: &Sandbox, said: &Said) -> Told {
        let run = said.json()["run"].as_u64().unwrap().to_string();
        let _ = sandbox.run(&["alerts", "send"]);
        let page = sandbox.run(&["report", &run]).exits(0).out;
        Told {
            exit: u8::try_from(said.code).unwrap(),
            screen: screen(sandbox, ""),
            json: sandbox.run(&["report", &run, "--json"]).exits(0).json(),
            report: format!("{page}\n{}", said.err),
            alerts: self.0.asked().iter().map(|asked| asked.body.clone()).collect(),
        }
    }
}

pub(super) struct Town {
    pub(super) platform: Platform,
    front: Arc<Mutex<Option<Front>>>,
    receiver: Receiver,
}

impl Town {
    /// 1.0.0 of `toto-app` is live.
    pub(super) fn new() -> Self {
        let platform = Platform::new();
        let front: Arc<Mutex<Option<Front>>> = Arc::default();
        let (inside, port) = (front.clone(), platform.sandbox.app);
        let public = StandIn::new(move |asked, _| {
            let instead = inside.lock().unwrap().as_mut().and_then(|front| front(asked));
            instead.unwrap_or_else(|| Reply::Raw(asked.forward(port)))
        });
        let config = platform.sandbox.folder.path().join("config.yaml");
        let text = fs::read_to_string(&config).unwrap();
        let bo = format!(", toto-bo: {{ url: 'http://localhost:{}' }}", platform.sandbox.bo);
        let text = text
            .replace(&bo, "")
            .replace("order: [toto-bo, toto-app]", "order: [toto-app]")
            .replace("within: 20s", "within: 1s")
            .replace(&format!("http://localhost:{port}"), &public.url());
        fs::write(&config, text).unwrap();
        let receiver = Receiver::of(&platform.sandbox);
        Self { platform, front, receiver }
    }

    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.platform.sandbox
    }

    /// From now on, customers get other answers.
    pub(super) fn answers(&self, front: impl FnMut(&Asked) -> Option<Reply> + Send + 'static) {
        *self.front.lock().unwrap() = Some(Box::new(front));
    }

    /// Deploys 1.1.0, and what is said of it.
    pub(super) fn deploys(&self) -> Told {
        let said = self.sandbox().deploy("1.1.0");
        self.receiver.told(self.sandbox(), &said)
    }

    /// The service's answer to a request, with a changed body.
    pub(super) fn changed(asked: &Asked, port: u16, change: impl Fn(&mut Value)) -> Option<Reply> {
        let answer = String::from_utf8(asked.forward(port)).ok()?;
        let mut json = serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()?;
        change(&mut json);
        Some(Reply::json(200, &json))
    }
}

/// The main screen, once it shows a text, and the page of the newest run.
pub(super) fn screen(sandbox: &Sandbox, shows: &str) -> String {
    let mut terminal = Terminal::open(sandbox, 60, 200);
    terminal.wants("2 Deploy");
    terminal.press("7");
    terminal.wants("▶ 7 History");
    let reads = ["eading the store", "Asking…", "live not read yet"];
    let mut main = String::new();
    wait_until("all is read", || {
        main = words(&terminal.text());
        // The last line is drawn last.
        let whole = main.ends_with("q quit") && main.contains(shows);
        whole && !reads.iter().any(|reads| main.contains(reads))
    });
    terminal.press("z");
    terminal.press("\r");
    wait_until("the run's page is alone on the screen", || {
        let text = terminal.text();
        text.contains("Check the target") && !text.contains("1 Environments")
    });
    let page = words(&terminal.text());
    terminal.kill();
    format!("{main} {page}")
}
