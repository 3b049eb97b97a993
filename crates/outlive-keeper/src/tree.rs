//! The job's processes: all that descend from its keeper, which inherits the orphans among them.

use crate::MARK;
use outlive_os::pidfd::Process;
use outlive_os::{proc, signal};
use outlive_record::ProcessLine;
use std::io;

/// A keeper's view of the tree below it.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Children that are keepers of other jobs, which were started from within this one and are
    /// meant to outlive it. They stay our children, and so these ids theirs, until we reap them.
    others: Vec<i32>,
}

fn is_keeper(pid: i32) -> bool {
    proc::started_with(pid, format!("{}={}", MARK.0, MARK.1).as_bytes())
}

impl Tree {
    /// Forgets a child that was reaped: its id may be given to another process now.
    pub(crate) fn reaped(&mut self, pid: i32) {
        self.others.retain(|other| *other != pid);
    }

    /// Children that are of this tree: they, and those below them, are the whole of it.
    fn roots(&mut self) -> io::Result<Vec<i32>> {
        let mut roots = proc::own_children()?;
        roots.retain(|pid| {
            if !self.others.contains(pid) && is_keeper(*pid) {
                self.others.push(*pid);
            }
            !self.others.contains(pid)
        });
        Ok(roots)
    }

    /// Whether no process of the tree is left.
    pub(crate) fn is_empty(&mut self) -> io::Result<bool> {
        Ok(self.roots()?.is_empty())
    }

    fn members(&mut self) -> io::Result<Vec<ProcessLine>> {
        let all = proc::all()?;
        let mut found = Vec::new();
        for root in self.roots()? {
            found.extend(all.iter().filter(|line| line.pid == root));
            found.extend(proc::descendants(&all, root, |line| is_keeper(line.pid)));
        }
        found.retain(|line: &ProcessLine| !line.has_ended());
        Ok(found)
    }

    /// Sends a signal to every process of the tree, once. One that may not be signalled (it has
    /// become another user's) is passed over here and seen by [`is_empty`](Tree::is_empty).
    pub(crate) fn signal_all(&mut self, signal: i32) -> io::Result<()> {
        self.members()?.iter().for_each(|line| send(line, signal));
        Ok(())
    }

    /// Ends every process of the tree that can be seen. They are made to stand still first, until
    /// no new one turns up, so that a tree that forks faster than it is killed ends too.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        let identity = |line: &ProcessLine| (line.pid, line.start_time);
        let mut held = Vec::new();
        // Each round but the last finds a process forked by one that did not stand still yet; a
        // storm that outruns this many rounds is met again when the first of them ends.
        for _ in 0..32 {
            let mut new = self.members()?;
            new.retain(|line| !held.contains(&identity(line)));
            if new.is_empty() {
                break;
            }
            new.iter().for_each(|line| send(line, signal::STOP));
            held.extend(new.iter().map(identity));
        }
        self.signal_all(signal::KILL)?;
        self.catch()
    }

    /// Ends a process that forks and ends, over and over: by the time all processes have been
    /// looked at it is another one, but each is our child from the moment its parent ends, and
    /// the list of our children is read in microseconds.
    fn catch(&mut self) -> io::Result<()> {
        for _ in 0..1000 {
            let roots = self.roots()?;
            if roots.is_empty() {
                break;
            }
            for pid in roots {
                // Ours and not reaped, so the id means it; ended already if this fails.
                if let Ok(child) = Process::open(pid) {
                    let _ = child.signal(signal::KILL);
                }
            }
        }
        Ok(())
    }
}

fn send(line: &ProcessLine, signal: i32) {
    // Gone, or not ours to signal: neither can be helped here.
    if let Ok(Some(process)) = Process::open_same(line.pid, line.start_time) {
        let _ = process.signal(signal);
    }
}
