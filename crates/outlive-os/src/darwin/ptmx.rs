//! The two sides of a pseudo-terminal (posix_openpt(3), ptsname(3)).

use rustix::fs::{Mode, OFlags};
use rustix::io::FdFlags;
use rustix::pty::OpenptFlags;
use std::io;
use std::os::fd::OwnedFd;

/// The master's side of a new pseudo-terminal.
pub(super) fn master() -> io::Result<OwnedFd> {
    let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    // posix_openpt takes no O_CLOEXEC here.
    rustix::io::fcntl_setfd(&master, FdFlags::CLOEXEC)?;
    rustix::pty::grantpt(&master)?;
    rustix::pty::unlockpt(&master)?;
    Ok(master)
}

/// The other side.
pub(super) fn peer(master: &OwnedFd) -> io::Result<OwnedFd> {
    let path = rustix::pty::ptsname(master, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(&*path, flags, Mode::empty())?)
}
