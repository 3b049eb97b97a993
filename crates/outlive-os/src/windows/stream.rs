//! Bytes between a process and a manager: there is no such manager on Windows.

use std::io::{self, Read, Write};
use std::os::windows::io::OwnedHandle;
use std::path::Path;
use std::time::Duration;

/// A connection to a manager, which nobody can have.
#[derive(Debug)]
pub enum Stream {}

impl Stream {
    /// An error of kind `Unsupported`.
    pub fn connect(_path: impl AsRef<Path>) -> io::Result<Stream> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// An error of kind `Unsupported`.
    pub fn pair() -> io::Result<(Stream, Stream)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The same connection once more.
    pub fn try_clone(&self) -> io::Result<Stream> {
        match *self {}
    }

    /// How long a read may take.
    pub fn set_read_timeout(&self, _timeout: Option<Duration>) -> io::Result<()> {
        match *self {}
    }

    /// How long a write may take.
    pub fn set_write_timeout(&self, _timeout: Option<Duration>) -> io::Result<()> {
        match *self {}
    }
}

impl Read for Stream {
    fn read(&mut self, _bytes: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }
}

impl Write for Stream {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        match *self {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match *self {}
    }
}

impl From<Stream> for OwnedHandle {
    fn from(stream: Stream) -> OwnedHandle {
        match stream {}
    }
}
