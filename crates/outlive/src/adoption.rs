//! A new keeper for a job whose keeper was killed.

use crate::error::{During, Result};
use crate::job::Job;
use crate::launch;
use outlive_keeper::store::Seen;

/// Sees to it that a job that runs has a keeper, starting one if that is gone; what can be seen of it
/// then. Without a main process there is nothing to be kept.
///
/// A keeper that can't be had is done without: no end is known then, and a stop finds what it can.
pub(crate) fn kept(job: &Job, seen: Seen) -> Result<Seen> {
    let adopting = || format!("failed to look at `{}`", job.label());
    let runs = seen.running_main(job.jobs().here()).during(adopting)?;
    if seen.kept || runs.is_none() {
        return Ok(seen);
    }
    match launch::adopt(job.jobs().home(), &seen.record.spec) {
        Ok(()) => job.look_here(),
        Err(_) => Ok(seen),
    }
}
