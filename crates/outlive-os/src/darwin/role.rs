//! What a keeper makes of its own process, and what it was given at its start.

pub use super::own::{
    allow_descriptors, enter_folder, leave_folder, name, open_folder, private_umask, start_by,
    steady_program, user,
};
pub use super::start::{begin, inherited, standard_input, take_standard_input_socket};

use std::ffi::c_void;
use std::io;

/// Is no longer ended by what ends others: the keeper goes when its job has gone. Orphans go to
/// launchd(8), since nobody else can inherit them here, and its name in lists of processes is that of
/// its program. To be called while there is one thread.
pub fn become_keeper(_name: &str) -> io::Result<()> {
    let all = super::signal_table::every();
    // SAFETY: the set is initialised; the old mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &all, std::ptr::null_mut()) };
    Ok(())
}

/// Whether orphans among this process's descendants become its children: those of everybody become
/// process 1's.
pub fn inherits_orphans() -> bool {
    std::process::id() == 1
}

/// Inherits the orphans among this process's descendants: nobody but process 1 can here.
pub fn inherit_orphans() {}

/// Leaves the orphans among this process's descendants to whoever is above it: it never had them.
pub fn inherit_no_orphans() {}

/// Gives back to the system what is no longer used: freed memory, which the C library otherwise keeps
/// for the next allocation (malloc/malloc.h).
pub fn give_memory_back() {
    unsafe extern "C" {
        fn malloc_zone_pressure_relief(zone: *mut c_void, goal: usize) -> usize;
    }
    // SAFETY: no zone means all of them, and no goal as much as can be given; only what is free is
    // touched.
    unsafe { malloc_zone_pressure_relief(std::ptr::null_mut(), 0) };
}
