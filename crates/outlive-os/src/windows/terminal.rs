//! The terminal that a person sits at: a console. It is taken for a job's terminal alone, of which
//! there is none here (see [`super::pty`]).

use super::call;
use outlive_record::Size;
use std::io::{self, Read, Write};
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle};
use windows_sys::Win32::System::Console::{CONSOLE_SCREEN_BUFFER_INFO, GetConsoleScreenBufferInfo};

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

/// The size of the console that this process prints to; none if that is none.
pub fn size() -> Option<Size> {
    let mut info = CONSOLE_SCREEN_BUFFER_INFO::default();
    let output = io::stdout().as_raw_handle();
    // SAFETY: a standard handle, or none; a structure that is written.
    call::check(unsafe { GetConsoleScreenBufferInfo(output, &mut info) }).ok()?;
    // Both ends of it are in the window.
    let window = info.srWindow;
    let side = |first: i16, last: i16| u16::try_from(last - first + 1).ok();
    Some(Size {
        columns: side(window.Left, window.Right)?,
        rows: side(window.Top, window.Bottom)?,
    })
}
