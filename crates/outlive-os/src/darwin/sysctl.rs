//! What sysctl(3) tells of processes.

use outlive_record::ProcessLine;
use std::ffi::CStr;
use std::{io, ptr};

/// `struct kinfo_proc` of sys/sysctl.h: its size, and where the fields stand that are used, in a
/// 64-bit process. Unlike proc_pidinfo(PROC_PIDTBSDINFO) it is told of other users' processes, too.
const SIZE: usize = 648;
/// `kp_proc.p_starttime`: seconds since the epoch in 8 bytes, microseconds in 4.
const START: usize = 0;
/// `kp_proc.p_stat`.
const STATE: usize = 36;
/// `kp_proc.p_pid`.
const PID: usize = 40;
/// `kp_eproc.e_ppid`.
const PARENT: usize = 560;
/// `kp_eproc.e_pgid`.
const GROUP: usize = 564;
/// `kp_eproc.e_tdev`.
const TERMINAL: usize = 572;

/// What `p_stat` means, as ps(1) has it: SIDL, SRUN, SSLEEP, SSTOP, SZOMB (sys/proc.h).
const STATES: [u8; 5] = *b"IRSTZ";

/// Reads what bears this name into a buffer, and gives its length.
fn read(name: &[i32], into: &mut [u8]) -> io::Result<usize> {
    let mut length = into.len();
    let (at, count) = (name.as_ptr().cast_mut(), name.len() as u32);
    let none = ptr::null_mut();
    // SAFETY: the name is only read; a buffer of ours and its size; nothing is set.
    let result = unsafe {
        libc::sysctl(
            at,
            count,
            into.as_mut_ptr().cast(),
            &raw mut length,
            none,
            0,
        )
    };
    super::checked(result).map(|_| length)
}

/// How long what bears this name would be now.
fn length(name: &[i32]) -> io::Result<usize> {
    let mut length = 0;
    let (at, count) = (name.as_ptr().cast_mut(), name.len() as u32);
    let none = ptr::null_mut();
    // SAFETY: the name is only read; without a buffer the length alone is written.
    let result = unsafe { libc::sysctl(at, count, none, &raw mut length, none, 0) };
    super::checked(result).map(|_| length)
}

/// The kernel's entry for a process, also for one that has ended and was not reaped.
pub(super) fn process(pid: i32) -> io::Result<Option<ProcessLine>> {
    let mut entry = [0; SIZE];
    let name = [libc::CTL_KERN, libc::KERN_PROC, libc::KERN_PROC_PID, pid];
    // Nothing comes for an id that nobody has.
    Ok(match read(&name, &mut entry)? {
        SIZE => Some(line(&entry)).filter(|line| line.pid == pid),
        _ => None,
    })
}

/// The entries for all processes.
pub(super) fn processes() -> io::Result<Vec<ProcessLine>> {
    let name = [libc::CTL_KERN, libc::KERN_PROC, libc::KERN_PROC_ALL];
    loop {
        // Some more may be there by then.
        let mut entries = vec![0; length(&name)? + 64 * SIZE];
        match read(&name, &mut entries) {
            Ok(length) => {
                let (entries, _) = entries[..length].as_chunks::<SIZE>();
                return Ok(entries.iter().map(line).collect());
            }
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) => {}
            Err(error) => return Err(error),
        }
    }
}

fn line(entry: &[u8; SIZE]) -> ProcessLine {
    let number = |at: usize| {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&entry[at..at + 4]);
        i32::from_ne_bytes(bytes)
    };
    let mut seconds = [0; 8];
    seconds.copy_from_slice(&entry[START..START + 8]);
    let microseconds = u64::from(number(START + 8).cast_unsigned());
    let pid = number(PID);
    let state = usize::from(entry[STATE]).checked_sub(1);
    // The kernel itself has id 0, which would mean this process here.
    let session = match pid {
        0 => 0,
        // SAFETY: takes a number; one that nobody has gives an error.
        _ => unsafe { libc::getsid(pid) },
    };
    ProcessLine {
        pid,
        state: state
            .and_then(|state| STATES.get(state))
            .map_or(b'?', |it| *it),
        parent: number(PARENT),
        group: number(GROUP),
        session: session.max(0),
        // NODEV is -1.
        terminal: number(TERMINAL).max(0),
        start_time: u64::from_ne_bytes(seconds)
            .saturating_mul(1_000_000)
            .saturating_add(microseconds),
    }
}

/// The arguments and the environment that a process was started with (`KERN_PROCARGS2`): a count of
/// arguments, the program's path, zeros, the arguments, the variables.
pub(super) fn arguments(pid: i32) -> io::Result<Vec<u8>> {
    let mut most = [0; 4];
    read(&[libc::CTL_KERN, libc::KERN_ARGMAX], &mut most)?;
    let mut text = vec![0; usize::try_from(i32::from_ne_bytes(most)).unwrap_or(0)];
    let name = [libc::CTL_KERN, libc::KERN_PROCARGS2, pid];
    let length = read(&name, &mut text)?;
    text.truncate(length);
    Ok(text)
}

/// A short text of the kernel's, such as `kern.osrelease`.
pub(super) fn text(name: &CStr) -> io::Result<String> {
    let mut text = [0u8; 256];
    let mut length = text.len();
    let (into, none) = (text.as_mut_ptr().cast(), ptr::null_mut());
    // SAFETY: a string that ends with a NUL, a buffer of ours and its size; nothing is set.
    let result = unsafe { libc::sysctlbyname(name.as_ptr(), into, &raw mut length, none, 0) };
    super::checked(result)?;
    let text = String::from_utf8_lossy(&text[..length]);
    Ok(text.trim_end_matches('\0').to_owned())
}
