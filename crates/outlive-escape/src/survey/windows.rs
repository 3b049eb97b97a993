//! Windows: job objects and consoles.

use super::{Folder, JobObject, Survey};
use outlive_os::process::Process;
use outlive_os::{Job, proc, surroundings as os};
use outlive_record::ProcessLine;
use std::env;

/// Looks at all of it.
pub(super) fn read(process: ProcessLine) -> Survey {
    Survey {
        console: os::console(),
        job: os::job().map(|it| job(it, &process)),
        folder: env::current_dir().map_or_else(|_| Folder::unknown(), Folder::at),
        ..Survey::bare(process)
    }
}

/// The job object, and who may have made it where it lets nobody go.
fn job(job: Job, process: &ProcessLine) -> JobObject {
    let Job {
        breakaway_ok,
        silent_breakaway,
        kill_on_close,
        limits,
    } = job;
    JobObject {
        breakaway_ok,
        silent_breakaway,
        kill_on_close,
        limits,
        maker: match breakaway_ok || silent_breakaway {
            true => None,
            false => maker(process),
        },
    }
}

/// The nearest process above that is in no job object: whoever is in one has it from above.
fn maker(process: &ProcessLine) -> Option<i32> {
    /// A chain of parents longer than this is none that anybody has made.
    const LEVELS: usize = 64;
    let mut child = *process;
    for _ in 0..LEVELS {
        let parent = proc::line(child.parent).ok()??;
        // Windows keeps the number of a parent that is gone, and gives it to others.
        if parent.pid == child.pid || parent.start_time > child.start_time {
            return None;
        }
        let held = Process::open_same(parent.pid, parent.start_time).ok()??;
        if !proc::in_job(Some(&held)).ok()? {
            return Some(parent.pid);
        }
        child = parent;
    }
    None
}
