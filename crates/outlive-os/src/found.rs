//! The processes of a job that are nobody's to reap: what can be found of it where its keeper, which
//! would have inherited them, is gone.

use crate::process::Process;
use crate::tree::is_of_another_job;
use crate::{Marks, cgroup, proc, signal};
use outlive_record::ProcessLine;
use std::io;
use std::path::{Path, PathBuf};

/// By what the processes of a job are found. Nothing of it is older than its main process; of what
/// is not, found is what is in the job's own cgroups, carries its variable, writes to its output or
/// is a child of its keeper, and what descends from these, but for what is of another job.
///
/// A process that has left all of that is not found.
#[derive(Debug, Clone)]
pub struct Found {
    marks: Marks,
    main: ProcessLine,
    cgroups: Vec<PathBuf>,
    /// The keeper, if that lives: what has lost its parents has come to it.
    keeper: Option<i32>,
    /// The device and inode of its output.
    output: Option<(u64, u64)>,
    /// Those that were seen to lead a process group.
    leaders: Vec<ProcessLine>,
    /// Those that were asked to end, by id and start time.
    asked: Vec<(i32, u64)>,
}

impl Found {
    /// What can be found of the job with these marks and this main process.
    pub fn new(marks: Marks, main: ProcessLine, cgroups: Vec<PathBuf>) -> Found {
        Found {
            marks,
            main,
            cgroups,
            keeper: None,
            output: None,
            leaders: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// The job's keeper lives, and has this id.
    #[must_use]
    pub fn kept_by(self, keeper: Option<i32>) -> Found {
        Found { keeper, ..self }
    }

    /// The job prints to the file with this device and inode.
    #[must_use]
    pub fn printing_to(self, output: Option<(u64, u64)>) -> Found {
        Found { output, ..self }
    }

    /// Its marks.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// The folders of its own cgroups.
    pub fn cgroups(&self) -> &[PathBuf] {
        &self.cgroups
    }

    /// Whether it was asked to end.
    pub fn was_asked(&self) -> bool {
        !self.asked.is_empty()
    }

    fn is_other(&self, pid: i32) -> bool {
        pid != self.main.pid && is_of_another_job(pid, &self.marks)
    }

    /// Whether anybody is in its own cgroups, but for other jobs. The kernel's list misses nobody,
    /// however soon they end.
    pub fn is_in_cgroups(&self) -> bool {
        let mut inside = self.cgroups.iter().flat_map(|it| processes(it));
        inside.any(|pid| !self.is_other(pid))
    }

    /// All that can be found now and has not ended.
    pub fn members(&mut self) -> io::Result<Vec<ProcessLine>> {
        let all = proc::all()?;
        let me = std::process::id().cast_signed();
        let in_cgroup: Vec<i32> = self.cgroups.iter().flat_map(|it| processes(it)).collect();
        let is_main = |line: &ProcessLine| {
            (line.pid, line.start_time) == (self.main.pid, self.main.start_time)
        };
        let other = |line: &ProcessLine| !is_main(line) && is_of_another_job(line.pid, &self.marks);
        let carries_id = |pid| {
            let environment = proc::environment(pid);
            proc::variable(&environment, self.marks.variable) == Some(self.marks.id.as_bytes())
        };
        let mut found: Vec<ProcessLine> = Vec::new();
        for line in all
            .iter()
            .filter(|it| it.start_time >= self.main.start_time)
        {
            let ours = is_main(line)
                || Some(line.parent) == self.keeper
                || in_cgroup.contains(&line.pid)
                || carries_id(line.pid)
                || self.output.is_some_and(|it| proc::writes_to(line.pid, it));
            if ours && !other(line) {
                found.push(*line);
                found.extend(proc::descendants(&all, line.pid, other));
            }
        }
        found.sort_by_key(|line| line.pid);
        found.dedup_by_key(|line| line.pid);
        found.retain(|line| line.pid != me && !line.has_ended());
        for line in found.iter().filter(|line| line.group == line.pid) {
            if !self.leaders.iter().any(|it| it.pid == line.pid) {
                self.leaders.push(*line);
            }
        }
        Ok(found)
    }

    /// Sends a signal to all that can be found, once; one that may not be signalled is passed over.
    pub fn signal_all(&mut self, signal: i32) -> io::Result<()> {
        self.members()?.iter().for_each(|line| send(line, signal));
        Ok(())
    }

    /// Asks all that can be found to end, each once, by this signal; who they are.
    pub fn ask(&mut self, signal: i32) -> io::Result<Vec<ProcessLine>> {
        let members = self.members()?;
        let is_new = |line: &&ProcessLine| !self.asked.contains(&(line.pid, line.start_time));
        let new: Vec<ProcessLine> = members.iter().filter(is_new).copied().collect();
        new.iter().for_each(|line| send(line, signal));
        // One that stands still would not hear it.
        new.iter().for_each(|line| send(line, signal::CONTINUE));
        let asked = new.iter().map(|line| (line.pid, line.start_time));
        self.asked.extend(asked);
        Ok(members)
    }

    /// Ends all that can be found, first all that is in the job's own cgroups; who they were. To be
    /// repeated until nothing is found.
    pub fn kill(&mut self) -> io::Result<Vec<ProcessLine>> {
        let mut members = self.members()?;
        for path in &self.cgroups {
            // What is in one that can't be killed in is ended one by one.
            let _ = cgroup::kill(path, |pid| self.is_other(pid));
        }
        members.iter().for_each(|line| send(line, signal::STOP));
        // What was forked until each stood still.
        members.extend(self.members()?);
        self.kill_groups();
        members.iter().for_each(|line| send(line, signal::KILL));
        members.sort_by_key(|line| line.pid);
        members.dedup_by_key(|line| line.pid);
        Ok(members)
    }

    /// Ends at once all groups that a process of the job leads or led: one that forks and ends, over
    /// and over, is never where one looks, but in the group of one that was seen.
    pub fn kill_groups(&self) {
        self.leaders.iter().for_each(kill_group_of);
    }
}

fn processes(path: &Path) -> Vec<i32> {
    cgroup::processes(path).unwrap_or_default()
}

/// Ends at once all of the group that a process leads or led, so that none of it forks its way out.
/// As long as the group has a member its id is given to no new process: where nobody bears it as a
/// process id, or still the same process does, it means that group or none.
fn kill_group_of(leader: &ProcessLine) {
    let now = proc::line(leader.pid).ok().flatten();
    if now.is_none_or(|now| now.start_time == leader.start_time) {
        signal::kill_group(leader.group);
    }
}

pub(crate) fn send(line: &ProcessLine, signal: i32) {
    // Gone, or not ours to signal: neither can be helped here.
    if let Ok(Some(process)) = Process::open_same(line.pid, line.start_time) {
        let _ = process.signal(signal);
    }
}
