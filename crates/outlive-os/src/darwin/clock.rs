//! The clock by which a job's time is over.

use std::time::Duration;

/// How long this machine has run since it was started: the same for all its processes, and nobody can
/// set it. While the machine is suspended it stands still (CLOCK_UPTIME_RAW, clock_gettime(3)), as
/// waits do.
pub fn running() -> Duration {
    // SAFETY: takes a number, and every kernel from 10.12 on has this clock.
    Duration::from_nanos(unsafe { libc::clock_gettime_nsec_np(libc::CLOCK_UPTIME_RAW) })
}
