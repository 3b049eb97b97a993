//! The seam as its users meet it: real processes, real files, real signals.
//!
//! A test that changes what its whole process shares (signals, limits, descriptors by number) goes
//! on in a process of its own, see [`common::alone`].
#![cfg(target_os = "linux")]

#[path = "../shared/changes.rs"]
mod changes;
mod common;
mod daemon;
mod dial;
mod events;
mod folder;
mod identity;
mod lock;
mod notify;
mod output;
mod pidfd;
mod proc;
mod pty;
mod relay;
mod role;
mod socket;
mod spawn;
mod surroundings;
#[path = "../shared/turns.rs"]
mod turns;
