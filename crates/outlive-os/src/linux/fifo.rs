//! A pipe with a name (fifo(7)), which outlasts the process that reads from it.

use super::events::{Inflow, inflow};
use super::folder::Folder;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;

/// A pipe whose reading end can be waited on, its writing end, and another reading end. While anybody
/// has an end of it, the first and all that has not been read can be had [`again`] by this name in the
/// folder, by which it takes the place of an older one.
///
/// Who writes is to hold the spare end: without any reader a write would raise SIGPIPE (pipe(7)), and
/// as it is it waits, once the pipe is full, until there is another one. A writing end that is open for
/// reading too would be simpler, but programs take one that can be read for a broken pipe: Python's
/// asyncio, `tail -f`. Where the file system has no FIFOs (mknod(2): EPERM) it is a pipe without a name
/// and a spare end, which can't be had again.
pub fn new(folder: &Folder, name: &str) -> io::Result<(Inflow, OwnedFd, Option<OwnedFd>)> {
    folder.remove(name)?;
    let mode = Mode::RUSR | Mode::WUSR;
    match rustix::fs::mknodat(folder.as_fd(), name, FileType::Fifo, mode, 0) {
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) => {
            let (from, to) = inflow()?;
            return Ok((from, to, None));
        }
        made => made?,
    }
    // Before there is a writer, whom they don't wait for.
    let (from, spare) = (folder.file(name)?, folder.file(name)?);
    let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let to = rustix::fs::openat(folder.as_fd(), name, flags, Mode::empty())?;
    Ok((Inflow::from(from), to, Some(spare.into())))
}

/// The reading end of what was made as [`new`]; none if there is no such pipe.
pub fn again(folder: &Folder, name: &str) -> io::Result<Option<Inflow>> {
    let file = match folder.file(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let is_pipe = file.metadata()?.file_type().is_fifo();
    Ok(is_pipe.then(|| Inflow::from(file)))
}
