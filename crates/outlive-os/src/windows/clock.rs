//! The clock by which a job's time is over.

use std::time::Duration;
use windows_sys::Win32::System::WindowsProgramming::QueryUnbiasedInterruptTime;

/// How long this machine has run since it was started: the same for all its processes, and nobody can
/// set it. While the machine is suspended it stands still, as waits do (from Windows 8 on).
pub fn running() -> Duration {
    let mut time = 0;
    // SAFETY: writes one number to the address given.
    unsafe { QueryUnbiasedInterruptTime(&raw mut time) };
    // In units of 100 ns.
    Duration::from_micros(time / 10)
}
