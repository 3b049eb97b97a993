//! Waiting for several things at once, and what a keeper waits for.

use super::signal;
use rustix::event::{PollFd, PollFlags, Timespec};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Waits until at least one of `descriptors` is readable, at its end or broken; their places.
/// None at all if the time ran out first.
pub fn wait(descriptors: &[BorrowedFd<'_>], timeout: Option<Duration>) -> io::Result<Vec<usize>> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut polled: Vec<_> = descriptors
        .iter()
        .map(|it| PollFd::from_borrowed_fd(*it, PollFlags::IN))
        .collect();
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        match rustix::event::poll(&mut polled, left.as_ref()) {
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let ready = polled
        .iter()
        .enumerate()
        .filter(|(_, it)| !it.revents().is_empty());
    Ok(ready.map(|(place, _)| place).collect())
}

/// The two ends of a pipe: what is written to the second is read from the first.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?)
}

/// From here on reading from this end of a pipe fails with `WouldBlock` when there is nothing.
pub fn never_block(pipe: &OwnedFd) -> io::Result<()> {
    Ok(rustix::io::ioctl_fionbio(pipe, true)?)
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
