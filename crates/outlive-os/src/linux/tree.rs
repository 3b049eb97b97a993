//! A job's processes, as their keeper holds them: those below it, or, if it has come to the job when
//! that ran already, those that can be found.

pub use super::lineage::is_of_another_job;

use super::adopted::Adopted;
use super::cgroup::Cgroup;
use super::descendants::Descendants;
use super::events::Signals;
use super::process::Process;
use super::signal;
use crate::{Found, Marks, News, Reaped};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// A keeper's view of its job's processes.
#[derive(Debug)]
pub struct Tree(Held);

#[derive(Debug)]
enum Held {
    Descendants(Descendants),
    Adopted(Adopted),
}

/// What a keeper is told by signals.
fn signals(heed_stop: bool) -> io::Result<Signals> {
    let mut heard = vec![signal::CHILD, signal::ACTIVITY];
    heard.extend(heed_stop.then_some(signal::TERM));
    Signals::take(&heard)
}

/// What a signal that has come tells, if one has.
pub(super) fn next_news(signals: &Signals) -> io::Result<Option<News>> {
    Ok(signals.next()?.map(|signal| match signal {
        signal::CHILD => News::Ended,
        signal::TERM => News::StopAsked,
        _ => News::Activity,
    }))
}

impl Tree {
    /// The tree of a job that is going to be started by this process. From here on this process is
    /// told by events what happens to it, and, if `heed_stop`, that a service manager asks for its
    /// end. Call it while there is one thread.
    pub fn new(marks: Marks, cgroups: &[Cgroup], heed_stop: bool) -> io::Result<Tree> {
        let descendants = Descendants::new(marks, cgroups, signals(heed_stop)?);
        Ok(Tree(Held::Descendants(descendants)))
    }

    /// The tree of a job that runs, and has lost its keeper: what can be found of it. How its main
    /// process ends is known from Linux 6.15 on.
    pub fn adopt(found: Found, main: &Process, heed_stop: bool) -> io::Result<Tree> {
        let adopted = Adopted::new(found, main, signals(heed_stop)?)?;
        Ok(Tree(Held::Adopted(adopted)))
    }

    /// Its main process has been started, for the first time or once more.
    pub fn begin(&mut self, main: &Process) {
        if let Held::Descendants(it) = &mut self.0 {
            it.begin(main);
        }
    }

    /// What has happened, if anything.
    pub fn news(&mut self) -> io::Result<Option<News>> {
        match &mut self.0 {
            Held::Descendants(it) => it.news(),
            Held::Adopted(it) => it.news(),
        }
    }

    /// Reaps one process that has ended, the main one or an orphan.
    pub fn reap(&mut self) -> io::Result<Reaped> {
        match &mut self.0 {
            Held::Descendants(it) => it.reap(),
            Held::Adopted(it) => it.reap(),
        }
    }

    /// Whether no process of the tree is left. The end of each that is will be news.
    pub fn is_empty(&mut self) -> io::Result<bool> {
        match &mut self.0 {
            Held::Descendants(it) => it.is_empty(),
            Held::Adopted(it) => it.is_empty(),
        }
    }

    /// Whether the process that bears this id now is of the tree.
    pub fn has(&mut self, pid: i32) -> io::Result<bool> {
        match &mut self.0 {
            Held::Descendants(it) => it.has(pid),
            Held::Adopted(it) => Ok(it.found().members()?.iter().any(|line| line.pid == pid)),
        }
    }

    /// Sends a signal to every process of the tree, once. One that may not be signalled (it has
    /// become another user's) is passed over here and seen by [`is_empty`](Tree::is_empty).
    pub fn signal_all(&mut self, signal: i32) -> io::Result<()> {
        match &mut self.0 {
            Held::Descendants(it) => it.signal_all(signal),
            Held::Adopted(it) => it.found().signal_all(signal),
        }
    }

    /// Asks every process of the tree to end that was not asked before, by this signal.
    pub fn ask(&mut self, signal: i32) -> io::Result<()> {
        match &mut self.0 {
            Held::Descendants(it) => it.ask(signal),
            Held::Adopted(it) => it.found().ask(signal).map(drop),
        }
    }

    /// Ends every process of the tree that can be seen, first all that is in its own cgroups.
    ///
    /// To be repeated, with a reaping in between, until the tree is empty.
    pub fn kill(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Held::Descendants(it) => it.kill(),
            Held::Adopted(it) => it.found().kill().map(drop),
        }
    }
}

impl AsFd for Tree {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Held::Descendants(it) => it.as_fd(),
            Held::Adopted(it) => it.as_fd(),
        }
    }
}
