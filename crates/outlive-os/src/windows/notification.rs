//! News of a folder's files (ReadDirectoryChangesW).
//!
//! A folder's handle collects what happens between two readings, so each time that news are wanted
//! it is opened anew: what happened before is nobody's news.

use super::call::owned;
use super::call::wide;
use super::overlapped::{Operation, Until, event, reset};
use super::path::verbatim;
use std::io;
use std::os::windows::io::{AsHandle, BorrowedHandle, OwnedHandle};
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};
use std::sync::{Arc, Mutex, PoisonError};
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OVERLAPPED, FILE_LIST_DIRECTORY,
    FILE_NOTIFY_CHANGE_LAST_WRITE, FILE_NOTIFY_CHANGE_SIZE, FILE_SHARE_DELETE, FILE_SHARE_READ,
    FILE_SHARE_WRITE, OPEN_EXISTING, ReadDirectoryChangesW,
};

/// Room for what is told, which nobody reads: that there is something is enough.
const ROOM: usize = 256;

/// Tells, each time that it is armed, that a file in a folder was written to or cut short.
#[derive(Debug)]
pub(super) struct Notification {
    folder: PathBuf,
    event: Arc<OwnedHandle>,
    reading: Mutex<Option<Operation>>,
}

impl Notification {
    /// Of the files in a folder. The event is signalled until that is cleared, or until one wait has
    /// seen it.
    pub(super) fn of(folder: &Path, until: Until) -> io::Result<Notification> {
        Ok(Notification {
            folder: verbatim(folder)?,
            event: event(until)?,
            reading: Mutex::new(None),
        })
    }

    /// Forgets what has been told, and tells no more.
    pub(super) fn clear(&self) -> io::Result<()> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        drop(reading.take());
        reset(&self.event)
    }

    /// Forgets what has been told, and tells of what comes next.
    pub(super) fn arm(&self) -> io::Result<()> {
        self.clear()?;
        let path = wide(&self.folder)?;
        let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
        let flags = FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OVERLAPPED;
        // SAFETY: a path that ends with a NUL.
        let folder = owned(unsafe {
            let (access, how) = (FILE_LIST_DIRECTORY, OPEN_EXISTING);
            CreateFileW(path.as_ptr(), access, share, null(), how, flags, null_mut())
        })?;
        let mut next = Operation::new(Arc::new(folder), self.event.clone());
        next.start(ROOM, |handle, buffer, overlapped| {
            // Memory comes from HeapAlloc, which aligns it by 16; DWORDs are needed.
            let (into, room) = (buffer.as_mut_ptr().cast(), ROOM as u32);
            let what = FILE_NOTIFY_CHANGE_SIZE | FILE_NOTIFY_CHANGE_LAST_WRITE;
            // SAFETY: the buffer and the structure stay where they are until the operation is over.
            unsafe {
                let told = null_mut();
                ReadDirectoryChangesW(handle, into, room, 0, what, told, overlapped, None)
            }
        });
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner) = Some(next);
        Ok(())
    }
}

impl AsHandle for Notification {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.event.as_handle()
    }
}
