//! The environment that this process was started with, as `ps -E` shows it: the strings that the
//! kernel put on the stack at the exec.

use super::daemon;
use std::ffi::{CStr, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;

/// Takes the variables that `is_one` names out of the environment, and overwrites them where the
/// kernel put them, unless they have been set or removed since. An error if there is more than one
/// thread.
pub fn remove_variables(is_one: impl Fn(&OsStr) -> bool) -> io::Result<()> {
    if daemon::threads()? != 1 {
        return Err(io::Error::other("other threads may read the environment"));
    }
    // SAFETY: gives the place of the list, which ends with a null pointer (environ(7)). There is one
    // thread, as was counted just now, so that nobody else reads or changes it.
    let mut next = unsafe { *libc::_NSGetEnviron() };
    let mut place = next;
    loop {
        // SAFETY: not beyond the list's end, at which this comes to an end.
        let entry = unsafe { *next };
        let is_one = !entry.is_null() && {
            // SAFETY: each entry is a string.
            let text = unsafe { CStr::from_ptr(entry) }.to_bytes();
            let name = text.split(|&byte| byte == b'=').next();
            is_one(OsStr::from_bytes(name.unwrap_or_default()))
        };
        if is_one {
            // SAFETY: as many bytes as the string has, of which nothing else is borrowed.
            unsafe { entry.write_bytes(0, CStr::from_ptr(entry).count_bytes()) };
        } else {
            // SAFETY: not behind `next`, so within the list.
            unsafe { place.write(entry) };
            if entry.is_null() {
                return Ok(());
            }
            // SAFETY: as above.
            place = unsafe { place.add(1) };
        }
        // SAFETY: what was there is not the list's end.
        next = unsafe { next.add(1) };
    }
}
