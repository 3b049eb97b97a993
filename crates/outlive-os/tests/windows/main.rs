//! The seam on Windows as its users meet it: real processes, real files. Where the contract is that of
//! Linux the tests have the names of those in `tests/seam`.
#![cfg(windows)]

mod again;
#[path = "../shared/changes.rs"]
mod changes;
mod common;
mod delegate;
mod events;
mod folder;
mod foster;
mod job;
mod lists;
mod lock;
mod memory;
mod output;
mod proc;
mod process;
mod pty;
mod puppet;
mod socket;
mod spawn;
mod tree;
#[path = "../shared/turns.rs"]
mod turns;
