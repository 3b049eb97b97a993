//! Handles by number, as interpreters of other languages hold them.

use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, OwnedHandle};

/// A handle of our own for what the caller has open under this number: not inherited
/// (DuplicateHandle).
pub fn duplicate(number: i64) -> io::Result<OwnedHandle> {
    let raw = std::ptr::with_exposed_provenance_mut(number as usize);
    // SAFETY: a number that is no handle is refused by DuplicateHandle; it is not used otherwise.
    unsafe { BorrowedHandle::borrow_raw(raw) }.try_clone_to_owned()
}

/// The number of a handle, which stays its owner's.
pub fn of(handle: BorrowedHandle<'_>) -> i64 {
    handle.as_raw_handle().expose_provenance() as i64
}
