//! Signals by name, with Linux's numbers. Those without a counterpart here have a name too, so that
//! whoever asks for one is told that it can't be sent.

/// Ends a process at once (TerminateProcess).
pub const KILL: i32 = 9;
/// Asks a process to end: Ctrl-Break on its console, and WM_CLOSE to its windows.
pub const TERM: i32 = 15;
/// The terminal's interrupt key.
pub const INTERRUPT: i32 = 2;
/// Ctrl-Break alone (CTRL_BREAK_EVENT; the C runtime's number, signal.h).
pub const BREAK: i32 = 21;
/// Lets a stopped process go on: not there.
pub const CONTINUE: i32 = 18;
/// Stops a process at once: not there.
pub const STOP: i32 = 19;
/// Ends a process so that it leaves a core dump: not there.
pub const ABORT: i32 = 22;
/// A child has ended: not there.
pub const CHILD: i32 = 17;
/// Something has been written in a watched folder: not there, see [`super::output::Activity`].
pub const ACTIVITY: i32 = 29;
/// The terminal is gone: not there.
pub const HANG_UP: i32 = 1;
/// The terminal has another size: not there.
pub const WINDOW: i32 = 28;

const NAMES: [(&str, i32); 13] = [
    ("HUP", HANG_UP),
    ("INT", INTERRUPT),
    ("QUIT", 3),
    ("KILL", KILL),
    ("USR1", 10),
    ("USR2", 12),
    ("TERM", TERM),
    ("CHLD", CHILD),
    ("CONT", CONTINUE),
    ("STOP", STOP),
    ("BREAK", BREAK),
    ("ABRT", ABORT),
    ("WINCH", WINDOW),
];

/// Whether there is something that a process can be sent in place of this signal.
pub fn can_be_sent(signal: i32) -> bool {
    matches!(signal, KILL | TERM | BREAK)
}

/// The signal of this name (`TERM`, `SIGTERM`, in any case) or number (1 to 64).
pub fn parse(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse() {
        return exists(number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let short = upper.strip_prefix("SIG").unwrap_or(&upper);
    let found = NAMES.iter().find(|(name, _)| *name == short);
    found.map(|(_, number)| *number)
}

/// Whether there is a signal of this number.
pub fn exists(signal: i32) -> bool {
    (1..=64).contains(&signal)
}

/// The signal's name, such as `SIGTERM`.
pub fn name(signal: i32) -> String {
    match NAMES.iter().find(|(_, number)| *number == signal) {
        Some((name, _)) => format!("SIG{name}"),
        None => format!("signal {signal}"),
    }
}

/// Ends all processes of a process group: those of Windows are for Ctrl-Break alone.
pub fn kill_group(_group: i32) {}
