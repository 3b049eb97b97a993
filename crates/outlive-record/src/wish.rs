//! What a job is to leave, as it was asked for.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a job is to leave, and may do to leave it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Leave {
    /// Whether it is to leave what would end it from further outside than its session.
    pub breakaway: Breakaway,
    /// What is set back.
    pub reset: Reset,
    /// Whether it may leave a sandbox.
    pub sandbox: bool,
    /// Whether lingering may not be enabled for it.
    pub no_linger: bool,
    /// The way out of a job object (Windows), if one was asked for by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
}

/// Whether a process is to leave what would end it from outside of its session: the cgroup, a
/// subreaper, the log-out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Breakaway {
    /// It leaves, or it is not started.
    Require,
    /// It leaves the cgroup or job object, or it is not started; of the rest it leaves what it can.
    /// This is what `CREATE_BREAKAWAY_FROM_JOB` asks for.
    RequireContainer,
    /// It leaves if it can, and what remains is said.
    #[default]
    Prefer,
    /// It stays.
    Off,
}

/// A way out of a job object (Windows) that is taken only when it is asked for: each of them has
/// somebody else start the process, which monitors of a machine may take for an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// Another process of the user's is made its parent: its token, its quotas and its job objects
    /// are that one's.
    Parent,
    /// The service control manager starts it, as a service; that takes an elevated caller.
    Service,
    /// The Task Scheduler starts it.
    Task,
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Via::Parent => "parent",
            Via::Service => "service",
            Via::Task => "task",
        })
    }
}

/// What is set back to what a process usually starts with, as far as this user may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Reset {
    /// Resource limits, setrlimit(2).
    pub limits: bool,
    /// Niceness, scheduling policy, input and output priority, timer slack.
    pub nice: bool,
    /// Processor affinity.
    pub affinity: bool,
    /// The adjustment of the out-of-memory score.
    pub oom: bool,
    /// The file mode creation mask: 022.
    pub umask: bool,
    /// The working folder: `/`.
    pub cwd: bool,
}

impl Reset {
    /// All of it.
    pub const ALL: Reset = Reset {
        limits: true,
        nice: true,
        affinity: true,
        oom: true,
        umask: true,
        cwd: true,
    };
}
