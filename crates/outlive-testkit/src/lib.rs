//! Test machinery for outlive, and (in `tests/`) the tests that drive its command as a person
//! would: from terminals, over ssh, out of scripts, while processes are being killed.
//!
//! Nothing here waits by the clock. A test learns that something happened because it was told:
//! by a line from a [`Puppet`], by the end of file of a pipe that every process of a job holds, by
//! the end of a process. The one clock is a guard ([`events::GUARD`]) that fails a test which
//! would hang for ever.
//!
//! - [`Home`]: an `OUTLIVE_HOME` of the test's own, the commands run on it, and the check at the
//!   end that no process of it is left.
//! - [`Puppet`]: a job that does what the test tells it, and says when it has done it. What it
//!   answers through is its lifeline too: end of file there means that its whole tree has gone.
//! - [`Terminal`]: a real pseudo-terminal with a session leader.
//! - [`Sshd`]: a real sshd on loopback.
//! - [`soak`]: everything at once, at random.
//! - [`survive`]: the survival matrix, in machines of its own.

pub mod events;
mod home;
mod place;
pub mod process;
mod pty;
mod puppet;
mod shell;
pub mod soak;
mod ssh;
mod strace;
pub mod survive;

pub use home::{Home, Said};
pub use place::{Mount, own_mounts};
pub use process::{Pidfd, Running};
pub use pty::Terminal;
pub use puppet::Puppet;
pub use shell::quoted;
pub use ssh::Sshd;
pub use strace::{strace, under_strace};

use std::io::Write;

/// Says, so that it can be counted, that `what` was not tested and why.
///
/// Test runners keep the output of a test that passes to themselves: the line also goes to the
/// file that `OUTLIVE_TEST_SKIPS` names, and with `OUTLIVE_TEST_NO_SKIP` set a skip is a failure.
///
/// # Panics
/// With `OUTLIVE_TEST_NO_SKIP` set.
pub fn skipped(what: &str, why: &str) {
    let line = format!("SKIPPED: {what}: {why}");
    println!("{line}");
    if let Some(path) = std::env::var_os("OUTLIVE_TEST_SKIPS") {
        let file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path);
        file.and_then(|mut file| writeln!(file, "{line}"))
            .expect("the list of skips can be written");
    }
    assert!(std::env::var_os("OUTLIVE_TEST_NO_SKIP").is_none(), "{line}");
}

/// Whether this test has root's rights, which some surroundings need to be made.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
