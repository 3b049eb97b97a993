//! The terminal that a person sits at: a console. It is taken for a job's terminal alone, of which
//! there is none here (see [`super::pty`]).

use outlive_record::Size;
use std::io::{self, Read, Write};
use std::os::windows::io::{AsHandle, BorrowedHandle};

/// A console in raw mode, which nobody can have.
#[derive(Debug)]
pub enum Raw {}

impl Raw {
    /// An error of kind `Unsupported`.
    pub fn take() -> io::Result<Raw> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// What puts it back as it was before.
    pub fn restorer(&self) -> io::Result<impl Fn() + Send + Sync + 'static> {
        io::Result::<fn()>::Err(io::ErrorKind::Unsupported.into())
    }

    /// Its size.
    pub fn size(&self) -> io::Result<Size> {
        match *self {}
    }
}

impl Read for &Raw {
    fn read(&mut self, _bytes: &mut [u8]) -> io::Result<usize> {
        match **self {}
    }
}

impl Write for &Raw {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        match **self {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match **self {}
    }
}

impl AsHandle for Raw {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        match *self {}
    }
}

/// None: no job has a terminal that would need it.
pub fn size() -> Option<Size> {
    None
}
