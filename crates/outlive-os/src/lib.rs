//! The seam between `outlive` and the operating system.
//!
//! All unsafe code of the project and every choice of platform is in this crate. Each platform
//! offers the same contract under the same names; the platform is chosen once, below. Files are
//! named for the kernel's mechanism.
//!
//! | module | contract |
//! |---|---|
//! | [`spawn`] | starting a program without ever forking the caller |
//! | [`pidfd`] | a process, held so that its id can't come to mean another one |
//! | [`proc`] | what the kernel tells of processes and of this machine |
//! | [`cgroup`] | the container that service managers end as a whole |
//! | [`settings`] | how a process is limited and scheduled |
//! | [`events`] | waiting for several things at once; the signals a keeper waits for |
//! | [`folder`] | files of the state folder, never through a link |
//! | [`lock`] | a lock that tells whether its holder lives |
//! | [`socket`] | packets and descriptors between two processes of one user |
//! | [`output`] | a file that gives back its oldest part |
//! | [`inotify`] | a reader's wait for a file to grow |
//! | [`memory`] | bytes handed to another process without touching a disk |
//! | [`role`] | what a keeper makes of its own process |
//! | [`signal`] | signals by name |
//! | [`surroundings`] | what surrounds this process |

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::*;

#[cfg(not(target_os = "linux"))]
compile_error!("outlive runs on Linux; PLATFORMS.md says what is planned for other systems");
