//! What processes have used (proc_pidinfo, `PROC_PIDTASKINFO` of sys/proc_info.h).

pub use crate::Usage;
use std::path::Path;
use std::time::Duration;

/// There are no containers whose use would be accounted for.
pub fn of_cgroup(_path: &Path) -> Usage {
    Usage::default()
}

/// Nobody tells it here.
pub fn oom_kills(_path: &Path) -> Option<u64> {
    None
}

/// What a process has used; none if it is gone or may not be looked at.
pub fn of_process(pid: i32) -> Option<Usage> {
    let info = super::proc::task_info(pid).ok()?;
    // In nanoseconds on Intel; in the processor's own ticks, of 125/3 of them each, on Apple's.
    let ticks = info.pti_total_user.saturating_add(info.pti_total_system);
    let nanoseconds = match std::env::consts::ARCH {
        "aarch64" => ticks.saturating_mul(125) / 3,
        _ => ticks,
    };
    Some(Usage {
        cpu: Some(Duration::from_nanos(nanoseconds)),
        memory: Some(info.pti_resident_size),
        tasks: Some(u64::from(info.pti_threadnum.unsigned_abs())),
        ..Usage::default()
    })
}
