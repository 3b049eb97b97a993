//! This very program becomes a daemon.

use crate::failure::raised;
use crate::items::from_items;
use crate::program::{breakaway, copy};
use crate::report;
use outlive::Daemon;
use outlive_os::{KERNEL, Kernel};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

from_items! {
    /// What is asked for, a dictionary with all of these keys.
    pub(crate) struct Request {
        working_dir: PathBuf,
        umask: u32,
        pid_file: Option<PathBuf>,
        user: Option<String>,
        group: Option<String>,
        supplementary_groups: Option<Vec<String>>,
        chroot: Option<PathBuf>,
        /// Descriptors for 0, 1 and 2; without one it has the library's default.
        streams: [Option<i64>; 3],
        kept: Vec<i32>,
        detach: bool,
        breakaway: String,
        /// `None` is for ever.
        ready_timeout: Option<Duration>,
    }
}

impl Request {
    fn daemon(self, py: Python<'_>) -> PyResult<Daemon> {
        let mut daemon = Daemon::new();
        daemon
            .working_dir(self.working_dir)
            .umask(self.umask)
            .detach(self.detach)
            .breakaway(breakaway(&self.breakaway)?)
            .ready_timeout(self.ready_timeout.unwrap_or(Duration::MAX));
        if let Some(path) = self.pid_file {
            daemon.pid_file(path);
        }
        if let Some(user) = self.user {
            daemon.user(user);
        }
        if let Some(group) = self.group {
            daemon.group(group);
        }
        if let Some(groups) = self.supplementary_groups {
            daemon.supplementary_groups(groups);
        }
        if let Some(folder) = self.chroot {
            daemon.chroot(folder);
        }
        let [stdin, stdout, stderr] = self.streams;
        if let Some(given) = stdin {
            daemon.stdin(copy(py, given)?);
        }
        if let Some(given) = stdout {
            daemon.stdout(copy(py, given)?);
        }
        if let Some(given) = stderr {
            daemon.stderr(copy(py, given)?);
        }
        for kept in self.kept {
            daemon.keep_descriptor(kept);
        }
        Ok(daemon)
    }
}

/// This process, once it is a daemon.
#[pyclass(frozen, module = "outlive._native")]
pub(crate) struct Daemonized {
    /// Nothing once it was released.
    held: Mutex<Option<outlive::Daemonized>>,
    /// Names of variables that its environment has lost.
    lost: Vec<OsString>,
}

#[pymethods]
impl Daemonized {
    fn ready(&self, py: Python<'_>) -> PyResult<()> {
        match &mut *self.held() {
            Some(daemon) => daemon.ready().map_err(|error| raised(py, &error)),
            None => Ok(()),
        }
    }

    /// The text is given back if no starter has heard it.
    fn give_up(&self, why: String) -> Option<String> {
        match self.held().take() {
            Some(daemon) => daemon.give_up(why).err(),
            None => Some(why),
        }
    }

    fn release(&self) {
        drop(self.held().take());
    }

    #[getter]
    fn lost(&self) -> Vec<OsString> {
        self.lost.clone()
    }

    #[getter]
    fn closed(&self) -> Vec<(i32, String)> {
        let held = self.held();
        let closed = held.iter().flat_map(outlive::Daemonized::closed);
        closed
            .map(|it| (it.number(), it.what().to_owned()))
            .collect()
    }

    #[getter]
    fn is_supervised(&self) -> bool {
        let held = self.held();
        held.as_ref()
            .is_some_and(outlive::Daemonized::is_supervised)
    }

    fn report<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let held = self.held();
        let report = held.as_ref().and_then(outlive::Daemonized::report);
        report.map(|it| report::report(py, it)).transpose()
    }
}

impl Daemonized {
    fn held(&self) -> MutexGuard<'_, Option<outlive::Daemonized>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Becomes a daemon. It returns there, and in the starter if there is none.
#[pyfunction]
pub(crate) fn daemonize(py: Python<'_>, request: Request) -> PyResult<Daemonized> {
    let mut daemon = request.daemon(py)?;
    let names = || std::env::vars_os().map(|(name, _)| name);
    let before: Vec<_> = names().collect();
    let started = start(py, &mut daemon);
    let daemon = started.map_err(|error| raised(py, &error))?;
    let after: Vec<_> = names().collect();
    let lost = before.into_iter().filter(|it| !after.contains(it));
    Ok(Daemonized {
        lost: lost.collect(),
        held: Mutex::new(Some(daemon)),
    })
}

/// Tells the interpreter of the fork, as `os.fork` does, so that what was registered for it
/// (`os.register_at_fork`) is done. That is told once: of the two forks, only what comes of the second
/// one runs Python again. The lock of the interpreter is held throughout, which is nobody else's to
/// have: there is one thread.
fn start(_py: Python<'_>, daemon: &mut Daemon) -> outlive::Result<outlive::Daemonized> {
    // A constant: Python has none of these functions where it can't fork.
    if matches!(KERNEL, Kernel::Windows) {
        return daemon.start();
    }
    let starter = std::process::id();
    // SAFETY: this thread is attached to the interpreter, and runs no Python until it has told what
    // came of it.
    unsafe { ffi::PyOS_BeforeFork() };
    let started = daemon.start();
    match std::process::id() == starter {
        // SAFETY: as above; it did not fork, or what was forked has failed and ended.
        true => unsafe { ffi::PyOS_AfterFork_Parent() },
        // SAFETY: as above; this is the daemon, which has the one thread that its starter had.
        false => unsafe { ffi::PyOS_AfterFork_Child() },
    }
    started
}
