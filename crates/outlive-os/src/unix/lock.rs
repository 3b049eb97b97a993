//! A lock that tells whether its holder lives (open file description locks, fcntl(2): Linux 3.15,
//! macOS 10.15, sys/fcntl.h): it goes with the last descriptor of the one opening that took it,
//! however that process ended, and it can be looked at without being taken.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

fn whole_file() -> libc::flock {
    // SAFETY: all zero is a valid flock: from the start to the end of the file.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock
}

/// Takes the lock of a file that is open for writing; whether it was free.
pub fn take(file: BorrowedFd<'_>) -> io::Result<bool> {
    let lock = whole_file();
    // SAFETY: the lock is a complete structure that the kernel only reads.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) } == 0 {
        return Ok(true);
    }
    match io::Error::last_os_error() {
        error if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        error => Err(error),
    }
}

/// Whether somebody holds the lock of this file.
pub fn is_held(file: BorrowedFd<'_>) -> io::Result<bool> {
    let mut lock = whole_file();
    // SAFETY: the lock is a complete structure that the kernel reads and fills.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(lock.l_type != libc::F_UNLCK as libc::c_short)
}
