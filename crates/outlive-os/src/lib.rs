//! The seam between `outlive` and the operating system.
//!
//! All unsafe code of the project and every choice of platform is in this crate. Each platform
//! offers the same contract under the same names, and what its kernel lacks is answered as not
//! being there; the platform is chosen once, below. Files are named for the kernel's mechanism.
//!
//! | module | contract |
//! |---|---|
//! | [`spawn`] | starting a program without ever forking the caller |
//! | [`process`] | a process, held so that its id can't come to mean another one |
//! | [`tree`] | a job's processes, as their keeper holds them |
//! | [`proc`] | what the kernel tells of processes and of this machine |
//! | [`cgroup`] | the container that service managers end as a whole; on Windows the job object |
//! | [`limits`] | what such a container may use |
//! | [`usage`] | what processes have used |
//! | [`settings`] | how a process is limited and scheduled |
//! | [`clock`] | the clock by which a job's time is over |
//! | [`events`] | waiting for several things at once |
//! | [`folder`] | files of the state folder, never through a link |
//! | [`number`] | descriptors by number, as other languages hold them |
//! | [`lock`] | a lock that tells whether its holder lives |
//! | [`socket`] | packets and descriptors between two processes of one user |
//! | [`stream`] | bytes between a process and a manager |
//! | [`pty`] | a terminal of a job's own |
//! | [`terminal`] | the terminal that a person sits at |
//! | [`output`] | a file that gives back its oldest part |
//! | [`changes`] | a reader's wait for jobs to come, change and go |
//! | [`growth`] | a reader's wait for a file to grow |
//! | [`memory`] | bytes handed to another process without touching a disk |
//! | [`relay`] | a pipe that outlasts who reads from it |
//! | [`role`] | what a keeper makes of its own process |
//! | [`signal`] | signals by name |
//! | [`surroundings`] | what surrounds this process |
//! | [`daemon`] | what a process does to itself to become a daemon |
//! | [`identity`] | users, groups, and becoming one of them |
//! | [`notify`] | telling a service manager how a service fares, and being told by a job |
//! | [`dial`] | connections that are made without waiting for them |

mod common;
mod found;
mod request;
pub use common::{
    Changed, Exit, Forked, Identity, Job, Kernel, Leave, Marks, News, Reaped, Received, Released,
    Usage, User,
};
pub use found::Found;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::*;

#[cfg(target_os = "macos")]
mod darwin;
#[cfg(target_os = "macos")]
pub use darwin::*;

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
compile_error!("outlive runs on Linux, macOS and Windows; PLATFORMS.md tells how far");
