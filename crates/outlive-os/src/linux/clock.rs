//! The clock by which a job's time is over.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// How long this machine has run since it was started: the same for all its processes of one time
/// namespace, and nobody can set it. While the machine is suspended it stands still (CLOCK_MONOTONIC,
/// clock_gettime(2)), as waits do.
pub fn running() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    // It is never before its own beginning.
    Duration::try_from(now).unwrap_or_default()
}
