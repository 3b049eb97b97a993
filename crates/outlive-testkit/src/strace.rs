//! strace(1), which sees a process's system calls and can kill it at one.

use crate::home::Home;
use crate::process::Running;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::Command;

/// strace with `options`, once it sees what the process with this id does; it ends with that, and what
/// it has seen is on its standard error. `None`, loudly, if it can't: `what` is not tested then.
///
/// # Panics
/// If it says nothing.
#[track_caller]
pub fn strace(home: &Home, pid: i32, options: &[&str], what: &str) -> Option<Running> {
    if !is_installed(home, what) {
        return None;
    }
    let pid = pid.to_string();
    let words = [&["strace"], options, &["-p", &pid]].concat();
    let mut strace = Running::start(&mut home.command(words));
    let said = strace.err.line().expect("it says something");
    if said.contains("attached") {
        return Some(strace);
    }
    strace.end();
    crate::skipped(what, &said);
    None
}

/// A command of these words that strace with `options` watches from its start; `None`, loudly, if there is
/// no strace.
pub fn under_strace(
    home: &Home,
    options: &[&str],
    words: impl IntoIterator<Item = OsString>,
    what: &str,
) -> Option<Command> {
    let strace = ["strace"].iter().chain(options).map(OsString::from);
    let watched = || home.command(strace.chain(words));
    is_installed(home, what).then(watched)
}

fn is_installed(home: &Home, what: &str) -> bool {
    let found = home.command(["strace", "-V"]).output();
    let missing = found.is_err_and(|error| error.kind() == ErrorKind::NotFound);
    if missing {
        crate::skipped(what, "no strace");
    }
    !missing
}
