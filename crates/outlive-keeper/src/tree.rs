//! The job's processes: all that descend from its keeper, which inherits the orphans among them.

use crate::{JOB_VARIABLE, MARK};
use outlive_os::pidfd::Process;
use outlive_os::{proc, signal};
use outlive_record::{JobId, ProcessLine};
use std::io;

/// A keeper's view of the tree below it.
#[derive(Debug)]
pub(crate) struct Tree {
    id: JobId,
    main: i32,
    /// Children that are of other jobs, see [`is_of_another_job`]. They stay our children, and so
    /// these ids theirs, until we reap them.
    others: Vec<i32>,
    /// Those that were asked to end, by id and start time.
    asked: Vec<(i32, u64)>,
}

/// Whether a process is of another job than `id`: one that was started from within it and is meant
/// to outlive it, its keeper or, where that is gone, any process of it.
pub fn is_of_another_job(pid: i32, id: &str) -> bool {
    let environment = proc::environment(pid);
    proc::variable(&environment, MARK.0).is_some()
        || proc::variable(&environment, JOB_VARIABLE).is_some_and(|other| other != id.as_bytes())
}

impl Tree {
    /// The tree of the job `id`, whose main process is `main`.
    pub(crate) fn new(id: JobId, main: i32) -> Tree {
        Tree {
            id,
            main,
            others: Vec::new(),
            asked: Vec::new(),
        }
    }

    fn is_other(&self, pid: i32) -> bool {
        pid != self.main && is_of_another_job(pid, self.id.as_str())
    }

    /// Forgets a child that was reaped: its id may be given to another process now.
    pub(crate) fn reaped(&mut self, pid: i32) {
        self.others.retain(|other| *other != pid);
        self.asked.retain(|(asked, _)| *asked != pid);
    }

    /// Children that are of this tree: they, and those below them, are the whole of it.
    fn roots(&mut self) -> io::Result<Vec<i32>> {
        let mut roots = proc::own_children()?;
        roots.retain(|pid| {
            if !self.others.contains(pid) && self.is_other(*pid) {
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
            found.extend(proc::descendants(&all, root, |line| {
                self.is_other(line.pid)
            }));
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

    /// Asks every process of the tree to end that was not asked before.
    pub(crate) fn ask(&mut self) -> io::Result<()> {
        let mut members = self.members()?;
        members.retain(|line| !self.asked.contains(&(line.pid, line.start_time)));
        members.iter().for_each(|line| send(line, signal::TERM));
        // One that stands still would not hear it.
        members.iter().for_each(|line| send(line, signal::CONTINUE));
        let asked = members.iter().map(|line| (line.pid, line.start_time));
        self.asked.extend(asked);
        Ok(())
    }

    /// Ends every process of the tree that can be seen. They are made to stand still first, so that
    /// what they fork is seen too, and killed by process groups as well: a group is signalled all
    /// at once, so that no member of it forks its way out.
    ///
    /// To be repeated, with a reaping in between, until the tree is empty.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        let members = self.members()?;
        members.iter().for_each(|line| send(line, signal::STOP));
        let me = std::process::id().cast_signed();
        let mut groups = Vec::new();
        for root in self.roots()? {
            // Not reaped, and so the id of its group means that group.
            groups.extend(proc::line(root)?.map(|line| line.group));
        }
        groups.sort_unstable();
        groups.dedup();
        groups.retain(|group| *group > 1 && *group != me);
        groups.iter().for_each(|group| signal::kill_group(*group));
        members.iter().for_each(|line| send(line, signal::KILL));
        // One that forks and ends, over and over, is another one by now, but each is our child from
        // the moment its parent ends, and the list of our children is read in microseconds.
        for pid in self.roots()? {
            // Ours and not reaped, so the id means it; ended already if this fails.
            if let Ok(child) = Process::open(pid) {
                let _ = child.signal(signal::KILL);
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
