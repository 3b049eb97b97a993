//! Windows, from 10 on; PLATFORMS.md lists what is used of it.

mod attributes;
mod call;
#[path = "job_object.rs"]
pub mod cgroup;
#[path = "directory_changes.rs"]
pub mod changes;
pub mod clock;
mod console;
mod ctrl_handler;
pub mod daemon;
#[path = "../deaf.rs"]
mod deaf;
mod delegate;
pub mod dial;
mod environment;
pub mod events;
mod file_id;
mod file_name;
pub mod folder;
mod foster;
mod greeting;
pub mod growth;
pub mod identity;
mod inheritance;
pub mod limits;
mod listener;
pub mod lock;
pub mod memory;
mod notification;
pub mod notify;
pub mod number;
pub mod output;
mod overlapped;
mod passing;
mod path;
mod peb;
mod place;
pub mod proc;
#[path = "process_handle.rs"]
pub mod process;
mod program_file;
pub mod pty;
mod quote;
#[path = "../nameless_pipe.rs"]
pub mod relay;
mod replace;
pub mod role;
mod security;
mod service;
pub mod settings;
pub mod signal;
#[path = "named_pipe.rs"]
pub mod socket;
#[path = "create_process.rs"]
pub mod spawn;
pub mod stream;
pub mod surroundings;
mod task;
pub mod terminal;
pub mod tree;
pub mod usage;

use std::ffi::{OsStr, OsString};
use std::os::windows::ffi::OsStringExt;
use std::os::windows::io::{AsHandle, BorrowedHandle, OwnedHandle};

/// What this is built for.
pub const KERNEL: crate::Kernel = crate::Kernel::Windows;

/// A handle that this process owns.
pub type Descriptor = OwnedHandle;
/// A handle on loan.
pub type Borrowed<'a> = BorrowedHandle<'a>;

/// What has a handle.
pub trait AsDescriptor {
    /// Its handle.
    fn as_fd(&self) -> Borrowed<'_>;
}

impl<T: AsHandle + ?Sized> AsDescriptor for T {
    fn as_fd(&self) -> Borrowed<'_> {
        self.as_handle()
    }
}

/// The bytes of an argument, path or variable: WTF-8, which is UTF-8 that may have half a surrogate
/// pair in it, as Windows's own strings may.
pub fn bytes(text: &OsStr) -> &[u8] {
    text.as_encoded_bytes()
}

/// The argument, path or variable of these bytes; what is no WTF-8 becomes U+FFFD.
pub fn os_string(bytes: Vec<u8>) -> OsString {
    match String::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(error) => OsString::from_wide(&units(error.as_bytes())),
    }
}

/// The UTF-16 of bytes that are not all UTF-8.
fn units(bytes: &[u8]) -> Vec<u16> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    // Half a surrogate pair has these three bytes, which stand nowhere in UTF-8.
    let half = |bytes: &[u8]| matches!(bytes, [0xED, 0xA0..=0xBF, 0x80..=0xBF]);
    loop {
        let place = rest.windows(3).position(half);
        let (text, after) = rest.split_at(place.unwrap_or(rest.len()));
        units.extend(String::from_utf8_lossy(text).encode_utf16());
        let [_, second, third, after @ ..] = after else {
            return units;
        };
        units.push(0xD000 | u16::from(second & 0x3F) << 6 | u16::from(third & 0x3F));
        rest = after;
    }
}

/// The arguments of this process, the program's name first.
pub fn arguments() -> Vec<OsString> {
    std::env::args_os().collect()
}
