//! What the kernel tells of processes and of this machine.

pub use super::peb::environment;
pub use super::place::place;

use super::process::{Process, open};
use super::{Borrowed, call};
use outlive_record::{Bounds, ProcessLine};
use std::collections::hash_map::RandomState;
use std::ffi::OsStr;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use windows_sys::Wdk::System::SystemInformation::{
    NtQuerySystemInformation, SystemProcessInformation,
};
use windows_sys::Wdk::System::SystemServices::RtlGetVersion;
use windows_sys::Wdk::System::Threading::{NtQueryInformationProcess, ProcessBasicInformation};
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, FILETIME, HANDLE, STATUS_INFO_LENGTH_MISMATCH, UNICODE_STRING,
};
use windows_sys::Win32::System::JobObjects::IsProcessInJob;
use windows_sys::Win32::System::RemoteDesktop::ProcessIdToSessionId;
use windows_sys::Win32::System::SystemInformation::OSVERSIONINFOW;
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetProcessTimes, PROCESS_BASIC_INFORMATION,
    PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE,
};

/// All processes run as far as can be told: there are no zombies, and none is stopped.
const STATE: u8 = b'R';

/// What the kernel says of a process; `None` if there is none of this id. Its start time is that of
/// GetProcessTimes.
pub fn line(pid: i32) -> io::Result<Option<ProcessLine>> {
    let rights = PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE;
    match open(pid, rights) {
        Ok(handle) => Process::new(pid, handle).line(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // Another user's: the list of all has it all the same.
        Err(error) if call::is(&error, ERROR_ACCESS_DENIED) => {
            Ok(all()?.into_iter().find(|line| line.pid == pid))
        }
        Err(error) => Err(error),
    }
}

/// What the kernel says of the process of a handle, which may have ended.
pub(super) fn of_handle(process: HANDLE) -> io::Result<ProcessLine> {
    let mut basic = PROCESS_BASIC_INFORMATION::default();
    let size = size_of::<PROCESS_BASIC_INFORMATION>() as u32;
    let (class, none) = (ProcessBasicInformation, std::ptr::null_mut());
    let at = (&raw mut basic).cast();
    // SAFETY: a structure of ours and its size.
    call::check_status(unsafe { NtQueryInformationProcess(process, class, at, size, none) })?;
    let mut times = [FILETIME::default(); 4];
    let [start, end, kernel, user] = &mut times;
    // SAFETY: four structures of ours are written.
    call::check(unsafe { GetProcessTimes(process, start, end, kernel, user) })?;
    let pid = number(basic.UniqueProcessId);
    let mut session = 0;
    // SAFETY: the number is written; it is not told once the process has ended.
    unsafe { ProcessIdToSessionId(pid.cast_unsigned(), &mut session) };
    Ok(ProcessLine {
        pid,
        state: STATE,
        parent: number(basic.InheritedFromUniqueProcessId),
        group: 0,
        session: session.cast_signed(),
        terminal: 0,
        start_time: u64::from(start.dwHighDateTime) << 32 | u64::from(start.dwLowDateTime),
    })
}

/// Process ids have 32 bits, whatever they are kept in.
fn number(pid: usize) -> i32 {
    (pid as u32).cast_signed()
}

/// A line as [`ProcessLine::parse`] reads it.
pub(super) fn text(line: &ProcessLine, program: &OsStr) -> Vec<u8> {
    let name = Path::new(program).file_name().unwrap_or_default();
    let ProcessLine {
        pid,
        parent,
        session,
        start_time,
        ..
    } = line;
    let name = name.to_string_lossy();
    let unknown = "0 ".repeat(14);
    format!("{pid} ({name}) R {parent} 0 {session} 0 {unknown}{start_time} 0 0\n").into_bytes()
}

/// The line of this very process.
pub fn own_line() -> io::Result<Vec<u8>> {
    // SAFETY: gives a constant that stands for this process.
    let line = of_handle(unsafe { GetCurrentProcess() })?;
    Ok(text(&line, own_program().as_os_str()))
}

/// The beginning of what the kernel lists of each process (SYSTEM_PROCESS_INFORMATION, winternl.h;
/// what that calls reserved is as the kernel has it since NT 4, and Toolhelp reads it).
#[repr(C)]
#[derive(Clone, Copy)]
struct Listed {
    next: u32,
    threads: u32,
    reserved: [u64; 3],
    start_time: u64,
    user_time: u64,
    kernel_time: u64,
    name: UNICODE_STRING,
    priority: i32,
    pid: usize,
    parent: usize,
    handles: u32,
    session: u32,
}

/// All processes. Those that end meanwhile are left out.
pub fn all() -> io::Result<Vec<ProcessLine>> {
    let mut list: Vec<u64> = vec![0; 32 << 10];
    loop {
        let size = size_of_val(list.as_slice());
        let mut needed = 0;
        let at = list.as_mut_ptr().cast();
        let class = SystemProcessInformation;
        // SAFETY: a buffer of ours and its size.
        let status = unsafe { NtQuerySystemInformation(class, at, size as u32, &mut needed) };
        if status != STATUS_INFO_LENGTH_MISMATCH {
            call::check_status(status)?;
            break;
        }
        // There may be more of them by then.
        list.resize((needed as usize).max(size) / 8 * 5 / 4 + 1, 0);
    }
    let mut lines = Vec::new();
    let mut offset = 0;
    while offset + size_of::<Listed>() <= size_of_val(list.as_slice()) {
        // SAFETY: inside of the buffer, by the loop's condition, and any bytes are a valid one.
        let it = unsafe {
            list.as_ptr()
                .byte_add(offset)
                .cast::<Listed>()
                .read_unaligned()
        };
        // The idle process is none that anybody could look at.
        if it.pid != 0 {
            lines.push(ProcessLine {
                pid: number(it.pid),
                state: STATE,
                parent: number(it.parent),
                group: 0,
                session: it.session.cast_signed(),
                terminal: 0,
                start_time: it.start_time,
            });
        }
        match it.next {
            0 => break,
            next => offset += next as usize,
        }
    }
    Ok(lines)
}

/// The children of this process that have not ended.
pub fn own_children() -> io::Result<Vec<i32>> {
    let me = std::process::id().cast_signed();
    let all = all()?;
    let since = all.iter().find(|line| line.pid == me);
    let since = since.map_or(0, |line| line.start_time);
    let mine = |line: &&ProcessLine| line.parent == me && line.start_time >= since;
    Ok(all.iter().filter(mine).map(|line| line.pid).collect())
}

/// The processes among `all` that descend from `root`, without it and without the trees of those
/// that `apart` picks out. A process keeps the id of its parent when that has ended, and another
/// one may have it by then: but no child is older than its parent.
pub fn descendants(
    all: &[ProcessLine],
    root: i32,
    apart: impl Fn(&ProcessLine) -> bool,
) -> Vec<ProcessLine> {
    let mut found: Vec<ProcessLine> = Vec::new();
    let since = all.iter().find(|line| line.pid == root);
    let mut parents = vec![(root, since.map_or(0, |line| line.start_time))];
    while let Some((parent, since)) = parents.pop() {
        let below = |line: &&ProcessLine| {
            line.parent == parent && line.pid != root && line.start_time >= since
        };
        for line in all.iter().filter(below) {
            if !found.iter().any(|known| known.pid == line.pid) && !apart(line) {
                parents.push((line.pid, line.start_time));
                found.push(*line);
            }
        }
    }
    found
}

/// The cgroups of a process: there are none.
pub fn cgroups(_pid: i32) -> io::Result<String> {
    Ok(String::new())
}

/// What a process is confined to, as Linux has it: nothing.
pub fn bounds(_pid: Option<i32>) -> Bounds {
    Bounds::default()
}

/// The value of a variable in an environment as [`environment`] gives it; whether a name is in
/// capitals does not count.
pub fn variable<'a>(environment: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let mut all = environment.split(|&b| b == 0);
    all.find_map(|it| {
        let (name, value) = it.split_at_checked(key.len())?;
        let value = value.strip_prefix(b"=")?;
        name.eq_ignore_ascii_case(key.as_bytes()).then_some(value)
    })
}

/// Whether a process has a file open for writing: that can't be told.
pub fn writes_to(_pid: i32, _file: (u64, u64)) -> bool {
    false
}

/// The same of all of its descriptors, which can't be told either.
pub fn holds(_pid: i32, _file: (u64, u64)) -> bool {
    false
}

/// This process's folder.
pub fn own_folder() -> io::Result<PathBuf> {
    std::env::current_dir()
}

/// The path at which another process finds what a descriptor of ours is open on: there is none.
pub fn descriptor_path(_pid: i32, _descriptor: Borrowed<'_>) -> PathBuf {
    PathBuf::new()
}

/// The program that this process runs.
pub fn own_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| std::env::current_exe().unwrap_or_default())
}

/// 32 random bits, from the keys that std has from the system for its hash tables: no two of its
/// states have the same.
pub fn random() -> io::Result<u32> {
    let random = RandomState::new().build_hasher().finish();
    Ok((random >> 32) as u32)
}

/// Whether a process (this one, if none is named) is in a job object.
pub fn in_job(process: Option<&Process>) -> io::Result<bool> {
    // SAFETY: gives a constant that stands for this process.
    let handle = process.map_or_else(|| unsafe { GetCurrentProcess() }, Process::raw);
    let mut inside = 0;
    // SAFETY: handles that are open, and the answer is written; no job object means any.
    call::check(unsafe { IsProcessInJob(handle, std::ptr::null_mut(), &mut inside) })?;
    Ok(inside != 0)
}

/// What the system calls itself, such as "Windows 10.0.19045". GetVersionEx would tell programs without
/// a manifest of an older one.
pub fn system() -> String {
    let mut version = OSVERSIONINFOW {
        dwOSVersionInfoSize: size_of::<OSVERSIONINFOW>() as u32,
        ..OSVERSIONINFOW::default()
    };
    // SAFETY: a structure of ours that says its size; the call can't fail.
    unsafe { RtlGetVersion(&raw mut version) };
    let OSVERSIONINFOW {
        dwMajorVersion: major,
        dwMinorVersion: minor,
        dwBuildNumber: build,
        ..
    } = version;
    format!("Windows {major}.{minor}.{build}")
}
