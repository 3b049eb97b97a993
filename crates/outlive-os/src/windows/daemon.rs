//! What a process does to itself to become a daemon: there is no fork here, so that a program starts
//! itself again, and most of this can't be done.

pub use crate::{Forked, Released};

use super::Borrowed;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

fn unsupported<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

/// An error of kind `Unsupported`: nobody needs to know.
pub fn threads() -> io::Result<usize> {
    unsupported()
}

/// An error of kind `Unsupported`.
pub fn fork() -> io::Result<Forked> {
    unsupported()
}

/// An error of kind `Unsupported`.
pub fn lead_session() -> io::Result<()> {
    unsupported()
}

/// Ends this process.
pub fn end(code: i32) -> ! {
    std::process::exit(code)
}

/// There are none that a new process is started with.
pub fn reset_signals() {}

/// There are no numbers.
pub fn fill_streams() -> io::Result<()> {
    Ok(())
}

/// An error of kind `Unsupported`.
pub fn set_streams(_streams: Vec<(crate::Descriptor, i32)>) -> io::Result<()> {
    unsupported()
}

/// There is none.
pub fn set_umask(_mask: u32) {}

/// An error of kind `Unsupported`.
pub fn change_root(_folder: &Path) -> io::Result<()> {
    unsupported()
}

/// An error of kind `Unsupported`.
pub fn release_descriptors(_kept: &[i32], _held: &[Borrowed<'_>]) -> io::Result<Vec<Released>> {
    unsupported()
}

/// None is ever released.
pub fn is_of_released(_error: &io::Error) -> bool {
    false
}

/// Takes the variables that `is_one` names out of the environment, where every other process sees it.
pub fn remove_variables(is_one: impl Fn(&OsStr) -> bool) -> io::Result<()> {
    let names: Vec<OsString> = std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| is_one(name))
        .collect();
    for name in names {
        // SAFETY: on Windows that is always sound (std::env::remove_var).
        unsafe { std::env::remove_var(name) };
    }
    Ok(())
}
