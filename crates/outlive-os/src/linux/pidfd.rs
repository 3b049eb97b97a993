//! A process held by a pidfd (pidfd_open(2), Linux 5.3): its id can't come to mean another one.

use super::{events, proc};
pub use crate::Exit;
use outlive_record::ProcessLine;
use rustix::process::{PidfdFlags, WaitId, WaitIdOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// A process, by descriptor. Dropping it does nothing to the process.
#[derive(Debug)]
pub struct Process {
    pid: i32,
    pidfd: OwnedFd,
}

impl Process {
    pub(super) fn new(pid: i32, pidfd: OwnedFd) -> Process {
        Process { pid, pidfd }
    }

    pub(super) fn try_clone(&self) -> io::Result<Process> {
        let pidfd = self.pidfd.try_clone()?;
        Ok(Process { pidfd, ..*self })
    }

    /// The process that bears `pid` now, whoever that is.
    pub fn open(pid: i32) -> io::Result<Process> {
        // What was written down may be damaged, and rustix takes no negative id.
        let raw = Some(pid).filter(|pid| *pid > 0);
        let raw = raw
            .and_then(rustix::process::Pid::from_raw)
            .ok_or(io::ErrorKind::NotFound)?;
        Ok(Process {
            pid,
            pidfd: rustix::process::pidfd_open(raw, PidfdFlags::empty())?,
        })
    }

    /// The process that bears `pid` and started at `start_time`; `None` if it is gone.
    pub fn open_same(pid: i32, start_time: u64) -> io::Result<Option<Process>> {
        let process = match Process::open(pid) {
            Ok(process) => process,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        // Read after opening: if it is the right one now, then the pidfd was of the right one.
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
        // Alive after the reading: the id still meant this process.
        // One that may not be signalled is there, too.
        let there = match self.signal(0) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
        };
        Ok(line.filter(|_| there))
    }

    /// Sends a signal; 0 only checks that it is there.
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        // SAFETY: the descriptor is a pidfd that we own; no siginfo is passed.
        let result = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.pidfd.as_raw_fd(),
                signal,
                std::ptr::null::<libc::siginfo_t>(),
                0,
            )
        };
        if result < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// Waits until it has ended, whoever's child it is; whether it has in time.
    pub fn wait_end(&self, timeout: Option<Duration>) -> io::Result<bool> {
        Ok(!events::wait(&[self.as_fd()], timeout)?.is_empty())
    }

    /// Waits for a child of ours to end and reaps it. If it is not ours to reap (it is an orphan,
    /// or SIGCHLD is ignored, see wait(2)) the kernel is asked what became of it: `None` where it
    /// does not tell.
    pub fn reap(&self) -> io::Result<Option<Exit>> {
        loop {
            let id = WaitId::PidFd(self.pidfd.as_fd());
            match rustix::process::waitid(id, WaitIdOptions::EXITED) {
                Ok(Some(status)) => return Ok(exit_of(&status)),
                Ok(None) | Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::CHILD) => {
                    self.wait_end(None)?;
                    return Ok(self.exit_info().unwrap_or(None));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What a pidfd remembers of a process that has been reaped (PIDFD_GET_INFO with
    /// PIDFD_INFO_EXIT, Linux 6.15); none before. An error where the kernel does not know the
    /// request, or has forgotten the process.
    pub(super) fn exit_info(&self) -> io::Result<Option<Exit>> {
        /// `struct pidfd_info` in its first published size.
        #[repr(C)]
        #[derive(Default)]
        struct Info {
            mask: u64,
            cgroup: u64,
            ids: [u32; 11],
            exit_code: i32,
        }
        const INFO_EXIT: u64 = 1 << 3;
        // _IOWR(0xFF, 11, struct pidfd_info)
        const GET_INFO: u64 = 3 << 30 | (size_of::<Info>() as u64) << 16 | 0xFF << 8 | 11;
        let mut info = Info {
            mask: INFO_EXIT,
            ..Info::default()
        };
        // SAFETY: the request carries the size of the structure that it fills.
        let result = unsafe { libc::ioctl(self.pidfd.as_raw_fd(), GET_INFO as _, &raw mut info) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        let status = info.exit_code;
        let exit = match status & 0x7f {
            0 => Exit::Code((status >> 8 & 0xff).cast_unsigned()),
            signal => Exit::Signal(signal),
        };
        Ok((info.mask & INFO_EXIT != 0).then_some(exit))
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

fn is_gone(error: &io::Error) -> bool {
    // pidfd_open gives EINVAL for the id of a thread that leads no process.
    matches!(error.raw_os_error(), Some(libc::ESRCH | libc::EINVAL))
        || error.kind() == io::ErrorKind::NotFound
}

fn exit_of(status: &rustix::process::WaitIdStatus) -> Option<Exit> {
    let code = status.exit_status();
    let code = code.map(|code| Exit::Code(code.cast_unsigned()));
    code.or_else(|| status.terminating_signal().map(Exit::Signal))
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
        // SAFETY: all zero is a valid siginfo_t.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let options = libc::WEXITED | libc::WNOHANG | libc::__WALL;
        // SAFETY: `info` is written by the call.
        if unsafe { libc::waitid(libc::P_ALL, 0, &mut info, options) } < 0 {
            match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => continue,
                error if error.raw_os_error() == Some(libc::ECHILD) => {
                    return Ok(Waited::NoChildren);
                }
                error => return Err(error),
            }
        }
        // SAFETY: waitid has filled the fields of a child's end; without one they are zero.
        let pid = unsafe { info.si_pid() };
        // SAFETY: as above.
        let status = unsafe { info.si_status() };
        return Ok(match (pid, info.si_code) {
            (0, _) => Waited::NoneEnded,
            (pid, libc::CLD_EXITED) => Waited::Child(pid, Exit::Code(status.cast_unsigned())),
            (pid, _) => Waited::Child(pid, Exit::Signal(status)),
        });
    }
}
