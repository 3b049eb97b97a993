//! Waiting for events and doing what the table says.

use crate::escape::remove;
use crate::life::time_over;
use crate::limits;
use crate::start::Started;
use crate::store::{RECORD, clear_away};
use crate::table::{Action, Event, Phase, next};
use jiff::Timestamp;
use outlive_os::events;
use outlive_os::output::Activity;
use outlive_os::process::Process;
use outlive_os::socket::Connection;
use outlive_os::tree::Tree;
use outlive_os::{AsDescriptor, Borrowed, Exit, News, Reaped, role};
use outlive_record::{End, Modes};
use std::io;
use std::ops::Range;
use std::time::{Duration, Instant};

/// How often a tree is killed in one go.
const KILL_ROUNDS: usize = 32;

/// Keeps the job until nothing is left to be done. Returns the keeper's exit code.
pub(crate) fn watch(job: Started) -> i32 {
    let mut keeper = Keeper {
        phase: Phase::Running,
        main_ended: false,
        end: None,
        grace: job.record.spec.life.grace(),
        grace_over: None,
        time_over: time_over(&job.record.course),
        pause_over: None,
        run_began: Instant::now(),
        killed_by: None,
        to_sync: false,
        look_at: None,
        activity: None,
        concluding: None,
        connections: Vec::new(),
        modes: job.terminal.is_some().then(Modes::default),
        told: Vec::new(),
        job,
    };
    keeper.arm_cap();
    keeper.report();
    while keeper.phase != Phase::Done {
        if keeper.turn().is_err() {
            // Without its events a keeper is of no use; the job and its output go on.
            return 125;
        }
    }
    keeper.drain();
    // After everybody knows of the end, since it may take a while.
    keeper.look();
    clear_away(&keeper.job.folder);
    remove(&keeper.job.record.cgroups);
    keeper.sweep();
    0
}

/// A keeper at work.
pub(crate) struct Keeper {
    pub(crate) phase: Phase,
    /// Whether the main process has been reaped and the table not been told yet.
    pub(crate) main_ended: bool,
    /// How the main process ended, once it has.
    pub(crate) end: Option<End>,
    pub(crate) grace: Duration,
    pub(crate) grace_over: Option<Instant>,
    /// When the time is over that the job may run.
    pub(crate) time_over: Option<Instant>,
    /// When the next run is started, while none lasts.
    pub(crate) pause_over: Option<Instant>,
    pub(crate) run_began: Instant,
    /// The signal that the whole job was last sent by `kill`.
    pub(crate) killed_by: Option<i32>,
    /// Whether the end has been written down, and is perhaps not on the disk yet.
    pub(crate) to_sync: bool,
    /// When to look at the output's size.
    pub(crate) look_at: Option<Instant>,
    /// What tells that something was printed.
    pub(crate) activity: Option<Activity>,
    /// What is run after the job's end.
    pub(crate) concluding: Option<Process>,
    pub(crate) connections: Vec<Connection>,
    /// To what the job has switched its terminal, if all that it printed there was seen.
    pub(crate) modes: Option<Modes>,
    /// Those who are told of what the job's terminal prints.
    pub(crate) told: Vec<Connection>,
    pub(crate) job: Started,
}

impl Keeper {
    /// One wait and what follows from it.
    fn turn(&mut self) -> io::Result<()> {
        let timeout = self
            .next_timer()
            .map(|timer| timer.saturating_duration_since(Instant::now()));
        let mut watched: Vec<Borrowed<'_>> = vec![self.job.tree.as_fd(), self.job.listener.as_fd()];
        watched.extend(self.connections.iter().map(AsDescriptor::as_fd));
        let pump_at = watched.len();
        watched.extend(self.job.pump.descriptors());
        let notices_at = watched.len();
        watched.extend(self.job.ready.descriptor());
        let activity_at = watched.len();
        watched.extend(self.activity.as_ref().and_then(Activity::descriptor));
        // That one has ended is seen below.
        watched.extend(self.conclusion());
        let ready = events::wait(&watched, timeout)?;

        let ready_in =
            |part: Range<usize>| ready.iter().copied().filter(move |it| part.contains(it));
        ready_in(pump_at..notices_at).for_each(|place| self.pump(place - pump_at));
        self.job.pump.forget_ended();
        // From the last, so that a connection that goes does not move those before it.
        for place in ready_in(2..pump_at).rev() {
            self.hear(place - 2);
        }
        if ready.contains(&1) {
            self.accept();
        }
        if ready.contains(&notices_at) {
            self.hear_notices();
        }
        if ready.contains(&activity_at) {
            // It would keep us awake until the look; one that goes is made anew after it.
            self.activity.take_if(|it| it.clear().is_err());
            self.look_soon();
        }
        // All of it first, and then once what follows from it: where processes end faster than all
        // are looked at the timers below would never be.
        let mut ended = false;
        while let Some(news) = self.job.tree.news()? {
            match news {
                News::Ended => ended = true,
                News::StopAsked => self.stop(self.job.record.spec.life.grace()),
                News::Activity => self.look_soon(),
            }
        }
        if ended {
            self.reap();
        }
        self.ready_turn();
        self.concluding_turn();
        let now = Instant::now();
        if self.look_at.take_if(|at| *at <= now).is_some() {
            self.look();
        }
        if self.grace_over.take_if(|at| *at <= now).is_some() {
            self.on(Event::GraceOver);
            // If nothing was left to be ended, nothing tells of an end any more.
            self.reap();
        }
        self.heed_timers(now);
        self.sync();
        Ok(())
    }

    pub(crate) fn on(&mut self, event: Event) {
        let (phase, actions) = next(self.phase, event, self.choice());
        self.phase = phase;
        for action in actions {
            match action {
                Action::RecordEnd => self.record_end(),
                Action::RecordRun => self.record_run(),
                Action::Start => self.start_again(),
                Action::Ask => {
                    self.grace_over = Instant::now().checked_add(self.grace);
                    self.ask();
                }
                Action::AskNew => self.ask(),
                Action::NewGrace => self.grace_over = Instant::now().checked_add(self.grace),
                Action::Kill => self.kill_tree(),
                Action::CutShort => self.cut_short(),
            }
        }
        if self.phase == Phase::Done {
            self.conclude();
        }
    }

    /// Remembers how the main process has ended.
    fn main_has_ended(&mut self, end: End) {
        self.end = Some(end);
        self.main_ended = true;
    }

    /// Reaps every process that has ended, the main one or an orphan of the tree, and tells the
    /// table what has happened.
    fn reap(&mut self) {
        if self.phase == Phase::Concluding {
            // What is run after the end is reaped by itself, so that it is told how that ended.
            return;
        }
        self.job.ready.notice_end();
        if let Some(end) = reap_all(&mut self.job.tree) {
            self.main_has_ended(end);
        }
        if std::mem::take(&mut self.main_ended) {
            self.on(Event::MainEnded);
        }
        if self.end.is_some() && self.phase != Phase::Done {
            // Children may all be other jobs' keepers; a look at each tells.
            let empty = self.job.tree.is_empty().unwrap_or(false);
            self.on(if empty {
                Event::TreeEmpty
            } else {
                Event::OtherEnded
            });
        }
    }

    /// Ends the tree by force. What is left of it then is met again when something of it ends.
    fn kill_tree(&mut self) {
        let mut end = None;
        end_by_force(&mut self.job.tree, |main| end = Some(main));
        if let Some(end) = end {
            self.main_has_ended(end);
        }
    }

    fn ask(&mut self) {
        // Where /proc can't be read nobody can be found to be asked.
        let signal = self.stop_signal();
        let _ = self.job.tree.ask(signal);
    }

    /// Takes down how a run ended, to be written.
    pub(crate) fn note_end(&mut self) {
        if self.job.record.newest().end.is_some() {
            return;
        }
        self.drain();
        if let (Some(cap), Some(file)) = (&mut self.job.cap, &self.job.output) {
            self.job.record.newest_mut().output_truncated |= cap.is_cut(file).unwrap_or(false);
        }
        let pid = self.job.main.pid();
        let oom_kills = limits::oom_kills(&self.job.record.cgroups);
        let run = self.job.record.newest_mut();
        run.ended_at = Some(Timestamp::now());
        let started = !matches!(self.end, Some(End::Failed(_)));
        run.pid = started.then_some(pid);
        run.end.clone_from(&self.end);
        run.oom_kills = oom_kills;
    }

    fn record_end(&mut self) {
        self.note_end();
        self.job.record.course.again_at = None;
        // Its name is free for whoever sees the end, also while what it left behind is being stopped.
        self.job.claim = None;
        self.write_record();
        self.job.tell_ended = None;
        self.to_sync = true;
        self.job.ready.end();
    }

    /// Writes down what the job has left, now that nobody waits for it.
    pub(crate) fn report(&mut self) {
        if let Some(expected) = self.job.expected.take() {
            let report = expected.compare(&self.job.main, &self.job.folder);
            self.job.record.report = Some(report);
            self.write_record();
        }
        // What the launch needed is not needed for the job's whole life.
        role::give_memory_back();
    }

    pub(crate) fn write_record(&mut self) {
        let (folder, record) = (&self.job.folder, &mut self.job.record);
        let written = folder.replace(RECORD, &record.to_bytes());
        // On a full disk there is room for the run's end, but perhaps not for what the job has said of
        // itself as well. If the folder was removed under us nobody is left to read it.
        let said = &mut record.newest_mut().readiness.status_text;
        if written.is_err() && said.take().is_some() {
            let _ = folder.replace(RECORD, &record.to_bytes());
        }
    }
}

/// Reaps all that have ended; how the main process has, if it is among them.
fn reap_all(tree: &mut Tree) -> Option<End> {
    let mut main = None;
    loop {
        match tree.reap() {
            Ok(Reaped::Main(exit)) => {
                main = Some(match exit {
                    Some(Exit::Code(code)) => End::Exited(code),
                    Some(Exit::Signal(signal)) => End::Signaled(signal),
                    None => End::Unknown,
                });
            }
            Ok(Reaped::Other) => {}
            Ok(Reaped::NoneEnded | Reaped::NoneLeft) | Err(_) => return main,
        }
    }
}

/// Ends a tree by force; `main_ended` is told how the main process has ended. Whatever is left after
/// these rounds is a process that hangs in the kernel, or one that forks faster than it is found.
pub(crate) fn end_by_force(tree: &mut Tree, mut main_ended: impl FnMut(End)) {
    for _ in 0..KILL_ROUNDS {
        // Where /proc can't be read nothing can be found to be ended.
        if tree.kill().is_err() {
            break;
        }
        if let Some(end) = reap_all(tree) {
            main_ended(end);
        }
        if tree.is_empty().unwrap_or(true) {
            break;
        }
    }
}
