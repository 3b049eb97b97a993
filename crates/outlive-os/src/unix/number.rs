//! Descriptors by number, as interpreters of other languages hold them.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// A descriptor of our own for what the caller has open under this number: not inherited, and 3 or
/// above (F_DUPFD_CLOEXEC, fcntl(2)).
pub fn duplicate(number: i64) -> io::Result<OwnedFd> {
    let number = i32::try_from(number).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    // SAFETY: takes numbers, and gives an error for one that is not open.
    let new = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    if new < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was made just now, for us.
    Ok(unsafe { OwnedFd::from_raw_fd(new) })
}

/// The number of a descriptor, which stays its owner's.
pub fn of(descriptor: BorrowedFd<'_>) -> i64 {
    i64::from(descriptor.as_raw_fd())
}
