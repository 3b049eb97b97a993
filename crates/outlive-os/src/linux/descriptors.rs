//! Letting go of all descriptors (daemon(7), step 1; PEP 3143, "Close all open file descriptors").

use crate::Released;
use rustix::fs::{Mode, OFlags};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// What is open, and the list itself, which no longer is when this returns: each of its entries holds
/// it open.
fn open_numbers() -> io::Result<Vec<i32>> {
    let numbers = std::fs::read_dir("/proc/self/fd")?.map(|entry| {
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
/// would have that object close, or write to, whatever gets the number next. So it is replaced by a
/// descriptor that is good for nothing (O_PATH, open(2)): what it held is let go of, to read, to write
/// and to control it fails with EBADF, and its number is free again when its owner closes it.
pub fn release_descriptors(kept: &[i32], held: &[BorrowedFd<'_>]) -> io::Result<Vec<Released>> {
    let stays = |number: &i32| {
        *number < 3 || kept.contains(number) || held.iter().any(|it| it.as_raw_fd() == *number)
    };
    let numbers = open_numbers()?;
    // A folder would do as well, and be a way out of a chroot(2).
    let nothing = rustix::fs::open("/dev/null", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let mut released = Vec::new();
    for number in numbers.into_iter().filter(|number| !stays(number)) {
        // SAFETY: fcntl on a number, of which that of the list itself is closed by now.
        let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
        if flags < 0 || number == nothing.as_raw_fd() {
            continue;
        }
        let what = std::fs::read_link(format!("/proc/self/fd/{number}"));
        let what = what.map_or_else(|_| "?".to_owned(), |it| it.display().to_string());
        // SAFETY: whatever owns the number goes on owning a descriptor, of which it can't but learn
        // that it is good for nothing.
        if unsafe { libc::dup3(nothing.as_raw_fd(), number, libc::O_CLOEXEC) } < 0 {
            let error = io::Error::last_os_error();
            if error.raw_os_error() != Some(libc::EBADF) {
                return Err(error);
            }
            // SAFETY: the number is beyond RLIMIT_NOFILE (dup(2)), so that no other file gets it.
            unsafe { libc::close(number) };
        }
        released.push(Released { number, what });
    }
    released.sort_by_key(|it| it.number);
    Ok(released)
}
