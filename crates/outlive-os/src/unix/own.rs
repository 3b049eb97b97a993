//! What a process makes of itself by what every Unix has.

use std::ffi::OsString;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Gives this process another file mode creation mask; the one that was in force before.
pub(super) fn exchange_umask(mask: u32) -> u32 {
    use rustix::fs::Mode;
    let mask = Mode::from_bits_truncate((mask & 0o777) as _);
    // Of 16 bits on macOS, of 32 on Linux.
    rustix::process::umask(mask).bits() as _
}

/// Makes files for this user alone from here on; the mask that was in force before.
pub fn private_umask() -> u32 {
    exchange_umask(0o077)
}

/// Lets this process have `count` descriptors, or as many as its hard limit allows (getrlimit(2)):
/// it may have been started where there are to be few. The soft limit that was in force, if it was
/// changed: what this process starts is to have it again.
pub fn allow_descriptors(count: u64) -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let before = current.filter(|current| *current < count)?;
    let current = Some(maximum.map_or(count, |maximum| maximum.min(count)));
    let raised = setrlimit(Resource::Nofile, Rlimit { current, maximum });
    raised.is_ok().then_some(before)
}

/// Opens a folder so that another process can make it its own.
pub fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    std::fs::File::open(path).map(Into::into)
}

/// The name by which this program knows what it is to be.
pub fn name() -> Option<OsString> {
    crate::arguments().into_iter().next()
}

/// Has a service or a task start a program (Windows).
pub fn start_by(
    _via: outlive_record::Via,
    _program: &Path,
    _arguments: &[&str],
) -> io::Result<super::socket::Connection> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Makes the folder behind a descriptor this process's own.
pub fn enter_folder(folder: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::process::fchdir(folder)?)
}

/// Keeps no folder busy.
pub fn leave_folder() -> io::Result<()> {
    std::env::set_current_dir("/")
}

/// This process's user.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The program by which a keeper is started that may run for as long as `program` is installed:
/// itself, since a running program can be replaced here. (`home` is the state folder.)
pub fn steady_program(program: &Path, _home: &Path) -> io::Result<PathBuf> {
    Ok(program.to_owned())
}
