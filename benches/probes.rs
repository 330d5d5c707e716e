//! Compares 500 probes, and 5,000, each once a second, with prometheus-blackbox-exporter on the same targets, in one run: CPU
//! and memory of each, as ratios.
//!
//! `cargo bench --bench probes`

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench is a program for a terminal"
)]

#[expect(dead_code, reason = "other benches use the rest")]
mod figure;
#[path = "figure/resident.rs"]
mod resident;
#[path = "../tests/it/sandbox.rs"]
#[expect(dead_code, clippy::panic, reason = "the tests use all of it, and fail by it")]
mod sandbox;

use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use figure::{Goal, judged, seen};
use resident::resident_mb;
use sandbox::{Sandbox, free_port};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Probes of one program.
const PROBES: [usize; 2] = [500, 5_000];
const WARM: Duration = Duration::from_secs(6);
const MEASURED: Duration = Duration::from_secs(20);
/// Kernel clock ticks per second (`getconf CLK_TCK`).
const TICKS: f64 = 100.0;

/// The cost of one program: per cent of a core, resident memory in `MiB`, and probes per second.
struct Cost {
    core: f64,
    megabytes: f64,
    per_second: f64,
}

/// Starts a target that answers every request. Returns its port and its request counter.
async fn serve() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut asked = [0; 1024];
                if stream.read(&mut asked).await.is_ok() {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\nconnection: close\r\n\r\n{\"status\":\"ok\"}";
                    let _ = stream.write_all(answer).await;
                }
            });
        }
    });
    (port, count)
}

fn used(pid: u32) -> (f64, f64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    ((ticks(11) + ticks(12)) / TICKS, resident_mb(pid))
}

async fn cost(child: &Child, count: &AtomicUsize) -> Cost {
    tokio::time::sleep(WARM).await;
    let ((before, _), asked, began) =
        (used(child.id()), count.load(Ordering::Relaxed), Instant::now());
    tokio::time::sleep(MEASURED).await;
    let (after, megabytes) = used(child.id());
    let seconds = began.elapsed().as_secs_f64();
    Cost {
        core: (after - before) / seconds * 100.0,
        megabytes,
        per_second: (count.load(Ordering::Relaxed) - asked) as f64 / seconds,
    }
}

async fn ours(probes_at_once: usize) -> Cost {
    let (port, count) = serve().await;
    let sandbox = Sandbox::new();
    let file = sandbox.folder.path().join("config.yaml");
    let mut probes = "    probes:\n".to_owned();
    for n in 0..probes_at_once {
        let _ = writeln!(
            probes,
            "      - {{ name: p{n}, url: 'http://127.0.0.1:{port}/{n}', interval: 1s }}"
        );
    }
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("  production:", &format!("{probes}  production:")))
        .unwrap();
    let mut child = sandbox
        .command(&["health", "development", "--watch"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let cost = cost(&child, &count).await;
    let _ = child.kill();
    let _ = child.wait();
    cost
}

/// Measures the exporter. It probes when it is scraped, so this scrapes it as Prometheus does.
async fn exporter(probes_at_once: usize) -> Option<Cost> {
    let (port, count) = serve().await;
    let listen = free_port();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("blackbox.yml");
    let module = "modules:\n  http_2xx:\n    prober: http\n    timeout: 5s\n    http: { preferred_ip_protocol: ip4 }\n";
    std::fs::write(&config, module).unwrap();
    let mut child = Command::new("prometheus-blackbox-exporter")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--web.listen-address=127.0.0.1:{listen}"))
        .arg("--log.level=error")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let scrapers: Vec<_> = (0..probes_at_once)
        .map(|n| {
            tokio::spawn(async move {
                let offset = Duration::from_millis(n as u64 * 1000 / probes_at_once as u64);
                let mut tick = tokio::time::interval_at(
                    tokio::time::Instant::now() + offset,
                    Duration::from_secs(1),
                );
                loop {
                    tick.tick().await;
                    let asked = format!(
                        "GET /probe?module=http_2xx&target=http://127.0.0.1:{port}/{n} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
                    );
                    if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", listen)).await {
                        let _ = stream.write_all(asked.as_bytes()).await;
                        let mut answer = Vec::new();
                        let _ = stream.read_to_end(&mut answer).await;
                    }
                }
            })
        })
        .collect();
    let cost = cost(&child, &count).await;
    scrapers.iter().for_each(tokio::task::JoinHandle::abort);
    let _ = child.kill();
    let _ = child.wait();
    Some(cost)
}

#[tokio::main]
async fn main() {
    for probes in PROBES {
        let ours = ours(probes).await;
        let asked = format!("of {probes} wanted");
        seen(&format!("{probes} probes: answers per second"), ours.per_second, "", &asked);
        let Some(theirs) = exporter(probes).await else {
            println!("prometheus-blackbox-exporter is not installed: nothing to compare with");
            return;
        };
        seen(&format!("{probes} probes: the exporter's"), theirs.per_second, "", &asked);
        // Per answer: a program that answers less often would look cheaper.
        let each = |cost: &Cost| cost.core / cost.per_second * probes as f64;
        let of = format!("{:.1} % : {:.1} % of a core", each(&ours), each(&theirs));
        let what = format!("{probes} probes: time of a core beside the exporter");
        judged(&what, each(&ours) / each(&theirs), "×", Goal::AtMost(1.0), &of);
        let of = format!("{:.0} MB : {:.0} MB", ours.megabytes, theirs.megabytes);
        let what = format!("{probes} probes: memory beside the exporter");
        judged(&what, ours.megabytes / theirs.megabytes, "×", Goal::AtMost(1.0), &of);
    }
}
