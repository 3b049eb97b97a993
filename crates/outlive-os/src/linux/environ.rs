//! The environment that this process was started with, as everybody sees it in `/proc/PID/environ`:
//! the strings that the kernel put on the stack at the exec.

use super::{daemon, surroundings};
use std::ffi::{CStr, OsStr, OsString, c_char};
use std::io;
use std::os::unix::ffi::OsStrExt;

/// Takes the variables that `is_one` names out of the environment, and overwrites them where the
/// kernel put them: a process that is not exec'ed anew shows those for as long as it lives, whatever
/// it does to its environment (proc_pid_environ(5)). An error if there is more than one thread.
pub fn remove_variables(is_one: impl Fn(&OsStr) -> bool) -> io::Result<()> {
    let names: Vec<OsString> = std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| is_one(name))
        .collect();
    if daemon::threads()? != 1 {
        return Err(io::Error::other("other threads may read the environment"));
    }
    for name in names {
        // SAFETY: there is one thread, as was counted just now.
        unsafe { std::env::remove_var(name) };
    }
    let Some((start, end)) = block()? else {
        return Ok(());
    };
    let mut at = start;
    while at < end {
        // SAFETY: the block lies in this process's memory and ends with a NUL (below).
        let length = unsafe { CStr::from_ptr(at as *const c_char) }.count_bytes();
        // SAFETY: as many bytes as were counted there just now, of which nothing else is borrowed.
        let entry = unsafe { std::slice::from_raw_parts_mut(at as *mut u8, length) };
        let name = entry.split(|&byte| byte == b'=').next().unwrap_or_default();
        if is_one(OsStr::from_bytes(name)) {
            entry.fill(0);
        }
        at += length + 1;
    }
    Ok(())
}

/// Where the strings begin and end: fields 50 and 51 of `/proc/self/stat` (Linux 3.5,
/// proc_pid_stat(5)). Nothing if this process has no such block that ends as one does.
///
/// The kernel has put it on the stack, where it is this process's to write to and is never unmapped.
/// Only who moves it (PR_SET_MM_ENV_START, prctl(2)) or writes over it (setproctitle(3)) has it end
/// with anything but a NUL.
fn block() -> io::Result<Option<(usize, usize)>> {
    let stat = surroundings::record("/proc/self/stat")?;
    let stat = String::from_utf8_lossy(&stat);
    // The name, field 2, is in parentheses and may contain anything.
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let field = |number: usize| after_name.split(' ').nth(number - 3)?.trim().parse().ok();
    let (Some(start), Some(end)) = (field(50), field(51)) else {
        return Ok(None);
    };
    if start == 0 || start >= end {
        return Ok(None);
    }
    // SAFETY: the last byte of the block, in this process's memory.
    let last = unsafe { *((end - 1) as *const u8) };
    Ok((last == 0).then_some((start, end)))
}
