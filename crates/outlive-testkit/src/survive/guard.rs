//! The guardian of a machine: a process in a session of its own that holds one end of a pipe. When
//! the other end goes, however that happens (an end, a panic, Ctrl-C, SIGKILL), it powers the
//! machine off and removes what it left.

use super::cgroups::Cgroups;
use super::fault::{Context, Fault, Result};
use super::machine::{Init, PATIENCE};
use crate::events;
use crate::process::Pidfd;
use rustix::process::Signal;
use std::ffi::OsString;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// Where a machine's console is written to.
pub(crate) fn console(scratch: &Path, guardian: u32) -> PathBuf {
    scratch.join(format!("console-{guardian}.log"))
}

/// The guardian: `INIT ROOT SCRATCH OUTLIVE [FROM TO]…`. It says the pid of the machine's first process
/// once that is up, and ends after it.
pub(crate) fn guard(words: &[OsString]) -> Result<ExitCode> {
    let [init, root, scratch, outlive, extra @ ..] = words else {
        return Err(Fault::new("a guardian wants four words"));
    };
    let init = init.to_str().and_then(Init::named);
    let init = init.ok_or_else(|| Fault::new("no such kind of machine"))?;
    let name = format!("outlive-box-{}", std::process::id());
    let (socket, address) = notified(&name)?;
    let cgroups = Cgroups::make(&name)?;
    let scratch = Path::new(scratch);
    let log = console(scratch, std::process::id());
    let mut nspawn = Command::new("systemd-nspawn");
    nspawn
        .args(["--quiet", "--register=no", "--keep-unit"])
        .args(["--private-network", "--volatile=overlay", "--machine"])
        .arg(&name)
        .arg("--directory")
        .arg(root)
        .args(binds(scratch, outlive, extra, init)?)
        .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1")
        .env("NOTIFY_SOCKET", address)
        .stdin(Stdio::null());
    if init == Init::Bare {
        nspawn.args(["--as-pid2", "/usr/local/bin/survive", "idle"]);
    } else {
        nspawn.args(["--boot", "--notify-ready=yes"]);
    }
    let log_file =
        std::fs::File::create(&log).context(|| format!("failed to make `{}`", log.display()))?;
    let copy = log_file
        .try_clone()
        .context(|| "failed to copy a descriptor".to_owned())?;
    nspawn.stdout(log_file).stderr(copy);
    let mut entering = cgroups.entrance()?;
    // SAFETY: writing to open descriptors is allowed after a fork.
    unsafe { nspawn.pre_exec(move || entering.enter()) };
    let mut nspawn = nspawn
        .spawn()
        .context(|| "failed to start `systemd-nspawn`".to_owned())?;
    let handle = i32::try_from(nspawn.id()).ok().and_then(Pidfd::of);
    let handle = handle.ok_or_else(|| Fault::new("failed to get hold of `systemd-nspawn`"))?;
    let leader = ready(&socket, &handle);
    if let Some(leader) = leader {
        println!("{leader}");
        let _ = std::io::stdout().flush();
        let _ = events::any_readable(
            &[std::io::stdin().as_fd(), handle.as_fd()],
            Duration::from_secs(86400),
        );
        power_off(leader, init, &handle);
    }
    handle.signal(Signal::KILL);
    let _ = nspawn.wait();
    if leader.is_none() {
        return Ok(ExitCode::FAILURE);
    }
    let _ = std::fs::remove_file(log);
    Ok(ExitCode::SUCCESS)
}

/// A socket that systemd-nspawn tells of its progress (sd_notify(3)), and its written address.
fn notified(name: &str) -> Result<(UnixDatagram, String)> {
    let socket = SocketAddr::from_abstract_name(name)
        .and_then(|address| UnixDatagram::bind_addr(&address))
        .context(|| "failed to make a socket to be notified on".to_owned())?;
    Ok((socket, format!("@{name}")))
}

/// Waits until the machine is up; the pid of its first process.
fn ready(socket: &UnixDatagram, nspawn: &Pidfd) -> Option<i32> {
    let mut leader = None;
    let mut buffer = [0; 4096];
    let lifeline = std::io::stdin();
    loop {
        let sources = [socket.as_fd(), nspawn.as_fd(), lifeline.as_fd()];
        let happened = events::any_readable(&sources, PATIENCE)?;
        if !happened[0] {
            return None;
        }
        let count = socket.recv(&mut buffer).ok()?;
        let message = String::from_utf8_lossy(&buffer[..count]);
        for line in message.lines() {
            if let Some(pid) = line.strip_prefix("X_NSPAWN_LEADER_PID=") {
                leader = pid.parse().ok();
            }
        }
        if leader.is_some() && message.lines().any(|line| line == "READY=1") {
            return leader;
        }
    }
}

/// systemd powers off on SIGRTMIN+4 (systemd(1)).
fn power_off(leader: i32, init: Init, nspawn: &Pidfd) {
    let signal = match init {
        Init::Bare => libc::SIGKILL,
        _ => libc::SIGRTMIN() + 4,
    };
    // SAFETY: kill changes nothing of this process; nspawn has not ended, so that its leader's
    // pid is not anybody else's.
    unsafe { libc::kill(leader, signal) };
    let _ = events::readable_within(nspawn, PATIENCE);
}

/// What the machine sees of the outside: this program, outlive, `extra`, each thing followed by its
/// place, and its settings.
fn binds(
    scratch: &Path,
    outlive: &OsString,
    extra: &[OsString],
    init: Init,
) -> Result<Vec<String>> {
    let own = std::env::current_exe().context(|| "failed to find this program".to_owned())?;
    let mut all = vec![
        (own, "/usr/local/bin/survive"),
        (outlive.into(), "/usr/local/bin/outlive"),
    ];
    for pair in extra.chunks_exact(2) {
        let place = pair[1]
            .to_str()
            .ok_or_else(|| Fault::new("no such place"))?;
        all.push(((&pair[0]).into(), place));
    }
    let kills = if init == Init::SystemdKills {
        "yes"
    } else {
        "no"
    };
    let logind = format!("[Login]\nKillUserProcesses={kills}\nUserStopDelaySec=0\n");
    let manager = match init {
        Init::Patient => "[Manager]\n",
        _ => "[Manager]\nDefaultTimeoutStopSec=2\n",
    };
    // A key that the machine makes for itself may log in as anybody.
    let sshd = "AuthorizedKeysFile /etc/ssh/box.pub\nStrictModes no\nMaxStartups 200\nUseDNS no\n";
    for (name, text, place) in [
        (
            format!("logind-{}", init.name()),
            &*logind,
            "/etc/systemd/logind.conf.d/box.conf",
        ),
        (
            format!("manager-{}", init.name()),
            manager,
            "/etc/systemd/system.conf.d/box.conf",
        ),
        (
            format!("manager-{}", init.name()),
            manager,
            "/etc/systemd/user.conf.d/box.conf",
        ),
        ("sshd".to_owned(), sshd, "/etc/ssh/sshd_config.d/box.conf"),
    ] {
        let path = scratch.join(name);
        // Another machine may be reading it.
        if std::fs::read_to_string(&path).ok().as_deref() != Some(text) {
            std::fs::write(&path, text)
                .context(|| format!("failed to write `{}`", path.display()))?;
        }
        all.push((path, place));
    }
    all.into_iter()
        .map(|(from, to)| {
            let from = from.to_str().filter(|from| !from.contains([':', '\\']));
            let from = from.ok_or_else(|| Fault::new("a path that systemd-nspawn can't bind"))?;
            Ok(format!("--bind-ro={from}:{to}"))
        })
        .collect()
}
