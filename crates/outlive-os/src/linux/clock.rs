//! The clock by which a job's time is over.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// How long this machine has run since it was started: the same for all its processes of one time
/// namespace, and nobody can set it. While the machine is suspended it stands still (CLOCK_MONOTONIC,
/// clock_gettime(2)), as waits do.
pub fn running() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(now.tv_nsec.unsigned_abs())
}
