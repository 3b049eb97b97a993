//! A process held by a handle: as long as that is open its id can't come to mean another one.

use super::{call, console, proc, signal};
pub use crate::Exit;
use outlive_record::ProcessLine;
use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle};
use std::time::{Duration, Instant};
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_INVALID_PARAMETER, HANDLE, WAIT_OBJECT_0, WAIT_TIMEOUT,
};
use windows_sys::Win32::System::Threading::{
    GetExitCodeProcess, GetProcessId, INFINITE, OpenProcess, PROCESS_DUP_HANDLE,
    PROCESS_QUERY_INFORMATION, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE,
    PROCESS_TERMINATE, TerminateProcess, WaitForSingleObject,
};

/// What is done with a process; the less is asked for the more processes allow it.
const RIGHTS: [u32; 4] = {
    let least = PROCESS_SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION;
    let most = least | PROCESS_TERMINATE | PROCESS_QUERY_INFORMATION;
    [
        most | PROCESS_DUP_HANDLE,
        most,
        least | PROCESS_TERMINATE,
        least,
    ]
};

/// A process, by handle. Dropping it does nothing to the process.
#[derive(Debug)]
pub struct Process {
    pid: i32,
    handle: OwnedHandle,
    reach: Reach,
}

/// Who can be sent Ctrl-Break for a process, as far as it is known: Windows does not tell of others'
/// groups and consoles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Nobody.
    Nobody,
    /// The process group that it leads (CREATE_NEW_PROCESS_GROUP).
    Group,
    /// All that are at the console that was made for it.
    Console,
}

/// Opens the process that bears `pid` now.
pub(super) fn open(pid: i32, rights: u32) -> io::Result<OwnedHandle> {
    // 0 is the idle process, which has no handle.
    let id = u32::try_from(pid).map_err(|_| io::ErrorKind::NotFound)?;
    // SAFETY: takes numbers.
    let opened = call::owned(unsafe { OpenProcess(rights, 0, id) });
    let handle = opened.map_err(|error| match call::is(&error, ERROR_INVALID_PARAMETER) {
        true => io::ErrorKind::NotFound.into(),
        false => error,
    })?;
    // Of an id the two lowest bits don't count.
    // SAFETY: a handle that is open.
    match unsafe { GetProcessId(handle.as_raw_handle()) } == id {
        true => Ok(handle),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

impl Process {
    pub(super) fn new(pid: i32, handle: OwnedHandle) -> Process {
        Process {
            pid,
            handle,
            reach: Reach::Nobody,
        }
    }

    /// One that was started just now.
    pub(super) fn started(pid: i32, handle: OwnedHandle, reach: Reach) -> Process {
        Process { pid, handle, reach }
    }

    pub(super) fn try_clone(&self) -> io::Result<Process> {
        let handle = self.handle.try_clone()?;
        Ok(Process { handle, ..*self })
    }

    /// The process that bears `pid` now, whoever that is.
    pub fn open(pid: i32) -> io::Result<Process> {
        let mut refused = io::ErrorKind::NotFound.into();
        for rights in RIGHTS {
            match open(pid, rights) {
                Ok(handle) => return Ok(Process::new(pid, handle)),
                Err(error) if call::is(&error, ERROR_ACCESS_DENIED) => refused = error,
                Err(error) => return Err(error),
            }
        }
        Err(refused)
    }

    /// The process that bears `pid` and started at `start_time`; `None` if it is gone.
    pub fn open_same(pid: i32, start_time: u64) -> io::Result<Option<Process>> {
        let process = match Process::open(pid) {
            Ok(process) => process,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let line = process.line()?;
        Ok(line
            .is_some_and(|line| line.start_time == start_time)
            .then_some(process))
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// What the kernel says of it; `None` once it is gone.
    pub fn line(&self) -> io::Result<Option<ProcessLine>> {
        let line = proc::of_handle(self.raw())?;
        // Alive after the reading.
        Ok((!self.wait_end(Some(Duration::ZERO))?).then_some(line))
    }

    /// Sends what comes nearest to a signal; 0 only checks that it is there. Something that has
    /// ended is not found. Ctrl-Break can be sent only to what was started here, in a session of its
    /// own; anything else is asked by its windows.
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        if self.wait_end(Some(Duration::ZERO))? {
            return Err(io::ErrorKind::NotFound.into());
        }
        match signal {
            0 => Ok(()),
            signal::KILL => self.terminate(),
            signal::TERM if self.interrupt() | self.close_windows() => Ok(()),
            signal::BREAK if self.interrupt() => Ok(()),
            signal::TERM | signal::BREAK => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "it has no console that is known for its own and no window by which it could be asked",
            )),
            _ => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "Windows has no such signal",
            )),
        }
    }

    fn interrupt(&self) -> bool {
        self.reach != Reach::Nobody && console::interrupt(self.pid, self.reach)
    }

    /// Asks it by its windows to end; whether it has any.
    fn close_windows(&self) -> bool {
        console::close_windows(self.pid)
    }

    fn terminate(&self) -> io::Result<()> {
        // SAFETY: a handle that is open.
        let result = unsafe { TerminateProcess(self.raw(), 1) };
        match call::check(result) {
            // It has ended meanwhile: that is refused, too.
            Err(_) if self.wait_end(Some(Duration::ZERO))? => Err(io::ErrorKind::NotFound.into()),
            result => result,
        }
    }

    /// Waits for its end; whether that came before the time ran out.
    pub fn wait_end(&self, timeout: Option<Duration>) -> io::Result<bool> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            // Rounded up, so that it is not asked over and over in the last millisecond.
            let left = left.map(|left| left.as_nanos().div_ceil(1_000_000));
            let pause = left.map_or(INFINITE, |left| {
                u32::try_from(left).unwrap_or(INFINITE).min(INFINITE - 1)
            });
            // SAFETY: a handle that is open.
            match unsafe { WaitForSingleObject(self.raw(), pause) } {
                WAIT_OBJECT_0 => return Ok(true),
                WAIT_TIMEOUT if left.is_some_and(|left| left <= u128::from(pause)) => {
                    return Ok(false);
                }
                WAIT_TIMEOUT => {}
                _ => return Err(io::Error::last_os_error()),
            }
        }
    }

    /// Waits for its end and tells how it ended: whoever has a handle may know.
    pub fn reap(&self) -> io::Result<Option<Exit>> {
        self.wait_end(None)?;
        let mut code = 0;
        // SAFETY: a handle that is open, and the code is written.
        call::check(unsafe { GetExitCodeProcess(self.raw(), &mut code) })?;
        Ok(Some(Exit::Code(code)))
    }

    pub(super) fn raw(&self) -> HANDLE {
        self.handle.as_raw_handle()
    }
}

impl AsHandle for Process {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.handle.as_handle()
    }
}
