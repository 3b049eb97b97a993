//! Whether the job is ready: looked at by a timer that runs until it is, and told by the job itself.
//!
//! The keeper looks, and not whoever has started the job, who may be gone by then. It looks at once,
//! then after 5 ms, and less and less often down to four times a second. Nothing here waits.

mod command;
mod dialing;
mod http;
mod log;
mod notices;
mod probe;

use crate::arrive::Heritage;
use crate::shell::Means;
use crate::start::{During, Refusal};
use crate::table;
use crate::watch::Keeper;
use jiff::Timestamp;
use notices::Notices;
use outlive_os::events::{self, Ender};
use outlive_os::folder::Folder;
use outlive_os::{Borrowed, Descriptor, role};
use outlive_record::{Answer, Launch, Ready, Record};
use probe::{Probe, Seen};
use std::io;
use std::time::{Duration, Instant};

/// The shortest and the longest time between two looks.
const SHORTEST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(250);

/// What is watched to tell whether the job is ready, and what it tells of itself.
#[derive(Default)]
pub(crate) struct Readying {
    /// None once it is ready, or if nothing is to be looked at.
    probe: Option<Probe>,
    /// When to look next, and how long after that again.
    look_at: Option<Instant>,
    pause: Duration,
    /// Until when it has to be ready.
    deadline: Option<Instant>,
    keep_going: bool,
    /// What it tells of itself, if it can.
    notices: Option<Notices>,
    /// At its end once there is nothing to be waited for, and what keeps it from that.
    decided: Option<Descriptor>,
    tell_decided: Option<Ender>,
}

impl Readying {
    /// Before a job is started: what it is to find is put into its environment. Refused if somebody
    /// else answers where the job is to, since that one would be taken for the job.
    pub(crate) fn prepare(
        record: &Record,
        folder: &Folder,
        launch: &Launch,
        environment: &mut Vec<u8>,
        heritage: Heritage,
    ) -> Result<Readying, Refusal> {
        let wish = &record.spec.ready;
        if wish.is_none() {
            return Ok(Readying::default());
        }
        let what = match &wish.when {
            Some(when) => format!("wait for {when}"),
            None => "watch the job".to_owned(),
        };
        let notices = wish
            .listens()
            .then(|| Notices::new(launch, folder, environment))
            .transpose()
            .during(&what)?;
        // Only a command needs any of it.
        let its_environment = match &wish.when {
            Some(Ready::Command(_)) => environment.clone(),
            _ => Vec::new(),
        };
        let means = Means::new(launch, its_environment, heritage);
        let probe = Probe::new(record, folder, means, None).during(&what)?;
        if let Some(probe) = &probe
            && probe.is_taken().during(&what)?
        {
            let cause = "something else answers there already".to_owned();
            let hint = "stop it, or have the job listen elsewhere".to_owned();
            return Err(Refusal::from(Answer::Failed {
                what: format!("failed to {what}"),
                cause,
                errno: None,
                hint: Some(hint),
            }));
        }
        let deadline = wish.timeout_ms.map(Duration::from_millis);
        Readying::begin(record, probe, notices, deadline).during(&what)
    }

    /// For a job that runs and has lost its keeper. What can't be gone on with is said in the record.
    /// How much of its time is over is told by the wall clock.
    pub(crate) fn resume(record: &mut Record, folder: &Folder, means: Means) -> Readying {
        if record.spec.ready.is_none() {
            return Readying::default();
        }
        let (readying, unknown) = match Readying::go_on(record, folder, means) {
            Ok(readying) => (readying, None),
            Err(why) => {
                let why = format!("its keeper was killed, and another one can't go on: {why}");
                (Readying::default(), Some(why))
            }
        };
        record.newest_mut().readiness.unknown = unknown;
        readying
    }

    fn go_on(record: &Record, folder: &Folder, means: Means) -> io::Result<Readying> {
        let wish = &record.spec.ready;
        let run = record.newest();
        let has_begun = run.readiness.ready_at.is_some() || wish.when.is_none();
        let notices = wish
            .listens()
            .then(|| Notices::again(wish, folder, &means.environment, has_begun))
            .transpose()?;
        if matches!(wish.when, Some(Ready::Command(_))) && means.environment.is_empty() {
            return Err(io::Error::other("the job's environment can't be read"));
        }
        let passed = Timestamp::now().duration_since(run.started_at);
        let passed = Duration::try_from(passed).unwrap_or_default();
        // One that is to be stopped over it, and was not, is stopped now.
        let is_over = run.readiness.timed_out && wish.keep_going;
        let left = wish.timeout_ms.filter(|_| !is_over);
        let left = left.map(|time| Duration::from_millis(time).saturating_sub(passed));
        let probe = match run.readiness.ready_at {
            Some(_) => None,
            None => Probe::new(record, folder, means, Some(run.started_at))?,
        };
        Readying::begin(record, probe, notices, left)
    }

    fn begin(
        record: &Record,
        probe: Option<Probe>,
        notices: Option<Notices>,
        time: Option<Duration>,
    ) -> io::Result<Readying> {
        let (decided, tell_decided) = match &probe {
            Some(_) => {
                let (decided, tell) = events::ending()?;
                let is_open = !record.is_readiness_decided();
                (Some(decided), is_open.then_some(tell))
            }
            None => (None, None),
        };
        let looks = probe
            .as_ref()
            .is_some_and(|it| !matches!(it, Probe::Notify));
        let now = Instant::now();
        Ok(Readying {
            look_at: looks.then_some(now),
            pause: SHORTEST,
            deadline: time
                .filter(|_| probe.is_some())
                .and_then(|time| now.checked_add(time)),
            keep_going: record.spec.ready.keep_going,
            probe,
            notices,
            decided,
            tell_decided,
        })
    }

    /// When there is something to be done next.
    pub(crate) fn due(&self) -> Option<Instant> {
        let notices = self.notices.as_ref().and_then(Notices::due);
        self.look_at
            .into_iter()
            .chain(self.deadline)
            .chain(notices)
            .min()
    }

    /// What is readable when the job tells something.
    pub(crate) fn descriptor(&self) -> Option<Borrowed<'_>> {
        self.notices.as_ref().map(Notices::descriptor)
    }

    /// For whoever waits: at its end once it is ready, or nobody need wait any more. None if nothing
    /// is waited for.
    pub(crate) fn decided(&self) -> Option<&Descriptor> {
        self.decided.as_ref()
    }

    /// Looks after a command that has ended, before anybody reaps it.
    pub(crate) fn notice_end(&mut self) {
        if let Some(Probe::Command(command)) = &mut self.probe
            && command.has_ended()
        {
            self.look_at = Some(Instant::now());
        }
    }

    /// Nothing is looked at any more, nor need it tell that it lives: the job is being stopped.
    fn stand_down(&mut self) {
        (self.probe, self.look_at, self.deadline) = (None, None, None);
        if let Some(notices) = &mut self.notices {
            notices.end_watchdog();
        }
    }

    /// A run has ended, and another one is to follow: whoever waits from now on waits for that.
    pub(crate) fn renew(&mut self) {
        self.stand_down();
        if self.decided.is_some()
            && self.tell_decided.is_none()
            && let Ok((decided, tell)) = events::ending()
        {
            (self.decided, self.tell_decided) = (Some(decided), Some(tell));
        }
    }

    /// Nothing is heard any more: the job has ended.
    pub(crate) fn end(&mut self) {
        *self = Readying {
            decided: self.decided.take(),
            ..Readying::default()
        };
    }
}

impl Keeper {
    /// Does what is due by now.
    pub(crate) fn ready_turn(&mut self) {
        let now = Instant::now();
        if !matches!(self.phase, table::Phase::Running | table::Phase::Trailing) {
            self.job.ready.stand_down();
        }
        let ready = &mut self.job.ready;
        if ready.look_at.take_if(|at| *at <= now).is_some() {
            self.look_whether_ready();
        }
        // After the look, so that what is ready in the last moment is ready.
        if self.job.ready.deadline.take_if(|at| *at <= now).is_some() {
            self.not_ready_in_time();
        }
        self.notices_turn(now);
    }

    fn look_whether_ready(&mut self) {
        let ready = &mut self.job.ready;
        let Some(probe) = &mut ready.probe else {
            return;
        };
        let wait = match probe.look() {
            Seen::Ready => return self.is_ready(),
            // Others have their turn in between.
            Seen::More => Duration::ZERO,
            Seen::NotYet => {
                let wait = ready.pause;
                ready.pause = (wait * 2).min(LONGEST);
                wait
            }
        };
        ready.look_at = Instant::now().checked_add(wait);
    }

    /// The job is ready.
    fn is_ready(&mut self) {
        let ready = &mut self.job.ready;
        if ready.probe.take().is_none() {
            return;
        }
        (ready.look_at, ready.deadline) = (None, None);
        if let Some(notices) = &mut ready.notices {
            notices.begin_watchdog();
        }
        self.job.record.newest_mut().readiness.ready_at = Some(Timestamp::now());
        self.write_record();
        self.job.ready.tell_decided = None;
        // What it was looked at with is not needed for the job's whole life.
        role::give_memory_back();
    }

    fn not_ready_in_time(&mut self) {
        self.job.record.newest_mut().readiness.timed_out = true;
        self.write_record();
        if !self.job.ready.keep_going {
            self.give_up();
        }
    }

    /// Ends a run that does not do what it has to: it has failed, and another one may follow.
    fn give_up(&mut self) {
        if self.job.record.is_readiness_decided() {
            self.job.ready.tell_decided = None;
        }
        self.job.ready.stand_down();
        self.grace = self.job.record.spec.life.grace();
        self.on(table::Event::GivenUp);
    }
}
