//! Letting go of all descriptors (PEP 3143, "Close all open file descriptors").

use super::{checked, events};
use crate::Released;
use std::ffi::{CStr, c_char};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// What is open, and the list itself, which no longer is when this returns: each of its entries holds
/// it open.
fn open_numbers() -> io::Result<Vec<i32>> {
    let numbers = std::fs::read_dir("/dev/fd")?.map(|entry| {
        Ok(entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok()))
    });
    let numbers: io::Result<Vec<Option<i32>>> = numbers.collect();
    Ok(numbers?.into_iter().flatten().collect())
}

/// Lets go of what is open above 2, but for `kept` and for what is held here; what that was.
///
/// A descriptor that exec would not close (no FD_CLOEXEC) came from whoever started this program: it
/// is closed. Any other was opened by this program, and some object of it owns the number: a plain
/// close would have that object close, or write to, whatever gets the number next. Such a one is
/// replaced by the writing end of a pipe that nobody reads: what it held is let go of, to read from it
/// fails with EBADF and to write to it with EPIPE, and its number is free again when its owner closes
/// it.
pub fn release_descriptors(kept: &[i32], held: &[BorrowedFd<'_>]) -> io::Result<Vec<Released>> {
    let stays = |number: &i32| {
        *number < 3 || kept.contains(number) || held.iter().any(|it| it.as_raw_fd() == *number)
    };
    let numbers = open_numbers()?;
    let (_, nothing) = events::pipe()?;
    let mut released = Vec::new();
    for number in numbers.into_iter().filter(|number| !stays(number)) {
        // SAFETY: fcntl on a number, of which that of the list itself is closed by now.
        let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
        if flags < 0 || number == nothing.as_raw_fd() {
            continue;
        }
        let what = path(number);
        checked(match flags & libc::FD_CLOEXEC {
            // SAFETY: whoever opens a file in Rust, in Python or by the C library's own functions gets
            // it with FD_CLOEXEC: nothing of this program owns a number without.
            0 => unsafe { libc::close(number) },
            // SAFETY: whatever owns the number goes on owning a descriptor, of which it can't but learn
            // that it is good for nothing.
            _ => unsafe {
                libc::dup2(nothing.as_raw_fd(), number);
                libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC)
            },
        })?;
        released.push(Released { number, what });
    }
    released.sort_by_key(|it| it.number);
    Ok(released)
}

/// The path of what is open there; `?` of what has none.
fn path(number: i32) -> String {
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
