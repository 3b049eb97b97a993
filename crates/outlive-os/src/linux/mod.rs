//! Linux, from 5.11 on (`close_range` with `CLOSE_RANGE_CLOEXEC`); PLATFORMS.md lists what is used
//! of which version.

mod adopted;
pub mod allocator;
#[path = "../unix/candidates.rs"]
mod candidates;
pub mod cgroup;
#[path = "inotify_watches.rs"]
pub mod changes;
mod child;
pub mod clock;
mod clone;
#[path = "../unix/daemon.rs"]
pub mod daemon;
mod descendants;
#[path = "../unix/descriptors.rs"]
mod descriptors;
#[path = "../unix/dial.rs"]
pub mod dial;
mod dispositions;
mod environ;
pub mod events;
#[path = "../unix/folder.rs"]
pub mod folder;
#[path = "inotify.rs"]
pub mod growth;
pub mod identity;
pub mod limits;
#[path = "../unix/lineage.rs"]
mod lineage;
#[path = "../unix/lock.rs"]
pub mod lock;
pub mod memory;
#[path = "sd_notify.rs"]
pub mod notify;
#[path = "../unix/number.rs"]
pub mod number;
mod orphan;
pub mod output;
#[path = "../unix/own.rs"]
mod own;
#[path = "../unix/pipes.rs"]
mod pipes;
mod placeholder;
pub mod proc;
#[path = "pidfd.rs"]
pub mod process;
mod ptmx;
#[path = "../unix/pty.rs"]
pub mod pty;
#[path = "fifo.rs"]
pub mod relay;
pub mod role;
mod sd_notify_receiver;
pub mod settings;
#[path = "../unix/signal.rs"]
pub mod signal;
mod signal_table;
pub mod socket;
pub mod spawn;
#[path = "../unix/start.rs"]
mod start;
#[path = "../unix/stream.rs"]
pub mod stream;
pub mod surroundings;
#[path = "../unix/termios.rs"]
pub mod terminal;
pub mod tree;
pub mod usage;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// What this is built for.
pub const KERNEL: crate::Kernel = crate::Kernel::Linux;

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
