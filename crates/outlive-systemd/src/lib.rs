//! The systemd managers and logind, asked over D-Bus: what starts a process that is nobody's
//! descendant, moves one out of a cgroup that its user may not leave by himself, and tells what a
//! log-out does.
//!
//! | ask | function |
//! |---|---|
//! | start a service of a manager | [`start_service`] |
//! | move a process into a scope of its own | [`move_into_scope`] |
//! | what a unit's stop kills | [`kill_mode`] |
//! | what a log-out kills, and whether the user lingers | [`logind`] |
//! | have the user's manager outlive log-outs | [`enable_linger`] |
//!
//! Each opens one connection, all of whose waits end by one deadline, and closes it. No thread and
//! no descriptor is left behind (but for a connect(2) that hangs, which then ends in a thread of its
//! own), and nothing is paid before the first call. Blocking. Units need systemd 243 or newer;
//! whatever is older or other answers with a [`Failure`].
//!
//! # Why there is no D-Bus library below
//!
//! zbus (5.19) can't talk to a manager's own socket: systemd sends from the well-known name
//! `org.freedesktop.systemd1` there, and zbus panics about a sender that is no unique name. Without
//! that socket root depends on a bus that small systems lack. It also takes 1.1 MiB of the static
//! program, where this takes 0.14, and needs an async runtime. Two methods, a signal and some
//! properties need three kinds of message and ten types of value.
#![forbid(unsafe_code)]

mod connection;
mod failure;
mod login;
mod manager;
#[cfg(test)]
mod peer;
mod units;
mod wire;

pub use failure::Failure;
pub use login::{Logind, enable_linger, logind, may_enable_linger};
pub use manager::{Manager, kill_mode, process};
pub use units::{Program, Service, move_into_scope, start_service};
