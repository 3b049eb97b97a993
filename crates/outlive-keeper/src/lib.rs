//! The keeper: the tiny supervisor of one job, and the state folder that it writes.
//!
//! A keeper is the parent of its job. It records how the job ended, holds the lock by which others
//! see that it lives, answers on the job's control socket, and stops the job's whole tree when
//! asked. It sleeps until something happens, and ends when its job's tree has.
//!
//! ```text
//! launcher ── memory: the launch ──▶ start ──▶ spawn ──▶ answer ──▶ watch ──▶ end
//! ```
//!
//! | module | |
//! |---|---|
//! | [`store`] | the state folder: who holds what, and what can be seen of a job |
//! | `start` | from the launch to a running job, or to nothing at all |
//! | `table` | what is done on each event in each phase |
//! | `watch` | waiting for events and doing what the table says |
//! | `tree` | the job's processes |
//! | `cap` | the output's size |
#![forbid(unsafe_code)]

mod cap;
mod start;
pub mod store;
mod table;
mod tree;
mod watch;

pub use tree::is_of_another_job;

use outlive_os::memory;
use outlive_os::role;
use outlive_os::socket::Connection;
use outlive_record::Launch;

/// The program name (`argv[0]`) by which an executable knows that it is to be a keeper.
pub const ROLE: &str = "outlive-keeper";

/// The variable that a keeper, and nothing else, has in its environment: another job's keeper that
/// descends from our job is not part of it.
pub const MARK: (&str, &str) = ("OUTLIVE_KEEPER", "1");

/// The variable by which every process of a job knows its job.
pub const JOB_VARIABLE: &str = "OUTLIVE_JOB";

/// How many descriptors a keeper may have: its own, those of its connections, and a few to look at
/// processes with.
const DESCRIPTORS: u64 = 64;

/// Be a keeper: descriptor 3 is a socket to the launcher, 4 the launch, those from 5 on are what
/// the launch speaks of. Returns the exit code.
pub fn main() -> i32 {
    let heritage = start::Heritage {
        umask: role::private_umask(),
        descriptor_limit: role::allow_descriptors(DESCRIPTORS),
    };
    let Ok(inherited) = role::inherited() else {
        return 125;
    };
    let mut inherited = inherited.into_iter();
    let (Some(launcher), Some(launch)) = (inherited.next(), inherited.next()) else {
        eprintln!("outlive: a keeper is started by outlive itself\nhint: outlive run -- COMMAND");
        return 125;
    };
    let launcher = Connection::from_descriptor(launcher);
    let started = memory::bytes(launch)
        .map_err(|cause| start::Refusal::io("failed to read the launch", cause))
        .and_then(|bytes| {
            let (launch, environment) = Launch::parse(&bytes).map_err(start::Refusal::launch)?;
            start::start(launch, environment, inherited.collect(), heritage)
        });
    let (answer, job) = match started {
        Ok(job) => (job.answer(), Some(job)),
        Err(refusal) => (refusal.answer(), None),
    };
    // If the launcher is gone the job goes on: it was asked for, and whoever looks will find it.
    let _ = launcher.send(&answer.to_bytes(), None);
    drop(launcher);
    match job {
        Some(job) => watch::watch(job),
        None => 125,
    }
}
