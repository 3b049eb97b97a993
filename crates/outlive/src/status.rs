//! How jobs stand.

use jiff::Timestamp;
use outlive_keeper::store::{OUTPUT, Seen, Unseen};
use outlive_os::os_string;
use outlive_record::{End, Form as OutputForm, Input, OutputMode, Place, Report, Spec, Unreadable};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It runs.
    Running,
    /// It ended with an exit code.
    Exited,
    /// A signal ended it.
    Signaled,
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
    /// The file with its output.
    pub output: PathBuf,
    /// What is written down with each line of its output, in that file.
    pub output_form: OutputForm,
    /// Its keeper.
    pub keeper: Keeper,
    /// Whether somebody asked for it to stop.
    pub stopped: bool,
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
    /// Its main process.
    pub pid: Option<i32>,
    /// Its exit code, if it exited.
    pub exit_code: Option<u32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
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
            pid: run.pid,
            exit_code,
            signal,
            output_start: run.output_start,
        }
    }
}

/// Whether a job of that place can't be seen or touched from here.
pub(crate) fn is_elsewhere(there: &Place, here: &Place) -> bool {
    let same_boot = there.boot == here.boot;
    let namespaces = |place: &Place| (place.pid_namespace, place.time_namespace);
    there.machine != here.machine || (same_boot && namespaces(there) != namespaces(here))
}

impl Status {
    /// The status of what was seen, from here; `folder` is the job's.
    pub(crate) fn of(seen: &Seen, here: &Place, folder: &Path) -> Status {
        let record = &seen.record;
        let run = record.newest();
        let mut runs: Vec<Run> = record.runs.iter().map(Run::from).collect();
        // While a run lasts its process is in the lock file alone.
        if let (Some(latest), Some(main)) = (runs.last_mut(), seen.main) {
            latest.pid.get_or_insert(main.pid);
        }
        let latest = runs.last().cloned().unwrap_or_else(|| Run::from(run));
        let mut notes = Vec::new();
        let state = state(seen, here, &mut notes);
        if run.adopted_at.is_some() {
            notes.extend(adopted(&record.spec));
        }
        if run.output_truncated {
            notes.push(
                "the job has cut its own output short (it reopened /dev/stdout or /dev/stderr): \
                 lines were lost; `run --output-mode pipe` keeps them"
                    .to_owned(),
            );
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
        let output = match &record.spec.output.path {
            Some(path) => PathBuf::from(os_string(path.0.clone())),
            None => folder.join(OUTPUT),
        };
        let at_home = state != State::Elsewhere;
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
            output,
            output_form: record.spec.output.form,
            keeper: Keeper {
                pid: seen.keeper.map(|it| it.pid),
                alive: seen.kept && at_home,
            },
            stopped: run.stopped,
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
            output: folder.join(OUTPUT),
            output_form: OutputForm::default(),
            keeper: Keeper::default(),
            stopped: false,
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

/// What a person should know of a job that was adopted.
fn adopted(spec: &Spec) -> Vec<String> {
    let mut notes =
        vec!["its keeper was killed while it ran, and another one has adopted it".to_owned()];
    if spec.input == Input::Kept {
        notes.push("its standard input has ended with the keeper that was killed".to_owned());
    }
    notes
}

fn state(seen: &Seen, here: &Place, notes: &mut Vec<String>) -> State {
    let place = &seen.record.place;
    if is_elsewhere(place, here) {
        notes.push(match place.machine == here.machine {
            true => "it belongs to another container of this host".to_owned(),
            false => "it belongs to another host".to_owned(),
        });
        return State::Elsewhere;
    }
    match &seen.record.newest().end {
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
