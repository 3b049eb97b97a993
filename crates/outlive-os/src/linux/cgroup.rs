//! cgroups(7): a process's container for what it may use, and what service managers end as a whole.

use super::surroundings::is_cgroup;
use rustix::fs::{AtFlags, Mode, OFlags};
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// A cgroup that processes can be started in.
#[derive(Debug)]
pub struct Cgroup {
    /// Its folder, if it is of version 2: that alone can be cloned into, and a descriptor less is
    /// needed for one of version 1.
    folder: Option<OwnedFd>,
    /// Its `cgroup.procs`: whoever writes 0 to it joins.
    processes: CString,
}

impl Cgroup {
    /// The cgroup whose folder is `path`; `unified` tells whether it is of version 2.
    pub fn open(path: &Path, unified: bool) -> io::Result<Cgroup> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let folder = rustix::fs::open(path, flags, Mode::empty())?;
        let processes = path.join("cgroup.procs");
        Ok(Cgroup {
            folder: unified.then_some(folder),
            processes: CString::new(processes.into_os_string().into_vec())?,
        })
    }

    /// Makes the cgroup, which may be there already as the one above it may, and opens it.
    pub fn make(path: &Path, unified: bool) -> io::Result<Cgroup> {
        use rustix::io::Errno;
        let make = |path: &Path| match rustix::fs::mkdir(path, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error),
        };
        match (make(path), path.parent()) {
            (Err(Errno::NOENT), Some(above)) => {
                make(above)?;
                make(path)?;
            }
            (made, _) => made?,
        }
        Cgroup::open(path, unified)
    }

    /// Moves this process into it: 0 is whoever writes it (cgroups(7)).
    pub fn join(&self) -> io::Result<()> {
        let file = rustix::fs::open(
            &*self.processes,
            OFlags::WRONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        rustix::io::write(&file, b"0")?;
        Ok(())
    }

    /// Its folder, if a process can be cloned into it.
    pub(super) fn folder(&self) -> Option<BorrowedFd<'_>> {
        self.folder.as_ref().map(AsFd::as_fd)
    }

    /// Its `cgroup.procs`.
    pub(super) fn processes(&self) -> &CStr {
        &self.processes
    }
}

/// Removes a cgroup and those in it, if no process is left in any of them.
pub fn remove(path: &Path) -> io::Result<()> {
    must_be_cgroup(path)?;
    if !processes(path)?.is_empty() {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    rustix::fs::unlinkat(rustix::fs::CWD, path, AtFlags::REMOVEDIR)?;
    Ok(())
}

/// What is written down of a cgroup may have been written by somebody else: no other folder is
/// touched.
fn must_be_cgroup(path: &Path) -> io::Result<()> {
    match is_cgroup(path) {
        true => Ok(()),
        false => Err(io::Error::other("it is no cgroup")),
    }
}

/// Ends all processes in a cgroup of version 2 and in those below it, at once (`cgroup.kill`,
/// Linux 5.14).
pub fn kill(path: &Path) -> io::Result<()> {
    must_be_cgroup(path)?;
    std::fs::write(path.join("cgroup.kill"), "1")
}

/// The processes in a cgroup and in those below it.
pub fn processes(path: &Path) -> io::Result<Vec<i32>> {
    let text = std::fs::read_to_string(path.join("cgroup.procs"))?;
    let mut found: Vec<i32> = text.lines().filter_map(|line| line.parse().ok()).collect();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            // One that is removed meanwhile has none.
            found.extend(processes(&entry.path()).unwrap_or_default());
        }
    }
    Ok(found)
}
