//! The ways in which programs start another one in a new session today. The only unsafe code
//! outside the seam: std's own way is unsafe, and the raw one is C.

use std::ffi::{CString, c_char, c_int};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use process_wrap::std::{CommandWrap, ProcessSession};
use subprocess::{Exec, ExecExt};

unsafe extern "C" {
    fn raw_spawn_and_wait(path: *const c_char) -> c_int;
    fn raw_new_session() -> c_int;
    safe fn raw_without_huge_pages() -> c_int;
}

pub(super) fn raw(path: &Path) -> io::Result<bool> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: `path` is a C string that lives until the call returns, which is after the child,
    // sharing this memory, has called execve.
    match unsafe { raw_spawn_and_wait(path.as_ptr()) } {
        -1 => Err(io::Error::last_os_error()),
        status => Ok(status == 0),
    }
}

/// Without a new session: what std does where it can use posix_spawn.
pub(super) fn std_alone(path: &Path) -> io::Result<bool> {
    Ok(Command::new(path).status()?.success())
}

pub(super) fn std_pre_exec(path: &Path) -> io::Result<bool> {
    let mut command = Command::new(path);
    // SAFETY: the closure makes one system call, without a lock or an allocation.
    unsafe { command.pre_exec(new_session) };
    Ok(command.status()?.success())
}

pub(super) fn process_wrap_session(path: &Path) -> io::Result<bool> {
    let mut child = CommandWrap::with_new(path, |_| {})
        .wrap(ProcessSession)
        .spawn()?;
    Ok(child.wait()?.success())
}

pub(super) fn subprocess_crate(path: &Path) -> io::Result<bool> {
    // SAFETY: as for std.
    let command = unsafe { Exec::cmd(path).pre_exec(new_session) };
    Ok(command.join()?.success())
}

pub(super) fn without_huge_pages() -> io::Result<()> {
    if raw_without_huge_pages() == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn new_session() -> io::Result<()> {
    // SAFETY: setsid takes no arguments and touches no memory of this process.
    match unsafe { raw_new_session() } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
