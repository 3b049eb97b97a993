//! A process's environment, which lies in its own memory: its PEB says where.

use super::process::open;
use super::{bytes, call};
use std::ffi::{OsString, c_void};
use std::io;
use std::os::windows::ffi::OsStringExt;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use windows_sys::Wdk::System::Threading::{NtQueryInformationProcess, ProcessBasicInformation};
use windows_sys::Win32::System::Diagnostics::Debug::ReadProcessMemory;
use windows_sys::Win32::System::Threading::{
    PROCESS_BASIC_INFORMATION, PROCESS_QUERY_INFORMATION, PROCESS_VM_READ,
};

/// Where PEB has the address of RTL_USER_PROCESS_PARAMETERS, and where that has the address of the
/// environment (`dt ntdll!_PEB`): the same since the first Windows with as many bits.
const PARAMETERS: usize = 4 * size_of::<usize>();
const ENVIRONMENT: usize = if size_of::<usize>() == 8 { 0x80 } else { 0x48 };
/// What can be read as a whole or not at all.
const PAGE: usize = 4096;
/// More than that is no environment: the largest that a program can be given has 64 KiB, and one may
/// add to its own.
const LONGEST: usize = 16 << 20;

/// The environment of a process, each variable ended by a NUL. Empty if it may not be looked at: it
/// belongs to another user.
pub fn environment(pid: i32) -> Vec<u8> {
    read(pid).unwrap_or_default()
}

fn read(pid: i32) -> io::Result<Vec<u8>> {
    // ReadProcessMemory's own.
    let process = open(pid, PROCESS_QUERY_INFORMATION | PROCESS_VM_READ)?;
    let mut basic = PROCESS_BASIC_INFORMATION::default();
    let size = size_of::<PROCESS_BASIC_INFORMATION>() as u32;
    let (class, none) = (ProcessBasicInformation, std::ptr::null_mut());
    let (handle, at) = (process.as_raw_handle(), (&raw mut basic).cast());
    // SAFETY: a structure of ours and its size.
    call::check_status(unsafe { NtQueryInformationProcess(handle, class, at, size, none) })?;
    let parameters = address(&process, basic.PebBaseAddress as usize + PARAMETERS)?;
    let mut from = address(&process, parameters + ENVIRONMENT)?;
    let mut units: Vec<u16> = Vec::new();
    let mut looked = 0;
    loop {
        // To the end of its page: what comes behind the environment may not be there.
        let mut page = vec![0u16; (PAGE - from % PAGE).div_ceil(2)];
        copy(&process, from, &mut page)?;
        from += size_of_val(page.as_slice());
        units.extend(page);
        // An empty string is the end, and may be all that there is.
        let rest = &units[looked..];
        let end = match units.first() {
            Some(0) => Some(0),
            _ => rest
                .windows(2)
                .position(|two| two == [0, 0])
                .map(|at| looked + at + 1),
        };
        if let Some(end) = end {
            let text = OsString::from_wide(&units[..end]);
            return Ok(bytes(&text).to_vec());
        }
        if units.len() > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        looked = units.len() - 1;
    }
}

fn address(process: &OwnedHandle, at: usize) -> io::Result<usize> {
    let mut address = [0usize];
    copy(process, at, &mut address)?;
    Ok(address[0])
}

/// Copies numbers out of another process's memory.
fn copy<T: Copy>(process: &OwnedHandle, from: usize, to: &mut [T]) -> io::Result<()> {
    let (handle, from) = (process.as_raw_handle(), from as *const c_void);
    let (at, size) = (to.as_mut_ptr().cast(), size_of_val(to));
    let none = std::ptr::null_mut();
    // SAFETY: a buffer of ours, all of which is written if the call succeeds, with numbers; the
    // other address is the other process's, where it is looked up by the kernel.
    call::check(unsafe { ReadProcessMemory(handle, from, at, size, none) })
}
