//! Containers that service managers end as a whole: there are none here.

use super::process::Process;
use std::io;
use std::path::Path;

/// A container that processes can be started in, which nobody can have.
#[derive(Debug)]
pub enum Cgroup {}

impl Cgroup {
    /// An error of kind `Unsupported`.
    pub fn open(_path: &Path, _unified: bool) -> io::Result<Cgroup> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Nobody has one to be moved into.
    pub fn admit(&self, _process: &Process) -> io::Result<()> {
        match *self {}
    }

    /// An error of kind `Unsupported`.
    pub fn make(_path: &Path, _unified: bool) -> io::Result<Cgroup> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A container that is held, which nobody can.
#[derive(Debug)]
pub enum Hold {}

impl Hold {
    /// An error of kind `NotFound`.
    pub fn take(_path: &Path) -> io::Result<Hold> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// An error of kind `NotFound`.
pub fn remove_abandoned(_path: &Path) -> io::Result<()> {
    Err(io::ErrorKind::NotFound.into())
}

/// An error of kind `NotFound`.
pub fn remove(_path: &Path) -> io::Result<()> {
    Err(io::ErrorKind::NotFound.into())
}

/// An error of kind `NotFound`.
pub fn kill(_path: &Path, _spared: impl Fn(i32) -> bool) -> io::Result<()> {
    Err(io::ErrorKind::NotFound.into())
}

/// An error of kind `NotFound`.
pub fn processes(_path: &Path) -> io::Result<Vec<i32>> {
    Err(io::ErrorKind::NotFound.into())
}
