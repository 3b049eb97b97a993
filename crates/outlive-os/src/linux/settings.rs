//! How a process is limited and scheduled.

use super::surroundings::Limit;
use outlive_record::{RESOURCES, Setting};
use std::ffi::CStr;

/// What `--reset` sets back.
#[derive(Debug, Clone, Copy, Default)]
pub struct Which {
    /// Resource limits.
    pub limits: bool,
    /// Of them the hard ones, too, which takes CAP_SYS_RESOURCE (capabilities(7)).
    pub hard_limits: bool,
    /// Niceness, policy, priority of input and output, timer slack.
    pub nice: bool,
    /// Processor affinity.
    pub affinity: bool,
    /// The adjustment of the out-of-memory score.
    pub oom: bool,
}

/// The usual timer slack, in nanoseconds (`INIT_TASK`; prctl(2), PR_SET_TIMERSLACK).
const TIMER_SLACK: u64 = 50_000;
/// How many words of 64 processors each are passed on: the kernel has 8192 at most (NR_CPUS).
const PROCESSOR_WORDS: usize = 128;

/// How this process is limited and scheduled: what another one needs to be as this one is.
pub fn current() -> Vec<Setting> {
    // The first, since it takes a descriptor, of which there may be none left under the limits.
    let oom = std::fs::read_to_string("/proc/self/oom_score_adj");
    let oom = oom.ok().and_then(|text| text.trim().parse().ok());
    let mut settings: Vec<Setting> = oom.map(Setting::OomScore).into_iter().collect();
    let resources = (0..).take(RESOURCES.len());
    settings.extend(resources.filter_map(|resource| {
        let (soft, hard) = limit(0, resource)?;
        Some(Setting::Limit {
            resource,
            soft,
            hard,
        })
    }));
    // SAFETY: takes numbers. -1 is a niceness, too, and no error there can be for oneself.
    settings.push(Setting::Nice(unsafe {
        libc::getpriority(libc::PRIO_PROCESS, 0)
    }));
    settings.extend(affinity(0).map(Setting::Affinity));
    let mut priority = 0i32;
    // SAFETY: the structure, which is ours, is this one number (kernel: `struct sched_param`). The raw
    // call, since musl's refuses it.
    let read = unsafe { libc::syscall(libc::SYS_sched_getparam, 0, &raw mut priority) };
    if let (Some(policy), 0) = (policy(0), read) {
        settings.push(Setting::Scheduler { policy, priority });
    }
    // SAFETY: takes numbers: this process (IOPRIO_WHO_PROCESS is 1).
    let priority = unsafe { libc::syscall(libc::SYS_ioprio_get, 1, 0) };
    settings.extend(
        i32::try_from(priority)
            .ok()
            .filter(|it| *it >= 0)
            .map(Setting::IoPriority),
    );
    // SAFETY: takes no pointer.
    let slack = unsafe { libc::prctl(libc::PR_GET_TIMERSLACK) };
    settings.extend(u64::try_from(slack).ok().map(Setting::TimerSlack));
    settings
}

/// These settings, and of the others those that they say nothing of.
pub fn instead(others: Vec<Setting>, settings: Vec<Setting>) -> Vec<Setting> {
    let same = |one: &Setting, other: &Setting| match (one, other) {
        (
            Setting::Limit { resource, .. },
            Setting::Limit {
                resource: other, ..
            },
        ) => resource == other,
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    };
    let mut all = others;
    all.retain(|other| !settings.iter().any(|it| same(it, other)));
    // What takes a descriptor stays in front.
    let (first, last): (Vec<_>, Vec<_>) = settings
        .into_iter()
        .partition(|it| matches!(it, Setting::OomScore(_)));
    first.into_iter().chain(all).chain(last).collect()
}

/// This process's file mode creation mask, without changing it (`Umask` of proc_pid_status(5),
/// Linux 4.7).
pub fn umask() -> u32 {
    let mask = status_field("Umask:", std::process::id().cast_signed());
    mask.and_then(|digits| u32::from_str_radix(&digits, 8).ok())
        .unwrap_or(0o022)
}

/// What processes usually start with. Of the resource limits `lower` has those that are lower here
/// than usual, with their usual soft and hard values: each is raised, as far as this process may.
pub fn usual(which: Which, lower: &[Limit]) -> Vec<Setting> {
    let mut settings = Vec::new();
    if which.oom {
        // The first, as above.
        settings.push(Setting::OomScore(0));
    }
    if which.limits {
        let number = |name: &str| RESOURCES.iter().position(|it| *it == name);
        settings.extend(lower.iter().filter_map(|(name, soft, hard)| {
            let resource = u32::try_from(number(name)?).ok()?;
            let own = limit(0, resource)?;
            let [soft, hard] = [soft, hard].map(|limit| limit.unwrap_or(u64::MAX));
            let hard = if which.hard_limits {
                own.1.max(hard)
            } else {
                own.1
            };
            Some(Setting::Limit {
                resource,
                soft: own.0.max(soft.min(hard)),
                hard,
            })
        }));
    }
    if which.nice {
        settings.extend([
            Setting::Scheduler {
                policy: libc::SCHED_OTHER,
                priority: 0,
            },
            Setting::Nice(0),
            Setting::IoPriority(0),
            Setting::TimerSlack(TIMER_SLACK),
        ]);
    }
    if which.affinity {
        settings.push(Setting::Affinity(vec![u64::MAX; PROCESSOR_WORDS]));
    }
    settings
}

/// Of these settings those that are not in force in a process, by name.
pub fn refused(pid: i32, settings: &[Setting]) -> Vec<&'static str> {
    let refused = settings.iter().filter(|setting| !is_in_force(pid, setting));
    refused.map(name).collect()
}

fn name(setting: &Setting) -> &'static str {
    match setting {
        Setting::Limit { resource, .. } => {
            let name = RESOURCES.get(*resource as usize);
            name.copied().unwrap_or("a limit")
        }
        Setting::Nice(_) => "nice",
        Setting::Affinity(_) => "affinity",
        Setting::Scheduler { .. } => "scheduling",
        Setting::IoPriority(_) => "priority of input and output",
        Setting::TimerSlack(_) => "timer slack",
        Setting::OomScore(_) => "oom_score_adj",
        Setting::NoNewPrivs => "NO_NEW_PRIVS",
    }
}

/// What can't be looked at in another process counts as in force.
fn is_in_force(pid: i32, setting: &Setting) -> bool {
    let oom = || std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj"));
    match setting {
        Setting::Limit {
            resource,
            soft,
            hard,
        } => limit(pid, *resource).is_none_or(|it| it == (*soft, *hard)),
        // SAFETY: takes numbers.
        Setting::Nice(nice) => unsafe {
            libc::getpriority(libc::PRIO_PROCESS, pid.cast_unsigned()) == *nice
        },
        // More is asked for than there are: what is there is told by the kernel alone.
        Setting::Affinity(mask) => {
            mask.contains(&u64::MAX) || affinity(pid).is_none_or(|it| it == *mask)
        }
        Setting::Scheduler { policy: wanted, .. } => policy(pid).is_none_or(|it| it == *wanted),
        Setting::IoPriority(priority) => {
            // SAFETY: takes numbers: one process (IOPRIO_WHO_PROCESS is 1).
            let found = unsafe { libc::syscall(libc::SYS_ioprio_get, 1, pid) };
            // Without one of its own it has that of its niceness (ioprio_set(2)).
            found < 0 || found == i64::from(*priority) || *priority == 0
        }
        Setting::TimerSlack(_) => true,
        Setting::OomScore(score) => oom().map_or(true, |it| it.trim().parse() == Ok(*score)),
        Setting::NoNewPrivs => status_field("NoNewPrivs:", pid).is_none_or(|it| it == "1"),
    }
}

fn status_field(name: &str, pid: i32) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(value.trim().to_owned())
}

/// The scheduling policy of a process (0 is this one), by the raw call, since musl's refuses it.
fn policy(pid: i32) -> Option<i32> {
    // SAFETY: takes a number.
    let policy = unsafe { libc::syscall(libc::SYS_sched_getscheduler, pid) };
    i32::try_from(policy).ok().filter(|policy| *policy >= 0)
}

fn affinity(pid: i32) -> Option<Vec<u64>> {
    let mut mask = vec![0u64; PROCESSOR_WORDS];
    // SAFETY: a buffer of ours and its size in bytes. The raw call gives the bytes written.
    let bytes = unsafe {
        libc::syscall(
            libc::SYS_sched_getaffinity,
            pid,
            size_of_val(mask.as_slice()),
            mask.as_mut_ptr(),
        )
    };
    mask.truncate(usize::try_from(bytes).ok()? / size_of::<u64>());
    Some(mask)
}

/// The soft and hard limit of a resource, of a process (0 is this one).
pub(super) fn limit(pid: i32, resource: u32) -> Option<(u64, u64)> {
    // SAFETY: all zero is a valid structure.
    let mut limit: libc::rlimit64 = unsafe { std::mem::zeroed() };
    let none = std::ptr::null::<libc::rlimit64>();
    // SAFETY: a structure of ours is written.
    let result = unsafe { libc::syscall(libc::SYS_prlimit64, pid, resource, none, &raw mut limit) };
    (result == 0).then_some((limit.rlim_cur, limit.rlim_max))
}

/// Sets what the system allows, in this process, with system calls only: it is called between
/// clone and exec.
pub(super) fn apply(settings: &[Setting]) {
    for setting in settings {
        set(setting);
    }
}

/// What is refused is left as it is: the launch goes on, and the report tells what is in force.
fn set(setting: &Setting) {
    match setting {
        Setting::Limit {
            resource,
            soft,
            hard,
        } => {
            let limit = libc::rlimit64 {
                rlim_cur: *soft,
                rlim_max: *hard,
            };
            let none = std::ptr::null_mut::<libc::rlimit64>();
            // SAFETY: a structure of ours is read.
            unsafe { libc::syscall(libc::SYS_prlimit64, 0, *resource, &raw const limit, none) };
        }
        Setting::Nice(nice) => {
            // SAFETY: takes numbers.
            unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, *nice) };
        }
        Setting::Affinity(mask) => {
            // SAFETY: a buffer of the plan and its size in bytes.
            unsafe {
                libc::syscall(
                    libc::SYS_sched_setaffinity,
                    0,
                    size_of_val(mask.as_slice()),
                    mask.as_ptr(),
                )
            };
        }
        Setting::Scheduler { policy, priority } => {
            let priority = std::ptr::from_ref(priority);
            // SAFETY: the structure that is read is this one number, which is ours.
            unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, *policy, priority) };
        }
        Setting::IoPriority(priority) => {
            // SAFETY: takes numbers: this process (IOPRIO_WHO_PROCESS is 1).
            unsafe { libc::syscall(libc::SYS_ioprio_set, 1, 0, *priority) };
        }
        Setting::TimerSlack(nanoseconds) => {
            // SAFETY: takes numbers.
            unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, *nanoseconds) };
        }
        Setting::OomScore(score) => write_number(c"/proc/self/oom_score_adj", *score),
        Setting::NoNewPrivs => {
            // SAFETY: takes numbers; prctl(2) wants the unused ones to be zero.
            unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1u64, 0u64, 0u64, 0u64) };
        }
    }
}

/// Writes a number as text to a file of the kernel's, if that is there and may be written, without
/// allocating.
pub(super) fn write_number(path: &CStr, number: i32) {
    let mut text = [0u8; 12];
    let mut at = text.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        text[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        at -= 1;
        text[at] = b'-';
    }
    // SAFETY: a string that ends with a NUL.
    let file = unsafe { libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
    if file >= 0 {
        let text = &text[at..];
        // SAFETY: a buffer of ours and its size.
        unsafe { libc::write(file, text.as_ptr().cast(), text.len()) };
        // SAFETY: opened here.
        unsafe { libc::close(file) };
    }
}
