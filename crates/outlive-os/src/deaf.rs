//! Where a datagram does not tell who has sent it, what a job tells of itself is not heard.

use super::Borrowed;
use super::folder::Folder;
use crate::Received;
use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

/// A socket on which a job tells how it fares, which nobody can have.
#[derive(Debug)]
pub struct Receiver(Infallible);

impl Receiver {
    /// There is none.
    pub fn is_reached_by(_path: &Path) -> bool {
        false
    }

    /// An error of kind `Unsupported`.
    pub fn in_folder(_folder: &Folder, _name: &str) -> io::Result<Receiver> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// An error of kind `Unsupported`.
    pub fn new() -> io::Result<(Receiver, OsString)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// An error of kind `Unsupported`.
    pub fn at(_address: &OsStr) -> io::Result<Receiver> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// There is none.
    pub fn descriptor(&self) -> Borrowed<'_> {
        match self.0 {}
    }

    /// There is nobody who tells anything.
    pub fn receive(&self, _limit: usize) -> io::Result<Option<Received>> {
        match self.0 {}
    }
}
