//! What takes a descriptor's place: the end of a pipe that nobody is at the other end of.

use super::{checked, events};
use std::ffi::{CStr, c_char};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// The folder that lists this process's descriptors.
pub(super) const LIST: &str = "/dev/fd";

/// A descriptor that is good for nothing, the writing end of a pipe: to read from it fails with EBADF
/// and to write to it with EPIPE.
pub(super) fn nothing() -> io::Result<OwnedFd> {
    events::pipe().map(|(_, write)| write)
}

/// Puts that under this number, whatever is open there.
pub(super) fn replace(nothing: &OwnedFd, number: i32) -> io::Result<()> {
    // SAFETY: whatever owns the number goes on owning a descriptor, of which it can't but learn that
    // it is good for nothing.
    checked(unsafe { libc::dup2(nothing.as_raw_fd(), number) })?;
    // SAFETY: changes a flag of the descriptor that was made just now.
    checked(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    Ok(())
}

/// The path of what is open there; `?` of what has none.
pub(super) fn what(number: i32) -> String {
    let mut path = [0 as c_char; libc::PATH_MAX as usize];
    // SAFETY: room for the longest path, which ends with a NUL (F_GETPATH, fcntl(2)).
    match unsafe { libc::fcntl(number, libc::F_GETPATH, path.as_mut_ptr()) } {
        -1 => "?".to_owned(),
        // SAFETY: a string, by the call's success.
        _ => unsafe { CStr::from_ptr(path.as_ptr()) }
            .to_string_lossy()
            .into_owned(),
    }
}
