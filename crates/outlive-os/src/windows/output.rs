//! A file that gives back its oldest part while others append to it.

use super::call::{check, check_status, is, owned};
use super::folder::Folder;
use super::notification::Notification;
use super::overlapped::Until;
use std::fs::File;
use std::io;
use std::os::windows::fs::FileExt;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle};
use std::ptr::{null, null_mut};
use windows_sys::Wdk::Storage::FileSystem::{FileFsSizeInformation, NtQueryVolumeInformationFile};
use windows_sys::Win32::Foundation::{
    ERROR_INVALID_FUNCTION, ERROR_MORE_DATA, ERROR_NOT_SUPPORTED,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, FILE_WRITE_DATA, GetFileSizeEx,
    ReOpenFile,
};
use windows_sys::Win32::System::IO::{DeviceIoControl, IO_STATUS_BLOCK};
use windows_sys::Win32::System::Ioctl::{
    FILE_ALLOCATED_RANGE_BUFFER, FILE_ZERO_DATA_INFORMATION, FSCTL_QUERY_ALLOCATED_RANGES,
    FSCTL_SET_SPARSE, FSCTL_SET_ZERO_DATA,
};

/// What is given back is a whole number of these: a sparse file of NTFS has no smaller holes
/// (FSCTL_SET_ZERO_DATA).
const UNIT: u64 = 64 << 10;

/// Has a file system do something with a file; an error of kind `Unsupported` where it can't.
fn control<I>(file: BorrowedHandle<'_>, what: u32, with: Option<&I>) -> io::Result<()> {
    let (at, size) = with.map_or((null(), 0), |it| (&raw const *it, size_of::<I>()));
    let (mut told, size) = (0, u32::try_from(size).unwrap_or(u32::MAX));
    // SAFETY: a structure of ours and its size, and no room for an answer. A file that was not opened
    // for overlapped operations needs no structure for one.
    let result = check(unsafe {
        let (file, told, none) = (file.as_raw_handle(), &raw mut told, null_mut());
        DeviceIoControl(file, what, at.cast(), size, none, 0, told, null_mut())
    });
    result.map_err(|error| match cannot(&error) {
        true => io::ErrorKind::Unsupported.into(),
        false => error,
    })
}

fn cannot(error: &io::Error) -> bool {
    is(error, ERROR_INVALID_FUNCTION) || is(error, ERROR_NOT_SUPPORTED)
}

/// Gives back all but the last `keep` bytes of a file of `size` bytes, as far as they make whole
/// units: they become a hole (FSCTL_SET_SPARSE, FSCTL_SET_ZERO_DATA: NTFS, ReFS), and appenders are
/// not disturbed. `from` is where the last call ended; where this one ended comes back. An error of
/// kind `Unsupported` where the file system can't.
pub fn give_back(file: BorrowedHandle<'_>, from: u64, size: u64, keep: u64) -> io::Result<u64> {
    let to = size.saturating_sub(keep) / UNIT * UNIT;
    if to <= from {
        return Ok(from);
    }
    let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    // Who may only append to a file may not give back a part of it.
    // SAFETY: the handle is on loan; the new one is ours.
    let writable = owned(unsafe { ReOpenFile(file.as_raw_handle(), FILE_WRITE_DATA, share, 0) })?;
    control::<()>(writable.as_handle(), FSCTL_SET_SPARSE, None)?;
    let part = FILE_ZERO_DATA_INFORMATION {
        FileOffset: from.cast_signed(),
        BeyondFinalZero: to.cast_signed(),
    };
    control(writable.as_handle(), FSCTL_SET_ZERO_DATA, Some(&part))?;
    Ok(to)
}

fn size(file: BorrowedHandle<'_>) -> io::Result<u64> {
    let mut size = 0;
    // SAFETY: the number is written if the call succeeds.
    check(unsafe { GetFileSizeEx(file.as_raw_handle(), &raw mut size) })?;
    Ok(size.cast_unsigned())
}

/// Where the first byte that is still there stands, at or after `from`
/// (FSCTL_QUERY_ALLOCATED_RANGES). The file's end if there is none.
pub fn first_data(file: BorrowedHandle<'_>, from: u64) -> io::Result<u64> {
    // Before the search: what is appended after it would lie behind an end that is told later.
    let end = size(file)?;
    if from >= end {
        return Ok(end);
    }
    let asked = FILE_ALLOCATED_RANGE_BUFFER {
        FileOffset: from.cast_signed(),
        Length: (end - from).cast_signed(),
    };
    let (mut first, mut told) = (FILE_ALLOCATED_RANGE_BUFFER::default(), 0);
    let size = size_of_val(&asked) as u32;
    // SAFETY: two structures of this size, the second to be filled.
    let result = check(unsafe {
        let (file, what, told) = (
            file.as_raw_handle(),
            FSCTL_QUERY_ALLOCATED_RANGES,
            &raw mut told,
        );
        let (asked, first) = ((&raw const asked).cast(), (&raw mut first).cast());
        DeviceIoControl(file, what, asked, size, first, size, told, null_mut())
    });
    match result {
        // That there are more than there is room for is no matter.
        Err(error) if !is(&error, ERROR_MORE_DATA) => match cannot(&error) {
            // A file system without holes.
            true => Ok(from),
            false => Err(error),
        },
        _ if told < size => Ok(end),
        _ => Ok(first.FileOffset.cast_unsigned().clamp(from, end)),
    }
}

/// `FILE_FS_SIZE_INFORMATION` of ntifs.h.
#[repr(C)]
#[derive(Default)]
struct Space {
    units: i64,
    available: i64,
    sectors_per_unit: u32,
    bytes_per_sector: u32,
}

/// How much room the file's file system has for this user, in bytes.
pub fn free_space(file: BorrowedHandle<'_>) -> io::Result<u64> {
    let (mut space, mut status) = (Space::default(), IO_STATUS_BLOCK::default());
    let size = size_of::<Space>() as u32;
    // SAFETY: a structure of ours and its size.
    check_status(unsafe {
        let (file, into) = (file.as_raw_handle(), (&raw mut space).cast());
        let what = FileFsSizeInformation;
        NtQueryVolumeInformationFile(file, &raw mut status, into, size, what)
    })?;
    let unit = u64::from(space.sectors_per_unit) * u64::from(space.bytes_per_sector);
    Ok(space.available.cast_unsigned().saturating_mul(unit))
}

/// The size from which on a file can't bear a mark.
pub const MARK_LIMIT: u64 = u64::MAX;

/// Marks a file so that it shows when it was cut short. Nothing does that here: what is allocated
/// behind a file's end goes when the last handle of it is closed.
pub fn mark(_file: BorrowedHandle<'_>) -> bool {
    false
}

/// Whether the mark is there.
pub fn is_marked(_file: BorrowedHandle<'_>) -> bool {
    false
}

/// Tells that something in a folder was written to or cut short, once, after it was armed. While it
/// is not armed, writers pay nothing for it.
#[derive(Debug)]
pub struct Activity(Notification);

impl Activity {
    /// For the files of this folder.
    pub fn of(folder: &Folder) -> io::Result<Activity> {
        Notification::of(folder.path(), Until::Seen).map(Activity)
    }

    /// What becomes ready with the news, for one wait.
    pub fn descriptor(&self) -> Option<BorrowedHandle<'_>> {
        Some(self.0.as_handle())
    }

    /// Arms it.
    pub fn arm(&self) -> io::Result<()> {
        self.0.arm()
    }

    /// Forgets the news, and is not armed any more.
    pub fn clear(&self) -> io::Result<()> {
        self.0.clear()
    }
}

/// Fills all of `bytes` with what stands in a file from `offset` on. The place where the file is read
/// next moves, too.
pub fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        match file.seek_read(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// How late a file's growth may be told at most, if it may be told late: NTFS tells of it when its
/// cache is flushed or a handle closed (FindFirstChangeNotification, remarks), which may be much
/// later. So often a keeper looks at its job's output.
pub const LATE: Option<std::time::Duration> = Some(std::time::Duration::from_secs(5));
