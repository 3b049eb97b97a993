//! What surrounds this process: its job object and its console. Nothing here changes anything or
//! needs a privilege.

pub use super::delegate::may_start_by;
pub use super::foster::foster_parent;
use super::{call, proc};
use crate::Job;
pub use crate::common::{First, Folder, Limit, Mount, Schedule};
use std::io;
use std::path::Path;
use windows_sys::Win32::Foundation::{HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_TYPE_CHAR, FILE_TYPE_PIPE, FILE_TYPE_UNKNOWN, GetFileType,
};
use windows_sys::Win32::System::Console::{
    GetConsoleMode, GetConsoleProcessList, GetStdHandle, STD_ERROR_HANDLE, STD_INPUT_HANDLE,
    STD_OUTPUT_HANDLE,
};
use windows_sys::Win32::System::JobObjects::{
    JOB_OBJECT_CPU_RATE_CONTROL_ENABLE, JOB_OBJECT_LIMIT_ACTIVE_PROCESS, JOB_OBJECT_LIMIT_AFFINITY,
    JOB_OBJECT_LIMIT_BREAKAWAY_OK, JOB_OBJECT_LIMIT_JOB_MEMORY, JOB_OBJECT_LIMIT_JOB_TIME,
    JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, JOB_OBJECT_LIMIT_PRIORITY_CLASS,
    JOB_OBJECT_LIMIT_PROCESS_MEMORY, JOB_OBJECT_LIMIT_PROCESS_TIME,
    JOB_OBJECT_LIMIT_SCHEDULING_CLASS, JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK,
    JOB_OBJECT_LIMIT_WORKINGSET, JOBOBJECT_CPU_RATE_CONTROL_INFORMATION,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JOBOBJECTINFOCLASS, JobObjectCpuRateControlInformation,
    JobObjectExtendedLimitInformation, QueryInformationJobObject,
};

/// The job object that this process is in, the innermost of them if they are nested; none if it is
/// in none. Where its limits can't be looked at it counts as one that can be left: whether that holds
/// is told by trying. So does one that has no limit at all, since that is what Wine says of any.
pub fn job() -> Option<Job> {
    if !proc::in_job(None).unwrap_or(false) {
        return None;
    }
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    if query(JobObjectExtendedLimitInformation, &mut limits).is_err() {
        return Some(Job {
            breakaway_ok: true,
            ..Job::default()
        });
    }
    let flags = limits.BasicLimitInformation.LimitFlags;
    Some(Job {
        breakaway_ok: flags == 0 || flags & JOB_OBJECT_LIMIT_BREAKAWAY_OK != 0,
        silent_breakaway: flags & JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK != 0,
        kill_on_close: flags & JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE != 0,
        limits: words(&limits),
    })
}

/// What a job object limits its processes to (JOBOBJECT_BASIC_LIMIT_INFORMATION).
fn words(limits: &JOBOBJECT_EXTENDED_LIMIT_INFORMATION) -> Vec<String> {
    let basic = &limits.BasicLimitInformation;
    // Times are in units of 100 ns.
    let seconds = |time: i64| time as f64 / 1e7;
    let all = [
        (
            JOB_OBJECT_LIMIT_ACTIVE_PROCESS,
            format!("{} processes", basic.ActiveProcessLimit),
        ),
        (
            JOB_OBJECT_LIMIT_PROCESS_MEMORY,
            format!("{} bytes of memory for each", limits.ProcessMemoryLimit),
        ),
        (
            JOB_OBJECT_LIMIT_JOB_MEMORY,
            format!("{} bytes of memory for all", limits.JobMemoryLimit),
        ),
        (
            JOB_OBJECT_LIMIT_WORKINGSET,
            format!("{} bytes resident for each", basic.MaximumWorkingSetSize),
        ),
        (
            JOB_OBJECT_LIMIT_PROCESS_TIME,
            format!(
                "{} s of processor time for each",
                seconds(basic.PerProcessUserTimeLimit)
            ),
        ),
        (
            JOB_OBJECT_LIMIT_JOB_TIME,
            format!(
                "{} s of processor time for all",
                seconds(basic.PerJobUserTimeLimit)
            ),
        ),
        (
            JOB_OBJECT_LIMIT_AFFINITY,
            format!("processors {:#x}", basic.Affinity),
        ),
        (
            JOB_OBJECT_LIMIT_PRIORITY_CLASS,
            format!("priority class {:#x}", basic.PriorityClass),
        ),
        (
            JOB_OBJECT_LIMIT_SCHEDULING_CLASS,
            format!("scheduling class {}", basic.SchedulingClass),
        ),
    ];
    let set = all
        .into_iter()
        .filter(|(flag, _)| basic.LimitFlags & flag != 0);
    set.map(|(_, words)| words).chain(cpu_rate()).collect()
}

/// The part of the processors that the job object is kept to.
fn cpu_rate() -> Option<String> {
    let mut rate = JOBOBJECT_CPU_RATE_CONTROL_INFORMATION::default();
    query(JobObjectCpuRateControlInformation, &mut rate).ok()?;
    let set = rate.ControlFlags & JOB_OBJECT_CPU_RATE_CONTROL_ENABLE != 0;
    set.then(|| "a part of the processors' time".to_owned())
}

/// Asks about the job object of this process.
fn query<T>(class: JOBOBJECTINFOCLASS, answer: &mut T) -> io::Result<()> {
    let size = size_of::<T>() as u32;
    let none = std::ptr::null_mut();
    let at = std::ptr::from_mut(answer).cast();
    // SAFETY: a structure of ours and its size; each class is asked for with its own structure.
    call::check(unsafe { QueryInformationJobObject(none, class, at, size, none.cast()) })
}

/// Whether this process is attached to a console.
pub fn console() -> bool {
    let mut one = [0];
    // SAFETY: an array of ours and its length.
    unsafe { GetConsoleProcessList(one.as_mut_ptr(), 1) != 0 }
}

/// What is open at a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// Nothing.
    Nothing,
    /// A console.
    Terminal,
    /// A pipe or a socket.
    Pipe,
    /// Something else.
    Other,
}

/// What is open at a standard descriptor's number.
pub fn open_at(number: i32) -> Open {
    let Some(handle) = standard(number) else {
        return Open::Nothing;
    };
    // SAFETY: a handle of this process that is only asked about; a stale one gives an error.
    match unsafe { GetFileType(handle) } {
        FILE_TYPE_UNKNOWN => Open::Nothing,
        FILE_TYPE_PIPE => Open::Pipe,
        FILE_TYPE_CHAR if is_console(handle) => Open::Terminal,
        _ => Open::Other,
    }
}

/// This process's standard handle of a number, if it has one.
pub(super) fn standard(number: i32) -> Option<HANDLE> {
    let which = [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE];
    let which = which.get(usize::try_from(number).ok()?)?;
    // SAFETY: takes a number.
    let handle = unsafe { GetStdHandle(*which) };
    Some(handle).filter(|handle| !handle.is_null() && *handle != INVALID_HANDLE_VALUE)
}

/// Whether a handle is one of a console.
pub(super) fn is_console(handle: HANDLE) -> bool {
    let mut mode = 0;
    // SAFETY: the mode is written; anything but a console gives an error.
    unsafe { GetConsoleMode(handle, &mut mode) != 0 }
}

/// Who becomes the parent of an orphan: nobody, here.
pub fn orphans_parent() -> io::Result<i32> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A file of the kernel's own: there are none here.
pub fn record(_path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::NotFound.into())
}

/// As [`record`].
pub fn whole(_path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::NotFound.into())
}

/// Whether a device file has these numbers: none has.
pub fn is_device(_path: impl AsRef<Path>, _major: u32, _minor: u32) -> bool {
    false
}

/// A device number in its two parts: there are none.
pub fn device(_number: i32) -> (u32, u32) {
    (0, 0)
}

/// How this thread is scheduled: as usual.
pub fn schedule() -> Schedule {
    Schedule {
        nice: 0,
        policy: 0,
        io: (0, 0),
        timer_slack: 0,
        parent_death: 0,
    }
}

/// All resource limits of this process: those of Unix are not there.
pub fn limits() -> impl Iterator<Item = Limit> {
    std::iter::empty()
}

/// Which of this thread's namespaces are the machine's first ones: there are no others.
pub fn first_namespaces() -> First {
    First {
        pid: true,
        user: true,
        children: true,
    }
}

/// Whether this thread is in the machine's first cgroup namespace: there are no others.
pub fn is_first_cgroup_namespace() -> bool {
    true
}

/// Whether this thread is in the machine's first UTS namespace: there are no others.
pub fn has_machines_name() -> bool {
    true
}

/// Whether something is there.
pub fn is_there(path: impl AsRef<Path>) -> bool {
    path.as_ref().exists()
}

/// Whether this process may write to a file of the kernel's own: there are none.
pub fn may_write(_path: impl AsRef<Path>) -> bool {
    false
}

/// Whether a folder is of a file system for cgroups: none is.
pub fn is_cgroup(_path: impl AsRef<Path>) -> bool {
    false
}

/// Whether `path` is where the hierarchy of cgroups is mounted: nowhere.
pub fn is_root_of_version_2(_path: &str) -> bool {
    false
}

/// This process's folder, which can't be deleted as long as it is that.
pub fn folder() -> io::Result<Folder> {
    Ok(Folder {
        path: std::env::current_dir()?,
        deleted: false,
        mount: None,
    })
}
