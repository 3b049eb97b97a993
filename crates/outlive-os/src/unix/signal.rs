//! Signals by name.

pub(super) use super::signal_table::LAST;
use super::signal_table::NAMES;
use std::mem::MaybeUninit;

/// Ends a process at once.
pub const KILL: i32 = libc::SIGKILL;
/// Asks a process to end.
pub const TERM: i32 = libc::SIGTERM;
/// Lets a stopped process go on.
pub const CONTINUE: i32 = libc::SIGCONT;
/// Stops a process at once.
pub const STOP: i32 = libc::SIGSTOP;
/// Ends a process so that it leaves a core dump.
pub const ABORT: i32 = libc::SIGABRT;
/// A child has ended.
pub const CHILD: i32 = libc::SIGCHLD;
/// Something has been written in a watched folder; on macOS that is told otherwise (see
/// [`super::output::Activity`]).
pub const ACTIVITY: i32 = libc::SIGIO;
/// The terminal's interrupt key.
pub const INTERRUPT: i32 = libc::SIGINT;
/// The terminal is gone.
pub const HANG_UP: i32 = libc::SIGHUP;

/// The terminal has another size.
pub const WINDOW: i32 = libc::SIGWINCH;

/// The signal of this name (`TERM`, `SIGTERM`, in any case) or number (from 1 on).
pub fn parse(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse() {
        return exists(number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let short = upper.strip_prefix("SIG").unwrap_or(&upper);
    NAMES
        .iter()
        .find(|(name, _)| *name == short)
        .map(|(_, number)| *number)
}

/// Whether a process can be sent a signal of this number: each that there is.
pub fn can_be_sent(signal: i32) -> bool {
    exists(signal)
}

/// Whether there is a signal of this number.
pub fn exists(signal: i32) -> bool {
    (1..=LAST).contains(&signal)
}

/// The signal's name, such as `SIGTERM`.
pub fn name(signal: i32) -> String {
    match NAMES.iter().find(|(_, number)| *number == signal) {
        Some((name, _)) => format!("SIG{name}"),
        None => format!("signal {signal}"),
    }
}

/// Ends all processes of a process group at once (kill(2)), as far as they may be signalled. Only
/// for a group that is known to have a member now: its id may mean another one afterwards.
pub fn kill_group(group: i32) {
    // SAFETY: takes numbers.
    unsafe { libc::killpg(group, KILL) };
}

/// Whether this process ignores a signal.
pub(super) fn is_ignored(signal: i32) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: only asks; the structure is filled if the call succeeds.
    let asked = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: filled, by the call's success.
    asked == 0 && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

pub(super) fn set(signals: &[i32]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set; an unknown number is refused and does no harm.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}
