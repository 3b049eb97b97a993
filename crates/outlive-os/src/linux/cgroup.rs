//! cgroups(7): a process's container for what it may use, and what service managers end as a whole.

use rustix::fs::{AtFlags, Mode, OFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// A cgroup that processes can be started in.
#[derive(Debug)]
pub struct Cgroup {
    folder: OwnedFd,
    unified: bool,
}

impl Cgroup {
    /// The cgroup whose folder is `path`; `unified` tells whether it is of version 2.
    pub fn open(path: &Path, unified: bool) -> io::Result<Cgroup> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let folder = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Cgroup { folder, unified })
    }

    /// Makes the cgroup, which may be there already, and opens it.
    pub fn make(path: &Path, unified: bool) -> io::Result<Cgroup> {
        match rustix::fs::mkdir(path, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => Cgroup::open(path, unified),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    pub(super) fn is_unified(&self) -> bool {
        self.unified
    }
}

/// Removes a cgroup and those in it, as far as no process is left in them.
pub fn remove(path: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    rustix::fs::unlinkat(rustix::fs::CWD, path, AtFlags::REMOVEDIR)?;
    Ok(())
}

/// Ends all processes in a cgroup of version 2 and in those below it, at once (`cgroup.kill`,
/// Linux 5.14).
pub fn kill(path: &Path) -> io::Result<()> {
    std::fs::write(path.join("cgroup.kill"), "1")
}

/// Whether no process is left in a cgroup of version 2 or below it (`cgroup.events`).
pub fn is_empty(path: &Path) -> io::Result<bool> {
    let events = std::fs::read_to_string(path.join("cgroup.events"))?;
    Ok(events.lines().any(|line| line == "populated 0"))
}
