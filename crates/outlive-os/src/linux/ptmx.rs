//! The two sides of a pseudo-terminal (pty(7), ptmx(4)).

use rustix::pty::OpenptFlags;
use std::io;
use std::os::fd::OwnedFd;

/// It does not become this process's own terminal, nor that of any other program.
fn flags() -> OpenptFlags {
    OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC
}

/// The master's side of a new pseudo-terminal.
pub(super) fn master() -> io::Result<OwnedFd> {
    let master = rustix::pty::openpt(flags())?;
    rustix::pty::unlockpt(&master)?;
    Ok(master)
}

/// The other side. It is had from the master (TIOCGPTPEER, Linux 4.13), and not by its path, where
/// another devpts may be mounted.
pub(super) fn peer(master: &OwnedFd) -> io::Result<OwnedFd> {
    Ok(rustix::pty::ioctl_tiocgptpeer(master, flags())?)
}
