//! This very program becomes a daemon.

mod again;
mod cgroup;
mod daemonized;
mod pid_file;
mod rights;
mod settle;
mod starter;
mod word;

pub use daemonized::{Closed, Daemonized};

use crate::error::{During, Error, Kind, Result};
use crate::stdio::{self, Stdio};
use daemonized::Waiting;
use outlive_escape::plan::Breakaway;
use outlive_os::notify::Notifier;
use outlive_os::{Descriptor, KERNEL, Kernel, daemon, events};
use pid_file::PidFile;
use rights::Wanted;
use settle::Prepared;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Makes this very process a daemon.
#[derive(Debug)]
pub struct Daemon {
    folder: PathBuf,
    umask: u32,
    pid_file: Option<PathBuf>,
    wanted: Wanted,
    root: Option<PathBuf>,
    streams: [Option<Stdio>; 3],
    kept: Vec<i32>,
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

    /// Leaves the descriptor of this number open.
    pub fn keep_descriptor(&mut self, number: i32) -> &mut Daemon {
        self.kept.push(number);
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

    /// Becomes the daemon.
    pub fn start(&mut self) -> Result<Daemonized> {
        self.check()?;
        if KERNEL == Kernel::Windows {
            return again::start(self);
        }
        let supervisor = supervisor()?;
        if supervisor.is_none() {
            must_be_alone()?;
        }
        let prepared = self.prepare(supervisor.is_some())?;
        match supervisor {
            Some(manager) => {
                let settled = prepared.settle_in_place()?;
                Ok(Daemonized::new(Waiting::Manager(manager), settled))
            }
            None => {
                let (settled, to) =
                    starter::leave(prepared, self.pid_file.as_deref(), self.patience)?;
                Ok(Daemonized::new(Waiting::Starter(to), settled))
            }
        }
    }

    fn check(&self) -> Result<()> {
        if self.umask > 0o777 {
            let what = "failed to set a umask above 0777";
            return Err(Error::new(Kind::Invalid, what));
        }
        let root = Path::new("/");
        let folders = match &self.root {
            Some(root) => [Some(root.as_path()), None],
            None => [None, Some(self.folder.as_path())],
        };
        for folder in folders.into_iter().flatten().filter(|it| *it != root) {
            let failed = || format!("failed to look at the folder `{}`", folder.display());
            if !folder.metadata().during(failed)?.is_dir() {
                let cause = std::io::ErrorKind::NotADirectory;
                return Err(Error::io(failed(), cause));
            }
        }
        if self.root.is_some() && outlive_os::role::user() != 0 {
            let what = "failed to change the root folder";
            let cause = std::io::ErrorKind::PermissionDenied;
            let hint = "only root may: start it as root, or leave `chroot` away";
            return Err(Error::io(what, cause).hint_at(hint));
        }
        Ok(())
    }

    /// All that can fail is looked up and opened while there is one process.
    fn prepare(&mut self, supervised: bool) -> Result<Prepared> {
        let mut streams = Vec::new();
        for (number, stream) in (0..).zip(&mut self.streams) {
            if let Some(stream) = open_stream(stream.take(), supervised)? {
                streams.push((stream, number));
            }
        }
        let path = self.pid_file.as_ref();
        Ok(Prepared {
            folder: self.folder.clone(),
            umask: self.umask,
            root: self.root.clone(),
            identity: self.wanted.identity()?,
            streams,
            kept: self.kept.clone(),
            leaving: cgroup::plan(self.breakaway, self.folder == Path::new("/"))?,
            // Last: nobody is turned away because of one that can't start.
            pid_file: path.map(|path| PidFile::take(path)).transpose()?,
        })
    }
}

/// What is to be put under a standard stream's number; nothing if what is there stays.
fn open_stream(stream: Option<Stdio>, supervised: bool) -> Result<Option<Descriptor>> {
    match stream.map(|stream| stream.0) {
        None if supervised => Ok(None),
        None | Some(stdio::Kind::Null) => {
            let null = events::null().during(|| "failed to open the null device".to_owned())?;
            Ok(Some(null))
        }
        Some(stdio::Kind::Inherit) => Ok(None),
        Some(stdio::Kind::Given(descriptor)) => Ok(Some(descriptor)),
        Some(stdio::Kind::Piped) => Err(no_pipe()),
    }
}

fn no_pipe() -> Error {
    let what =
        "failed to make a pipe of a daemon's standard stream: nobody would hold its other end";
    Error::new(Kind::Invalid, what)
}

/// The service manager that runs this very process and waits to be told that it is ready.
fn supervisor() -> Result<Option<Notifier>> {
    let Some(address) = std::env::var_os("NOTIFY_SOCKET").filter(|it| !it.is_empty()) else {
        return Ok(None);
    };
    // The variables of a service are inherited by whatever is started from within it.
    let for_other =
        std::env::var("SYSTEMD_EXEC_PID").is_ok_and(|pid| pid.parse() != Ok(std::process::id()));
    if KERNEL != Kernel::Linux || for_other {
        return Ok(None);
    }
    let notifier = Notifier::connect(&address).map_err(|cause| {
        let what = format!(
            "failed to connect to the service manager at `{}`",
            address.display()
        );
        let hint = "unset NOTIFY_SOCKET if this is no service";
        Error::io(what, cause).hint_at(hint)
    })?;
    Ok(Some(notifier))
}

fn must_be_alone() -> Result<()> {
    let count =
        daemon::threads().during(|| "failed to count the threads of this process".to_owned())?;
    if count == 1 {
        return Ok(());
    }
    let what = format!("failed to become a daemon: this process has {count} threads");
    let hint = "call it first thing in main, before any thread is started: a fork takes one thread \
                along, and none of what the others hold";
    Err(Error::new(Kind::Unsupported, what).hint_at(hint))
}
