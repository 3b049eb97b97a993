//! A go-between whose end makes an orphan of what it has started: nothing else here can start a
//! process that is nobody's child.

use super::{checked, events, signal};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::ptr;

/// Runs `start` in a forked child, which then ends; the pid or the error's number that it gave.
/// `start` keeps to system calls on what was prepared for it and allocates nothing, since other
/// threads of the caller may hold locks (fork(2)).
pub(super) fn run(start: impl FnOnce() -> Result<i32, i32>) -> io::Result<Result<i32, i32>> {
    let (from, to) = events::pipe()?;
    let all = super::signal_table::every();
    let mut before = signal::set(&[]);
    // None of the caller's handlers is to run in the child, whose memory is a copy of ours.
    // SAFETY: both sets are initialised.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before) };
    // SAFETY: the child does what is described above, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let (pid, error) = match start() {
            Ok(pid) => (pid, 0),
            Err(error) => (0, error),
        };
        let told = [pid, error];
        // SAFETY: an array of ours and its size; then the child ends without running anything of the
        // caller's.
        unsafe {
            libc::write(to.as_raw_fd(), told.as_ptr().cast(), size_of_val(&told));
            libc::_exit(0)
        }
    }
    let child = checked(child);
    // SAFETY: the set was filled above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut()) };
    let child = child?;
    drop(to);
    let mut told = [0; 8];
    let heard = File::from(from).read_exact(&mut told);
    // SAFETY: takes a number; the status is not asked for.
    while unsafe { libc::waitpid(child, ptr::null_mut(), 0) } < 0
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
    // Where somebody killed it before it could tell.
    heard?;
    let [a, b, c, d, e, f, g, h] = told;
    Ok(match i32::from_ne_bytes([e, f, g, h]) {
        0 => Ok(i32::from_ne_bytes([a, b, c, d])),
        error => Err(error),
    })
}
