//! What a keeper makes of its own process, and what it was given at its start.

pub use super::own::{
    allow_descriptors, enter_folder, leave_folder, name, open_folder, private_umask, start_by,
    steady_program, user,
};
pub use super::start::{begin, inherited, standard_input, take_standard_input_socket};

use std::ffi::c_void;
use std::io;

/// Inherits the orphans among this process's descendants (PR_SET_CHILD_SUBREAPER, prctl(2)) and
/// is no longer ended by what ends others: the keeper goes when its job has gone. It is called
/// `name` in lists of processes. To be called while there is one thread.
pub fn become_keeper(name: &str) -> io::Result<()> {
    rustix::thread::set_name(&std::ffi::CString::new(name)?)?;
    // SAFETY: prctl with plain numbers.
    if unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let everything = u64::MAX;
    let (how, old) = (libc::SIG_SETMASK, std::ptr::null::<u64>());
    // One call, where ignoring each would be one for each, and the job would have to undo them. A
    // program has an empty mask before its exec, and a fault ends us all the same.
    // SAFETY: the kernel's signal set has 8 bytes, and it is only read.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, &raw const everything, old, 8) };
    Ok(())
}

/// Whether orphans among this process's descendants become its children: it is process 1 of its
/// pid namespace or a subreaper.
pub fn inherits_orphans() -> bool {
    let mut subreaper = 0i32;
    // SAFETY: the kernel writes one int to the address given.
    let result = unsafe { libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut subreaper) };
    std::process::id() == 1 || (result == 0 && subreaper != 0)
}

/// Inherits the orphans among this process's descendants (PR_SET_CHILD_SUBREAPER, prctl(2)).
pub fn inherit_orphans() {
    // SAFETY: prctl with plain numbers.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
}

/// Leaves the orphans among this process's descendants to whoever is above it: an exec keeps what an
/// earlier program of this process asked for (PR_SET_CHILD_SUBREAPER, prctl(2)).
pub fn inherit_no_orphans() {
    // SAFETY: prctl with plain numbers.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) };
}

/// Gives back to the system what is no longer used: freed memory, which the C library otherwise
/// keeps for the next allocation (malloc_trim(3)), and the part of the stack that calls before this
/// one went down to.
#[inline(never)]
pub fn give_memory_back() {
    /// Further down than any call has gone.
    const DEPTH: usize = 256 << 10;
    /// Room for the calls that are made here, and what a signal's handler may use below them.
    const NEAR: usize = 8 << 10;
    #[cfg(target_env = "gnu")]
    // SAFETY: takes a number, and touches what is free alone.
    unsafe {
        libc::malloc_trim(0)
    };
    let here = 0u8;
    let page = rustix::param::page_size();
    let end = (&raw const here as usize - NEAR) / page * page;
    let start = end.saturating_sub(DEPTH);
    // SAFETY: the main thread's stack lies there and grows down (proc_pid_maps(5), `[stack]`): what
    // is below the innermost call is dead. What is not mapped is passed over (madvise(2), ENOMEM).
    unsafe { libc::madvise(start as *mut c_void, end - start, libc::MADV_DONTNEED) };
}
