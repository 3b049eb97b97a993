//! What a job object may use (SetInformationJobObject).

use super::cgroup::Cgroup;
use outlive_record::Limit;
use std::io;
use std::path::Path;
use windows_sys::Win32::System::JobObjects::{
    JOB_OBJECT_CPU_RATE_CONTROL_ENABLE, JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP,
    JOB_OBJECT_LIMIT_ACTIVE_PROCESS, JOB_OBJECT_LIMIT_JOB_MEMORY,
    JOBOBJECT_CPU_RATE_CONTROL_INFORMATION, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JobObjectCpuRateControlInformation, JobObjectExtendedLimitInformation,
};
use windows_sys::Win32::System::Threading::{ALL_PROCESSOR_GROUPS, GetActiveProcessorCount};

/// Sets a limit on all that is in a job object, and reads it back. There is nothing above it that
/// would have to be asked.
///
/// # Errors
///
/// `Unsupported` for a weight of input and output, which job objects don't have.
pub fn set(cgroup: &Cgroup, _top: &Path, limit: Limit) -> io::Result<()> {
    match limit {
        Limit::Memory(bytes) => {
            // More than can be addressed is no limit to speak of, and can't be told either.
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            extend(
                cgroup,
                JOB_OBJECT_LIMIT_JOB_MEMORY,
                |limits| &mut limits.JobMemoryLimit,
                bytes,
            )
        }
        Limit::Tasks(most) => extend(
            cgroup,
            JOB_OBJECT_LIMIT_ACTIVE_PROCESS,
            |limits| &mut limits.BasicLimitInformation.ActiveProcessLimit,
            most,
        ),
        Limit::Cpus(thousandths) => limit_cpus(cgroup, thousandths),
        Limit::IoWeight(_) => {
            let why = "job objects have no weights of input and output";
            Err(io::Error::new(io::ErrorKind::Unsupported, why))
        }
    }
}

/// Sets one of the limits that are set together, and leaves the others as they are.
fn extend<T: Copy + PartialEq>(
    cgroup: &Cgroup,
    flag: u32,
    place: impl Fn(&mut JOBOBJECT_EXTENDED_LIMIT_INFORMATION) -> &mut T,
    value: T,
) -> io::Result<()> {
    let class = JobObjectExtendedLimitInformation;
    let mut limits: JOBOBJECT_EXTENDED_LIMIT_INFORMATION = cgroup.get(class)?;
    limits.BasicLimitInformation.LimitFlags |= flag;
    *place(&mut limits) = value;
    cgroup.set(class, &limits)?;
    let mut found: JOBOBJECT_EXTENDED_LIMIT_INFORMATION = cgroup.get(class)?;
    let in_force = found.BasicLimitInformation.LimitFlags & flag != 0;
    kept(in_force && *place(&mut found) == value)
}

/// A rate is in hundredths of a percent of all processors together
/// (JOBOBJECT_CPU_RATE_CONTROL_INFORMATION); as many as there are is no limit.
fn limit_cpus(cgroup: &Cgroup, thousandths: u32) -> io::Result<()> {
    // SAFETY: takes a number.
    let processors = unsafe { GetActiveProcessorCount(ALL_PROCESSOR_GROUPS) }.max(1);
    let rate = (u64::from(thousandths) * 10 / u64::from(processors)).clamp(1, 10_000);
    let rate = rate as u32;
    let class = JobObjectCpuRateControlInformation;
    let mut control = JOBOBJECT_CPU_RATE_CONTROL_INFORMATION {
        ControlFlags: JOB_OBJECT_CPU_RATE_CONTROL_ENABLE | JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP,
        ..Default::default()
    };
    control.Anonymous.CpuRate = rate;
    cgroup.set(class, &control)?;
    let found: JOBOBJECT_CPU_RATE_CONTROL_INFORMATION = cgroup.get(class)?;
    // SAFETY: every member of the union is a number of this size, which the call has filled.
    let found_rate = unsafe { found.Anonymous.CpuRate };
    kept(found.ControlFlags & JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP != 0 && found_rate == rate)
}

fn kept(kept: bool) -> io::Result<()> {
    match kept {
        true => Ok(()),
        false => Err(io::Error::other(
            "the job object does not have it after it was set",
        )),
    }
}
