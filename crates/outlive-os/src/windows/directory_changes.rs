//! News of a folder of folders (ReadDirectoryChangesW, with all that is below it).

use super::call::{owned, wide};
use super::overlapped::{Operation, Until, event};
use super::path::verbatim;
use crate::Changed;
use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::OsStringExt;
use std::os::windows::io::{AsHandle, BorrowedHandle};
use std::path::{Component, Path};
use std::ptr::{null, null_mut};
use std::sync::Arc;
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OVERLAPPED, FILE_LIST_DIRECTORY,
    FILE_NOTIFY_CHANGE_DIR_NAME, FILE_NOTIFY_CHANGE_FILE_NAME, FILE_NOTIFY_CHANGE_LAST_WRITE,
    FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, OPEN_EXISTING, ReadDirectoryChangesW,
};

/// Room for what is told between two readings.
const ROOM: usize = 64 << 10;

/// The parts of a FILE_NOTIFY_INFORMATION before its name: where the next one is, what has happened,
/// the name's length in bytes; a DWORD each.
const HEAD: usize = 12;

/// Tells which entries of a folder come and go, and in which of them one file changes.
#[derive(Debug)]
pub struct Changes {
    reading: Operation,
    file: &'static str,
}

impl Changes {
    /// Of the entries of `folder`, and of the `file` in each of them.
    pub fn new(folder: &Path, file: &'static str) -> io::Result<Changes> {
        let path = wide(&verbatim(folder)?)?;
        let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
        let flags = FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OVERLAPPED;
        // SAFETY: a path that ends with a NUL.
        let folder = owned(unsafe {
            let (access, how) = (FILE_LIST_DIRECTORY, OPEN_EXISTING);
            CreateFileW(path.as_ptr(), access, share, null(), how, flags, null_mut())
        })?;
        let mut reading = Operation::new(Arc::new(folder), event(Until::Reset)?);
        read(&mut reading);
        Ok(Changes { reading, file })
    }

    /// Tells of this entry's file from now on: that of each entry is watched here.
    pub fn watch(&mut self, _name: &str) -> io::Result<()> {
        Ok(())
    }

    /// What has happened since this was asked last: between two readings the folder's handle collects
    /// it.
    pub fn take(&mut self) -> io::Result<Changed> {
        let mut changed = Changed::default();
        while let Some(outcome) = self.reading.outcome(false) {
            match outcome {
                // There was no room for all of it.
                Ok(0) => changed.all = true,
                Ok(length) => self.read_names(length, &mut changed),
                Err(error) => return Err(super::call::error(error)),
            }
            read(&mut self.reading);
        }
        Ok(changed)
    }

    fn read_names(&self, length: usize, changed: &mut Changed) {
        let mut rest = &self.reading.buffer()[..length];
        while let Some((name, next)) = entry(rest) {
            let path = Path::new(&name);
            let mut parts = path.components().map(Component::as_os_str);
            let (first, second, third) = (parts.next(), parts.next(), parts.next());
            // What else is in an entry is written to at all times.
            let is_news = third.is_none() && second.is_none_or(|second| second == self.file);
            changed
                .names
                .extend(first.filter(|_| is_news).map(OsString::from));
            match next {
                0 => break,
                next => rest = rest.get(next..).unwrap_or_default(),
            }
        }
    }
}

/// The name that a FILE_NOTIFY_INFORMATION has, and how far it is to the next one.
fn entry(bytes: &[u8]) -> Option<(OsString, usize)> {
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_ne_bytes(bytes)).ok()
    };
    let (next, length) = (number(0)?, number(8)?);
    let name = bytes.get(HEAD..HEAD.checked_add(length)?)?;
    let units = name.chunks_exact(2);
    let units: Vec<u16> = units
        .map(|two| u16::from_ne_bytes([two[0], two[1]]))
        .collect();
    Some((OsString::from_wide(&units), next))
}

fn read(reading: &mut Operation) {
    reading.start(ROOM, |handle, buffer, overlapped| {
        // Memory comes from HeapAlloc, which aligns it by 16; DWORDs are needed.
        let (into, room) = (buffer.as_mut_ptr().cast(), ROOM as u32);
        let what = FILE_NOTIFY_CHANGE_FILE_NAME
            | FILE_NOTIFY_CHANGE_DIR_NAME
            | FILE_NOTIFY_CHANGE_LAST_WRITE;
        // SAFETY: the buffer and the structure stay where they are until the operation is over.
        unsafe {
            let told = null_mut();
            ReadDirectoryChangesW(handle, into, room, 1, what, told, overlapped, None)
        }
    });
}

impl AsHandle for Changes {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.reading.as_handle()
    }
}
