//! `outlive._native`: what the Python package does through the library. Its types are given to
//! Python as plain values; the classes that programs see are Python's own.
//!
//! The interpreter's lock is not held while anything is waited for or started, but for a daemon's
//! start. What is started gets
//! the environment as it was while the lock was still held, since other threads may change it.

mod attach;
mod daemon;
mod events;
mod failure;
mod items;
mod job;
mod program;
mod report;
mod start;
mod usage;
mod watch;

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

#[pymodule]
mod _native {
    use super::{Bound, PyModule, PyResult, make_ready, refuse_second_interpreter};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        refuse_second_interpreter()?;
        make_ready(module.py())
    }

    #[pymodule_export]
    use crate::attach::Attached;
    #[pymodule_export]
    use crate::daemon::{Daemonized, daemonize};
    #[pymodule_export]
    use crate::events::Events;
    #[pymodule_export]
    use crate::job::{Job, events, find, list, prune, restart, usage_of_all};
    #[pymodule_export]
    use crate::program::{Child, cookies, disown, spawn, take_out};
    #[pymodule_export]
    use crate::report::{doctor, survey};
    #[pymodule_export]
    use crate::start::start;
    #[pymodule_export]
    use crate::watch::{Following, Lines, Output, Waiting};
}

/// Has pyo3 make what it keeps of Python's modules from its first use on, since it lets go of the
/// interpreter meanwhile: whoever forks in that moment has a child that waits for it for ever.
fn make_ready(py: Python<'_>) -> PyResult<()> {
    let time = SystemTime::UNIX_EPOCH.into_pyobject(py)?;
    time.extract::<SystemTime>()?;
    let length = Duration::ZERO.into_pyobject(py)?;
    length.extract::<Duration>()?;
    let path = Path::new("/").into_pyobject(py)?;
    path.extract::<PathBuf>()?;
    Ok(())
}

/// An interpreter within the process has a lock of its own from Python 3.12 on, which refuses this
/// module there by itself (Py_mod_multiple_interpreters). Earlier ones load it, and would share it.
fn refuse_second_interpreter() -> PyResult<()> {
    // SAFETY: a module's initialiser runs in a thread that is attached to its interpreter, which is
    // there until it returns (PyInterpreterState_Get).
    let id = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    match id {
        0 => Ok(()),
        _ => Err(PyImportError::new_err(
            "outlive can't be loaded in subinterpreters: import it in the main one",
        )),
    }
}
