//! Processes: those that a test starts, and those that it looks at.

use crate::events::{self, Stream};
use crate::home::Said;
use rustix::process::{Pid, PidfdFlags, Signal};
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A process that can't turn into another one while it is held.
#[derive(Debug)]
pub struct Pidfd {
    fd: OwnedFd,
    pid: i32,
}

impl Pidfd {
    /// The process that has `pid` now.
    pub fn of(pid: i32) -> Option<Pidfd> {
        let fd = rustix::process::pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
        Some(Pidfd { fd, pid })
    }

    /// Its pid.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Sends it a signal; nothing if it has ended.
    pub fn signal(&self, signal: Signal) {
        let _ = rustix::process::pidfd_send_signal(&self.fd, signal);
    }

    /// Kills it and waits for its end.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
        self.ended();
    }

    /// Waits for its end.
    #[track_caller]
    pub fn ended(&self) {
        events::readable(
            &self.fd,
            &format!("the end of process {}", describe(self.pid)),
        );
    }

    /// Whether it has not ended.
    pub fn lives(&self) -> bool {
        !events::readable_within(&self.fd, std::time::Duration::ZERO)
    }
}

impl AsFd for Pidfd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A process of the test's own. It is killed when this goes, if it still runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    handle: Pidfd,
    /// What it writes to its standard output, if that was a pipe.
    pub out: Stream,
    /// What it writes to its standard error, if that was a pipe.
    pub err: Stream,
    what: String,
}

impl Running {
    /// Starts `command` with pipes for what it says.
    pub fn start(command: &mut Command) -> Running {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::start_as_is(command)
    }

    /// Starts `command` with its output and error going where it says.
    pub fn start_as_is(command: &mut Command) -> Running {
        let what = format!("{command:?}");
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("failed to run {what}: {error}"));
        let nothing = || OwnedFd::from(std::fs::File::open("/dev/null").expect("/dev/null opens"));
        let out = child.stdout.take().map_or_else(nothing, OwnedFd::from);
        let err = child.stderr.take().map_or_else(nothing, OwnedFd::from);
        let pid = i32::try_from(child.id()).expect("a pid fits an i32");
        let handle = Pidfd::of(pid).expect("a child that nobody has waited for has a pidfd");
        let [out, err] = [(out, "output"), (err, "errors")]
            .map(|(fd, which)| Stream::new(fd, &format!("the {which} of {what}")));
        Running {
            child,
            handle,
            out,
            err,
            what,
        }
    }

    /// Its pid.
    pub fn pid(&self) -> i32 {
        self.handle.pid
    }

    /// Its kernel handle.
    pub fn handle(&self) -> &Pidfd {
        &self.handle
    }

    /// Its standard input, to be written to and closed.
    pub fn input(&mut self) -> std::process::ChildStdin {
        self.child
            .stdin
            .take()
            .expect("standard input was a pipe and is taken once")
    }

    /// Waits until nobody holds what it writes to any more and it has ended.
    #[track_caller]
    pub fn finish(mut self) -> Said {
        drop(self.child.stdin.take());
        let (out, err) = events::both(&mut self.out, &mut self.err, &self.what);
        self.handle.ended();
        let status = self.child.wait().expect("a child can be waited for once");
        let code = status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        Said {
            code,
            out,
            err,
            what: std::mem::take(&mut self.what),
        }
    }

    /// Waits for its end alone and gives its code, 128+n for a signal.
    pub fn end(&mut self) -> i32 {
        self.handle.ended();
        let status = self.child.wait().expect("a child can be waited for");
        status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Every pid there is now.
pub fn pids() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").expect("/proc is mounted");
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| name.parse().ok()).collect()
}

/// What the kernel says of a process in one line, from its state on: state, parent, group,
/// session, terminal, …
pub fn stat(pid: i32) -> Option<Vec<String>> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = line.rsplit_once(") ")?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// A process's parent.
pub fn parent(pid: i32) -> Option<i32> {
    stat(pid)?.get(1)?.parse().ok()
}

/// A process's session.
pub fn session(pid: i32) -> Option<i32> {
    stat(pid)?.get(3)?.parse().ok()
}

/// A process's group.
pub fn group(pid: i32) -> Option<i32> {
    stat(pid)?.get(2)?.parse().ok()
}

/// The variables that a process was started with, as it can be seen from outside.
pub fn environment(pid: i32) -> Vec<Vec<u8>> {
    let all = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    all.split(|&b| b == 0)
        .filter(|part| !part.is_empty())
        .map(<[u8]>::to_vec)
        .collect()
}

/// A process in words.
pub fn describe(pid: i32) -> String {
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
    let state = stat(pid).map_or_else(|| "gone".to_owned(), |stat| stat[0].clone());
    format!("{pid} [{state}] {arguments}")
}

/// The processes other than this one that carry `mark` in their environment, or hold a file or
/// folder in `folder`. Threads and those that have ended are not among them.
pub(crate) fn touching(folder: &Path, mark: &[u8]) -> Vec<Pidfd> {
    let own = i32::try_from(std::process::id()).expect("a pid fits an i32");
    let inside = |link: &Path| {
        std::fs::read_link(link).is_ok_and(|target| {
            target
                .as_os_str()
                .as_bytes()
                .starts_with(folder.as_os_str().as_bytes())
        })
    };
    let touches = |pid: i32| {
        let of = |what: &str| format!("/proc/{pid}/{what}");
        let files = std::fs::read_dir(of("fd")).into_iter().flatten().flatten();
        environment(pid).iter().any(|variable| variable == mark)
            || inside(of("cwd").as_ref())
            || inside(of("exe").as_ref())
            || files.into_iter().any(|file| inside(&file.path()))
    };
    let candidates = pids().into_iter().filter(|&pid| pid != own);
    // The handle comes first: what is then seen of the pid is of this very process, or of none.
    candidates
        .filter_map(Pidfd::of)
        .filter(|process| touches(process.pid) && process.lives())
        .collect()
}

/// A command for `program`.
pub(crate) fn command(program: &Path, arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}
