//! This very program becomes a daemon.

mod again;
mod cgroup;
mod daemonized;
mod pid_file;
pub(crate) mod rights;
mod settle;
mod start;
mod starter;
mod word;

pub use daemonized::{Closed, Daemonized};

use crate::stdio::Stdio;
use outlive_escape::plan::Breakaway;
use rights::Wanted;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Makes this very program a daemon: a process of its own that goes on in the background, while the
/// one that was started waits until it is ready, and tells the shell, or the script, how that went.
///
/// ```no_run
/// use outlive::Daemon;
/// use std::net::TcpListener;
///
/// fn main() -> outlive::Result<()> {
///     // First in main: there must be one thread.
///     let mut daemon = Daemon::new().pid_file("/run/echo.pid").user("nobody").start()?;
///     let listener = match TcpListener::bind("127.0.0.1:7007") {
///         Ok(listener) => listener,
///         // Printed by the starter, which exits with 1.
///         Err(error) => daemon.failed(error),
///     };
///     // Here the starter exits with 0.
///     daemon.ready()?;
///     for connection in listener.incoming() {
///         // ...
/// #       drop(connection);
///     }
///     Ok(())
/// }
/// ```
///
/// # The steps
///
/// All that can fail is looked up and opened while there is one process: an error there leaves
/// nothing behind. What fails afterwards, the second fork say, is told to the starter, whose
/// [`start`](Daemon::start) returns it.
///
/// Those of daemon(7), "SysV Daemons":
///
/// | step | here |
/// |---|---|
/// | 1. close all descriptors but 0 to 2 | and but those that are [kept](Daemon::keep_descriptor). Each is replaced by one that is good for nothing (below), since some object of the program may own its number |
/// | 2. reset all signal handlers | all dispositions, but for SIGPIPE: Rust's runtime ignores it on purpose |
/// | 3. reset the signal mask | nothing is blocked |
/// | 4. sanitize the environment | it loses the variables that CI runners hunt by, also where `/proc/PID/environ` shows them. All else stays |
/// | 5. fork | if there is one thread; an error names their number otherwise |
/// | 6. setsid | |
/// | 7. fork again | the daemon leads no session, and so gets no terminal by opening one |
/// | 8. exit in the first child | it is waited for. An orphan is a child of its starter's until that exits (PR_SET_CHILD_SUBREAPER), which so learns how it ended |
/// | 9. `/dev/null` for 0 to 2 | or what was [given](Daemon::stdout) |
/// | 10. umask 0 | **022**: the folklore's 0 lets everybody write to what a careless program makes. [`umask(0)`](Daemon::umask) is to be had |
/// | 11. `/` as the folder | or [another](Daemon::working_dir) |
/// | 12. the pid file, without a race | [locked](Daemon::pid_file), and replaced whole |
/// | 13. drop privileges | [groups, group, user](Daemon::user), in this order, after chroot(2); then it is looked whether all of them are gone, capabilities too, and whether setuid(0) fails |
/// | 14. notify the starter | [`Daemonized::ready`] and [`Daemonized::failed`] |
/// | 15. exit in the starter | with 0 if it is ready; with 1 and the reason on standard error otherwise |
///
/// Steps 1 to 4 are done in the daemon, not in the starter, so that an error leaves the caller as it
/// was.
///
/// PEP 3143, "Correct daemon behaviour":
///
/// | point | here |
/// |---|---|
/// | close all open file descriptors | step 1; `files_preserve` is [`keep_descriptor`](Daemon::keep_descriptor) |
/// | change the current working directory | step 11 |
/// | reset the file access creation mask | step 10, to 022 |
/// | run in the background | steps 5 to 8 |
/// | disassociate from the process group | step 6: group and session are the first child's |
/// | ignore terminal I/O signals | not ignored: a process without a terminal gets none, and programs that it starts at one need them |
/// | disassociate from the control terminal | step 6 |
/// | don't reacquire a control terminal | step 7 |
/// | started by System V init | nothing is different. As process 1 itself, in a container, it is refused: all others would end with it |
/// | termination by SIGTERM | ends it, by the default disposition. The pid file stays then, and is known by its free lock to be nobody's |
/// | children generate SIGCLD | its disposition is the default one, so that children can be waited for |
///
/// # Under a service manager
///
/// Where NOTIFY_SOCKET is set, and SYSTEMD_EXEC_PID (systemd 248) is this process's id or is not set,
/// a manager has started this process as a service that tells when it is ready (`Type=notify`,
/// systemd.service(5)). Then nothing forks; threads do no harm, unless rights are to be given up, which
/// each thread has its own of (capset(2)); streams stay unless they were set;
/// signals, descriptors, environment and cgroup are as the manager made them; folder, umask, pid
/// file, root and user are seen to; what of that fails is returned in a process that has done a part
/// of it, and should end. `ready` and `failed` tell the manager.
///
/// # Descriptors
///
/// A file that was opened before [`start`](Daemon::start), by this program or whoever started it, is of
/// no use afterwards: to read, write or control it fails with EBADF, and a lock that it held is gone.
/// Its number is not given to another file until its owner closes it, so that nothing is ever written
/// to, or closed, by mistake; and dropping the owner does no harm. To use what was opened before, keep
/// it. [`Daemonized::closed`] lists what was open, and [`Daemonized::failed`] names it if that is why.
///
/// # Other systems
///
/// On macOS, which has been built for and not tried, how a daemon ended that was not ready is not
/// told, descriptors are replaced by the end of a pipe (writing gives EPIPE), and frameworks may
/// refuse to work in a process that was forked (fork(2)).
///
/// On Windows the program starts itself again with the same arguments, detached, and that process is
/// the daemon: what comes before `start` runs in both. `pid_file`, `user`, `group`,
/// `supplementary_groups`, `chroot`, `keep_descriptor` and not to `detach` are refused there, and a
/// umask has no effect.
#[derive(Debug)]
pub struct Daemon {
    folder: PathBuf,
    umask: u32,
    pid_file: Option<PathBuf>,
    wanted: Wanted,
    root: Option<PathBuf>,
    streams: [Option<Stdio>; 3],
    kept: Vec<i32>,
    detaches: bool,
    breakaway: Breakaway,
    patience: Duration,
}

impl Default for Daemon {
    fn default() -> Daemon {
        Daemon::new()
    }
}

impl Daemon {
    /// A daemon in the root folder, with a umask of 022, and with `/dev/null` as its standard streams.
    pub fn new() -> Daemon {
        Daemon {
            folder: "/".into(),
            umask: 0o022,
            pid_file: None,
            wanted: Wanted::default(),
            root: None,
            streams: [None, None, None],
            kept: Vec::new(),
            detaches: true,
            breakaway: Breakaway::Off,
            patience: Duration::from_secs(90),
        }
    }

    /// The folder that it works in; `/` by default, so that it keeps no file system busy. A relative
    /// path is taken from the starter's folder, or from the new root ([`chroot`](Daemon::chroot)).
    pub fn working_dir(&mut self, folder: impl AsRef<Path>) -> &mut Daemon {
        self.folder = folder.as_ref().to_owned();
        self
    }

    /// Its file mode creation mask, up to `0o777` (umask(2)); `0o022` by default. (The folklore's 0
    /// makes files that everybody may write to.)
    pub fn umask(&mut self, mask: u32) -> &mut Daemon {
        self.umask = mask;
        self
    }

    /// A file that it writes its process id to, a line of decimal digits, and that lets there be one
    /// of it: it is locked (an open file description lock, fcntl(2)) for as long as the daemon lives,
    /// however that ends. A second one fails, and the error names the first. What is left of one that
    /// was killed is recognised by the free lock, never by the number in it.
    ///
    /// Readers see the whole number or an empty file. It is removed when [`Daemonized`] goes; where
    /// the daemon may not do that any more, or has changed its root, it is emptied. Its folder has to
    /// be there. Programs that the daemon starts do not hold the lock.
    pub fn pid_file(&mut self, path: impl AsRef<Path>) -> &mut Daemon {
        self.pid_file = Some(path.as_ref().to_owned());
        self
    }

    /// The user that it becomes, by name or number, with that one's own group and supplementary
    /// groups (getgrouplist(3)) unless [`group`](Daemon::group) and
    /// [`supplementary_groups`](Daemon::supplementary_groups) say otherwise. Only root may ask for
    /// another one.
    pub fn user(&mut self, user: impl Into<String>) -> &mut Daemon {
        self.wanted.user = Some(user.into());
        self
    }

    /// The group that it is in, by name or number.
    pub fn group(&mut self, group: impl Into<String>) -> &mut Daemon {
        self.wanted.group = Some(group.into());
        self
    }

    /// All of its supplementary groups, by name or number.
    pub fn supplementary_groups(
        &mut self,
        groups: impl IntoIterator<Item = impl Into<String>>,
    ) -> &mut Daemon {
        self.wanted.groups = Some(groups.into_iter().map(Into::into).collect());
        self
    }

    /// The folder that becomes its root (chroot(2)), which takes root's rights. The pid file and the
    /// standard streams are opened outside of it.
    pub fn chroot(&mut self, folder: impl AsRef<Path>) -> &mut Daemon {
        self.root = Some(folder.as_ref().to_owned());
        self
    }

    /// Its standard input; `/dev/null` by default. [`Stdio::inherit`] leaves the starter's.
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Daemon {
        self.streams[0] = Some(stdin.into());
        self
    }

    /// Its standard output: a log file, say; `/dev/null` by default.
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Daemon {
        self.streams[1] = Some(stdout.into());
        self
    }

    /// Its standard error; `/dev/null` by default.
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Daemon {
        self.streams[2] = Some(stderr.into());
        self
    }

    /// Leaves the descriptor of this number, above 2, open; of 0 to 2 see [`stdin`](Daemon::stdin) and
    /// its like.
    pub fn keep_descriptor(&mut self, number: i32) -> &mut Daemon {
        self.kept.push(number);
        self
    }

    /// Whether it becomes a process apart from its starter; `true` by default. Without it steps 5 to 8
    /// are left out, and 14 and 15, which nobody waits for: `start` returns in this very process. That
    /// is for one that init or inetd has started (PEP 3143, `detach_process`). There must be one
    /// thread all the same; and an error may leave some of the steps done.
    pub fn detach(&mut self, detach: bool) -> &mut Daemon {
        self.detaches = detach;
        self
    }

    /// Whether it also leaves its cgroup, as a child that [`Command`](crate::Command) starts does;
    /// [`Breakaway::Off`] by default, so that a service's cgroup stays its own. It is left by this
    /// process itself where it may, or by a systemd manager, which moves it to a scope. With
    /// [`Breakaway::Require`] nothing is left running if anything that could end it would remain.
    pub fn breakaway(&mut self, breakaway: Breakaway) -> &mut Daemon {
        self.breakaway = breakaway;
        self
    }

    /// How long the starter waits for [`Daemonized::ready`]; 90 seconds by default, as systemd does
    /// (DefaultTimeoutStartSec=, systemd-system.conf(5)). Then the daemon's process group is killed
    /// and the starter exits with 1. [`Duration::MAX`] is for ever.
    pub fn ready_timeout(&mut self, timeout: Duration) -> &mut Daemon {
        self.patience = timeout;
        self
    }
}
