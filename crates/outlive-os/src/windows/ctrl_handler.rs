//! A console's control events as events (SetConsoleCtrlHandler, "HandlerRoutine callback function").

use crate::signal;
use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use windows_sys::Win32::System::Console::{
    CTRL_BREAK_EVENT, CTRL_C_EVENT, CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT,
    SetConsoleCtrlHandler,
};
use windows_sys::Win32::System::Threading::{CreateEventW, INFINITE, ResetEvent, SetEvent, Sleep};
use windows_sys::core::BOOL;

/// Control events that arrive as events and no longer end this process. A process has one set of
/// them.
#[derive(Debug)]
pub struct Signals(());

/// Set while something has arrived.
static ARRIVED: OnceLock<OwnedHandle> = OnceLock::new();
/// What has arrived, a bit for each signal.
static PENDING: AtomicU32 = AtomicU32::new(0);
/// What is taken, likewise.
static HEEDED: AtomicU32 = AtomicU32::new(0);

fn bit(signal: i32) -> u32 {
    1 << signal
}

/// Runs in a thread of its own that the system starts.
unsafe extern "system" fn handle(event: u32) -> BOOL {
    let signal = match event {
        CTRL_C_EVENT => signal::INTERRUPT,
        CTRL_BREAK_EVENT => signal::TERM,
        CTRL_CLOSE_EVENT => signal::HANG_UP,
        CTRL_LOGOFF_EVENT | CTRL_SHUTDOWN_EVENT => signal::TERM,
        _ => return 0,
    };
    let Some(arrived) = ARRIVED.get() else {
        return 0;
    };
    if HEEDED.load(Ordering::Relaxed) & bit(signal) == 0 {
        return 0;
    }
    PENDING.fetch_or(bit(signal), Ordering::SeqCst);
    // SAFETY: an event of ours, which is never closed.
    unsafe { SetEvent(arrived.as_raw_handle()) };
    if event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT {
        // When this returns the process is ended; the system waits some seconds for it.
        // SAFETY: takes a number.
        unsafe { Sleep(INFINITE) };
    }
    1
}

fn set() -> io::Result<()> {
    // SAFETY: the handler lives as long as the process, and touches what is static only.
    match unsafe { SetConsoleCtrlHandler(Some(handle), 1) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Takes again what this process has taken: with its console it has lost its handlers.
pub(super) fn set_again() -> io::Result<()> {
    if ARRIVED.get().is_none() {
        return Ok(());
    }
    // Where it was not lost it is not to be there twice.
    // SAFETY: names a function.
    unsafe { SetConsoleCtrlHandler(Some(handle), 0) };
    set()
}

impl Signals {
    /// Takes these signals for this process: INTERRUPT is Ctrl-C; TERM is Ctrl-Break, the log-off and
    /// the shut-down; HANG_UP is the closing of the console's window.
    pub fn take(signals: &[i32]) -> io::Result<Signals> {
        // SAFETY: a new event without a name, to be reset by hand.
        let event = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
        if event.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: made just now, for us.
        let event = unsafe { OwnedHandle::from_raw_handle(event) };
        ARRIVED.get_or_init(|| event);
        let heeded = signals.iter().fold(0, |all, signal| all | bit(*signal));
        HEEDED.fetch_or(heeded, Ordering::Relaxed);
        set()?;
        Ok(Signals(()))
    }

    /// The next signal that has arrived, if any.
    pub fn next(&self) -> io::Result<Option<i32>> {
        let pending = PENDING.load(Ordering::SeqCst);
        if pending == 0 {
            // SAFETY: our own event.
            unsafe { ResetEvent(self.as_handle().as_raw_handle()) };
            // What has arrived meanwhile has been reset with the rest.
            if PENDING.load(Ordering::SeqCst) == 0 {
                return Ok(None);
            }
            return self.next();
        }
        let signal = pending.trailing_zeros().cast_signed();
        PENDING.fetch_and(!bit(signal), Ordering::SeqCst);
        Ok(Some(signal))
    }
}

impl AsHandle for Signals {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        let event = ARRIVED.get();
        event.expect("it was made before this was").as_handle()
    }
}
