//! Which machine this is, and which of its boots.

use super::call;
use outlive_record::Place;
use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::OsStringExt;
use windows_sys::Wdk::System::SystemInformation::{
    NtQuerySystemInformation, SystemTimeOfDayInformation,
};
use windows_sys::Win32::System::Registry::{
    HKEY_LOCAL_MACHINE, RRF_RT_REG_SZ, RRF_SUBKEY_WOW6464KEY, RegGetValueW,
};

/// Where this process runs.
pub fn place() -> io::Result<Place> {
    Ok(Place {
        machine: machine()
            .or_else(|| std::env::var("COMPUTERNAME").ok())
            .unwrap_or_default(),
        boot: format!("{:016x}", boot()?),
        pid_namespace: 0,
        time_namespace: 0,
    })
}

/// What the set-up has drawn for this installation (MachineGuid).
fn machine() -> Option<String> {
    let key = call::wide(r"SOFTWARE\Microsoft\Cryptography").ok()?;
    let name = call::wide("MachineGuid").ok()?;
    let mut text = [0u16; 64];
    let mut size = size_of_val(&text) as u32;
    let (kind, none) = (RRF_RT_REG_SZ | RRF_SUBKEY_WOW6464KEY, std::ptr::null_mut());
    let (root, at) = (HKEY_LOCAL_MACHINE, text.as_mut_ptr().cast());
    let (key, name) = (key.as_ptr(), name.as_ptr());
    // SAFETY: strings that end with a NUL, a buffer of ours and its size, which is written.
    let result = unsafe { RegGetValueW(root, key, name, kind, none, at, &mut size) };
    let text = text.split(|unit| *unit == 0).next()?;
    let text = OsString::from_wide(text).into_string().ok()?;
    (result == 0 && !text.is_empty()).then_some(text)
}

/// The beginning of SYSTEM_TIMEOFDAY_INFORMATION (winternl.h has it as reserved; kernel: ntexapi.h).
#[repr(C)]
#[derive(Default)]
struct TimeOfDay {
    boot_time: i64,
    current_time: i64,
    time_zone_bias: i64,
    time_zone: u32,
    reserved: u32,
    boot_time_bias: i64,
    sleep_time_bias: i64,
}

/// When this boot was, as the clock stood then: it is moved with the clock, and so is its bias.
fn boot() -> io::Result<i64> {
    let mut times = TimeOfDay::default();
    let size = size_of::<TimeOfDay>() as u32;
    let (class, none) = (SystemTimeOfDayInformation, std::ptr::null_mut());
    let at = (&raw mut times).cast();
    // SAFETY: a structure of ours and its size.
    call::check_status(unsafe { NtQuerySystemInformation(class, at, size, none) })?;
    Ok(times.boot_time.wrapping_sub(times.boot_time_bias))
}
