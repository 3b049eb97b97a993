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
//! | `lock_file` | a job's lock file: who keeps it, and its main process |
//! | `arrive` | what the launcher hands over |
//! | `start` | from the launch to a running job, or to nothing at all |
//! | `room` | the folder of a job that is being started |
//! | `pipes` | what a run's descriptors are made of, and its start |
//! | `adopt` | from a job that has lost its keeper to one that has another |
//! | `again` | another run of a job, by the keeper that it has |
//! | [`expire`] | jobs that are removed some time after their end |
//! | [`left`] | what is left of a job whose keeper is gone |
//! | `life` | a job's own time, and whether it is started again |
//! | `table` | what is done on each event in each phase |
//! | `watch` | waiting for events and doing what the table says |
//! | `requests` | what others ask over the control socket |
//! | `ready` | whether the job is ready, and what it tells of itself |
//! | `escape` | the job's own cgroups, and the report on what it has left |
//! | `limits` | what the job may use |
//! | `account` | whose it is |
//! | `cap`, `capping` | the output's size |
//! | `pump` | passing on what a job prints into a pipe |
#![forbid(unsafe_code)]

mod account;
mod adopt;
mod again;
mod arrive;
mod cap;
mod capping;
mod escape;
pub mod expire;
pub mod left;
mod life;
mod limits;
mod lock_file;
mod on_end;
mod pipes;
mod pump;
mod ready;
mod requests;
mod room;
mod shell;
mod start;
pub mod store;
mod table;
mod tee;
mod watch;

pub use escape::{cgroup_paths, remove as remove_cgroups};
pub use limits::limiting_cgroups;

use arrive::Launcher;
use outlive_os::{AsDescriptor, Marks, events};
use outlive_record::{JobId, Purpose};
use room::Ground;
use std::time::Duration;

/// The program name (`argv[0]`) by which an executable knows that it is to be a keeper.
pub const ROLE: &str = "outlive-keeper";

/// The variable that a keeper, and nothing else, has in its environment: another job's keeper that
/// descends from our job is not part of it.
pub const MARK: (&str, &str) = ("OUTLIVE_KEEPER", "1");

/// The variable by which every process of a job knows its job.
pub const JOB_VARIABLE: &str = "OUTLIVE_JOB";

/// By what the processes of a job are told from those of others.
pub fn marks(id: &JobId) -> Marks {
    Marks {
        variable: JOB_VARIABLE,
        id: id.as_str().to_owned(),
        keeper: MARK.0,
    }
}

/// How long a launcher has for what it does when it has its answer: many times what it takes, and less
/// than a job lives that somebody wants to see.
const LAUNCHERS_TIME: Duration = Duration::from_millis(1);

/// Be a keeper. Descriptor 3 is a socket to the launcher, on which the launch comes, those from 4 on
/// are what the launch speaks of; or a manager started it, and descriptor 0 is a socket on which all
/// of that comes. Returns the exit code.
pub fn main() -> i32 {
    let Some(mut launcher) = Launcher::find() else {
        eprintln!("outlive: a keeper is started by outlive itself\nhint: outlive run -- COMMAND");
        return 125;
    };
    // As much as can be done while the launcher is still looking around.
    let heritage = arrive::Heritage::take();
    let started = start::become_keeper().and_then(|place| {
        let herald = launcher.herald()?;
        // While the launcher is still looking around. What goes wrong is told in answer to the launch.
        let ground = Ground::prepare(&herald);
        let arrival = arrive::arrive(&mut launcher, heritage)?;
        match arrival.launch.purpose {
            Purpose::Adopt => adopt::adopt(&arrival, &place),
            Purpose::Start | Purpose::Restart => start::start(arrival, place, ground?),
        }
    });
    let (answer, job) = match started {
        Ok(job) => (job.answer(), Some(job)),
        Err(refusal) => (refusal.answer(), None),
    };
    // If the launcher is gone the job goes on: it was asked for, and whoever looks will find it.
    let launcher = launcher.connection;
    let _ = launcher.send(&answer.to_bytes(), None);
    let Some(job) = job else {
        return 125;
    };
    // What is done next takes time that the launcher shall have first, which ends as a rule, and whoever
    // waits for that. Neither's end is waited for: to be woken by it would be to take the processor just
    // then. Somebody who asks for more is, and so is the job's end.
    let mut heeded = vec![job.listener.as_fd(), job.main.as_fd()];
    if job.terminal.is_some() {
        // On Windows what draws it waits for an answer, and the job with it.
        heeded.extend(job.pump.descriptors());
    }
    let _ = events::wait(&heeded, Some(LAUNCHERS_TIME));
    drop(launcher);
    watch::watch(job)
}
