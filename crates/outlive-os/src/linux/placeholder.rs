//! What takes a descriptor's place: O_PATH, open(2).

use rustix::fs::{Mode, OFlags};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// The folder that lists this process's descriptors.
pub(super) const LIST: &str = "/proc/self/fd";

/// A descriptor that is good for nothing: to read, to write and to control it fails with EBADF. (A
/// folder's would do as well, and be a way out of a chroot(2).)
pub(super) fn nothing() -> io::Result<OwnedFd> {
    let path = OFlags::PATH | OFlags::CLOEXEC;
    Ok(rustix::fs::open("/dev/null", path, Mode::empty())?)
}

/// Puts that under this number, whatever is open there.
pub(super) fn replace(nothing: &OwnedFd, number: i32) -> io::Result<()> {
    // SAFETY: whatever owns the number goes on owning a descriptor, of which it can't but learn that
    // it is good for nothing.
    match unsafe { libc::dup3(nothing.as_raw_fd(), number, libc::O_CLOEXEC) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// What is open there, as the kernel calls it.
pub(super) fn what(number: i32) -> String {
    let what = std::fs::read_link(format!("{LIST}/{number}"));
    what.map_or_else(|_| "?".to_owned(), |it| it.display().to_string())
}
