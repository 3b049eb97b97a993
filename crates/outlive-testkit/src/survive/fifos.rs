//! The FIFOs by which the harness, a cell's script and its job talk.

use super::fault::{Context, Result};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Says something to who reads from a FIFO.
pub(crate) fn tell(mut fifo: &File, line: &str) -> Result<()> {
    writeln!(fifo, "{line}").context(|| format!("failed to say `{line}`"))
}

/// A FIFO that anybody may use: the folder's user is not always who opens it.
pub(crate) fn fifo(path: &Path) -> Result<()> {
    let all = Mode::RWXU | Mode::RWXG | Mode::RWXO;
    let failed = || format!("failed to make `{}`", path.display());
    rustix::fs::mknodat(CWD, path, FileType::Fifo, all, 0).context(failed)?;
    rustix::fs::chmod(path, all).context(failed)
}

/// Both ends of a FIFO, so that it has no end of file.
pub(crate) fn held(path: &Path) -> Result<File> {
    File::options()
        .read(true)
        .write(true)
        .open(path)
        .context(|| format!("failed to open `{}`", path.display()))
}

/// The reading end alone: its end of file is the end of whoever wrote to it.
pub(crate) fn listening(path: &Path) -> Result<std::os::fd::OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
        .context(|| format!("failed to open `{}`", path.display()))
}
