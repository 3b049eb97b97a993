//! How jobs stand.

use jiff::Timestamp;
use outlive_keeper::store::{OUTPUT, Seen, Unseen};
use outlive_os::{clock, os_string, signal};
use outlive_record::{
    End, Form as OutputForm, Input, Limits, OutputMode, Place, Readiness, ReadyWish, Record,
    Report, RestartPolicy, Run as RecordedRun, Size, Spec, Unreadable,
};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It runs.
    Running,
    /// It ended with an exit code.
    Exited,
    /// A signal ended it.
    Signaled,
    /// Its time was over, and it was stopped ([`JobOptions::timeout`](crate::JobOptions::timeout)).
    TimedOut,
    /// A run of it has ended, and its keeper waits to start it again
    /// ([`JobOptions::restart`](crate::JobOptions::restart)).
    Waiting,
    /// It could not be started.
    Failed,
    /// It runs no more, and nobody saw how it ended.
    Lost,
    /// It belongs to another host or container, from where alone it can be seen and touched.
    Elsewhere,
    /// Its record can't be read.
    Damaged,
}

impl State {
    /// The word for it in JSON and tables.
    pub fn word(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Exited => "exited",
            State::Signaled => "signaled",
            State::TimedOut => "timed-out",
            State::Waiting => "waiting",
            State::Failed => "failed",
            State::Lost => "lost",
            State::Elsewhere => "elsewhere",
            State::Damaged => "damaged",
        }
    }
}

/// What is known of a job.
#[derive(Debug, Clone)]
pub struct Status {
    /// Its id.
    pub id: String,
    /// The name that it was given.
    pub name: Option<String>,
    /// How it stands.
    pub state: State,
    /// Its main process, or what that was.
    pub pid: Option<i32>,
    /// Its exit code, if it exited.
    pub exit_code: Option<u32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// Its program and arguments.
    pub command: Vec<OsString>,
    /// The folder it started in.
    pub cwd: PathBuf,
    /// When its newest run started.
    pub started_at: Option<Timestamp>,
    /// When its newest run ended.
    pub ended_at: Option<Timestamp>,
    /// What shows that it is ready, as that was asked for.
    pub ready: ReadyWish,
    /// How far its newest run is with that, and what it says of itself.
    pub readiness: Readiness,
    /// The file with its output.
    pub output: PathBuf,
    /// What is written down with each line of its output, in that file.
    pub output_form: OutputForm,
    /// The size that its terminal had at first; none if it has no terminal of its own.
    pub terminal: Option<Size>,
    /// Its keeper.
    pub keeper: Keeper,
    /// Whether somebody asked for it to stop.
    pub stopped: bool,
    /// The user that it was started as, if not its starter's, as that was asked for.
    pub user: Option<String>,
    /// The group, likewise.
    pub group: Option<String>,
    /// What it may use.
    pub limits: Limits,
    /// How many processes of its newest run the kernel has ended for lack of memory, as far as the
    /// job's own cgroup tells: of its own limit, or of the machine's memory.
    pub oom_kills: u64,
    /// Whether its newest run ended as it was meant to
    /// ([`JobOptions::success_codes`](crate::JobOptions::success_codes)); none while it runs, or if it
    /// is not known how it ended.
    pub success: Option<bool>,
    /// How long it may take to end when it is asked to.
    pub grace: Duration,
    /// When it is stopped because its time is over, if it runs and nobody suspends the machine.
    pub times_out_at: Option<Timestamp>,
    /// When it is started again, if it waits for that.
    pub restarts_at: Option<Timestamp>,
    /// How many times its keeper has started it again since somebody started it.
    pub restarts: u32,
    /// When its record and its output are removed, if it has ended and they are to be.
    pub expires_at: Option<Timestamp>,
    /// Its last runs, the newest last.
    pub runs: Vec<Run>,
    /// What else a person should know.
    pub notes: Vec<String>,
    /// What could have ended its newest run, and how that was left, as seen when it ran; hazards
    /// that are not in it were not there. None if nobody has looked (yet: see
    /// [`Job::report`](crate::Job::report)).
    pub report: Option<Report>,
}

/// A job's keeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keeper {
    /// Its process id, if it is or was known.
    pub pid: Option<i32>,
    /// Whether it lives.
    pub alive: bool,
}

/// One run of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When it was seen to be ready, if that was asked for.
    pub ready_at: Option<Timestamp>,
    /// Its main process.
    pub pid: Option<i32>,
    /// Its exit code, if it exited.
    pub exit_code: Option<u32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// Why it could not be started, if so.
    pub failure: Option<String>,
    /// Whether somebody asked for it to stop.
    pub stopped: bool,
    /// Whether it was stopped because the job's time was over.
    pub timed_out: bool,
    /// Where its output begins in the output file, in bytes.
    pub output_start: u64,
}

impl From<&outlive_record::Run> for Run {
    fn from(run: &outlive_record::Run) -> Run {
        let (exit_code, signal) = match run.end {
            Some(End::Exited(code)) => (Some(code), None),
            Some(End::Signaled(signal)) => (None, Some(signal)),
            _ => (None, None),
        };
        Run {
            started_at: run.started_at,
            ended_at: run.ended_at,
            ready_at: run.readiness.ready_at,
            pid: run.pid,
            exit_code,
            signal,
            failure: match &run.end {
                Some(End::Failed(why)) => Some(why.clone()),
                _ => None,
            },
            stopped: run.stopped,
            timed_out: run.timed_out,
            output_start: run.output_start,
        }
    }
}

impl Status {
    /// Whether lack of memory was the reason of its end: the kernel ended its main process (SIGKILL)
    /// and says that it has ended some of the job for that reason.
    pub fn is_out_of_memory(&self) -> bool {
        self.oom_kills > 0 && self.signal == Some(signal::KILL)
    }

    /// The status of what was seen, from here; `folder` is the job's.
    pub(crate) fn of(seen: &Seen, here: &Place, folder: &Path) -> Status {
        let record = &seen.record;
        let run = record.newest();
        let mut runs: Vec<Run> = record.runs.iter().map(Run::from).collect();
        // While a run lasts its process is in the lock file alone.
        let main = seen.main.filter(|_| run.end.is_none());
        if let (Some(latest), Some(main)) = (runs.last_mut(), main) {
            latest.pid.get_or_insert(main.pid);
        }
        let latest = runs.last().cloned().unwrap_or_else(|| Run::from(run));
        let mut notes = Vec::new();
        let state = state(seen, here, &mut notes);
        if run.adopted_at.is_some() {
            notes.extend(adopted(&record.spec, run));
        }
        if run.output_truncated {
            notes.push(
                "the job has cut its own output short (it reopened /dev/stdout or /dev/stderr): \
                 lines were lost; `run --output-mode pipe` keeps them"
                    .to_owned(),
            );
        }
        if run.oom_kills > 0 {
            let which = match run.oom_kills {
                1 => "one of its processes".to_owned(),
                many => format!("{many} of its processes"),
            };
            notes.push(format!("the kernel has ended {which} for lack of memory"));
        }
        if let Some(why) = &run.output_uncapped {
            notes.push(format!("the output is not capped: {why}"));
        }
        if let Some(why) = &run.output_lost {
            notes.push(format!("some of the output could not be written: {why}"));
        }
        let unread = run.end.is_none() && record.spec.output.mode == OutputMode::Pipe;
        if state == State::Lost && unread {
            notes.push("what it printed after its keeper had been ended is lost".to_owned());
        }
        notes.extend(unready(&run.readiness));
        if let Some(why) = &run.on_end_failed {
            notes.push(format!(
                "what was to be run after its end (run --on-end): {why}"
            ));
        }
        let output = match &record.spec.output.path {
            Some(path) => PathBuf::from(os_string(path.0.clone())),
            None => folder.join(OUTPUT),
        };
        let at_home = state != State::Elsewhere;
        let goes_on = matches!(state, State::Running | State::Waiting);
        let success = run.end.as_ref().filter(|end| **end != End::Unknown);
        Status {
            id: record.spec.id.to_string(),
            name: record.spec.name.as_ref().map(ToString::to_string),
            state,
            pid: latest.pid,
            exit_code: latest.exit_code,
            signal: latest.signal,
            command: record
                .spec
                .command
                .iter()
                .map(|it| os_string(it.0.clone()))
                .collect(),
            cwd: PathBuf::from(os_string(record.spec.cwd.0.clone())),
            started_at: Some(run.started_at),
            ended_at: run.ended_at,
            ready: record.spec.ready.clone(),
            readiness: run.readiness.clone(),
            output,
            output_form: record.spec.output.form,
            terminal: (record.spec.output.mode == OutputMode::Pty)
                .then(|| record.spec.terminal.unwrap_or_default()),
            keeper: Keeper {
                pid: seen.keeper.map(|it| it.pid),
                alive: seen.kept && at_home,
            },
            stopped: run.stopped,
            user: record.spec.account.user.clone(),
            group: record.spec.account.group.clone(),
            limits: record.spec.limits,
            oom_kills: run.oom_kills,
            success: success.map(|end| record.has_succeeded(run, end)),
            grace: record.spec.life.grace(),
            times_out_at: times_out_at(record).filter(|_| goes_on),
            restarts_at: record.course.again_at.filter(|_| state == State::Waiting),
            restarts: record.course.restarts,
            expires_at: match goes_on {
                true => None,
                false => record.expires_at(),
            },
            runs,
            notes,
            report: record.report.clone(),
        }
    }

    /// The status of a job whose record can't be read.
    pub(crate) fn damaged(id: &str, why: &Unreadable, folder: &Path) -> Status {
        Status {
            id: id.to_owned(),
            name: None,
            state: State::Damaged,
            pid: None,
            exit_code: None,
            signal: None,
            command: Vec::new(),
            cwd: PathBuf::new(),
            started_at: None,
            ended_at: None,
            ready: ReadyWish::default(),
            readiness: Readiness::default(),
            output: folder.join(OUTPUT),
            output_form: OutputForm::default(),
            terminal: None,
            keeper: Keeper::default(),
            stopped: false,
            user: None,
            group: None,
            limits: Limits::default(),
            oom_kills: 0,
            success: None,
            grace: Duration::ZERO,
            times_out_at: None,
            restarts_at: None,
            restarts: 0,
            expires_at: None,
            runs: Vec::new(),
            notes: vec![format!("its record can't be read: {why}")],
            report: None,
        }
    }

    /// The status of what was looked for and, perhaps, seen.
    pub(crate) fn of_look(
        id: &str,
        look: &Result<Seen, Unseen>,
        here: &Place,
        folder: &Path,
    ) -> Option<Status> {
        match look {
            Ok(seen) => Some(Status::of(seen, here, folder)),
            Err(Unseen::Unreadable(why)) => Some(Status::damaged(id, why, folder)),
            Err(Unseen::Absent) => None,
        }
    }
}

/// Of a job that was to be started again whenever it ends.
const NOT_AGAIN: &str = "it is not started again by itself any more: the keeper that had its environment \
                         was killed; `outlive restart` starts it with yours";

/// When a job's time is over that runs.
fn times_out_at(record: &Record) -> Option<Timestamp> {
    let left = Duration::from_millis(record.course.time_over_ms?).saturating_sub(clock::running());
    Timestamp::now().checked_add(left).ok()
}

/// What a person should know of a job that was adopted.
fn adopted(spec: &Spec, run: &RecordedRun) -> Vec<String> {
    let mut notes =
        vec!["its keeper was killed while it ran, and another one has adopted it".to_owned()];
    if spec.life.restart != RestartPolicy::No {
        notes.push(NOT_AGAIN.to_owned());
    }
    if spec.input == Input::Kept {
        notes.push("its standard input has ended with the keeper that was killed".to_owned());
    }
    if run.terminal_lost {
        notes.push("its terminal has ended with the keeper that was killed (SIGHUP)".to_owned());
    }
    notes
}

/// What a person should know of a job that was not ready, or does not tell that it lives.
fn unready(readiness: &Readiness) -> Vec<String> {
    let mut notes = Vec::new();
    if readiness.timed_out && readiness.ready_at.is_none() {
        notes.push("it was not ready in time (run --ready-timeout)".to_owned());
    }
    if let Some(why) = &readiness.unknown {
        notes.push(format!(
            "it is not looked at any more whether it is ready or lives: {why}"
        ));
    }
    if readiness.watchdog_expired {
        notes
            .push("it was ended: it did not say in time that it lives (run --watchdog)".to_owned());
    }
    notes
}

fn state(seen: &Seen, here: &Place, notes: &mut Vec<String>) -> State {
    let place = &seen.record.place;
    if place.is_elsewhere(here) {
        notes.push(match place.machine == here.machine {
            true => "it belongs to another container of this host".to_owned(),
            false => "it belongs to another host".to_owned(),
        });
        return State::Elsewhere;
    }
    let run = seen.record.newest();
    if seen.record.is_between_runs() {
        if seen.kept {
            return State::Waiting;
        }
        notes.push(NOT_AGAIN.to_owned());
    }
    match &run.end {
        Some(_) if run.timed_out => return State::TimedOut,
        Some(End::Exited(_)) => return State::Exited,
        Some(End::Signaled(_)) => return State::Signaled,
        Some(End::Failed(why)) => {
            notes.push(why.clone());
            return State::Failed;
        }
        Some(End::Unknown) => {
            notes.push(
                "lost: its keeper was ended before the job, and the kernel does not tell anybody \
                 else its exit code"
                    .to_owned(),
            );
            return State::Lost;
        }
        None => {}
    }
    if place.boot != here.boot && seen.kept {
        notes.push(
            "it is kept on another host, or in a container that shares this folder".to_owned(),
        );
        return State::Elsewhere;
    }
    if place.boot != here.boot {
        notes.push("lost (reboot): the machine was started anew while it ran".to_owned());
        return State::Lost;
    }
    if seen.kept {
        return State::Running;
    }
    match seen.running_main(here) {
        Ok(Some(_)) => {
            notes.push(
                "its keeper was killed: the job goes on; `outlive wait` gives it another one, without \
                 which its exit code will not be known"
                    .to_owned(),
            );
            State::Running
        }
        _ if seen.main.is_none() => {
            notes.push("its keeper was ended before the program was started".to_owned());
            State::Failed
        }
        _ => {
            notes.push(
                "lost: its keeper was ended before the job, so its exit code is not known"
                    .to_owned(),
            );
            State::Lost
        }
    }
}
