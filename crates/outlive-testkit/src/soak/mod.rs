//! The soak: for minutes, several processes do at random to dozens of jobs all that can be done to
//! them, while commands and keepers are killed and suspended, the disk is full and the clock jumps.
//! Then it is compared what outlive says of the jobs with what they themselves have written down.
//!
//! | part | |
//! |---|---|
//! | `course` | sets it up, lets it run, clears up |
//! | `work` | one of the processes that do things to jobs |
//! | `faults` | what nobody asked for |
//! | `clock` | a wall clock that can be set |
//! | `job` | the program that every job is |
//! | `ledger` | what all of them write down, beyond outlive's reach |
//! | `verdict` | what must hold of it |
//! | `story` | of a job of which it does not hold, all that is known |

mod clock;
mod course;
mod faults;
mod job;
mod ledger;
mod story;
mod verdict;
mod work;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the program `soak`.
///
/// `run SECONDS SEED` is the whole; the other parts are started by it.
pub fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let text = |place: usize| words.get(place).and_then(|word| word.to_str());
    let number = |place: usize| text(place).and_then(|text| text.parse::<u64>().ok());
    match (text(0), words.get(1..)) {
        (Some("run"), Some(_)) => match (number(1), number(2)) {
            (Some(seconds), Some(seed)) => course::run(seconds, seed),
            _ => usage(),
        },
        (Some("work"), Some(words)) => work::work(words),
        (Some("job"), Some(words)) => job::job(words),
        (Some("deaf"), Some(words)) => job::deaf(words),
        (Some("stay"), Some(_)) => job::stay(),
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("soak: this is the program of `cargo xtask soak`");
    ExitCode::from(125)
}
