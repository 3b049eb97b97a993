//! A file that is replaced whole while others read it.
//!
//! NTFS replaces a file under its readers (FILE_RENAME_POSIX_SEMANTICS, from Windows 10 1709 on).
//! Where that is refused, by older systems, other file systems or Wine, it is written over, and
//! then readers are kept out by a lock of one byte, which they share (LockFileEx). Before that the
//! new bytes are there as `NAME%now`, whole: if the writer is killed, that is what counts. No name
//! that is asked for is the name of such a file ([`escaped`](super::file_name::escaped)).

use super::call::is;
use super::folder::open;
use super::lock::{CONTENT, Locked};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::windows::io::AsHandle;
use std::path::{Path, PathBuf};
use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION};

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut beside = OsString::from(path);
    beside.push(ending);
    beside.into()
}

/// The new bytes while the old ones are being written over, or can't be.
pub(super) fn now(path: &Path) -> PathBuf {
    beside(path, "%now")
}

fn is_absent(error: &io::Error) -> bool {
    // One that is being removed can't be opened.
    error.kind() == io::ErrorKind::NotFound || is(error, ERROR_ACCESS_DENIED)
}

/// Reads a file that may be replaced meanwhile.
pub(super) fn read<T>(path: &Path, read: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
    let file = open(path, File::options().read(true))?;
    let _unchanged = Locked::wait(file.as_handle(), CONTENT, false)?;
    match open(&now(path), File::options().read(true)) {
        Ok(now) => read(&now),
        Err(error) if is_absent(&error) => read(&file),
        Err(error) => Err(error),
    }
}

/// Replaces a file whole. If there is no room for a second file the bytes are written over the old
/// ones, which need no new room as long as they fit into the clusters that are there.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (new, now) = (beside(path, "%new"), now(path));
    let written = write_new(&new, bytes);
    let full = |error: &io::Error| {
        matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    };
    let refused = match written {
        // What a writer that was killed has left would count, and not what is put in its place.
        Ok(()) if fs::symlink_metadata(&now).is_ok() => None,
        Ok(()) => match fs::rename(&new, path) {
            Err(error)
                if is(&error, ERROR_ACCESS_DENIED) || is(&error, ERROR_SHARING_VIOLATION) =>
            {
                Some(error)
            }
            renamed => return renamed,
        },
        Err(error) if full(&error) => {
            let _ = fs::remove_file(&new);
            return write_over(path, bytes, None, &now);
        }
        Err(error) => return Err(error),
    };
    let result = write_over(path, bytes, Some(&new), &now);
    match (result, refused) {
        // Somebody else has it open and lets nobody write; what is beside it counts until then.
        (Err(error), _) if is(&error, ERROR_SHARING_VIOLATION) => {
            fs::rename(&new, &now).map_err(|_| error)
        }
        // It is not there to be written over, so that was not why.
        (Err(error), Some(refused)) if error.kind() == io::ErrorKind::NotFound => Err(refused),
        (result, _) => result,
    }
}

fn write_new(new: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    let mut file = open(new, options.write(true).create(true).truncate(false))?;
    file.set_len(0)?;
    file.write_all(bytes)?;
    // NTFS keeps a journal of names and not of bytes: after a power cut the file would be there, and
    // in it zeros.
    file.sync_data()
}

/// Writes over a file while nobody reads it, with the same bytes as `new` beside it.
fn write_over(path: &Path, bytes: &[u8], new: Option<&Path>, now: &Path) -> io::Result<()> {
    let mut file = open(path, File::options().write(true))?;
    let lock = file.try_clone()?;
    let _alone = Locked::wait(lock.as_handle(), CONTENT, true)?;
    if let Some(new) = new {
        fs::rename(new, now)?;
    }
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)?;
    if new.is_some() {
        file.sync_data()?;
    }
    match fs::remove_file(now) {
        // One that stays says the same.
        Err(error) if new.is_none() && error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
