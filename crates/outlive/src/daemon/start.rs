//! What is looked up and opened before a process forks, and whether it does.

use super::daemonized::Waiting;
use super::pid_file::PidFile;
use super::settle::Prepared;
use super::{Daemon, Daemonized, again, cgroup, starter};
use crate::error::{During, Error, Kind, Result};
use crate::stdio::{self, Stdio};
use outlive_os::notify::Notifier;
use outlive_os::{Descriptor, KERNEL, Kernel, daemon, events, surroundings};
use std::path::Path;

impl Daemon {
    /// Becomes the daemon. It returns in the daemon only: the process that was started waits here
    /// until that is ready, and ends.
    ///
    /// # Errors
    ///
    /// In the process that was started, with nothing left behind: if there are more threads than one;
    /// if this is process 1; if another daemon holds the pid file ([`Error::is_running`]); if a folder,
    /// a file, a user or a group is not there or may not be used; if it can't fork (`RLIMIT_NPROC`,
    /// fork(2)); if it could not become the user; and, with
    /// [`Require`](crate::Breakaway::Require), if something that could end it would remain
    /// ([`Error::is_remains`]). A `main` that returns the error prints it and exits with 1.
    pub fn start(&mut self) -> Result<Daemonized> {
        if KERNEL == Kernel::Windows {
            return again::start(self);
        }
        daemon::fill_streams().during(|| "failed to open the null device".to_owned())?;
        self.check()?;
        let supervisor = supervisor()?;
        if supervisor.is_none() {
            if self.detaches && std::process::id() == 1 {
                return Err(all_would_end());
            }
            must_be_alone()?;
        }
        let prepared = self.prepare(supervisor.is_some())?;
        if prepared.identity.is_some() {
            // capset(2) is of one thread.
            must_be_alone()?;
        }
        match supervisor {
            Some(manager) => {
                let settled = prepared.settle_in_place()?;
                Ok(Daemonized::new(Waiting::Manager(manager), settled))
            }
            None if !self.detaches => {
                let settled = prepared.settle_apart(&[])?;
                Ok(Daemonized::new(Waiting::Nobody, settled))
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
        let is_open = |number: i32| {
            number >= 0 && surroundings::open_at(number) != surroundings::Open::Nothing
        };
        if let Some(number) = self.kept.iter().find(|number| (0..3).contains(*number)) {
            let what = format!("failed to keep descriptor {number}, a standard stream");
            let hint = "say what it is to be: stdin, stdout, stderr (Stdio::inherit())";
            return Err(Error::new(Kind::Invalid, what).hint_at(hint));
        }
        if let Some(number) = self.kept.iter().find(|number| !is_open(**number)) {
            let what = format!("failed to keep descriptor {number}: it is not open");
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
        let leaving = match supervised {
            true => None,
            false => cgroup::plan(self.breakaway, self.folder == Path::new("/"))?,
        };
        let path = self.pid_file.as_ref();
        Ok(Prepared {
            folder: self.folder.clone(),
            umask: self.umask,
            root: self.root.clone(),
            identity: self.wanted.identity()?,
            streams,
            kept: self.kept.clone(),
            leaving,
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

pub(super) fn no_pipe() -> Error {
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

fn all_would_end() -> Error {
    let what = "failed to become a daemon: this is process 1, with which all others end";
    let hint = "a container is a background of its own: run it there without becoming a daemon";
    Error::new(Kind::Unsupported, what).hint_at(hint)
}

/// Refuses where a fork, or another environment, would do harm.
fn must_be_alone() -> Result<()> {
    let count =
        daemon::threads().during(|| "failed to count the threads of this process".to_owned())?;
    if count == 1 {
        return Ok(());
    }
    let what = format!("failed to become a daemon: this process has {count} threads");
    let hint = "call it first thing in main, before any thread is started: a fork takes one thread \
                along, and so does giving up rights";
    Err(Error::new(Kind::Unsupported, what).hint_at(hint))
}
