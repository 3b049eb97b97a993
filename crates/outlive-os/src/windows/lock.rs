//! A lock that tells whether its holder lives (LockFileEx): it goes with the handle that took it,
//! however that process ended. A lock belongs to the file as it was opened and to the process, so
//! take it once for each opening.
//!
//! Such a lock can't be looked at without being taken. So that nobody who looks is in the way of
//! somebody who takes, there are two bytes: the holder's, and a gate, which those who look go
//! through together and those who take alone. Both are far behind the end of any file, since what
//! is locked can't be read by others.

use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle};
use windows_sys::Win32::Foundation::{ERROR_IO_PENDING, ERROR_LOCK_VIOLATION};
use windows_sys::Win32::Storage::FileSystem::{
    LOCK_FILE_FLAGS, LOCKFILE_EXCLUSIVE_LOCK, LOCKFILE_FAIL_IMMEDIATELY, LockFileEx, UnlockFileEx,
};
use windows_sys::Win32::System::IO::{OVERLAPPED, OVERLAPPED_0, OVERLAPPED_0_0};

use super::call::check;

/// The byte that is locked by the holder.
const HOLDER: u64 = 1 << 62;
/// The byte that is locked while one looks or takes.
const GATE: u64 = HOLDER + 1;
/// The byte of a file that is being written over, see [`replace`](super::folder::Folder::replace).
pub(super) const CONTENT: u64 = HOLDER + 2;
/// The byte that is locked by whose turn it is.
const TURN: u64 = HOLDER + 3;

fn at(place: u64) -> OVERLAPPED {
    let place = OVERLAPPED_0_0 {
        Offset: (place & u64::from(u32::MAX)) as u32,
        OffsetHigh: (place >> 32) as u32,
    };
    OVERLAPPED {
        Anonymous: OVERLAPPED_0 { Anonymous: place },
        ..OVERLAPPED::default()
    }
}

/// Locks one byte; whether it could be had, if it is not waited for.
fn lock(file: BorrowedHandle<'_>, place: u64, flags: LOCK_FILE_FLAGS) -> io::Result<bool> {
    let mut overlapped = at(place);
    // SAFETY: the structure says where the byte is; with a file that is not opened for overlapped
    // operations the call returns when it is done.
    let locked = unsafe { LockFileEx(file.as_raw_handle(), flags, 0, 1, 0, &raw mut overlapped) };
    match check(locked) {
        Ok(()) => Ok(true),
        Err(error) => match error.raw_os_error().map(i32::cast_unsigned) {
            Some(ERROR_LOCK_VIOLATION | ERROR_IO_PENDING) => Ok(false),
            _ => Err(error),
        },
    }
}

fn unlock(file: BorrowedHandle<'_>, place: u64) {
    let mut overlapped = at(place);
    // SAFETY: the structure says where the byte is. Closing the file would unlock it, too.
    unsafe { UnlockFileEx(file.as_raw_handle(), 0, 1, 0, &raw mut overlapped) };
}

/// A byte that is unlocked when this goes.
pub(super) struct Locked<'a>(BorrowedHandle<'a>, u64);

impl<'a> Locked<'a> {
    /// Waits for a byte to be free, for this file alone or for all that share it.
    pub(super) fn wait(
        file: BorrowedHandle<'a>,
        place: u64,
        alone: bool,
    ) -> io::Result<Locked<'a>> {
        lock(file, place, if alone { LOCKFILE_EXCLUSIVE_LOCK } else { 0 })?;
        Ok(Locked(file, place))
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        unlock(self.0, self.1);
    }
}

/// Takes the lock of a file that is open for writing; whether it was free.
pub fn take(file: BorrowedHandle<'_>) -> io::Result<bool> {
    let _gate = Locked::wait(file, GATE, true)?;
    lock(
        file,
        HOLDER,
        LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY,
    )
}

/// Whether somebody holds the lock of this file.
pub fn is_held(file: BorrowedHandle<'_>) -> io::Result<bool> {
    let _gate = Locked::wait(file, GATE, false)?;
    let free = lock(file, HOLDER, LOCKFILE_FAIL_IMMEDIATELY)?;
    if free {
        unlock(file, HOLDER);
    }
    Ok(!free)
}

/// A turn, which is over when this goes, or its process.
pub struct Turn<'a>(#[expect(dead_code, reason = "it is there to be dropped")] Locked<'a>);

/// Waits for one's turn with a file that is open for writing: one at a time has it, whoever holds the
/// lock.
pub fn turn(file: BorrowedHandle<'_>) -> io::Result<Turn<'_>> {
    Locked::wait(file, TURN, true).map(Turn)
}
