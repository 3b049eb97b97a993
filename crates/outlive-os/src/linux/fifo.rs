//! A pipe with a name (fifo(7)), which outlasts the process that reads from it.

use super::events::{Inflow, inflow};
use super::folder::Folder;
use rustix::fs::{FileType, Mode};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;

/// A pipe whose reading end can be waited on, and its writing end. While anybody has the latter, the
/// former and all that has not been read can be had [`again`] by this name in the folder, by which
/// it takes the place of an older one.
///
/// Who is to write may read, too: without a reader a write would raise SIGPIPE (pipe(7)), and as it
/// is it waits, once the pipe is full, until there is another one. Where the file system has no FIFOs
/// (mknod(2): EPERM) it is a pipe without a name, which can't be had again.
pub fn new(folder: &Folder, name: &str) -> io::Result<(Inflow, OwnedFd)> {
    folder.remove(name)?;
    let mode = Mode::RUSR | Mode::WUSR;
    match rustix::fs::mknodat(folder.as_fd(), name, FileType::Fifo, mode, 0) {
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) => return inflow(),
        made => made?,
    }
    // For reading, and not waiting for a writer, before anybody may write.
    let from = folder.file(name)?;
    Ok((Inflow::from(from), folder.edit(name)?.into()))
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
