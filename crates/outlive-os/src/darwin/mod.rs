//! macOS, from 10.15 on (`posix_spawn_file_actions_addchdir_np`). It has been built and linked, and
//! never run; PLATFORMS.md lists what is used of it.

#[path = "../unix/candidates.rs"]
mod candidates;
pub mod cgroup;
#[path = "vnode_watches.rs"]
pub mod changes;
pub mod clock;
#[path = "../unix/daemon.rs"]
pub mod daemon;
#[path = "../deaf.rs"]
mod deaf;
#[path = "../unix/descriptors.rs"]
mod descriptors;
#[path = "../unix/dial.rs"]
pub mod dial;
mod environ;
pub mod events;
mod file_actions;
#[path = "../unix/folder.rs"]
pub mod folder;
mod fork;
#[path = "evfilt_vnode.rs"]
pub mod growth;
pub mod identity;
mod kqueue;
pub mod limits;
#[path = "../unix/lineage.rs"]
mod lineage;
#[path = "../unix/lock.rs"]
pub mod lock;
#[path = "shm.rs"]
pub mod memory;
pub mod notify;
#[path = "../unix/number.rs"]
pub mod number;
pub mod output;
#[path = "../unix/own.rs"]
mod own;
#[path = "../unix/pipes.rs"]
mod pipes;
mod placeholder;
pub mod proc;
#[path = "evfilt_proc.rs"]
pub mod process;
mod ptmx;
#[path = "../unix/pty.rs"]
pub mod pty;
#[path = "../nameless_pipe.rs"]
pub mod relay;
pub mod role;
pub mod settings;
#[path = "../unix/signal.rs"]
pub mod signal;
mod signal_table;
pub mod socket;
#[path = "posix_spawn.rs"]
pub mod spawn;
#[path = "../unix/start.rs"]
mod start;
#[path = "../unix/stream.rs"]
pub mod stream;
pub mod surroundings;
mod sysctl;
#[path = "../unix/termios.rs"]
pub mod terminal;
pub mod tree;
pub mod usage;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// What this is built for.
pub const KERNEL: crate::Kernel = crate::Kernel::Darwin;

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

pub use start::arguments;

/// Gives the program that [`program`](crate::program) makes its allocator: the system's.
#[macro_export]
macro_rules! allocator {
    () => {};
}

/// What a system call gave, or why it failed.
fn checked(result: i32) -> std::io::Result<i32> {
    match result {
        -1 => Err(std::io::Error::last_os_error()),
        fine => Ok(fine),
    }
}
