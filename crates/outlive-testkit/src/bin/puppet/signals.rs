//! What this program does with signals.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicI32, Ordering};

/// Where a trapped signal is told.
static TELL: AtomicI32 = AtomicI32::new(-1);

const NAMES: [(&str, i32); 7] = [
    ("HUP", libc::SIGHUP),
    ("INT", libc::SIGINT),
    ("TERM", libc::SIGTERM),
    ("USR1", libc::SIGUSR1),
    ("USR2", libc::SIGUSR2),
    ("KILL", libc::SIGKILL),
    ("WINCH", libc::SIGWINCH),
];

fn number(name: &str) -> io::Result<i32> {
    let found = NAMES.iter().find(|(known, _)| *known == name);
    found
        .map(|(_, number)| *number)
        .ok_or_else(|| io::Error::other("no such signal"))
}

extern "C" fn tell(signal: i32) {
    let line: &[u8] = match signal {
        libc::SIGUSR1 => b"signal USR1\n",
        libc::SIGUSR2 => b"signal USR2\n",
        libc::SIGTERM => b"signal TERM\n",
        libc::SIGINT => b"signal INT\n",
        libc::SIGHUP => b"signal HUP\n",
        libc::SIGWINCH => b"signal WINCH\n",
        _ => b"signal\n",
    };
    // SAFETY: write is allowed in a handler, and the line is a constant.
    unsafe {
        libc::write(
            TELL.load(Ordering::Relaxed),
            line.as_ptr().cast(),
            line.len(),
        )
    };
}

/// Has a signal told as a line of the answers.
pub(crate) fn trap(name: &str, answers: &File) -> io::Result<()> {
    let signal = number(name)?;
    TELL.store(answers.as_raw_fd(), Ordering::Relaxed);
    let handler = tell as extern "C" fn(i32) as libc::sighandler_t;
    // SAFETY: the handler does nothing that is not allowed in one. BSD semantics, which glibc and
    // musl give `signal`, restart the read that waits for orders.
    let before = unsafe { libc::signal(signal, handler) };
    if before == libc::SIG_ERR {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Ends this process by a signal.
pub(crate) fn die(name: &str) -> io::Result<String> {
    let signal = number(name)?;
    // SAFETY: restoring the default needs nothing.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    // SAFETY: neither does raising it.
    unsafe { libc::raise(signal) };
    Err(io::Error::other("still alive"))
}

/// Ignores what can be ignored of the polite signals.
pub(crate) fn ignore_all() {
    for signal in [
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGTERM,
        libc::SIGQUIT,
        libc::SIGUSR1,
        libc::SIGCHLD,
        libc::SIGPIPE,
    ] {
        // SAFETY: ignoring a signal needs nothing.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Blocks every signal that can be blocked.
pub(crate) fn block_all() {
    // SAFETY: all zeroes is a valid set, which the next call fills.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is our own.
    unsafe { libc::sigfillset(&raw mut set) };
    // SAFETY: the set is filled, and the old one is not asked for.
    unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
}
