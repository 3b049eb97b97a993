//! Letting go of all descriptors (daemon(7), step 1; PEP 3143, "Close all open file descriptors").

use super::placeholder;
use crate::Released;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// What is open, and the list itself, which no longer is when this returns: each of its entries holds
/// it open.
fn open_numbers() -> io::Result<Vec<i32>> {
    let numbers = std::fs::read_dir(placeholder::LIST)?.map(|entry| {
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
/// would have that object close, or write to, whatever gets the number next. So it is replaced by one
/// that is good for nothing (`placeholder::nothing`): what it held is let go of, and its number is free
/// again when its owner closes it.
pub fn release_descriptors(kept: &[i32], held: &[BorrowedFd<'_>]) -> io::Result<Vec<Released>> {
    let stays = |number: &i32| {
        *number < 3 || kept.contains(number) || held.iter().any(|it| it.as_raw_fd() == *number)
    };
    let numbers = open_numbers()?;
    let nothing = placeholder::nothing()?;
    let mut released = Vec::new();
    for number in numbers.into_iter().filter(|number| !stays(number)) {
        // SAFETY: fcntl on a number, of which that of the list itself is closed by now.
        let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
        if flags < 0 || number == nothing.as_raw_fd() {
            continue;
        }
        let what = placeholder::what(number);
        match placeholder::replace(&nothing, number) {
            // SAFETY: the number is beyond RLIMIT_NOFILE (dup(2)), so that no other file gets it.
            Err(error) if error.raw_os_error() == Some(libc::EBADF) => unsafe {
                libc::close(number);
            },
            replaced => replaced?,
        }
        released.push(Released { number, what });
    }
    released.sort_by_key(|it| it.number);
    Ok(released)
}
