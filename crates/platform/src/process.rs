//! The processes of this machine, read from `/proc` on Linux and with `ps` and `lsof` elsewhere.

#![expect(clippy::disallowed_methods, reason = "the name of the user comes from the environment")]

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, getpgid, kill_process_group};

use pointsman_core::ports::processes::{Listener, ProcessIdentity, Processes};

/// The processes of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThisMachine;

impl ThisMachine {
    /// Sends TERM to one process. A process that is gone is not an error.
    pub fn ask_to_end(self, pid: u32) {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
    }
}

impl ThisMachine {
    /// Whether a process has certainly ended. `false` if it cannot be examined.
    pub fn surely_gone(self, process: &ProcessIdentity) -> bool {
        match looked_at(process.pid) {
            Look::Gone => true,
            Look::Runs(began) => began != process.began,
            Look::Unknown => false,
        }
    }

    /// Whether any process of the group that `leader` led is alive. The kernel reuses a pid only after its group
    /// has ended, so if another user's process has the pid, the group has ended.
    pub fn group_lives(self, leader: &ProcessIdentity) -> bool {
        match looked_at(leader.pid) {
            Look::Runs(began) => began == leader.began,
            Look::Gone => has_members(leader),
            Look::Unknown => false,
        }
    }

    /// Where pids of this process are valid: the host, its current boot and its pid namespace.
    pub fn place(self) -> String {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let numbers = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        let name = rustix::system::uname();
        let name = name.nodename().to_string_lossy().into_owned();
        format!("{name} {} {}", boot.trim(), numbers.display())
    }
}

/// What is known about a pid.
enum Look {
    Gone,
    Runs(String),
    Unknown,
}

#[cfg(target_os = "linux")]
fn looked_at(pid: u32) -> Look {
    match std::fs::metadata(format!("/proc/{pid}")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Look::Gone,
        Err(_) => Look::Unknown,
        // A process that waits to be reaped has ended.
        Ok(_) => match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(_) => began(pid).map_or(Look::Gone, Look::Runs),
            Err(_) => Look::Unknown,
        },
    }
}

#[cfg(not(target_os = "linux"))]
fn looked_at(pid: u32) -> Look {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let Some(pid) = pid else { return Look::Unknown };
    match rustix::process::test_kill_process(pid) {
        Err(rustix::io::Errno::SRCH) => Look::Gone,
        Err(_) => Look::Unknown,
        Ok(()) => {
            began(pid.as_raw_nonzero().get().unsigned_abs()).map_or(Look::Unknown, Look::Runs)
        }
    }
}

/// Whether a group whose leader has ended still contains processes that started no earlier than the leader.
#[cfg(target_os = "linux")]
fn has_members(leader: &ProcessIdentity) -> bool {
    let ticks = |began: &str| began.split('@').next()?.parse::<u64>().ok();
    let Some(first) = ticks(&leader.began) else { return false };
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.any(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let group = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(2));
        group.and_then(|group| group.parse().ok()) == Some(leader.pid)
            && began(pid).as_deref().and_then(ticks).is_some_and(|began| began >= first)
    })
}

/// Unknown on this system; a group without a leader is left alone.
#[cfg(not(target_os = "linux"))]
fn has_members(_: &ProcessIdentity) -> bool {
    false
}

impl Processes for ThisMachine {
    fn own(&self) -> ProcessIdentity {
        // Read it once: every fact names its writer, and the start time of a process never changes.
        static OWN: OnceLock<ProcessIdentity> = OnceLock::new();
        let read = || {
            let pid = std::process::id();
            ProcessIdentity { pid, began: began(pid).unwrap_or_default() }
        };
        OWN.get_or_init(read).clone()
    }

    fn of(&self, pid: u32) -> Option<ProcessIdentity> {
        began(pid).map(|began| ProcessIdentity { pid, began })
    }

    fn alive(&self, process: &ProcessIdentity) -> bool {
        began(process.pid).as_deref() == Some(process.began.as_str())
    }

    fn end_group(&self, leader: u32, force: bool) {
        let signal = if force { Signal::KILL } else { Signal::TERM };
        if let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
            // A group that is already gone is fine.
            let _ = kill_process_group(pid, signal);
        }
    }

    fn in_group(&self, leader: u32, pid: u32) -> bool {
        let group =
            i32::try_from(pid).ok().and_then(Pid::from_raw).and_then(|pid| getpgid(Some(pid)).ok());
        group.is_some_and(|group| u32::try_from(group.as_raw_nonzero().get()) == Ok(leader))
    }

    fn listener_of(&self, port: u16) -> Option<Listener> {
        Self::listeners_of(port).into_iter().next()
    }
}

impl ThisMachine {
    /// Every program that listens on a TCP port.
    pub fn listeners_of(port: u16) -> Vec<Listener> {
        if nothing_answers(port) {
            return Vec::new();
        }
        #[cfg(target_os = "linux")]
        let found = linux_listeners(port);
        #[cfg(not(target_os = "linux"))]
        let found = Vec::new();
        if found.is_empty() { by_lsof(port) } else { found }
    }
}

/// Whether loopback refuses connections to a port. Checked first, because finding the listener means reading every
/// process of the machine, or running another program.
fn nothing_answers(port: u16) -> bool {
    let refuses = |address: IpAddr| {
        let connected =
            TcpStream::connect_timeout(&(address, port).into(), LOOPBACK_ANSWERS_WITHIN);
        connected.is_err_and(|error| error.kind() != io::ErrorKind::TimedOut)
    };
    refuses(Ipv4Addr::LOCALHOST.into()) && refuses(Ipv6Addr::LOCALHOST.into())
}

/// Timeout of a connection to loopback. The kernel refuses one in microseconds; only a full backlog leaves it open.
const LOOPBACK_ANSWERS_WITHIN: Duration = Duration::from_millis(200);

fn by_lsof(port: u16) -> Vec<Listener> {
    let output = Command::new("lsof")
        .args(["-nP", "-sTCP:LISTEN", "-Fpc", &format!("-iTCP:{port}")])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let (mut found, mut pid) = (Vec::new(), None);
    for line in text.unwrap_or_default().lines() {
        if let Some(of) = line.strip_prefix('p') {
            pid = of.parse::<u32>().ok();
        } else if let (Some(name), Some(pid)) = (line.strip_prefix('c'), pid) {
            found.push(Listener { name: name.to_owned(), pid });
        }
    }
    found
}

/// The kernel's id of this boot: start times count from it.
#[cfg(target_os = "linux")]
static BOOT: OnceLock<String> = OnceLock::new();

#[cfg(target_os = "linux")]
fn began(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name may contain spaces and brackets; count the fields after the last bracket.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let ticks = fields.nth(18)?;
    let boot = BOOT.get_or_init(|| {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        id.trim().to_owned()
    });
    (state != "Z" && state != "X").then(|| format!("{ticks}@{boot}"))
}

#[cfg(not(target_os = "linux"))]
fn began(pid: u32) -> Option<String> {
    let output = Command::new("ps")
        .args(["-o", "lstart=,stat=", "-p", &pid.to_string()])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let (began, state) = text.rsplit_once(' ')?;
    (!state.starts_with('Z')).then(|| began.trim().to_owned())
}

/// All programs that listen on a TCP port, whatever the address.
#[cfg(target_os = "linux")]
fn linux_listeners(port: u16) -> Vec<Listener> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let text = tables.map(|table| std::fs::read_to_string(table).unwrap_or_default()).join("\n");
    let inode = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let local = fields.get(1)?.rsplit_once(':')?.1;
        let listens = fields.get(3) == Some(&"0A");
        let same = u16::from_str_radix(local, 16).ok() == Some(port);
        (listens && same).then(|| fields.get(9).map(|inode| format!("socket:[{inode}]")))?
    };
    let wanted: Vec<String> = text.lines().filter_map(inode).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else {
            continue;
        };
        let files = std::fs::read_dir(entry.path().join("fd")).into_iter().flatten().flatten();
        let mut targets = files.filter_map(|fd| std::fs::read_link(fd.path()).ok());
        if targets.any(|to| wanted.iter().any(|socket| to.to_string_lossy() == *socket)) {
            let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            found.push(Listener { name: name.trim().to_owned(), pid });
        }
    }
    found
}

/// The Unix user's name. Some CI shells set no variable, so `/etc/passwd` is read too.
pub fn user_name() -> String {
    let said = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let uid = rustix::process::getuid().as_raw().to_string();
    let list = || std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let listed = || {
        let line = |l: &str| {
            let fields: Vec<&str> = l.split(':').collect();
            (fields.get(2) == Some(&uid.as_str())).then(|| fields[0].to_owned())
        };
        list().lines().find_map(line)
    };
    said.filter(|u| !u.is_empty()).or_else(listed).unwrap_or_else(|| format!("uid {uid}"))
}
