//! The job's processes: all that descend from its keeper, which inherits the orphans among them.

use crate::MARK;
use outlive_os::pidfd::Process;
use outlive_os::{proc, signal};
use outlive_record::ProcessLine;
use std::io;

/// The processes of the tree below `root`. Those of another job that was started from within it
/// are none of ours: it was meant to outlive its starter.
fn members(root: i32) -> io::Result<Vec<ProcessLine>> {
    let mark = format!("{}={}", MARK.0, MARK.1);
    let other_keeper = |line: &ProcessLine| proc::started_with(line.pid, mark.as_bytes());
    let mut found = proc::descendants(&proc::all()?, root, other_keeper);
    found.retain(|line| !line.has_ended());
    Ok(found)
}

/// Whether no process of the tree is left.
pub(crate) fn is_empty(root: i32) -> io::Result<bool> {
    Ok(members(root)?.is_empty())
}

/// Sends a signal to every process of the tree, once. One that may not be signalled (it has become
/// another user's) is passed over here and seen by [`is_empty`].
pub(crate) fn signal_all(root: i32, signal: i32) -> io::Result<()> {
    members(root)?.iter().for_each(|line| send(line, signal));
    Ok(())
}

/// Ends every process of the tree that can be seen. They are made to stand still first, until no
/// new one turns up, so that a tree that forks faster than it is killed ends too.
pub(crate) fn kill(root: i32) -> io::Result<()> {
    let mut held: Vec<ProcessLine> = Vec::new();
    // Each round but the last finds a process forked by one that did not stand still yet; a storm
    // that outruns this many rounds is met again when the first of them ends.
    for _ in 0..32 {
        let mut new = members(root)?;
        new.retain(|line| {
            !held
                .iter()
                .any(|it| (it.pid, it.start_time) == (line.pid, line.start_time))
        });
        if new.is_empty() {
            break;
        }
        new.iter().for_each(|line| send(line, signal::STOP));
        held.append(&mut new);
    }
    signal_all(root, signal::KILL)
}

fn send(line: &ProcessLine, signal: i32) {
    // Gone, or not ours to signal: neither can be helped here.
    if let Ok(Some(process)) = Process::open_same(line.pid, line.start_time) {
        let _ = process.signal(signal);
    }
}
