//! A process held by an event on its end (kqueue(2), EVFILT_PROC): what has been told of its end
//! can't be undone, so that its id is not taken for that of a later process.

use super::kqueue::Kqueue;
use super::{checked, events, proc};
pub use crate::Exit;
use outlive_record::ProcessLine;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// The event by which it is remembered how a process ended. Its notes have room for 24 bits
/// (NOTE_FFLAGSMASK), and a status of wait(2) has 16.
const REMEMBERED: usize = 0;
/// In place of a status: nobody told.
const UNKNOWN: u32 = 1 << 16;

/// A process. Dropping it does nothing to the process.
#[derive(Debug)]
pub struct Process {
    pid: i32,
    /// Readable once it has ended, since its event is left in there.
    queue: Kqueue,
}

fn gone() -> io::Error {
    io::Error::from_raw_os_error(libc::ESRCH)
}

fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ESRCH)
}

/// Asks to be told of a process's end, and of its status where that may be told: to its parent and to
/// whoever may signal it (NOTE_EXITSTATUS). One that has ended is gone here, even if it was not
/// reaped.
pub(super) fn watch_end(queue: &Kqueue, pid: i32) -> io::Result<()> {
    let watch = |notes| {
        let ident = usize::try_from(pid).map_err(|_| gone())?;
        queue.add(libc::EVFILT_PROC, ident, libc::EV_ONESHOT, notes)
    };
    match watch(libc::NOTE_EXIT | libc::NOTE_EXITSTATUS) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => watch(libc::NOTE_EXIT),
        watched => watched,
    }
}

impl Process {
    /// The process that bears `pid` now, whoever that is.
    pub fn open(pid: i32) -> io::Result<Process> {
        // What was written down may be damaged.
        if pid <= 0 {
            return Err(gone());
        }
        let queue = Kqueue::new()?;
        match watch_end(&queue, pid) {
            Ok(()) => Ok(Process { pid, queue }),
            Err(error) if is_gone(&error) && proc::line(pid)?.is_some() => {
                Process { pid, queue }.has_ended()
            }
            Err(error) => Err(error),
        }
    }

    /// The process that was started just now under this id, whatever has become of it; its event will
    /// be in `queue`.
    pub(super) fn started(pid: i32, queue: Kqueue) -> io::Result<Process> {
        match watch_end(&queue, pid) {
            Ok(()) => Ok(Process { pid, queue }),
            Err(error) if is_gone(&error) => Process { pid, queue }.has_ended(),
            Err(error) => Err(error),
        }
    }

    /// It has ended already.
    fn has_ended(self) -> io::Result<Process> {
        self.remember(UNKNOWN)?;
        Ok(self)
    }

    fn remember(&self, status: u32) -> io::Result<()> {
        let notes = libc::NOTE_TRIGGER | status;
        self.queue.add(libc::EVFILT_USER, REMEMBERED, 0, notes)
    }

    /// The process that bears `pid` and started at `start_time`; `None` if it is gone.
    pub fn open_same(pid: i32, start_time: u64) -> io::Result<Option<Process>> {
        let process = match Process::open(pid) {
            Ok(process) => process,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        // Read after opening: if it is the right one now, then the event is of the right one.
        Ok(match proc::line(pid)? {
            Some(line) if line.start_time == start_time => Some(process),
            _ => None,
        })
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The kernel's line about it; `None` once it is gone.
    pub fn line(&self) -> io::Result<Option<ProcessLine>> {
        let line = proc::line(self.pid)?;
        // Not ended after the reading: the id still meant this process. One that has ended and was
        // not reaped keeps its id.
        let same =
            line.is_some_and(|line| line.has_ended()) || !self.wait_end(Some(Duration::ZERO))?;
        Ok(line.filter(|_| same))
    }

    /// Sends a signal; 0 only checks that it is there. Between the look at whether it has ended and
    /// the signal lies no more than two system calls; there is no way to send one by event.
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        if self.wait_end(Some(Duration::ZERO))? {
            return Err(gone());
        }
        // SAFETY: takes numbers.
        checked(unsafe { libc::kill(self.pid, signal) }).map(|_| ())
    }

    /// Waits until it has ended, whoever's child it is; whether it has in time.
    pub fn wait_end(&self, timeout: Option<Duration>) -> io::Result<bool> {
        Ok(!events::wait(&[self.as_fd()], timeout)?.is_empty())
    }

    /// Waits for a child of ours to end and reaps it. If it is not ours to reap (it is an orphan,
    /// or SIGCHLD is ignored, see wait(2)) its event tells what became of it: `None` where it does
    /// not.
    pub fn reap(&self) -> io::Result<Option<Exit>> {
        loop {
            let mut status = 0;
            // SAFETY: the status is written by the call.
            match checked(unsafe { libc::waitpid(self.pid, &raw mut status, 0) }) {
                Ok(_) => return Ok(Some(exit_of(status))),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::ECHILD) => {
                    self.wait_end(None)?;
                    return self.recorded_exit();
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// How it ended, as its event has it. What is taken out of the queue is put back in another form,
    /// which stays there (EVFILT_USER without EV_CLEAR).
    fn recorded_exit(&self) -> io::Result<Option<Exit>> {
        let Some(event) = self.queue.take()? else {
            return Ok(None);
        };
        let status = match event.filter {
            libc::EVFILT_PROC => {
                let told = event.notes & libc::NOTE_EXITSTATUS != 0;
                let status = u32::try_from(event.data & 0xffff).unwrap_or(UNKNOWN);
                let status = if told { status } else { UNKNOWN };
                self.remember(status)?;
                status
            }
            _ => event.notes & libc::NOTE_FFLAGSMASK,
        };
        Ok((status != UNKNOWN).then(|| exit_of(status.cast_signed())))
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}

/// What a status of wait(2) says.
fn exit_of(status: i32) -> Exit {
    match libc::WIFSIGNALED(status) {
        true => Exit::Signal(libc::WTERMSIG(status)),
        false => Exit::Code(libc::WEXITSTATUS(status).cast_unsigned()),
    }
}

/// What waiting for any child has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// The child with this id had ended, so.
    Child(i32, Exit),
    /// There are children, none of which has ended.
    NoneEnded,
    /// There are no children.
    NoChildren,
}

/// Reaps one child of this process that has ended, if there is one.
pub fn reap_any() -> io::Result<Waited> {
    loop {
        let mut status = 0;
        // SAFETY: the status is written by the call.
        return match checked(unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) }) {
            Ok(0) => Ok(Waited::NoneEnded),
            Ok(pid) => Ok(Waited::Child(pid, exit_of(status))),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => Ok(Waited::NoChildren),
            Err(error) => Err(error),
        };
    }
}
