//! Where a datagram does not tell who has sent it, what a job tells of itself is not heard.

use super::Borrowed;
use crate::Received;
use std::convert::Infallible;
use std::ffi::OsStr;
use std::io;

/// A socket on which a job tells how it fares, which nobody can have.
#[derive(Debug)]
pub struct Receiver(Infallible);

impl Receiver {
    /// An error of kind `Unsupported`.
    pub fn new() -> io::Result<Receiver> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// An error of kind `Unsupported`.
    pub fn at(_address: &OsStr) -> io::Result<Receiver> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// There is none.
    pub fn address(&self) -> &OsStr {
        match self.0 {}
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
