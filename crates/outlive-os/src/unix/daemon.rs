//! What a process does to itself to become a daemon, as every Unix has it (daemon(7), "SysV
//! Daemons"). All of it is for a process with one thread.

pub use super::descriptors::release_descriptors;
pub use super::environ::remove_variables;
pub use crate::{Forked, Released};

use super::{proc, signal};
use std::io;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

/// How many threads this process has. One that has been joined may still be counted for a moment:
/// who joins it is woken before it is gone (CLONE_CHILD_CLEARTID, clone(2)). So a second look is
/// taken where there seem to be more than one.
pub fn threads() -> io::Result<usize> {
    for _ in 0..20 {
        match proc::own_threads()? {
            1 => return Ok(1),
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    proc::own_threads()
}

fn must_be_alone() -> io::Result<()> {
    match threads()? {
        1 => Ok(()),
        count => Err(io::Error::other(format!(
            "this process has {count} threads"
        ))),
    }
}

/// Makes a copy of this process (fork(2)), which goes on from here as well. An error if there is
/// more than one thread: the copy would have the memory of all, with whatever locks they held, and
/// one thread alone.
pub fn fork() -> io::Result<Forked> {
    must_be_alone()?;
    // SAFETY: there is no thread but this one, as was counted just now, and nobody else can make one:
    // so the child has all that there was, in the state that this thread left it in.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        child => Ok(Forked::Parent(child)),
    }
}

/// Leads a session and a process group of its own, without a controlling terminal (setsid(2)).
pub fn lead_session() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// Ends this process without running anything that was registered for its end (_exit(2)): that is
/// for the copy of it that lives on.
pub fn end(code: i32) -> ! {
    // SAFETY: takes a number; destructors that do not run are leaked, which is safe.
    unsafe { libc::_exit(code) }
}

/// Default dispositions for all signals but SIGPIPE, and an empty mask. SIGPIPE is as it was: Rust's
/// runtime and Python ignore it on purpose, so that a closed pipe is an error (EPIPE).
pub fn reset_signals() {
    // SAFETY: all zero is SIG_DFL, no flags, an empty mask.
    let default: libc::sigaction = unsafe { std::mem::zeroed() };
    for number in (1..=signal::LAST).filter(|number| *number != libc::SIGPIPE) {
        // SAFETY: a complete structure, and no code of ours is to run. SIGKILL and SIGSTOP are
        // refused, as are the two that the C library keeps for itself, which it needs.
        unsafe { libc::sigaction(number, &raw const default, std::ptr::null_mut()) };
    }
    let nothing = signal::set(&[]);
    // SAFETY: the set is initialised; the old one is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const nothing, std::ptr::null_mut()) };
}

/// Opens the null device under each of the numbers 0 to 2 that is free, so that nothing else that is
/// opened from here on can get it.
pub fn fill_streams() -> io::Result<()> {
    loop {
        let null = super::events::null()?;
        if null.as_raw_fd() > 2 {
            return Ok(());
        }
        // A standard stream, which nobody owns.
        let _ = null.into_raw_fd();
    }
}

/// Puts each of these under its number, 0 to 2; what was open there is closed. It stays open in the
/// programs that this process becomes or starts.
pub fn set_streams(streams: Vec<(OwnedFd, i32)>) -> io::Result<()> {
    // None of them is overwritten before its turn comes.
    let aside: io::Result<Vec<(OwnedFd, i32)>> = streams
        .iter()
        .map(|(stream, number)| Ok((rustix::io::fcntl_dupfd_cloexec(stream, 3)?, *number)))
        .collect();
    for (stream, number) in aside? {
        assert!((0..3).contains(&number), "a standard stream's number");
        // SAFETY: the standard streams' numbers are for the whole process to use and nobody owns
        // them (std::io::stdin, std::os::fd).
        if unsafe { libc::dup2(stream.as_raw_fd(), number) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    for (stream, _) in streams {
        // One that was opened while a standard stream was closed is one by now.
        if stream.as_raw_fd() < 3 {
            let _ = stream.into_raw_fd();
        }
    }
    Ok(())
}

/// Gives this process another file mode creation mask (umask(2)).
pub fn set_umask(mask: u32) {
    super::own::exchange_umask(mask);
}

/// Makes `folder` this process's root, and the folder that it is in (chroot(2)).
pub fn change_root(folder: &Path) -> io::Result<()> {
    rustix::process::chroot(folder)?;
    std::env::set_current_dir("/")
}

/// Whether it is what every use of a released descriptor fails with.
pub fn is_of_released(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EBADF)
}
