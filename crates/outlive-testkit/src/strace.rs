//! strace(1), which sees a process's system calls and can kill it at one.

use crate::home::Home;
use crate::process::Running;
use std::io::ErrorKind;

/// strace with `options`, once it sees what the process with this id does; it ends with that, and what
/// it has seen is on its standard error. `None`, loudly, if it can't: `what` is not tested then.
///
/// # Panics
/// If it says nothing.
#[track_caller]
pub fn strace(home: &Home, pid: i32, options: &[&str], what: &str) -> Option<Running> {
    let installed = home.command(["strace", "-V"]).output();
    if installed.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        crate::skipped(what, "no strace");
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
