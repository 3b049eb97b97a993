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
/// Some object of this program may own the number, with FD_CLOEXEC or without (pipe(2)): a plain close
/// would have that object close, or write to, whatever gets the number next. So it is replaced by the
/// writing end of a pipe that nobody reads: what it held is let go of, to read from it fails with EBADF
/// and to write to it with EPIPE, and its number is free again when its owner closes it.
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
        // SAFETY: whatever owns the number goes on owning a descriptor, of which it can't but learn that
        // it is good for nothing.
        if unsafe { libc::dup2(nothing.as_raw_fd(), number) } < 0 {
            let error = io::Error::last_os_error();
            if error.raw_os_error() != Some(libc::EBADF) {
                return Err(error);
            }
            // SAFETY: the number is beyond RLIMIT_NOFILE (dup(2)), so that no other file gets it.
            unsafe { libc::close(number) };
        } else {
            // SAFETY: changes a flag of the descriptor that was made just now.
            checked(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
        }
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
