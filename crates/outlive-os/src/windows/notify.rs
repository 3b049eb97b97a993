//! Telling a service manager how a service fares: services tell the service control manager otherwise
//! (SetServiceStatus).

use std::ffi::OsStr;
use std::io;
use std::os::windows::io::{AsHandle, BorrowedHandle};

/// A connection to such a manager, which nobody can have.
#[derive(Debug)]
pub enum Notifier {}

impl Notifier {
    /// An error of kind `Unsupported`.
    pub fn connect(_address: &OsStr) -> io::Result<Notifier> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// There is nobody to be told.
    pub fn send(&self, _assignments: &str) -> io::Result<()> {
        match *self {}
    }
}

/// A socket on which a job tells how it fares, which nobody can have.
#[derive(Debug)]
pub enum Receiver {}

/// What it told.
#[derive(Debug)]
pub struct Received {
    /// What was sent.
    pub bytes: Vec<u8>,
    /// Who has sent it.
    pub sender: Option<i32>,
}

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
        match *self {}
    }

    /// There is nobody who tells anything.
    pub fn receive(&self, _limit: usize) -> io::Result<Option<Received>> {
        match *self {}
    }
}

impl AsHandle for Receiver {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        match *self {}
    }
}
