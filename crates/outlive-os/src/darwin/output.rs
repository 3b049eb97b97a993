//! A file that gives back its oldest part while others append to it.

use super::checked;
use super::folder::Folder;
use super::kqueue::Kqueue;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, SeekFrom};
use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

/// What is given back is a whole number of these, which are whole blocks of any file system.
const UNIT: u64 = 64 << 10;

/// Gives back all but the last `keep` bytes of a file of `size` bytes, as far as they make whole
/// units: they become a hole (F_PUNCHHOLE, fcntl(2): APFS), and appenders are not disturbed. `from`
/// is where the last call ended; where this one ended comes back. An error of kind `Unsupported`
/// where the file system can't.
pub fn give_back(file: BorrowedFd<'_>, from: u64, size: u64, keep: u64) -> io::Result<u64> {
    let to = size.saturating_sub(keep) / UNIT * UNIT;
    if to <= from {
        return Ok(from);
    }
    let hole = libc::fpunchhole_t {
        fp_flags: 0,
        reserved: 0,
        fp_offset: from.cast_signed(),
        fp_length: (to - from).cast_signed(),
    };
    // SAFETY: a structure of ours, which is only read.
    match checked(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_PUNCHHOLE, &raw const hole) }) {
        Ok(_) => Ok(to),
        // ENOTTY where a file system has no such operation.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOTSUP | libc::ENOTTY)) => {
            Err(io::ErrorKind::Unsupported.into())
        }
        Err(error) => Err(error),
    }
}

/// Where the first byte that is still there stands, at or after `from` (SEEK_DATA, lseek(2)). The
/// file's end if there is none.
pub fn first_data(file: BorrowedFd<'_>, from: u64) -> io::Result<u64> {
    use rustix::io::Errno;
    // Before the search: what is appended after it would lie behind an end that is told later.
    let end = rustix::fs::fstat(file)?.st_size.cast_unsigned();
    match rustix::fs::seek(file, SeekFrom::Data(from)) {
        Ok(place) => Ok(place),
        Err(Errno::NXIO) => Ok(end),
        // A file system without holes.
        Err(Errno::INVAL | Errno::NOTSUP | Errno::NOTTY) => Ok(from),
        Err(error) => Err(error.into()),
    }
}

/// How much room the file's file system has for this user, in bytes (statfs(2): the counts of
/// statvfs(3) have 32 bits here).
pub fn free_space(file: BorrowedFd<'_>) -> io::Result<u64> {
    let space = rustix::fs::fstatfs(file)?;
    Ok(space.f_bavail.saturating_mul(u64::from(space.f_bsize)))
}

/// The size from which on a file can't bear a mark: none can, whatever its size.
pub const MARK_LIMIT: u64 = u64::MAX;

/// Marks a file so that its being cut short is seen later: nothing here would stay hidden behind its
/// end.
pub fn mark(_file: BorrowedFd<'_>) -> bool {
    false
}

/// Whether the mark is there.
pub fn is_marked(_file: BorrowedFd<'_>) -> bool {
    false
}

/// Tells that something in a folder was written to or cut short, once, after it was armed (kqueue(2),
/// EVFILT_VNODE). While it is not armed it tells nothing.
#[derive(Debug)]
pub struct Activity {
    queue: Kqueue,
    /// The files that were there: a folder's own event tells of names alone.
    files: Vec<OwnedFd>,
    armed: Cell<bool>,
}

impl Activity {
    /// For the files that are in this folder now.
    pub fn of(folder: &Folder) -> io::Result<Activity> {
        // Open for its events alone it keeps no volume busy.
        let flags = OFlags::from_bits_retain(libc::O_EVTONLY.cast_unsigned());
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mut files = Vec::new();
        for name in folder.names()? {
            let found = rustix::fs::statat(folder, &*name, AtFlags::SYMLINK_NOFOLLOW);
            let is_file = |mode| FileType::from_raw_mode(mode) == FileType::RegularFile;
            if found.is_ok_and(|found| is_file(found.st_mode)) {
                files.push(rustix::fs::openat(folder, &*name, flags, Mode::empty())?);
            }
        }
        Ok(Activity {
            queue: Kqueue::new()?,
            files,
            armed: Cell::new(false),
        })
    }

    /// What becomes ready with the news, while it is armed.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.armed.get().then(|| self.queue.as_fd())
    }

    /// Arms it.
    pub fn arm(&self) -> io::Result<()> {
        self.clear()?;
        for file in &self.files {
            super::growth::watch(&self.queue, file.as_fd(), libc::EV_ONESHOT)?;
        }
        self.armed.set(true);
        Ok(())
    }

    /// Forgets what was told, until it is armed again.
    pub fn clear(&self) -> io::Result<()> {
        self.armed.set(false);
        while self.queue.take()?.is_some() {}
        Ok(())
    }
}

/// Fills all of `bytes` with what stands in a file from `offset` on.
pub fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(bytes, offset)
}

/// How late a file's growth may be told at most, if it may be told late.
pub const LATE: Option<std::time::Duration> = None;
