//! The clock by which a job's time is over.

use std::mem::MaybeUninit;
use std::time::Duration;

/// How long this machine has run since it was started: the same for all its processes, and nobody can
/// set it. While the machine is suspended it stands still (CLOCK_UPTIME_RAW, clock_gettime(3)), as
/// waits do.
pub fn running() -> Duration {
    let mut now = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: the kernel writes one structure to the address given; every one from 10.12 on has this
    // clock, and where it did not the structure is all zeros, which is a time too.
    let now = unsafe {
        libc::clock_gettime(libc::CLOCK_UPTIME_RAW, now.as_mut_ptr());
        now.assume_init()
    };
    let seconds = Duration::from_secs(now.tv_sec.unsigned_abs());
    seconds + Duration::from_nanos(now.tv_nsec.unsigned_abs())
}
