//! What a job may use.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a job may use, all of its processes together; what is not named is not limited.
///
/// The limits are those of the job's own cgroup (cgroups(7)) or job object (Windows), but for the
/// niceness. They are in force before the job's first instruction, and a restart has them again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Memory in bytes, swap included. What needs more is ended by the kernel's out-of-memory
    /// killer (`memory.max` of cgroup-v2.rst); on Windows it gets none (JOB_OBJECT_LIMIT_JOB_MEMORY).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Processor time, in thousandths of one processor: 1500 is one and a half. At least 10, since
    /// the kernel gives it out in parts of a millisecond and more in each tenth of a second (`cpu.max`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub millicpus: Option<u32>,
    /// Processes and threads (`pids.max`); on Windows processes (JOB_OBJECT_LIMIT_ACTIVE_PROCESS).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<u32>,
    /// The share of input and output where others want some, too: 1 to 10,000, where 100 is what
    /// everybody has (`io.weight`). It counts for disks whose scheduler heeds it (bfq, iocost).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io_weight: Option<u16>,
    /// Niceness, -20 to 19 (setpriority(2)); on Windows the priority class next to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nice: Option<i32>,
    /// Whether it is started even if not all of this can be had; it says so then.
    #[serde(skip_serializing_if = "is_false")]
    pub prefer: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

/// One limit that is set on a cgroup or a job object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of memory.
    Memory(u64),
    /// Thousandths of a processor.
    Cpus(u32),
    /// Processes and threads.
    Tasks(u32),
    /// The share of input and output.
    IoWeight(u16),
}

impl Limit {
    /// The controllers of all limits, as [`controllers`](Limit::controllers) has them.
    pub const CONTROLLERS: [(&'static str, &'static str); 4] = [
        ("memory", "memory"),
        ("cpu", "cpu"),
        ("pids", "pids"),
        ("io", "blkio"),
    ];

    /// The controller that sets it (cgroups(7)): in version 2, and in version 1.
    #[must_use]
    pub fn controllers(self) -> (&'static str, &'static str) {
        let [memory, cpus, tasks, io] = Limit::CONTROLLERS;
        match self {
            Limit::Memory(_) => memory,
            Limit::Cpus(_) => cpus,
            Limit::Tasks(_) => tasks,
            Limit::IoWeight(_) => io,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Limit::Memory(_) => "memory",
            Limit::Cpus(_) => "processor time",
            Limit::Tasks(_) => "tasks",
            Limit::IoWeight(_) => "weight of input and output",
        })
    }
}

impl Limits {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_none(&self) -> bool {
        let any = Limits {
            prefer: self.prefer,
            ..Limits::default()
        };
        *self == any
    }

    /// What is to be set on the job's cgroups: all but its niceness.
    pub fn of_cgroup(&self) -> impl Iterator<Item = Limit> + use<> {
        let all = [
            self.memory.map(Limit::Memory),
            self.millicpus.map(Limit::Cpus),
            self.tasks.map(Limit::Tasks),
            self.io_weight.map(Limit::IoWeight),
        ];
        all.into_iter().flatten()
    }

    /// What can't be meant, in words.
    pub fn check(&self) -> Result<(), &'static str> {
        /// The kernel's least quota (`min_cfs_quota_period`) in a period of a tenth of a second.
        const LEAST_CPU: u32 = 10;
        let wrong = [
            (self.memory == Some(0), "memory of nothing"),
            (
                self.millicpus.is_some_and(|it| it < LEAST_CPU),
                "less than a hundredth of a processor",
            ),
            (self.tasks == Some(0), "no task at all"),
            (
                self.io_weight.is_some_and(|it| !(1..=10_000).contains(&it)),
                "a weight that is not from 1 to 10000",
            ),
            (
                self.nice.is_some_and(|it| !(-20..=19).contains(&it)),
                "a niceness that is not from -20 to 19",
            ),
        ];
        match wrong.into_iter().find(|(is_wrong, _)| *is_wrong) {
            Some((_, what)) => Err(what),
            None => Ok(()),
        }
    }
}

/// A limit that is not in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlimited {
    /// What is not limited: `memory`, `tasks`, …
    pub what: String,
    /// Why.
    pub why: String,
}

impl fmt::Display for Unlimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_meant_is_told() {
        let none = Limits::default();
        assert_eq!(none.check(), Ok(()));
        assert!(none.is_none());
        let wrong = [
            Limits {
                memory: Some(0),
                ..none
            },
            Limits {
                millicpus: Some(9),
                ..none
            },
            Limits {
                tasks: Some(0),
                ..none
            },
            Limits {
                io_weight: Some(0),
                ..none
            },
            Limits {
                io_weight: Some(10_001),
                ..none
            },
            Limits {
                nice: Some(20),
                ..none
            },
        ];
        for limits in wrong {
            assert!(limits.check().is_err() && !limits.is_none(), "{limits:?}");
        }
    }

    #[test]
    fn only_what_is_limited_is_written_down() {
        let limits = Limits {
            tasks: Some(7),
            ..Limits::default()
        };
        let text = serde_json::to_string(&limits).expect("plain data");
        assert_eq!(text, r#"{"tasks":7}"#);
        assert_eq!(serde_json::from_str::<Limits>(&text).ok(), Some(limits));
    }
}
