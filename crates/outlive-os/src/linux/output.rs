//! A file that gives back its oldest part while others append to it.

use rustix::fs::{FallocateFlags, SeekFrom};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use super::folder::Folder;
use super::signal;

/// What is given back is a whole number of these, so that no block is only partly zeroed.
const UNIT: u64 = 64 << 10;

/// Gives back all but the last `keep` bytes of a file of `size` bytes, as far as they make whole
/// units: they become a hole (FALLOC_FL_PUNCH_HOLE, fallocate(2): ext4, XFS, Btrfs, tmpfs,
/// overlayfs on these, NFS 4.2), and appenders are not disturbed. `from` is where the last call
/// ended; where this one ended comes back. An error of kind `Unsupported` where the file system
/// can't.
pub fn give_back(file: BorrowedFd<'_>, from: u64, size: u64, keep: u64) -> io::Result<u64> {
    let to = size.saturating_sub(keep) / UNIT * UNIT;
    if to <= from {
        return Ok(from);
    }
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    match rustix::fs::fallocate(file, flags, from, to - from) {
        Ok(()) => Ok(to),
        // ENOSYS where a FUSE file system has no such operation.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            Err(io::ErrorKind::Unsupported.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Where the first byte that is still there stands, at or after `from` (SEEK_DATA, lseek(2)). The
/// file's end if there is none.
pub fn first_data(file: BorrowedFd<'_>, from: u64) -> io::Result<u64> {
    // Before the search: what is appended after it would lie behind an end that is told later.
    let end = rustix::fs::fstat(file)?.st_size.cast_unsigned();
    match rustix::fs::seek(file, SeekFrom::Data(from)) {
        Ok(place) => Ok(place),
        Err(rustix::io::Errno::NXIO) => Ok(end),
        // A file system without holes.
        Err(rustix::io::Errno::INVAL) => Ok(from),
        Err(error) => Err(error.into()),
    }
}

/// How much room the file's file system has for this user, in bytes (statvfs(3)).
pub fn free_space(file: BorrowedFd<'_>) -> io::Result<u64> {
    let space = rustix::fs::fstatvfs(file)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// The size from which on a file can't bear a mark.
pub const MARK_LIMIT: u64 = MARK;

/// Where a mark is put: behind the end of any output, and before the largest offset of common file
/// systems (16 TiB on ext4).
const MARK: u64 = 1 << 40;
const MARK_LENGTH: u64 = 4096;

/// Marks a file: a block is allocated far behind its end, which does not change its size
/// (FALLOC_FL_KEEP_SIZE, fallocate(2)). Whoever cuts the file short, by opening it with O_TRUNC for
/// one, frees the block, and nothing brings it back. It costs one block for as long as the file is
/// there (ext4 punches no hole behind the end of a file). Whether it could be done: the file system must
/// also tell which blocks it has allocated (FS_IOC_FIEMAP: ext4, XFS, Btrfs, overlayfs on these;
/// not tmpfs).
pub fn mark(file: BorrowedFd<'_>) -> bool {
    let done = rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, MARK, MARK_LENGTH);
    done.is_ok() && is_marked(file)
}

/// Whether the mark is there.
pub fn is_marked(file: BorrowedFd<'_>) -> bool {
    /// `struct fiemap` of linux/fiemap.h, with room for no extent: they are only counted.
    #[repr(C)]
    #[derive(Default)]
    struct Fiemap {
        start: u64,
        length: u64,
        flags: u32,
        mapped_extents: u32,
        extent_count: u32,
        reserved: u32,
    }
    // _IOWR('f', 11, struct fiemap)
    const FIEMAP: u64 = 3 << 30 | (size_of::<Fiemap>() as u64) << 16 | (b'f' as u64) << 8 | 11;
    let mut map = Fiemap {
        start: MARK,
        length: MARK_LENGTH,
        ..Fiemap::default()
    };
    // SAFETY: the request carries the size of the structure, which has room for what it fills.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), FIEMAP as _, &raw mut map) };
    result == 0 && map.mapped_extents > 0
}

/// Tells that something in a folder was written to or cut short, once, after it was armed: a
/// directory notification (F_NOTIFY, fcntl(2)), which unlike inotify has no limit per user. While
/// it is not armed, writers pay nothing for it.
#[derive(Debug)]
pub struct Activity(OwnedFd);

impl Activity {
    /// For the files of this folder; the news comes as the signal [`signal::ACTIVITY`].
    pub fn of(folder: &Folder) -> io::Result<Activity> {
        Ok(Activity(folder.as_fd().try_clone_to_owned()?))
    }

    /// What becomes ready with the news; none here, since it comes as a signal.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Arms it.
    pub fn arm(&self) -> io::Result<()> {
        const DN_MODIFY: i32 = 2;
        // SAFETY: fcntl with plain numbers; a keeper receives the signal as an event.
        match unsafe { libc::fcntl(self.0.as_raw_fd(), libc::F_NOTIFY, DN_MODIFY) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }

    /// Forgets what was told, until it is armed again: a signal that has come is forgotten already.
    pub fn clear(&self) -> io::Result<()> {
        Ok(())
    }
}

// The signal that F_NOTIFY sends unless another is chosen.
const _: () = assert!(signal::ACTIVITY == libc::SIGIO);

/// Fills all of `bytes` with what stands in a file from `offset` on.
pub fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(bytes, offset)
}

/// How late a file's growth may be told at most, if it may be told late.
pub const LATE: Option<std::time::Duration> = None;
