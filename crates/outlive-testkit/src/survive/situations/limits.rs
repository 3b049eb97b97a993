//! What limits a job: kept and said, set back on request.

use super::SESSION;
use crate::survive::situation::{Around, Before, Check, Situation, Strike};

const KEPT: Situation = Situation {
    hazards: &["limits"],
    strike: Strike::Nothing,
    ..SESSION
};

/// The words of programs that set everything that a caller may have set, behind those of others.
macro_rules! all_wrap {
    ($($before:literal),*) => {
        &[
            $($before,)*
            "nice", "-n", "10",
            "taskset", "--cpu-list", "0",
            "choom", "--adjust", "500", "--",
            "ionice", "-c", "2", "-n", "7",
            "chrt", "--batch", "0",
        ]
    };
}
pub(super) use all_wrap;

const ALL_WRAP: &[&str] = all_wrap!();
pub(super) const ALL_PRELUDE: &str = "ulimit -S -n 64; umask 027; echo 123456 >/proc/$$/timerslack_ns; cd /tmp\n\
    export HIDDEN=hidden-$ID ODD=' a  b '";
pub(super) const ALL_SAID: &[&str] = &[
    "nofile 64",
    "nice 10",
    "scheduling batch",
    "best-effort 7",
    "timer slack 123456",
    "processors 0",
    "oom_score_adj 500",
];

/// All of them.
pub(super) const LIMITS: &[Situation] = &[
    Situation {
        id: "K11l",
        what: "a soft limit (descriptors), with `--reset limits`",
        hazards: &["limits"],
        strike: Strike::Nothing,
        check: Some(Check::SoftLimits),
        prelude: "ulimit -S -n 64",
        options: &["--reset", "limits"],
        ..SESSION
    },
    Situation {
        id: "K11n",
        what: "niceness, with `--reset nice`",
        hazards: &["limits"],
        wrap: &["nice", "-n", "10"],
        strike: Strike::Nothing,
        check: Some(Check::Nice),
        options: &["--reset", "nice"],
        ..SESSION
    },
    Situation {
        id: "K11a",
        what: "processor affinity, with `--reset affinity`",
        hazards: &["limits"],
        wrap: &["taskset", "--cpu-list", "0"],
        strike: Strike::Nothing,
        check: Some(Check::Affinity),
        options: &["--reset", "affinity"],
        ..SESSION
    },
    Situation {
        id: "K11o",
        what: "a raised oom_score_adj, with `--reset oom`",
        hazards: &["limits"],
        wrap: &["choom", "--adjust", "500", "--"],
        strike: Strike::Nothing,
        check: Some(Check::OomScore),
        options: &["--reset", "oom"],
        ..SESSION
    },
    Situation {
        id: "K11s",
        what: "ignored and blocked signals",
        hazards: &["signals"],
        wrap: &["survive", "deaf"],
        strike: Strike::Nothing,
        check: Some(Check::Signals),
        ..SESSION
    },
    Situation {
        id: "K11m",
        what: "the cgroup's memory.max",
        hazards: &["cgroup", "limits"],
        around: Around::Limited("memory.max", "268435456"),
        strike: Strike::Nothing,
        check: Some(Check::LimitedCgroup),
        ..SESSION
    },
    Situation {
        id: "K11p",
        what: "the cgroup's pids.max",
        hazards: &["cgroup", "limits"],
        around: Around::Limited("pids.max", "64"),
        strike: Strike::Nothing,
        check: Some(Check::LimitedCgroup),
        ..SESSION
    },
    Situation {
        id: "K11c",
        what: "the cgroup's cpu.max",
        hazards: &["cgroup", "limits"],
        around: Around::Limited("cpu.max", "50000 100000"),
        strike: Strike::Nothing,
        check: Some(Check::LimitedCgroup),
        ..SESSION
    },
    Situation {
        id: "K11b",
        what: "scheduling as a batch, with `--reset nice`",
        wrap: &["chrt", "--batch", "0"],
        check: Some(Check::Policy),
        options: &["--reset", "nice"],
        ..KEPT
    },
    Situation {
        id: "K11i",
        what: "scheduling only where nobody else runs, with `--reset nice`",
        wrap: &["chrt", "--idle", "0"],
        check: Some(Check::Policy),
        options: &["--reset", "nice"],
        ..KEPT
    },
    Situation {
        id: "K11r",
        what: "the least priority of input and output, with `--reset nice`",
        wrap: &["ionice", "-c", "3"],
        check: Some(Check::IoPriority),
        options: &["--reset", "nice"],
        ..KEPT
    },
    Situation {
        id: "K11t",
        what: "timer slack, with `--reset nice`",
        prelude: "echo 123456 >/proc/$$/timerslack_ns",
        check: Some(Check::TimerSlack),
        options: &["--reset", "nice"],
        ..KEPT
    },
    Situation {
        id: "K11u",
        what: "a umask of 0777, with `--reset umask`",
        prelude: "umask 0777",
        check: Some(Check::Umask),
        options: &["--reset", "umask"],
        ..KEPT
    },
    Situation {
        id: "K11k",
        what: "all of these without `--reset`: kept and said",
        wrap: ALL_WRAP,
        prelude: ALL_PRELUDE,
        check: Some(Check::Kept),
        said: ALL_SAID,
        rows: &["outlive"],
        ..KEPT
    },
    Situation {
        id: "K11d",
        what: "a folder on a mount, which is unmounted: with `--reset cwd`",
        options: &["--reset", "cwd"],
        ..ON_A_MOUNT
    },
    Situation {
        id: "K11dc",
        what: "the same, with `--cwd /`",
        options: &["--cwd", "/"],
        rows: &["outlive"],
        ..ON_A_MOUNT
    },
    Situation {
        id: "K11dk",
        what: "the same without either: it can't be unmounted, and that is said",
        rows: &["outlive"],
        ..ON_A_MOUNT
    },
];

const ON_A_MOUNT: Situation = Situation {
    hazards: &["working-directory"],
    before: Some(Before::Mount),
    prelude: "cd \"$F/mount\"",
    check: Some(Check::Unmounts),
    ..KEPT
};
