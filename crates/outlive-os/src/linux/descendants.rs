//! The processes of a job whose parent this process is: all that descend from it, which inherits the
//! orphans among them (PR_SET_CHILD_SUBREAPER, prctl(2)).

use super::cgroup::{self, Cgroup};
use super::events::Signals;
use super::lineage::is_of_another_job;
use super::process::{Process, Waited, reap_any};
use super::tree::next_news;
use super::{proc, signal};
use crate::found::send;
use crate::{Marks, News, Reaped};
use outlive_record::ProcessLine;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

/// How often the way up from a process is gone.
const LOOKS: usize = 4;

#[derive(Debug)]
pub(super) struct Descendants {
    marks: Marks,
    signals: Signals,
    /// Its own cgroups.
    cgroups: Vec<PathBuf>,
    /// The main process, once there is one.
    main: i32,
    /// Whether no child was left when last looked.
    childless: bool,
    /// Children that are of other jobs, see [`is_of_another_job`]. They stay our children, and so
    /// these ids theirs, until we reap them.
    others: Vec<i32>,
    /// Those that were asked to end, by id and start time.
    asked: Vec<(i32, u64)>,
}

impl Descendants {
    pub(super) fn new(marks: Marks, cgroups: &[Cgroup], signals: Signals) -> Descendants {
        Descendants {
            marks,
            signals,
            cgroups: cgroups.iter().map(|it| it.path().to_owned()).collect(),
            main: 0,
            childless: false,
            others: Vec::new(),
            asked: Vec::new(),
        }
    }

    pub(super) fn begin(&mut self, main: &Process) {
        self.main = main.pid();
        self.childless = false;
    }

    pub(super) fn news(&mut self) -> io::Result<Option<News>> {
        next_news(&self.signals)
    }

    /// Reaps one process that has ended, the main one or an orphan.
    pub(super) fn reap(&mut self) -> io::Result<Reaped> {
        let waited = reap_any()?;
        self.childless = waited == Waited::NoChildren;
        Ok(match waited {
            Waited::Child(pid, exit) => {
                // Its id may be given to another process now.
                self.others.retain(|other| *other != pid);
                self.asked.retain(|(asked, _)| *asked != pid);
                match pid == self.main {
                    true => Reaped::Main(Some(exit)),
                    false => Reaped::Other,
                }
            }
            Waited::NoneEnded => Reaped::NoneEnded,
            Waited::NoChildren => Reaped::NoneLeft,
        })
    }

    fn is_other(&self, pid: i32) -> bool {
        pid != self.main && is_of_another_job(pid, &self.marks)
    }

    /// Children that are of this tree: they, and those below them, are the whole of it.
    fn roots(&mut self) -> io::Result<Vec<i32>> {
        if self.childless {
            return Ok(Vec::new());
        }
        let mut roots = proc::own_children()?;
        roots.retain(|pid| {
            if !self.others.contains(pid) && self.is_other(*pid) {
                self.others.push(*pid);
            }
            !self.others.contains(pid)
        });
        Ok(roots)
    }

    pub(super) fn is_empty(&mut self) -> io::Result<bool> {
        Ok(self.roots()?.is_empty())
    }

    /// Whether a process descends from this one, and from no other job's. The way up is short, where
    /// a look at all processes is not; it is gone again if one on it ends meanwhile.
    pub(super) fn has(&self, pid: i32) -> io::Result<bool> {
        let me = std::process::id().cast_signed();
        if pid == me {
            return Ok(false);
        }
        for _ in 0..LOOKS {
            let mut at = Some(pid);
            while let Some(pid) = at.filter(|pid| *pid != me) {
                if pid == 0 || self.is_other(pid) {
                    return Ok(false);
                }
                at = proc::line(pid)?.map(|line| line.parent);
            }
            if at.is_some() || proc::line(pid)?.is_none() {
                return Ok(at.is_some());
            }
        }
        Ok(false)
    }

    fn members(&mut self) -> io::Result<Vec<ProcessLine>> {
        // Most jobs leave nothing behind: then there is no look at all processes of the machine.
        if self.is_empty()? {
            return Ok(Vec::new());
        }
        // Before the roots: what becomes one meanwhile is below another one in here.
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

    pub(super) fn signal_all(&mut self, signal: i32) -> io::Result<()> {
        self.members()?.iter().for_each(|line| send(line, signal));
        Ok(())
    }

    pub(super) fn ask(&mut self, signal: i32) -> io::Result<()> {
        let mut members = self.members()?;
        members.retain(|line| !self.asked.contains(&(line.pid, line.start_time)));
        members.iter().for_each(|line| send(line, signal));
        // One that stands still would not hear it.
        members.iter().for_each(|line| send(line, signal::CONTINUE));
        let asked = members.iter().map(|line| (line.pid, line.start_time));
        self.asked.extend(asked);
        Ok(())
    }

    /// Ends every process of the tree that can be seen: first all that is in its own cgroups, then
    /// what has been moved out of them, or was never in one. Those are made to stand still first, so
    /// that what they fork is seen too, and killed by process groups as well: a group is signalled
    /// all at once, so that no member of it forks its way out.
    ///
    /// To be repeated, with a reaping in between, until the tree is empty.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        for path in &self.cgroups {
            // What is still in one that can't be killed in is found by descent.
            let _ = cgroup::kill(path, |pid| self.is_other(pid));
        }
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

impl AsFd for Descendants {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }
}
