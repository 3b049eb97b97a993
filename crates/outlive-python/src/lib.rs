//! `outlive._native`: what the Python package does through the library. Its types are given to
//! Python as plain values; the classes that programs see are Python's own.
//!
//! The interpreter's lock is not held while anything is waited for or started. What is started gets
//! the environment as it was while the lock was still held, since other threads may change it.

mod failure;
mod job;
mod program;
mod report;
mod watch;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::job::{Job, find, list, prune, restart, start};
    #[pymodule_export]
    use crate::program::{Child, disown, spawn};
    #[pymodule_export]
    use crate::report::{doctor, survey};
    #[pymodule_export]
    use crate::watch::{Following, Output, Waiting};
}
