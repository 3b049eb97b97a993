//! Test machinery for outlive on Windows, and (in `tests/`) the tests that drive its command as a
//! person would. Elsewhere it is empty.
//!
//! Nothing here waits by the clock: a test learns that something happened because it was told, by
//! a `Puppet`'s word or its end, or by a process's end. The one clock is a guard (`GUARD`) that
//! fails a test which would hang for ever.
//!
//! - `Home`: an `OUTLIVE_HOME` of the test's own, the commands run on it, and the check at the
//!   end that no process of it is left.
//! - `Running`: a command that goes on beside the test.
//! - `Stage` and `Puppet`: a job that does what the test tells it, and says when it has.
//! - `Foreign`: somebody else's job object, with the command or a puppet inside of it.
#![cfg(windows)]

mod foreign;
mod home;
mod puppet;
mod running;

pub use foreign::Foreign;
pub use home::{Home, Said, run};
pub use puppet::{Puppet, Stage};
pub use running::Running;
pub use windows_sys::Win32::System::JobObjects::{
    JOB_OBJECT_LIMIT_BREAKAWAY_OK as BREAKAWAY, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE as KILL,
    JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK as SILENT,
};

use outlive_os::process::Process;
use outlive_os::signal;
use std::time::Duration;
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::core::{s, w};

/// How long anything may take before a test fails instead of hanging: much longer than it takes
/// on a machine that is busy with other things.
pub const GUARD: Duration = Duration::from_secs(90);

/// Ends the process of this id by force and waits until it has ended.
#[track_caller]
pub fn kill(pid: i32) {
    let process = Process::open(pid).expect("it lives");
    process.signal(signal::KILL).expect("it is ours");
    let ended = process.wait_end(Some(GUARD));
    assert!(ended.expect("it can be waited for"), "{pid} goes on");
}

/// Says, so that it can be counted, that `what` was not tested and why.
pub fn skipped(what: &str, why: &str) {
    println!("SKIPPED: {what}: {why}");
}

/// Whether this is Wine, which differs from Windows in what the tests then say.
pub fn is_wine() -> bool {
    // SAFETY: constant names; the library is in every process.
    unsafe { GetProcAddress(GetModuleHandleW(w!("ntdll.dll")), s!("wine_get_version")) }.is_some()
}
