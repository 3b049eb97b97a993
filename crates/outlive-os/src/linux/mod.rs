//! Linux, from 5.11 on (`close_range` with `CLOSE_RANGE_CLOEXEC`); PLATFORMS.md lists what is used
//! of which version.

pub mod cgroup;
mod child;
mod clone;
pub mod events;
pub mod folder;
pub mod inotify;
pub mod lock;
pub mod memory;
mod orphan;
pub mod output;
pub mod pidfd;
pub mod proc;
pub mod role;
pub mod settings;
pub mod signal;
pub mod socket;
pub mod spawn;
pub mod surroundings;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// A descriptor that this process owns.
pub type Descriptor = std::os::fd::OwnedFd;
/// A descriptor on loan.
pub type Borrowed<'a> = std::os::fd::BorrowedFd<'a>;
pub use std::os::fd::AsFd as AsDescriptor;

/// The bytes of an argument, path or variable.
pub fn bytes(text: &OsStr) -> &[u8] {
    text.as_bytes()
}

/// The argument, path or variable of these bytes.
pub fn os_string(bytes: Vec<u8>) -> OsString {
    OsString::from_vec(bytes)
}
