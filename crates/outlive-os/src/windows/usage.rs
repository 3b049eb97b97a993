//! What processes have used: by job object (QueryInformationJobObject).

use super::call;
use super::cgroup::Cgroup;
use super::process::open;
pub use crate::Usage;
use std::os::windows::io::AsRawHandle;
use std::path::Path;
use std::time::Duration;
use windows_sys::Win32::Foundation::FILETIME;
use windows_sys::Win32::System::JobObjects::{
    JOBOBJECT_BASIC_AND_IO_ACCOUNTING_INFORMATION, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JobObjectBasicAndIoAccountingInformation, JobObjectExtendedLimitInformation,
};
use windows_sys::Win32::System::ProcessStatus::{K32GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS};
use windows_sys::Win32::System::Threading::{
    GetProcessIoCounters, GetProcessTimes, IO_COUNTERS, PROCESS_QUERY_LIMITED_INFORMATION,
};

/// What all that is or was in a job object has used. How much memory it has now is not among what is
/// documented of it.
pub fn of_cgroup(path: &Path) -> Usage {
    let Ok(job) = Cgroup::to_query(path) else {
        return Usage::default();
    };
    let class = JobObjectBasicAndIoAccountingInformation;
    let counts = job.get::<JOBOBJECT_BASIC_AND_IO_ACCOUNTING_INFORMATION>(class);
    let class = JobObjectExtendedLimitInformation;
    let limits = job.get::<JOBOBJECT_EXTENDED_LIMIT_INFORMATION>(class);
    let counts = counts.ok();
    let basic = counts.map(|it| it.BasicInfo);
    Usage {
        cpu: basic.map(|it| ticks(it.TotalUserTime) + ticks(it.TotalKernelTime)),
        memory: None,
        memory_peak: limits.ok().map(|it| it.PeakJobMemoryUsed as u64),
        tasks: basic.map(|it| it.ActiveProcesses.into()),
        read: counts.map(|it| it.IoInfo.ReadTransferCount),
        written: counts.map(|it| it.IoInfo.WriteTransferCount),
    }
}

/// Of 100 nanoseconds each.
fn ticks(number: i64) -> Duration {
    Duration::from_nanos(number.cast_unsigned().saturating_mul(100))
}

/// Nobody is ended for lack of memory here: it is not given any.
pub fn oom_kills(_path: &Path) -> Option<u64> {
    None
}

/// What a process has used; none if it is gone or may not be asked.
pub fn of_process(pid: i32) -> Option<Usage> {
    let process = open(pid, PROCESS_QUERY_LIMITED_INFORMATION).ok()?;
    let process = process.as_raw_handle();
    let mut times = [FILETIME::default(); 4];
    let [start, end, kernel, user] = &mut times;
    // SAFETY: a handle that is open, and four structures of ours are written.
    call::check(unsafe { GetProcessTimes(process, start, end, kernel, user) }).ok()?;
    let time = |of: &FILETIME| i64::from(of.dwHighDateTime) << 32 | i64::from(of.dwLowDateTime);
    let mut memory = PROCESS_MEMORY_COUNTERS::default();
    let size = size_of_val(&memory) as u32;
    // SAFETY: as above, with the structure's size.
    let told = unsafe { K32GetProcessMemoryInfo(process, &mut memory, size) } != 0;
    let mut counts = IO_COUNTERS::default();
    // SAFETY: as above.
    let counted = unsafe { GetProcessIoCounters(process, &mut counts) } != 0;
    Some(Usage {
        cpu: Some(ticks(time(&times[2])) + ticks(time(&times[3]))),
        memory: told.then_some(memory.WorkingSetSize as u64),
        memory_peak: None,
        tasks: Some(1),
        read: counted.then_some(counts.ReadTransferCount),
        written: counted.then_some(counts.WriteTransferCount),
    })
}
