//! Waiting for several things at once, and what a keeper waits for.

use super::kqueue::Kqueue;
pub use super::pipes::{Ender, Inflow, ending, inflow, null, read_both, wait, wait_or_room};
use super::signal;
use rustix::io::FdFlags;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The two ends of a pipe: what is written to the second is read from the first.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (from, to) = rustix::pipe::pipe()?;
    // There is no pipe2(2) here.
    rustix::io::fcntl_setfd(&from, FdFlags::CLOEXEC)?;
    rustix::io::fcntl_setfd(&to, FdFlags::CLOEXEC)?;
    Ok((from, to))
}

/// Nothing to be set: a pipe's buffer grows by itself, up to 64 KiB (BIG_PIPE_SIZE, xnu's sys_pipe.c).
pub(super) fn make_room(_pipe: &File, _bytes: usize) {}

/// Signals that arrive as events (kqueue(2), EVFILT_SIGNAL) and no longer strike.
#[derive(Debug)]
pub struct Signals(Kqueue);

impl Signals {
    /// Takes these signals for this process, but for those that it was started to ignore (by
    /// nohup, say): a signal is reported even if it is ignored. Call it while there is one thread.
    pub fn take(signals: &[i32]) -> io::Result<Signals> {
        let heeded = signals.iter().copied();
        let heeded: Vec<i32> = heeded.filter(|it| !signal::is_ignored(*it)).collect();
        let queue = Kqueue::new()?;
        for signal in &heeded {
            let ident = usize::try_from(*signal).unwrap_or(0);
            queue.add(libc::EVFILT_SIGNAL, ident, libc::EV_CLEAR, 0)?;
        }
        let set = signal::set(&heeded);
        // SAFETY: the set is initialised; the old mask is not asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) };
        Ok(Signals(queue))
    }

    /// The next signal that has arrived, if any.
    pub fn next(&self) -> io::Result<Option<i32>> {
        let event = self.0.take()?;
        Ok(event.and_then(|event| i32::try_from(event.ident).ok()))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
