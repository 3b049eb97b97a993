//! How a process is limited and scheduled: of that a starter can only set the niceness of another
//! process, and limits are what they are.

use super::checked;
use super::surroundings::Limit;
use outlive_record::Setting;
use std::io;

/// What `--reset` sets back.
#[derive(Debug, Clone, Copy, Default)]
pub struct Which {
    /// Resource limits: they stay as they are.
    pub limits: bool,
    /// Of them the hard ones, too.
    pub hard_limits: bool,
    /// Niceness.
    pub nice: bool,
    /// Processor affinity: there is none.
    pub affinity: bool,
    /// The adjustment of the out-of-memory score: there is none.
    pub oom: bool,
}

/// How this process is limited and scheduled: what another one needs to be as this one is.
pub fn current() -> Vec<Setting> {
    vec![Setting::Nice(nice(0))]
}

/// These settings, and of the others those that they say nothing of.
pub fn instead(others: Vec<Setting>, settings: Vec<Setting>) -> Vec<Setting> {
    match settings.is_empty() {
        true => others,
        false => settings,
    }
}

/// This process's file mode creation mask. It can only be read by setting it: what other threads make
/// in that moment is for this user alone.
pub fn umask() -> u32 {
    let before = super::own::exchange_umask(0o077);
    super::own::exchange_umask(before);
    before
}

/// What processes usually start with.
pub fn usual(which: Which, _lower: &[Limit]) -> Vec<Setting> {
    let nice = which.nice.then_some(Setting::Nice(0));
    nice.into_iter().collect()
}

/// Of these settings those that are not in force in a process, by name.
pub fn refused(pid: i32, settings: &[Setting]) -> Vec<&'static str> {
    let refused = settings.iter().filter_map(|setting| match setting {
        Setting::Nice(wanted) => (nice(pid) != *wanted).then_some("nice"),
        Setting::Limit { .. } => Some("a limit"),
        _ => None,
    });
    refused.collect()
}

/// The niceness of a process (0 is this one).
pub(super) fn nice(pid: i32) -> i32 {
    // SAFETY: takes numbers.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, pid.cast_unsigned()) }
}

/// Sets what the system allows, in a process that has not begun; what is refused is left as it is.
pub(super) fn apply(pid: i32, settings: &[Setting]) {
    for setting in settings {
        if let Setting::Nice(nice) = setting {
            // What is refused is left as it is.
            let _ = set_nice(pid, *nice);
        }
    }
}

/// Sets the niceness of a process.
pub(super) fn set_nice(pid: i32, nice: i32) -> io::Result<()> {
    // SAFETY: takes numbers.
    checked(unsafe { libc::setpriority(libc::PRIO_PROCESS, pid.cast_unsigned(), nice) })?;
    Ok(())
}
