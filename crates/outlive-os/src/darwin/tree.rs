//! A job's processes, as their keeper holds them. Nobody can inherit orphans here, so that they are
//! found: those in the main process's session, those that have the job's variable in an environment
//! that can be read, and all that descend from these. A process that has left both its parents and
//! its session, and runs a program whose environment is hidden
//! ([`environment`](super::proc::environment)), is not found.

pub use super::lineage::is_of_another_job;

use super::cgroup::Cgroup;
use super::kqueue::Kqueue;
use super::process::{self, Process, Waited, reap_any};
use super::{proc, signal};
use crate::found::send;
use crate::{Found, Marks, News, Reaped};
use outlive_record::ProcessLine;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// How often all processes are looked at until each of the tree is watched.
const LOOKS: usize = 4;
/// How many milliseconds until the next look if one always ends before it is watched.
const PAUSE: isize = 50;

/// A keeper's view of its job's processes.
#[derive(Debug)]
pub struct Tree {
    marks: Marks,
    /// Signals, the ends of the processes that were seen, and the timer for another look.
    queue: Kqueue,
    /// The main process, once there is one.
    main: Option<ProcessLine>,
    /// Whether it has been reaped.
    main_reaped: bool,
    /// Whether its session has no member left: from then on the number may be another one's.
    session_over: bool,
    /// Those that were asked to end, by id and start time.
    asked: Vec<(i32, u64)>,
}

impl Tree {
    /// The tree of a job that is going to be started by this process. From here on this process is
    /// told by events what happens to it, and, if `heed_stop`, that a service manager asks for its
    /// end. Call it while there is one thread.
    pub fn new(marks: Marks, _cgroups: &[Cgroup], heed_stop: bool) -> io::Result<Tree> {
        let queue = Kqueue::new()?;
        let stop = (heed_stop && !signal::is_ignored(signal::TERM)).then_some(signal::TERM);
        for heard in [signal::CHILD].into_iter().chain(stop) {
            let ident = usize::try_from(heard).unwrap_or(0);
            queue.add(libc::EVFILT_SIGNAL, ident, libc::EV_CLEAR, 0)?;
        }
        let set = signal::set(stop.as_slice());
        // SAFETY: the set is initialised; the old mask is not asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) };
        Ok(Tree {
            marks,
            queue,
            main: None,
            main_reaped: false,
            session_over: false,
            asked: Vec::new(),
        })
    }

    /// An error of kind `Unsupported`: the end of a process that is nobody's child here can't be told
    /// from that of another one that has come by its id.
    pub fn adopt(_found: Found, _main: &Process, _heed_stop: bool) -> io::Result<Tree> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Its main process has been started, for the first time or once more.
    pub fn begin(&mut self, main: &Process) {
        // Not reaped yet, so that there is an entry.
        self.main = proc::line(main.pid()).ok().flatten();
        (self.main_reaped, self.session_over) = (false, false);
    }

    /// What has happened, if anything.
    pub fn news(&mut self) -> io::Result<Option<News>> {
        let stop = usize::try_from(signal::TERM).unwrap_or(0);
        Ok(self.queue.take()?.map(|event| {
            match event.filter == libc::EVFILT_SIGNAL && event.ident == stop {
                true => News::StopAsked,
                false => News::Ended,
            }
        }))
    }

    /// Reaps one process that has ended: the main one, which alone is a child of this one.
    pub fn reap(&mut self) -> io::Result<Reaped> {
        Ok(match reap_any()? {
            Waited::Child(pid, exit) if self.main.is_some_and(|main| main.pid == pid) => {
                self.main_reaped = true;
                Reaped::Main(Some(exit))
            }
            Waited::Child(..) => Reaped::Other,
            Waited::NoneEnded => Reaped::NoneEnded,
            Waited::NoChildren => Reaped::NoneLeft,
        })
    }

    /// Whether no process of the tree is left. The end of each that is will be news.
    pub fn is_empty(&mut self) -> io::Result<bool> {
        for _ in 0..LOOKS {
            let members = self.members()?;
            let unseen = members
                .iter()
                .filter(|line| process::watch_end(&self.queue, line.pid).is_err());
            // One that has ended before it was watched may have started another one.
            if unseen.count() == 0 {
                let main_left = self.main.is_some() && !self.main_reaped;
                return Ok(members.is_empty() && !main_left);
            }
        }
        let flags = libc::EV_ONESHOT;
        self.queue
            .add_with(libc::EVFILT_TIMER, 0, flags, 0, PAUSE)?;
        Ok(false)
    }

    /// All that can be found of the tree and has not ended.
    fn members(&mut self) -> io::Result<Vec<ProcessLine>> {
        let Some(main) = self.main else {
            return Ok(Vec::new());
        };
        let all = proc::all()?;
        let me = std::process::id().cast_signed();
        // It leads a session of its own, and by the time of its entry it may have left it by ending.
        let in_session = |line: &ProcessLine| line.session == main.pid;
        let newer = |line: &&ProcessLine| line.start_time >= main.start_time;
        self.session_over |= self.main_reaped && !all.iter().filter(newer).any(in_session);
        let session_over = self.session_over;
        let is_main =
            |line: &ProcessLine| (line.pid, line.start_time) == (main.pid, main.start_time);
        let other = |line: &ProcessLine| !is_main(line) && is_of_another_job(line.pid, &self.marks);
        let carries_id = |line: &ProcessLine| {
            let environment = proc::environment(line.pid);
            proc::variable(&environment, self.marks.variable) == Some(self.marks.id.as_bytes())
        };
        let mut found: Vec<ProcessLine> = Vec::new();
        // Nothing of the job is older than its main process.
        for line in all.iter().filter(newer) {
            let ours = (!session_over && in_session(line)) || carries_id(line);
            if line.pid != me && ours && !other(line) {
                found.push(*line);
                found.extend(proc::descendants(&all, line.pid, other));
            }
        }
        found.sort_unstable_by_key(|line| line.pid);
        found.dedup_by_key(|line| line.pid);
        found.retain(|line| line.pid != me && !line.has_ended());
        Ok(found)
    }

    /// Whether the process that bears this id now is of the tree.
    pub fn has(&mut self, pid: i32) -> io::Result<bool> {
        Ok(self.members()?.iter().any(|line| line.pid == pid))
    }

    /// Sends a signal to every process of the tree, once. One that may not be signalled (it has
    /// become another user's) is passed over here and seen by [`is_empty`](Tree::is_empty).
    pub fn signal_all(&mut self, signal: i32) -> io::Result<()> {
        self.members()?.iter().for_each(|line| send(line, signal));
        Ok(())
    }

    /// Asks every process of the tree to end that was not asked before, by this signal.
    pub fn ask(&mut self, signal: i32) -> io::Result<()> {
        let mut members = self.members()?;
        members.retain(|line| !self.asked.contains(&(line.pid, line.start_time)));
        members.iter().for_each(|line| send(line, signal));
        // One that stands still would not hear it.
        members.iter().for_each(|line| send(line, signal::CONTINUE));
        let asked = members.iter().map(|line| (line.pid, line.start_time));
        self.asked.extend(asked);
        Ok(())
    }

    /// Ends every process of the tree that can be found. They are made to stand still first, so that
    /// what they fork is found too, and killed by process groups as well: a group is signalled all
    /// at once, so that no member of it forks its way out.
    ///
    /// To be repeated, with a reaping in between, until the tree is empty.
    pub fn kill(&mut self) -> io::Result<()> {
        self.signal_all(signal::STOP)?;
        let members = self.members()?;
        let me = std::process::id().cast_signed();
        // Only groups that were made in the job's session, or by a member: its leader is one.
        let mut groups: Vec<i32> = members
            .iter()
            .map(|line| line.group)
            .filter(|group| *group > 1 && *group != me)
            .filter(|group| members.iter().any(|line| line.pid == *group))
            .collect();
        groups.sort_unstable();
        groups.dedup();
        groups.iter().for_each(|group| signal::kill_group(*group));
        members.iter().for_each(|line| send(line, signal::KILL));
        Ok(())
    }
}

impl AsFd for Tree {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}
