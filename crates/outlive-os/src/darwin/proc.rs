//! What the kernel tells of processes and of this machine.

pub use super::lineage::{descendants, variable};
use super::process::Process;
use super::{checked, sysctl};
use outlive_record::{Bounds, Place, ProcessLine};
use std::ffi::{c_int, c_void};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{env, io};

/// The kernel's entry for a process; `None` if there is none of this id. Its start time is in
/// microseconds since the epoch.
pub fn line(pid: i32) -> io::Result<Option<ProcessLine>> {
    match pid {
        1.. => sysctl::process(pid),
        _ => Ok(None),
    }
}

/// As [`line()`] of this very process, in the form that [`ProcessLine::parse`] reads.
pub fn own_line() -> io::Result<Vec<u8>> {
    text(std::process::id().cast_signed())
}

/// As [`line()`], in the form that [`ProcessLine::parse`] reads: that of Linux's `/proc/PID/stat`
/// (proc_pid_stat(5)), where what is not told is zero.
pub(super) fn text(pid: i32) -> io::Result<Vec<u8>> {
    let line = line(pid)?.ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
    let ProcessLine {
        state,
        parent,
        group,
        session,
        terminal,
        start_time,
        ..
    } = line;
    // Between the terminal, field 7, and the start, field 22.
    let nothing = "0 ".repeat(14);
    let state = char::from(state);
    let text = format!(
        "{pid} () {state} {parent} {group} {session} {terminal} {nothing}{start_time} 0 0\n"
    );
    Ok(text.into_bytes())
}

/// How many threads this process has (proc_pidinfo(3), `PROC_PIDTASKINFO`).
pub(super) fn own_threads() -> io::Result<usize> {
    let info = task_info(std::process::id().cast_signed())?;
    Ok(info.pti_threadnum.unsigned_abs() as usize)
}

/// What is told of a process's use of the machine.
pub(super) fn task_info(pid: i32) -> io::Result<libc::proc_taskinfo> {
    // SAFETY: all zero is a valid structure.
    let mut info: libc::proc_taskinfo = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::proc_taskinfo>() as c_int;
    let (what, to) = (libc::PROC_PIDTASKINFO, (&raw mut info).cast());
    // SAFETY: a structure of ours and its size.
    match unsafe { libc::proc_pidinfo(pid, what, 0, to, size) } {
        filled if filled == size => Ok(info),
        _ => Err(io::Error::last_os_error()),
    }
}

/// All processes. Those that end meanwhile are left out.
pub fn all() -> io::Result<Vec<ProcessLine>> {
    sysctl::processes()
}

/// The children of this process.
pub fn own_children() -> io::Result<Vec<i32>> {
    let me = std::process::id().cast_signed();
    let all = all()?.into_iter();
    Ok(all
        .filter(|line| line.parent == me)
        .map(|line| line.pid)
        .collect())
}

/// The environment that a process was started with, each variable ended by a NUL. Empty if it
/// belongs to another user, and if it runs a program of the system's own: System Integrity
/// Protection hides the environment of those.
pub fn environment(pid: i32) -> Vec<u8> {
    let text = sysctl::arguments(pid).unwrap_or_default();
    variables(&text).unwrap_or_default().to_vec()
}

/// The variables in what [`sysctl::arguments`] gives, up to the first empty one.
fn variables(text: &[u8]) -> Option<&[u8]> {
    let (count, mut rest) = text.split_first_chunk::<4>()?;
    let count = i32::from_ne_bytes(*count);
    let string = |text: &[u8]| Some(text.iter().position(|&b| b == 0)? + 1);
    rest = &rest[string(rest)?..];
    rest = &rest[rest.iter().position(|&b| b != 0)?..];
    for _ in 0..count {
        rest = &rest[string(rest)?..];
    }
    let mut end = 0;
    while let Some(length) = string(&rest[end..]).filter(|length| *length > 1) {
        end += length;
    }
    Some(&rest[..end])
}

/// The cgroups of a process: there are none here.
pub fn cgroups(_pid: i32) -> io::Result<String> {
    Ok(String::new())
}

/// What a process is confined to: nothing that could be compared.
pub fn bounds(_pid: Option<i32>) -> Bounds {
    Bounds::default()
}

/// Whether one of the first descriptors (0 to 9) of a process is open for writing on the file with
/// this device and inode.
pub fn writes_to(pid: i32, file: (u64, u64)) -> bool {
    (0..10).any(|descriptor| open_on(pid, descriptor) == Some(file))
}

/// The same of the first 256 descriptors, as many as a process may have unless it asks for more
/// (getrlimit(2)).
pub fn holds(pid: i32, file: (u64, u64)) -> bool {
    (0..256).any(|descriptor| open_on(pid, descriptor) == Some(file))
}

/// The file that a descriptor of a process is open for writing on (`PROC_PIDFDVNODEINFO`,
/// sys/proc_info.h).
fn open_on(pid: i32, descriptor: i32) -> Option<(u64, u64)> {
    /// `struct vnode_fdinfo`: how it was opened, the device in 4 bytes, the inode, and more.
    const SIZE: usize = 176;
    const VNODE_INFO: c_int = 1;
    const FOR_WRITING: u32 = 2;
    let mut info = [0u8; SIZE];
    let at = info.as_mut_ptr().cast::<c_void>();
    // SAFETY: a buffer of ours and its size.
    let length = unsafe { libc::proc_pidfdinfo(pid, descriptor, VNODE_INFO, at, SIZE as c_int) };
    let number = |at: usize| {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&info[at..at + 4]);
        u32::from_ne_bytes(bytes)
    };
    let mut inode = [0; 8];
    inode.copy_from_slice(&info[32..40]);
    // As fstat(2) has it, where the number of a device is signed.
    let device = i64::from(number(24).cast_signed()).cast_unsigned();
    let found = length == SIZE as c_int && number(0) & FOR_WRITING != 0;
    found.then(|| (device, u64::from_ne_bytes(inode)))
}

/// This process's folder.
pub fn own_folder() -> io::Result<PathBuf> {
    env::current_dir()
}

/// The path at which a process finds what a descriptor of its own is open on; there is none for those
/// of others.
pub fn descriptor_path(_pid: i32, descriptor: super::Borrowed<'_>) -> PathBuf {
    format!("/dev/fd/{}", descriptor.as_raw_fd()).into()
}

/// The program that this process runs.
pub fn own_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| env::current_exe().unwrap_or_default())
}

/// Where this process runs.
pub fn place() -> io::Result<Place> {
    let mut machine = [0; 16];
    let at_once = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a buffer of 16 bytes, and a time that is only read.
    checked(unsafe { libc::gethostuuid(machine.as_mut_ptr(), &raw const at_once) })?;
    Ok(Place {
        machine: format!("{:032x}", u128::from_be_bytes(machine)),
        // Made anew at each.
        boot: sysctl::text(c"kern.bootsessionuuid")?,
        pid_namespace: 0,
        time_namespace: 0,
    })
}

/// 32 random bits (getentropy(2)).
pub fn random() -> io::Result<u32> {
    let mut bytes = [0; 4];
    // SAFETY: a buffer of ours and its size.
    checked(unsafe { libc::getentropy(bytes.as_mut_ptr().cast(), bytes.len()) })?;
    Ok(u32::from_ne_bytes(bytes))
}

/// What the system calls itself, as uname(1) has it.
pub fn system() -> String {
    [c"kern.ostype", c"kern.osrelease"]
        .map(|name| sysctl::text(name).unwrap_or_default())
        .join(" ")
}

/// Whether a process (this one, if none is named) is in a job object: there are none here.
pub fn in_job(_process: Option<&Process>) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_stand_behind_the_arguments() {
        let mut text = 2i32.to_ne_bytes().to_vec();
        text.extend(b"/bin/sleep\0\0\0\0sleep\x0060\0A=1\0B=\0\0executable_path=x\0");
        assert_eq!(variables(&text), Some(&b"A=1\0B=\0"[..]));
        assert_eq!(variables(&text[..20]), None);
    }
}
