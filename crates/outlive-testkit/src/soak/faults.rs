//! What nobody asked for: killed keepers, suspended processes, a full disk, a clock that jumps.

use super::clock::Clock;
use super::ledger::{ALL, Deed, Entry, Ledger};
use super::work::jobs;
use crate::home::Home;
use crate::place::Mount;
use crate::process::{self, Pidfd};
use fastrand::Rng;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What can happen to the jobs of a home.
pub(super) struct Faults<'a> {
    pub(super) home: &'a Home,
    pub(super) ledger: &'a Ledger,
    pub(super) random: Rng,
    /// Where the home is, if it can be filled.
    pub(super) disk: Option<&'a Mount>,
    /// What the clock is set by, if it can be.
    pub(super) clock: Option<&'a Clock>,
    /// How often each has happened.
    pub(super) counts: BTreeMap<&'static str, u64>,
}

impl Faults<'_> {
    /// Lets something happen again and again, until `end`.
    pub(super) fn until(&mut self, end: Instant) {
        while Instant::now() < end {
            self.rest(100);
            let what = match self.random.u8(0..20) {
                0..9 => self.bereave(),
                9..13 => self.suspend("keeper suspended", 0),
                13..17 => self.suspend("job suspended", 1),
                17 => self.fill(),
                _ => self.turn_clock(),
            };
            if let Some(what) = what {
                *self.counts.entry(what).or_default() += 1;
            }
        }
        if let Some(clock) = self.clock {
            clock.set(0);
        }
    }

    /// A while, at random.
    fn rest(&mut self, most: u64) {
        std::thread::sleep(Duration::from_millis(self.random.u64(0..most)));
    }

    /// One of a job's processes, by its line in the lock file: the keeper's is the first, the main
    /// process's the second.
    fn process(&mut self, line: usize) -> Option<(String, Pidfd)> {
        let job = self.random.choice(jobs(self.home.path()))?;
        let lock = std::fs::read_to_string(self.home.job(&job).join("lock")).ok()?;
        let line = lock.lines().nth(line)?;
        let process = Pidfd::of(line.split(' ').next()?.parse().ok()?)?;
        // The handle first: what is then read of the pid is of this very process, or of none. The
        // start time is the twentieth of what follows the name (proc_pid_stat(5)).
        let (_, written) = line.rsplit_once(") ")?;
        let started = process::stat(process.pid())?.get(19)?.clone();
        let same = written.split(' ').nth(19)? == started;
        (same && process.lives()).then_some((job, process))
    }

    fn bereave(&mut self) -> Option<&'static str> {
        let (job, keeper) = self.process(0)?;
        self.ledger.write(&job, &Entry::About(Deed::Bereave));
        keeper.signal(Signal::KILL);
        Some("keeper killed")
    }

    fn suspend(&mut self, what: &'static str, line: usize) -> Option<&'static str> {
        let (job, process) = self.process(line)?;
        self.note(&job, what);
        process.signal(Signal::STOP);
        self.rest(500);
        process.signal(Signal::CONT);
        Some(what)
    }

    fn fill(&mut self) -> Option<&'static str> {
        let filler = self.disk?.fill();
        self.note(ALL, "disk full");
        self.rest(500);
        std::fs::remove_file(filler).expect("our own file");
        self.note(ALL, "disk has room again");
        Some("disk full")
    }

    fn turn_clock(&mut self) -> Option<&'static str> {
        let [hour, year] = [3_600, 31_556_952];
        let jumps = [0, -hour, hour, -24 * hour, 24 * hour, 10 * year];
        let seconds = self.random.choice(jumps)?;
        self.clock?.set(seconds);
        self.note(ALL, &format!("clock off by {seconds} s"));
        Some("clock jumped")
    }

    fn note(&self, job: &str, what: &str) {
        self.ledger.write(job, &Entry::Note(what.to_owned()));
    }
}
