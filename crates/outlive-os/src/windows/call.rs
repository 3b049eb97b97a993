//! Arguments and answers of the Windows API.

use std::ffi::OsStr;
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{FromRawHandle, OwnedHandle};
use windows_sys::Win32::Foundation::{
    HANDLE, INVALID_HANDLE_VALUE, NTSTATUS, RtlNtStatusToDosError,
};
use windows_sys::core::BOOL;

/// A string as the API takes it: UTF-16 that ends with a NUL.
pub(super) fn wide(text: impl AsRef<OsStr>) -> io::Result<Vec<u16>> {
    let mut units: Vec<u16> = text.as_ref().encode_wide().collect();
    if units.contains(&0) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it contains a NUL",
        ));
    }
    units.push(0);
    Ok(units)
}

/// What a call that answers with a BOOL came to.
pub(super) fn check(result: BOOL) -> io::Result<()> {
    match result {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// The handle that a call has just made for its caller, or its error: some return null for it, some
/// -1.
pub(super) fn owned(handle: HANDLE) -> io::Result<OwnedHandle> {
    if handle.is_null() || handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the API gave it to our caller, who hands it on at once.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// The error of this number.
pub(super) fn error(code: u32) -> io::Error {
    io::Error::from_raw_os_error(code.cast_signed())
}

/// What a call of the kernel itself came to.
pub(super) fn check_status(status: NTSTATUS) -> io::Result<()> {
    match status {
        0.. => Ok(()),
        // SAFETY: takes a number.
        _ => Err(error(unsafe { RtlNtStatusToDosError(status) })),
    }
}

/// Whether an error has this number.
pub(super) fn is(error: &io::Error, code: u32) -> bool {
    error.raw_os_error() == Some(code.cast_signed())
}
