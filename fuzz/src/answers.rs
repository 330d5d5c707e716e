//! Answers of every API that is read: App Hosting, Cloud Run, Logging, Monitoring, Secret Manager, Firestore and GitHub. A
//! server gives the same answer to each request; the first byte chooses its status. Those that are retried are left out.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

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
                let _ = answer(stream, &answers);
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
        let hosting = AppHosting::new(&url, bearer(), Kind::Google).unwrap().with_origins(origins);
        let cloud_run = CloudRun::new(&url, bearer(), Kind::Google, clock.clone()).unwrap();
        let of = Repository { api: url.clone(), name: "o/r".into(), workflow: None, branch: None };
        let text = include_str!("../../config.yaml");
        let loaded = load_text(text, Path::new("config.yaml")).unwrap();
        Self {
            runtime,
            given,
            platforms: [Box::new(hosting), Box::new(cloud_run)],
            firestore: Firestore::new(&url, "p", "(default)", bearer()).unwrap(),
            github: Github::new(of, None, clock).unwrap(),
            target: loaded.spec("production").unwrap().members.remove(0).target,
        }
    }

    async fn read_all(&self) {
        let (target, build) = (&self.target, BuildId::new("b-1-0-0-r1-abc").unwrap());
        let secret = SecretRef { project: None, name: "S".into(), version: None };
        let period = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        for platform in &self.platforms {
            let _ = platform.traffic(target).await;
            let _ = platform.lacks_environment(target).await;
            let _ = platform.build(target, &build).await;
            let _ = platform.builds(target).await;
            let _ = platform.domain_troubles(target).await;
            let _ = platform.log(target, &build, 0).await;
            let _ = platform.secret(target, &secret, true).await;
            let _ = platform.run_traffic(target).await;
            if let Some(runtime) = platform.runtime() {
                let _ = runtime.entries(target, std::slice::from_ref(&build), period.0).await;
                let _ = runtime.figures(target, &build, period).await;
            }
        }
        let _ = self.firestore.read(&["a/b".to_owned()]).await;
        let _ = self.firestore.collections().await;
        if let Some(admin) = self.firestore.admin() {
            let _ = admin.restorable().await;
            let _ = admin.indexes().await;
        }
        let _ = self.github.latest(None).await;
        let _ = self.github.log(1).await;
    }
}

/// Reads the head of a request, and answers it.
fn answer(mut stream: TcpStream, given: &Given) -> std::io::Result<()> {
    let (mut asked, mut chunk) = (Vec::new(), [0; 4096]);
    while !asked.windows(4).any(|end| end == b"\r\n\r\n") {
        let length = stream.read(&mut chunk)?;
        if length == 0 {
            return Ok(());
        }
        asked.extend_from_slice(&chunk[..length]);
    }
    let (status, body) = given.lock().unwrap().clone();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
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
