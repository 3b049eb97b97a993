//! A job's own time, and whether it is started again.

use crate::expire;
use crate::store::{Home, RECORD};
use crate::table::{Choice, Event, Phase};
use crate::watch::Keeper;
use jiff::Timestamp;
use outlive_os::{clock, proc, signal};
use outlive_record::{Course, End};
use std::time::{Duration, Instant};

/// When a job's time is over; none if it has as much as it takes.
pub(crate) fn time_over(course: &Course) -> Option<Instant> {
    let left = Duration::from_millis(course.time_over_ms?).saturating_sub(clock::running());
    Instant::now().checked_add(left)
}

impl Keeper {
    /// What the job's owner chose, as it bears on what happens now.
    pub(crate) fn choice(&self) -> Choice {
        let spec = &self.job.record.spec;
        Choice {
            until: spec.until,
            leftover: spec.leftover,
            again: self.end.as_ref().is_some_and(|end| self.goes_on(end)),
        }
    }

    /// Whether the job is started again after a run that has ended so.
    fn goes_on(&self, end: &End) -> bool {
        let (record, stop_signal) = (&self.job.record, self.stop_signal());
        // Who sends every process what ends it, or asks it to end, means the job and not this run.
        let was_killed = |by| *end == End::Signaled(by) || by == stop_signal;
        self.job.again.is_some()
            && !self.killed_by.is_some_and(was_killed)
            && record.spec.life.goes_on(
                record.has_succeeded(record.newest(), end),
                record.course.restarts,
            )
    }

    /// The signal by which the job is asked to end.
    pub(crate) fn stop_signal(&self) -> i32 {
        let chosen = self.job.record.spec.life.stop_signal;
        chosen.unwrap_or(signal::TERM)
    }

    /// Writes down how a run ended that another one follows.
    pub(crate) fn record_run(&mut self) {
        self.note_end();
        self.job.ready.renew();
        let random = proc::random().unwrap_or(0);
        let course = &mut self.job.record.course;
        let pause = course.pause_after(self.run_began.elapsed(), random);
        let now = Timestamp::now();
        course.again_at = Some(now.checked_add(pause).unwrap_or(now));
        self.pause_over = Instant::now().checked_add(pause);
        self.write_record();
    }

    /// When something is to be done without anything having happened.
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        let pause_over = self.pause_over.filter(|_| self.phase == Phase::Pausing);
        let ready = self.job.ready.due();
        let timers = [
            self.grace_over,
            self.look_at,
            self.time_over,
            pause_over,
            ready,
        ];
        timers.into_iter().flatten().min()
    }

    /// Does what the job's own time asks for now.
    pub(crate) fn heed_timers(&mut self, now: Instant) {
        if self.time_over.take_if(|at| *at <= now).is_some() {
            self.stop_for_time();
        }
        let pausing = self.phase == Phase::Pausing;
        if pausing && self.pause_over.take_if(|at| *at <= now).is_some() {
            self.on(Event::PauseOver);
        }
    }

    /// Stops the job since its time is over, unless it is being stopped.
    fn stop_for_time(&mut self) {
        let phases = [
            Phase::Stopping,
            Phase::Killing,
            Phase::Concluding,
            Phase::Done,
        ];
        if phases.contains(&self.phase) {
            return;
        }
        self.job.record.newest_mut().timed_out = true;
        self.grace = self.job.record.spec.life.grace();
        self.on(Event::StopAsked);
    }

    /// Has the end on the disk. Whoever waited for it knows of it by now.
    pub(crate) fn sync(&mut self) {
        if std::mem::take(&mut self.to_sync) {
            // A disk that can't do that is one on which nothing better can be done.
            let _ = self.job.folder.sync(RECORD);
        }
    }

    /// Remembers when the job is to be removed, and removes those whose time to be kept is over.
    pub(crate) fn sweep(&self) {
        // A folder that was removed under us: nothing is left to be kept.
        let Ok(Some(home)) = Home::open(&self.job.home) else {
            return;
        };
        let record = &self.job.record;
        // What can't be remembered here is removed by who lists the jobs.
        let _ = record
            .expires_at()
            .map(|at| expire::remember(&home, &record.spec.id, at));
        let _ = expire::sweep(&home, &record.place, Timestamp::now());
    }
}
