//! The environment that this process was started with, as `ps -E` shows it: the strings that the
//! kernel put on the stack at the exec.

use super::daemon;
use std::ffi::{CStr, OsStr, OsString, c_char};
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;

/// Takes the variables that `is_one` names out of the environment, and overwrites them where the
/// kernel put them, unless they have been set or removed since. An error if there is more than one
/// thread.
pub fn remove_variables(is_one: impl Fn(&OsStr) -> bool) -> io::Result<()> {
    if daemon::threads()? != 1 {
        return Err(io::Error::other("other threads may read the environment"));
    }
    let names: Vec<OsString> = std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| is_one(name))
        .collect();
    let stack = stack();
    let mut shown = entries();
    shown.retain(|entry| {
        // SAFETY: each entry is a string (environ(7)).
        let text = unsafe { CStr::from_ptr(*entry) }.to_bytes();
        let name = text.split(|&byte| byte == b'=').next().unwrap_or_default();
        stack.contains(&entry.addr()) && is_one(OsStr::from_bytes(name))
    });
    for name in names {
        // SAFETY: there is one thread, as was counted just now.
        unsafe { std::env::remove_var(name) };
    }
    for entry in shown {
        // SAFETY: it lies on this thread's stack, which is there to be written to as long as the
        // thread is, and is not freed by who takes it out of the list (unsetenv(3) frees what
        // setenv(3) has allocated). Nothing else is borrowed of it.
        unsafe { entry.write_bytes(0, CStr::from_ptr(entry).count_bytes()) };
    }
    Ok(())
}

/// The strings of the environment, wherever they are: setenv(3) allocates its own, and putenv(3) takes
/// what it is given, which may be a constant that can't be written to. There is one thread.
fn entries() -> Vec<*mut c_char> {
    let mut found = Vec::new();
    // SAFETY: gives the place of the list (environ(7)), which nobody else reads or changes.
    let mut next = unsafe { *libc::_NSGetEnviron() };
    loop {
        // SAFETY: not beyond the null pointer at the list's end, at which this comes to an end.
        let entry = unsafe { *next };
        if entry.is_null() {
            return found;
        }
        found.push(entry);
        // SAFETY: what was there is not the list's end.
        next = unsafe { next.add(1) };
    }
}

/// This thread's stack. The kernel has put the first one's strings at its top (`exec_copyout_strings`
/// in XNU's kern_exec.c); another thread's has none.
fn stack() -> Range<usize> {
    // SAFETY: both take this thread's own handle and give a number.
    let (top, size) = unsafe {
        let this = libc::pthread_self();
        (
            libc::pthread_get_stackaddr_np(this).addr(),
            libc::pthread_get_stacksize_np(this),
        )
    };
    top.saturating_sub(size)..top
}
