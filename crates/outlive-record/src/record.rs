//! The job's durable record.

use crate::{
    Account, CgroupFolder, Course, Form, JobId, JobName, Leave, Life, Limits, Readiness, ReadyWish,
    Report, Size, Text,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The version of record that this build writes. It reads every version up to this one.
pub const VERSION: u32 = 1;
/// How many runs of a job are kept; older ones are only counted.
pub const KEPT_RUNS: usize = 10;
/// The longest record that is read, in bytes: a command line may have 2 MiB (execve(2)), and JSON
/// may need six bytes for one of them.
pub const RECORD_LIMIT: u64 = 16 << 20;

/// All that is known of a job, in one JSON object which the job's keeper replaces whole.
///
/// While a job runs its pid is not in here: the job itself writes that into the lock file before
/// its exec, so that there is no moment at which it runs and nobody knows who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of the format.
    pub version: u32,
    /// What was asked for.
    #[serde(flatten)]
    pub spec: Spec,
    /// Where the newest run runs.
    pub place: Place,
    /// The last [`KEPT_RUNS`] runs, the newest last.
    pub runs: Vec<Run>,
    /// How many runs there have been.
    pub run_count: u32,
    /// How far it has come since somebody started it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub course: Course,
    /// Cgroups of the newest run's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cgroups: Vec<CgroupFolder>,
    /// What could have ended the newest run, and how that was left, as seen when it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

/// What was asked for; it never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The job's id.
    pub id: JobId,
    /// The name that it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<JobName>,
    /// The program and its arguments.
    pub command: Vec<Text>,
    /// The folder it starts in.
    pub cwd: Text,
    /// Whether it starts from an empty environment.
    #[serde(default, skip_serializing_if = "is_false")]
    pub clean_env: bool,
    /// Variables set for this job. The rest of its environment is not stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(Text, Text)>,
    /// Variables taken away for this job.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_removed: Vec<Text>,
    /// Variables passed on without their values being stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret_env: Vec<Text>,
    /// Its file mode creation mask, if one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub umask: Option<u32>,
    /// Its standard input.
    #[serde(default)]
    pub input: Input,
    /// Its output.
    pub output: Output,
    /// The size that its terminal has at first, if it has one of its own ([`OutputMode::Pty`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<Size>,
    /// What its end is.
    #[serde(default)]
    pub until: Until,
    /// What becomes of processes left when the main process has ended.
    #[serde(default)]
    pub leftover: Leftover,
    /// What it is to leave.
    #[serde(default, skip_serializing_if = "is_default")]
    pub leave: Leave,
    /// Whose it is, if not its starter's.
    #[serde(default, skip_serializing_if = "Account::is_none")]
    pub account: Account,
    /// What it may use.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
    /// How long it lives.
    #[serde(default, skip_serializing_if = "is_default")]
    pub life: Life,
    /// When it is ready, and how long it has for that.
    #[serde(default, skip_serializing_if = "ReadyWish::is_none")]
    pub ready: ReadyWish,
}

/// A job's standard input.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// Nothing: end of file at once.
    #[default]
    Null,
    /// A pipe that the keeper holds open for `send`.
    Kept,
    /// A file.
    File(Text),
    /// A descriptor of the program that started it; it can't be had again by a restart.
    Given,
}

/// Where a job's output goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// A file of the user's own; the job folder's `output` if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Text>,
    /// Who writes to it.
    #[serde(default)]
    pub mode: OutputMode,
    /// What is written down with each line, in the modes in which the keeper writes the file.
    #[serde(default, skip_serializing_if = "Form::is_plain")]
    pub form: Form,
    /// How many bytes of it are kept; 0 is all. Only the job folder's own file is ever capped.
    pub limit: u64,
}

/// Who writes a job's output to its file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputMode {
    /// The job itself.
    #[default]
    File,
    /// The keeper, through a pipe.
    Pipe,
    /// The keeper, through a terminal of the job's own.
    Pty,
}

/// What a job's end is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// The end of its main process.
    #[default]
    Main,
    /// The end of the last process of its tree.
    Tree,
}

/// What becomes of processes that are left when the main process has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leftover {
    /// They are stopped.
    #[default]
    Stop,
    /// They go on, unwatched.
    Leave,
}

/// Which kernel, since which boot, and through which namespaces a job's pid and times are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// machine-id(5).
    pub machine: String,
    /// `/proc/sys/kernel/random/boot_id`, see random(4).
    pub boot: String,
    /// The inode of pid_namespaces(7).
    pub pid_namespace: u64,
    /// The inode of time_namespaces(7): start times are counted from its boot time.
    pub time_namespace: u64,
}

impl Place {
    /// Whether a job of this place can't be seen or touched from `here`.
    pub fn is_elsewhere(&self, here: &Place) -> bool {
        let same_boot = self.boot == here.boot;
        let namespaces = |place: &Place| (place.pid_namespace, place.time_namespace);
        self.machine != here.machine || (same_boot && namespaces(self) != namespaces(here))
    }
}

/// One run of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Its main process; written when it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// When a new keeper took the job over, since the one before had been killed: the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted_at: Option<Timestamp>,
    /// Whether its terminal has ended with a keeper that was killed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub terminal_lost: bool,
    /// How it ended; none while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// Whether somebody asked for it to stop.
    #[serde(default, skip_serializing_if = "is_false")]
    pub stopped: bool,
    /// Whether it was stopped because its time was over.
    #[serde(default, skip_serializing_if = "is_false")]
    pub timed_out: bool,
    /// Where its output begins in the output file, in bytes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub output_start: u64,
    /// Whether the job was seen to have cut its own output file short.
    #[serde(default, skip_serializing_if = "is_false")]
    pub output_truncated: bool,
    /// Why the output can't be capped on its file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_uncapped: Option<String>,
    /// Why some of what it printed could not be written down (in the modes in which the keeper
    /// does that).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_lost: Option<String>,
    /// How many of its processes the kernel has ended for lack of memory, as far as its own cgroup
    /// tells.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub oom_kills: u64,
    /// How far it is with becoming ready, and what it says of itself.
    #[serde(default, skip_serializing_if = "Readiness::is_unknown")]
    pub readiness: Readiness,
    /// Why what was to be run after its end ([`Life::on_end`]) was not, or how that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_end_failed: Option<String>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// By itself, with this code.
    Exited(u32),
    /// By this signal.
    Signaled(i32),
    /// It could not be started, and why.
    Failed(String),
    /// How cannot be told: its keeper had been killed, and the one that adopted it is not its parent.
    Unknown,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Why bytes are no record that this build can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// Written by a newer outlive, in this version of the format.
    Newer(u32),
    /// Not a record; what is wrong with it.
    Damaged(String),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Newer(version) => {
                write!(f, "written by a newer outlive (format {version})")
            }
            Unreadable::Damaged(what) => write!(f, "damaged: {what}"),
        }
    }
}

impl std::error::Error for Unreadable {}

/// A record grows by less than this when its run ends.
const GROWTH: usize = 512;
/// The unit in which common file systems allocate.
const BLOCK: usize = 4096;

impl Record {
    /// The record in `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Record, Unreadable> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let parsed = serde_json::from_slice::<Record>(bytes);
        let version = match &parsed {
            Ok(record) => record.version,
            // A newer one may well not parse as this one.
            Err(_) => serde_json::from_slice::<Version>(bytes).map_or(VERSION, |it| it.version),
        };
        if version > VERSION {
            return Err(Unreadable::Newer(version));
        }
        let record = parsed.map_err(|error| Unreadable::Damaged(error.to_string()))?;
        if record.runs.is_empty() || record.spec.command.is_empty() {
            return Err(Unreadable::Damaged("no run or no command in it".to_owned()));
        }
        Ok(record)
    }

    /// The record as it is written: one line of JSON, padded so that the end of the run can be
    /// added within the blocks that are already allocated. On a full disk the keeper then writes
    /// in place and the exit code is not lost.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1024);
        serde_json::to_writer(&mut bytes, self).expect("a record has no value that JSON lacks");
        if self.newest().end.is_none() && BLOCK - bytes.len() % BLOCK <= GROWTH {
            bytes.resize(bytes.len() + GROWTH, b' ');
        }
        bytes.push(b'\n');
        bytes
    }

    /// The newest run.
    pub fn newest(&self) -> &Run {
        self.runs.last().expect("a record has at least one run")
    }

    /// The newest run, to be changed.
    pub fn newest_mut(&mut self) -> &mut Run {
        self.runs.last_mut().expect("a record has at least one run")
    }

    /// Whether its newest run has ended and no other one is to follow.
    pub fn has_ended(&self) -> bool {
        self.newest().end.is_some() && self.course.again_at.is_none()
    }

    /// Whether its newest run has ended and another one is to follow, as long as the keeper lives that
    /// is to start it.
    pub fn is_between_runs(&self) -> bool {
        self.newest().end.is_some() && self.course.again_at.is_some()
    }

    /// When it is to be removed; none while it runs, or where nobody saw its end.
    pub fn expires_at(&self) -> Option<Timestamp> {
        let kept = Duration::from_millis(self.spec.life.expire_ms?);
        let ended_at = self.newest().ended_at.filter(|_| self.has_ended())?;
        ended_at.checked_add(kept).ok()
    }

    /// Begins another run that somebody has asked for.
    pub fn begin_run(&mut self, place: Place, started_at: Timestamp) {
        self.place = place;
        self.cgroups.clear();
        self.course = Course::default();
        self.add_run(started_at);
    }

    /// Begins another run that its keeper starts, where the last one was.
    pub fn begin_run_again(&mut self, started_at: Timestamp) {
        self.course.again_at = None;
        self.course.restarts = self.course.restarts.saturating_add(1);
        self.add_run(started_at);
    }

    /// Whether this run, which ended so, has done what it was for.
    pub fn has_succeeded(&self, run: &Run, end: &End) -> bool {
        let given_up = run.timed_out || run.readiness.is_given_up(&self.spec.ready);
        self.spec.life.is_success(end) && !given_up
    }

    /// Whether there is nothing to be waited for any more of whoever waits until it is ready: it is,
    /// or nobody looks, or it was not in time and there will be no other run.
    pub fn is_readiness_decided(&self) -> bool {
        let (readiness, spec) = (&self.newest().readiness, &self.spec);
        let too_late = readiness.timed_out && !spec.ready.keep_going;
        readiness.ready_at.is_some()
            || readiness.unknown.is_some()
            || (too_late && !spec.life.goes_on(false, self.course.restarts))
    }

    fn add_run(&mut self, started_at: Timestamp) {
        self.report = None;
        self.run_count = self.run_count.saturating_add(1);
        self.runs.push(Run::begun(started_at));
        if self.runs.len() > KEPT_RUNS {
            self.runs.drain(..self.runs.len() - KEPT_RUNS);
        }
    }
}

impl Run {
    /// A run that has just begun.
    pub fn begun(started_at: Timestamp) -> Run {
        Run {
            started_at,
            ended_at: None,
            pid: None,
            adopted_at: None,
            terminal_lost: false,
            end: None,
            stopped: false,
            timed_out: false,
            output_start: 0,
            output_truncated: false,
            output_uncapped: None,
            output_lost: None,
            oom_kills: 0,
            readiness: Readiness::default(),
            on_end_failed: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(command: Vec<Text>, limit: u64) -> Record {
        let spec = Spec {
            id: JobId::new(b"sh", 7),
            name: JobName::parse("nightly").ok(),
            command,
            cwd: Text(b"/tmp/\xff".to_vec()),
            clean_env: false,
            env: vec![("A".into(), "b=c".into())],
            env_removed: vec![],
            secret_env: vec!["TOKEN".into()],
            umask: Some(0o27),
            input: Input::Null,
            output: Output {
                path: None,
                mode: OutputMode::File,
                form: Form::default(),
                limit,
            },
            terminal: None,
            until: Until::Main,
            leftover: Leftover::Stop,
            leave: Leave::default(),
            account: Account::default(),
            limits: Limits::default(),
            life: Life::default(),
            ready: ReadyWish::default(),
        };
        let runs = vec![Run::begun(Timestamp::UNIX_EPOCH)];
        Record {
            version: VERSION,
            spec,
            place: Place::default(),
            runs,
            run_count: 1,
            course: Course::default(),
            cgroups: vec![],
            report: None,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(command in prop::collection::vec(any::<Vec<u8>>(), 1..5), limit: u64,
            end in prop::option::of(any::<u32>())) {
            let mut it = record(command.into_iter().map(Text).collect(), limit);
            it.newest_mut().end = end.map(End::Exited);
            prop_assert_eq!(Record::parse(&it.to_bytes()), Ok(it));
        }

        #[test]
        fn anything_is_read_without_panic(bytes: Vec<u8>) {
            let _ = Record::parse(&bytes);
        }

        #[test]
        fn no_part_of_a_record_is_a_record(share in 0.0..1.0f64) {
            let whole = record(vec!["sh".into()], 1).to_bytes();
            let whole = whole.trim_ascii_end();
            let cut = &whole[..(whole.len() as f64 * share) as usize];
            prop_assert!(matches!(Record::parse(cut), Err(Unreadable::Damaged(_))));
        }

        #[test]
        fn the_end_fits_into_the_blocks_of_the_beginning(arguments in 0usize..12_000) {
            let mut it = record(vec![Text(vec![b'x'; arguments + 1])], 1);
            let before = it.to_bytes().len();
            let run = it.newest_mut();
            run.ended_at = Some(Timestamp::MAX);
            run.pid = Some(i32::MAX);
            run.end = Some(End::Exited(u32::MAX));
            run.stopped = true;
            run.timed_out = true;
            run.output_truncated = true;
            run.oom_kills = u64::MAX;
            run.output_uncapped = Some("its file system can't give back parts of a file".into());
            it.course.again_at = Some(Timestamp::MAX);
            it.course.short_runs = u32::MAX;
            prop_assert!(it.to_bytes().len().div_ceil(BLOCK) <= before.div_ceil(BLOCK));
        }
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let bytes = record(vec!["sh".into()], 1).to_bytes();
        let newer = String::from_utf8(bytes)
            .unwrap()
            .replace("\"version\":1", "\"version\":2");
        assert_eq!(Record::parse(newer.as_bytes()), Err(Unreadable::Newer(2)));
        assert!(matches!(
            Record::parse(b"{\"version\":1}"),
            Err(Unreadable::Damaged(_))
        ));
    }

    #[test]
    fn fields_of_later_builds_are_passed_over() {
        let bytes = record(vec!["sh".into()], 1).to_bytes();
        let more = String::from_utf8(bytes)
            .unwrap()
            .replacen('{', "{\"colour\":[1,{}],", 1);
        assert!(Record::parse(more.as_bytes()).is_ok());
    }

    #[test]
    fn only_the_last_runs_are_kept() {
        let mut it = record(vec!["sh".into()], 1);
        for _ in 0..25 {
            it.begin_run(Place::default(), Timestamp::UNIX_EPOCH);
        }
        assert_eq!((it.runs.len(), it.run_count), (KEPT_RUNS, 26));
    }
}
