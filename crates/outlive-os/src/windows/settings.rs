//! How a process is limited and scheduled: by job objects, whose limits nobody else's process can be
//! given. What Unix has of it is not there.

use super::surroundings::Limit;
use outlive_record::Setting;
use windows_sys::Win32::System::Threading::{
    ABOVE_NORMAL_PRIORITY_CLASS, BELOW_NORMAL_PRIORITY_CLASS, HIGH_PRIORITY_CLASS,
    IDLE_PRIORITY_CLASS, NORMAL_PRIORITY_CLASS,
};

/// What `--reset` sets back.
#[derive(Debug, Clone, Copy, Default)]
pub struct Which {
    /// Resource limits.
    pub limits: bool,
    /// Of them the hard ones, too.
    pub hard_limits: bool,
    /// Niceness, policy, priority of input and output, timer slack.
    pub nice: bool,
    /// Processor affinity.
    pub affinity: bool,
    /// The adjustment of the out-of-memory score.
    pub oom: bool,
}

/// How this process is limited and scheduled.
pub fn current() -> Vec<Setting> {
    Vec::new()
}

/// These settings, and of the others those that they say nothing of: there are none of either.
pub fn instead(_others: Vec<Setting>, settings: Vec<Setting>) -> Vec<Setting> {
    settings
}

/// This process's file mode creation mask.
pub fn umask() -> u32 {
    0
}

/// What processes usually start with.
pub fn usual(_which: Which, _lower: &[Limit]) -> Vec<Setting> {
    Vec::new()
}

/// Of these settings those that are not in force in a process, by name.
pub fn refused(_pid: i32, _settings: &[Setting]) -> Vec<&'static str> {
    Vec::new()
}

/// The priority class next to a niceness (SetPriorityClass).
pub(super) fn priority_class(nice: i32) -> u32 {
    match nice {
        ..-10 => HIGH_PRIORITY_CLASS,
        -10..0 => ABOVE_NORMAL_PRIORITY_CLASS,
        0 => NORMAL_PRIORITY_CLASS,
        1..=10 => BELOW_NORMAL_PRIORITY_CLASS,
        _ => IDLE_PRIORITY_CLASS,
    }
}
