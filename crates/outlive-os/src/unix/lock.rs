//! A lock that tells whether its holder lives (open file description locks, fcntl(2): Linux 3.15,
//! macOS 10.15, sys/fcntl.h): it goes with the last descriptor of the one opening that took it,
//! however that process ended, and it can be looked at without being taken.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The byte that is locked by the holder.
const HOLDER: libc::off_t = 0;
/// The byte that is locked by whose turn it is.
const TURN: libc::off_t = 1;

/// Of different types on different systems.
const LOCK: libc::c_short = libc::F_WRLCK as libc::c_short;
const UNLOCK: libc::c_short = libc::F_UNLCK as libc::c_short;

fn byte(place: libc::off_t, kind: libc::c_short) -> libc::flock {
    // SAFETY: all zero is a valid flock.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = place;
    lock.l_len = 1;
    lock
}

fn set(file: BorrowedFd<'_>, how: libc::c_int, lock: &libc::flock) -> io::Result<()> {
    // SAFETY: the lock is a complete structure that the kernel only reads.
    match unsafe { libc::fcntl(file.as_raw_fd(), how, std::ptr::from_ref(lock)) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Takes the lock of a file that is open for writing; whether it was free.
pub fn take(file: BorrowedFd<'_>) -> io::Result<bool> {
    match set(file, libc::F_OFD_SETLK, &byte(HOLDER, LOCK)) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Whether somebody holds the lock of this file.
pub fn is_held(file: BorrowedFd<'_>) -> io::Result<bool> {
    let mut lock = byte(HOLDER, LOCK);
    // SAFETY: the lock is a complete structure that the kernel reads and fills.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(lock.l_type != UNLOCK)
}

/// A turn, which is over when this goes, or its process.
#[derive(Debug)]
pub struct Turn<'a>(BorrowedFd<'a>);

/// Waits for one's turn with a file that is open for writing: one at a time has it, whoever holds the
/// lock.
pub fn turn(file: BorrowedFd<'_>) -> io::Result<Turn<'_>> {
    loop {
        match set(file, libc::F_OFD_SETLKW, &byte(TURN, LOCK)) {
            Ok(()) => return Ok(Turn(file)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Closing the file would do it, too.
        let _ = set(self.0, libc::F_OFD_SETLK, &byte(TURN, UNLOCK));
    }
}
