//! A terminal of a job's own: a pseudoconsole (ConPTY), of which no use is made yet. Each call gives
//! an error of kind `Unsupported`, so that a job that asks for a terminal is not started.

use super::events::Inflow;
use super::{Borrowed, Descriptor};
use outlive_record::Size;
use std::io;

/// A pseudoconsole, which nobody can have.
#[derive(Debug)]
pub enum Pty {}

impl Pty {
    /// An error of kind `Unsupported`.
    pub fn open(_size: Size) -> io::Result<Pty> {
        Err(unsupported())
    }

    /// An error of kind `Unsupported`.
    pub fn of_master(_master: Descriptor) -> io::Result<Pty> {
        Err(unsupported())
    }

    /// What the job prints.
    pub fn output(&self) -> io::Result<Inflow> {
        match *self {}
    }

    /// Where what is typed is written to.
    pub fn input(&self) -> io::Result<Descriptor> {
        match *self {}
    }

    /// What the job gets as its standard streams.
    pub fn peer(&self) -> Borrowed<'_> {
        match *self {}
    }

    /// The terminal's number.
    pub fn number(&self) -> io::Result<i32> {
        match *self {}
    }

    /// Types the key that means the end of the input.
    pub fn type_end(&self) -> io::Result<()> {
        match *self {}
    }
}

fn unsupported() -> io::Error {
    let why = "a terminal of a job's own (ConPTY) is not made on Windows";
    io::Error::new(io::ErrorKind::Unsupported, why)
}

/// An error of kind `Unsupported`.
pub fn size(_terminal: Borrowed<'_>) -> io::Result<Size> {
    Err(unsupported())
}

/// An error of kind `Unsupported`.
pub fn is_hung_up(_terminal: Borrowed<'_>) -> io::Result<bool> {
    Err(unsupported())
}

/// An error of kind `Unsupported`.
pub fn set_size(_terminal: Borrowed<'_>, _size: Size) -> io::Result<()> {
    Err(unsupported())
}
