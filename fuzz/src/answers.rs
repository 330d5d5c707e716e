//! Answers of every API that is read: App Hosting, Cloud Run, Logging, Monitoring, Secret Manager, Firestore and GitHub. A
//! server gives the same answer to each request, and its first byte chooses the status. Each call is tried once.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pointsman::adapters::app_hosting::AppHosting;
use pointsman::adapters::auth::Auth;
use pointsman::adapters::clock::SystemClock;
use pointsman::adapters::cloud_run::CloudRun;
use pointsman::adapters::firestore::Firestore;
use pointsman::adapters::github::{Github, Repository};
use pointsman::adapters::google_api::{Kind, Origins};
use pointsman::config::load_text;
use pointsman::domain::build_config::SecretRef;
use pointsman::domain::ids::BuildId;
use pointsman::domain::project::Target;
use pointsman::domain::time::Timestamp;
use pointsman::ports::database::Database as _;
use pointsman::ports::hosting::Hosting;
use pointsman::ports::pipeline::Pipeline as _;
use tokio::runtime::Runtime;

use super::CONFIG;

/// Longer than a hundred pages take on this machine.
const WITHIN: Duration = Duration::from_secs(20);

/// What the server answers: a status and a body.
type Given = Arc<Mutex<(u16, Vec<u8>)>>;

struct Readers {
    runtime: Runtime,
    given: Given,
    platforms: [Box<dyn Hosting>; 2],
    firestore: Firestore,
    github: Github,
    target: Target,
}

thread_local! {
    static READERS: Readers = Readers::start();
}

impl Readers {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let given = Given::default();
        let answers = given.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answers = answers.clone();
                std::thread::spawn(move || answer(stream, &answers));
            }
        });
        let bearer = || Auth::Fixed("token".into());
        let origins = Origins {
            storage: url.clone(),
            projects: url.clone(),
            logging: url.clone(),
            secrets: url.clone(),
            run: url.clone(),
            monitoring: url.clone(),
        };
        let clock = Arc::new(SystemClock::start());
        let hosting = AppHosting::new(&url, bearer(), Kind::Google)
            .unwrap()
            .with_origins(origins)
            .with_attempts(1);
        let cloud_run =
            CloudRun::new(&url, bearer(), Kind::Loopback, clock.clone()).unwrap().with_attempts(1);
        let of = Repository { api: url.clone(), name: "o/r".into(), workflow: None, branch: None };
        let loaded = load_text(CONFIG, Path::new("config.yaml")).unwrap();
        Self {
            runtime,
            given,
            platforms: [Box::new(hosting), Box::new(cloud_run)],
            firestore: Firestore::new(&url, "p", "(default)", bearer()).unwrap().with_attempts(1),
            github: Github::new(of, None, clock).unwrap(),
            target: loaded.spec("production").unwrap().members.remove(0).target,
        }
    }

    async fn read_all(&self) {
        let (target, build) = (&self.target, BuildId::new("b-1-0-0-r1-abc").unwrap());
        let secret = SecretRef { project: None, name: "S".into(), version: None };
        let period = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        for platform in &self.platforms {
            within(platform.traffic(target)).await;
            within(platform.lacks_environment(target)).await;
            within(platform.build(target, &build)).await;
            within(platform.builds(target)).await;
            within(platform.domain_troubles(target)).await;
            within(platform.log(target, &build, 0)).await;
            within(platform.secret(target, &secret, true)).await;
            within(platform.run_traffic(target)).await;
            if let Some(runtime) = platform.runtime() {
                within(runtime.entries(target, std::slice::from_ref(&build), period.0)).await;
                within(runtime.figures(target, &build, period)).await;
            }
        }
        within(self.firestore.read(&["a/b".to_owned()])).await;
        within(self.firestore.collections()).await;
        if let Some(admin) = self.firestore.admin() {
            within(admin.restorable()).await;
            within(admin.indexes()).await;
        }
        within(self.github.latest(None)).await;
        within(self.github.log(1)).await;
    }
}

/// Waits for a reader. Each ends by itself: a server that answers the same each time must not keep it forever.
#[track_caller]
fn within<T>(read: impl Future<Output = T>) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let read = tokio::time::timeout(WITHIN, read).await;
        assert!(read.is_ok(), "the reader at {place} does not end");
    }
}

/// Answers each request of a connection. Connections are kept: opening thousands a second ends in waits for ports.
fn answer(mut stream: TcpStream, given: &Given) -> std::io::Result<()> {
    let (mut asked, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let Some(end) = asked.windows(4).position(|end| end == b"\r\n\r\n") else {
            let length = stream.read(&mut chunk)?;
            if length == 0 {
                return Ok(());
            }
            asked.extend_from_slice(&chunk[..length]);
            continue;
        };
        let head = String::from_utf8_lossy(&asked[..end]).to_lowercase();
        let length = head.split("content-length:").nth(1).and_then(|rest| rest.lines().next());
        let body: usize = length.and_then(|text| text.trim().parse().ok()).unwrap_or_default();
        while asked.len() < end + 4 + body {
            let length = stream.read(&mut chunk)?;
            asked.extend_from_slice(&chunk[..length.max(1)]);
        }
        asked.drain(..end + 4 + body);
        let (status, body) = given.lock().unwrap().clone();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), &body].concat())?;
    }
}

/// Gives the answer to every reader.
pub fn run(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let status = [200, 200, 200, 400, 403, 404][usize::from(*first) % 6];
    READERS.with(|readers| {
        *readers.given.lock().unwrap() = (status, body.to_vec());
        readers.runtime.block_on(readers.read_all());
    });
}
