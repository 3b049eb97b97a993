//! Looking for a process that can be another one's parent in place of this one
//! (PROC_THREAD_ATTRIBUTE_PARENT_PROCESS, UpdateProcThreadAttribute): what it starts is in its job
//! objects, and in none of ours.

use super::process::{Process, open};
use super::{call, proc, security};
use outlive_record::ProcessLine;
use std::ffi::OsString;
use std::mem::transmute;
use std::os::windows::ffi::OsStringExt;
use std::os::windows::io::{AsHandle, AsRawHandle};
use std::path::Path;
use std::{io, ptr};
use windows_sys::Win32::Foundation::{FreeLibrary, HANDLE, HMODULE};
use windows_sys::Win32::System::LibraryLoader::{
    GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW,
};
use windows_sys::Win32::System::Threading::{
    PROCESS_CREATE_PROCESS, PROCESS_DUP_HANDLE, PROCESS_NAME_WIN32, PROCESS_QUERY_INFORMATION,
    PROCESS_SYNCHRONIZE, QueryFullProcessImageNameW,
};
use windows_sys::core::{s, w};

/// What must be allowed with a parent: handles are duplicated into it for what it is to pass on. (To
/// ask for its job objects Wine wants more than PROCESS_QUERY_LIMITED_INFORMATION.)
const RIGHTS: u32 =
    PROCESS_CREATE_PROCESS | PROCESS_DUP_HANDLE | PROCESS_QUERY_INFORMATION | PROCESS_SYNCHRONIZE;
/// The longest path there can be, in UTF-16 units.
const LONGEST: usize = 32768;

/// A process that could be another one's parent in place of this one, and its program's name: it has
/// this process's user, integrity level and session, and is in no job object. The nearest of this
/// process's ancestors, else the shell.
pub fn foster_parent() -> io::Result<(Process, String)> {
    let all = proc::all()?;
    let me = std::process::id().cast_signed();
    let own = all.iter().find(|line| line.pid == me);
    let own = own.ok_or(io::ErrorKind::NotFound)?;
    let shell = shell().and_then(|pid| all.iter().find(|line| line.pid == pid));
    let mut candidates = ancestors(&all, own).into_iter().chain(shell);
    let found = candidates.find_map(|line| fit(line, own));
    found.ok_or_else(|| {
        let what = "no process of yours outside of it can be its parent";
        io::Error::new(io::ErrorKind::NotFound, what)
    })
}

/// The processes above `own`, the nearest first. The id of a parent that has ended may be another
/// one's, which is younger than its supposed child.
fn ancestors<'a>(all: &'a [ProcessLine], own: &ProcessLine) -> Vec<&'a ProcessLine> {
    let mut found: Vec<&ProcessLine> = Vec::new();
    let mut below = *own;
    while let Some(parent) = all.iter().find(|line| {
        let known = |pid| pid == own.pid || found.iter().any(|it| it.pid == pid);
        line.pid == below.parent && line.start_time <= below.start_time && !known(line.pid)
    }) {
        found.push(parent);
        below = *parent;
    }
    found
}

/// The process, if it can be a parent. What can't be told of it speaks against it.
fn fit(line: &ProcessLine, own: &ProcessLine) -> Option<(Process, String)> {
    if line.session != own.session || line.pid == own.pid {
        return None;
    }
    let process = Process::new(line.pid, open(line.pid, RIGHTS).ok()?);
    let is_same = process.line().ok()??.start_time == line.start_time;
    let is_equal = is_same
        && !proc::in_job(Some(&process)).ok()?
        && security::has_our_standing(process.as_handle()).ok()?;
    let name = program(&process).ok()?;
    is_equal.then_some((process, name))
}

/// The file name of a process's program.
fn program(process: &Process) -> io::Result<String> {
    let mut path = vec![0; LONGEST];
    let mut length = path.len() as u32;
    let handle = process.as_handle().as_raw_handle();
    let (form, into) = (PROCESS_NAME_WIN32, path.as_mut_ptr());
    // SAFETY: a handle that is open, and a buffer of ours and its length.
    call::check(unsafe { QueryFullProcessImageNameW(handle, form, into, &raw mut length) })?;
    let path = OsString::from_wide(&path[..length as usize]);
    let name = Path::new(&path).file_name().unwrap_or_default();
    Ok(name.to_string_lossy().into_owned())
}

/// What GetProcAddress gives.
type Function = unsafe extern "system" fn() -> isize;
type GetShellWindow = unsafe extern "system" fn() -> HANDLE;
type GetWindowThreadProcessId = unsafe extern "system" fn(HANDLE, *mut u32) -> u32;

/// The process of the shell's desktop window, if there is one. Those functions are loaded only when
/// they are needed: a program with windows is started more slowly.
fn shell() -> Option<i32> {
    let none = ptr::null_mut();
    // SAFETY: a constant name; of the system's own folder only.
    let library = unsafe { LoadLibraryExW(w!("user32.dll"), none, LOAD_LIBRARY_SEARCH_SYSTEM32) };
    if library.is_null() {
        return None;
    }
    // SAFETY: it is loaded until below.
    let found = unsafe { shell_by(library) };
    // SAFETY: loaded above.
    unsafe { FreeLibrary(library) };
    found
}

/// # Safety
///
/// The library must be user32.
unsafe fn shell_by(library: HMODULE) -> Option<i32> {
    let mut pid = 0;
    // SAFETY: constant names; a library of that name has them, in these forms (winuser.h). The
    // window may be stale or none, which gives no process.
    unsafe {
        let function = |name| GetProcAddress(library, name);
        let window = transmute::<Function, GetShellWindow>(function(s!("GetShellWindow"))?)();
        let owner = function(s!("GetWindowThreadProcessId"))?;
        transmute::<Function, GetWindowThreadProcessId>(owner)(window, &raw mut pid);
    }
    Some(pid.cast_signed()).filter(|pid| *pid != 0)
}
