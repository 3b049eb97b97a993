//! Linux, from 5.11 on (`close_range` with `CLOSE_RANGE_CLOEXEC`); PLATFORMS.md lists what is used
//! of which version.

mod adopted;
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

/// The arguments of this process, the program's name first. Not by `std::env` alone: without Rust's
/// runtime start (see [`program`](crate::program)) that knows of them only with glibc, which gives
/// them to every initialiser.
pub fn arguments() -> Vec<OsString> {
    let known: Vec<_> = std::env::args_os().collect();
    if !known.is_empty() {
        return known;
    }
    let mut text = surroundings::whole("/proc/self/cmdline").unwrap_or_default();
    text.pop();
    let each = text.split(|&b| b == 0);
    each.map(|text| os_string(text.to_vec())).collect()
}
