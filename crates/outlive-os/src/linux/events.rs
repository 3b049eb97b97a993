//! Waiting for several things at once, and what a keeper waits for.

pub use super::pipes::{Ender, Inflow, ending, inflow, null, read_both, wait, wait_or_room};

use super::signal;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// The two ends of a pipe: what is written to the second is read from the first.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?)
}

/// Sets what a pipe holds (F_SETPIPE_SZ, fcntl(2)). EPERM if this user's pipes hold too much together
/// (pipe(7), `pipe-user-pages-soft`), EBUSY if there is more in it.
pub(super) fn make_room(pipe: &File, bytes: usize) {
    // It holds what it did then.
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, bytes);
}

/// Signals that arrive as events (signalfd(2)) and no longer strike.
#[derive(Debug)]
pub struct Signals(OwnedFd);

impl Signals {
    /// Takes these signals for this process, but for those that it was started to ignore (by
    /// nohup, say): a blocked signal is reported even if it is ignored. Call it while there is one
    /// thread.
    pub fn take(signals: &[i32]) -> io::Result<Signals> {
        let heeded = signals
            .iter()
            .copied()
            .filter(|signal| !signal::is_ignored(*signal));
        let set = signal::set(&heeded.collect::<Vec<_>>());
        // SAFETY: the set is initialised; -1 asks for a new descriptor.
        let fd = unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
            libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was made just now, for us.
        Ok(Signals(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The next signal that has arrived, if any.
    pub fn next(&self) -> io::Result<Option<i32>> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the kernel writes whole structures of this size or nothing.
        let read = unsafe { libc::read(self.0.as_raw_fd(), info.as_mut_ptr().cast(), size) };
        if read == size.cast_signed() {
            // SAFETY: it was filled completely.
            return Ok(Some(unsafe { info.assume_init() }.ssi_signo.cast_signed()));
        }
        match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            error => Err(error),
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
