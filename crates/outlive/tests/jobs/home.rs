//! A state folder of a test's own, and jobs that do as they are told.

use crate::support::pipe;
use outlive::{Command, Job, JobOptions, Jobs, State, Status};
use outlive_os::process::Process;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, PipeWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Jobs in a temporary folder. What still runs of them at the end is stopped.
pub(crate) struct Home {
    folder: TempDir,
    pub(crate) jobs: Jobs,
}

impl Home {
    pub(crate) fn new() -> Home {
        let folder = tempfile::tempdir().expect("a folder can be made");
        // Whatever the umask is.
        let private = Permissions::from_mode(0o700);
        fs::set_permissions(folder.path(), private).expect("our own folder");
        let jobs = Jobs::at(folder.path().join("home")).expect("this place can be told");
        Home { folder, jobs }
    }

    /// A folder for other things.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    #[track_caller]
    pub(crate) fn start(&self, command: &Command, options: &JobOptions) -> Job {
        let started = self.jobs.start(command, options);
        started.unwrap_or_else(|error| panic!("{}", crate::support::told(&error)))
    }

    /// A job that does what a shell's script says.
    #[track_caller]
    pub(crate) fn shell(&self, script: &str) -> Job {
        self.start(&shell(script), &JobOptions::new())
    }

    /// A job with this name that has ended, with this code.
    #[track_caller]
    pub(crate) fn ended(&self, name: &str, code: u32) -> Job {
        let mut options = JobOptions::new();
        if !name.is_empty() {
            options.name(name);
        }
        let job = self.start(&shell(&format!("exit {code}")), &options);
        let status = waited(&job);
        assert_eq!(
            (status.state, status.exit_code),
            (State::Exited, Some(code))
        );
        keeper_gone(&job);
        job
    }

    /// A file in a job's folder.
    pub(crate) fn file(&self, job: &Job, name: &str) -> PathBuf {
        self.jobs.home().join("jobs").join(job.id()).join(name)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        for status in self.jobs.list().unwrap_or_default() {
            let Ok(job) = self.jobs.get(&status.id) else {
                continue;
            };
            if status.state == State::Running {
                let _ = job.stop(Some(Duration::ZERO));
            }
            keeper_gone(&job);
        }
    }
}

pub(crate) fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

pub(crate) fn named(name: &str) -> JobOptions {
    JobOptions::new().name(name).clone()
}

/// How a job stands.
#[track_caller]
pub(crate) fn status(job: &Job) -> Status {
    job.status()
        .unwrap_or_else(|error| panic!("{}", crate::support::told(&error)))
}

/// Waits for a job's end.
#[track_caller]
pub(crate) fn waited(job: &Job) -> Status {
    let ended = job
        .wait(None)
        .unwrap_or_else(|error| panic!("{}", crate::support::told(&error)));
    ended.expect("without a timeout it ends")
}

/// Waits until a job's keeper, if it lives, has gone.
pub(crate) fn keeper_gone(job: &Job) {
    let keeper = job.status().ok().map(|status| status.keeper);
    if let Some(pid) = keeper
        .filter(|keeper| keeper.alive)
        .and_then(|keeper| keeper.pid)
        && let Ok(process) = Process::open(pid)
    {
        // The pid was its own while it lived; if it has gone meanwhile, this one has the lock.
        if job.status().is_ok_and(|status| status.keeper.alive) {
            let _ = process.wait_end(None);
        }
    }
}

/// Kills a job's keeper, as nobody should.
pub(crate) fn kill_keeper(job: &Job) {
    let keeper = status(job).keeper;
    assert!(keeper.alive);
    let process = Process::open(keeper.pid.expect("a keeper")).expect("it lives");
    process.signal(9).expect("it is ours");
    assert!(process.wait_end(None).expect("it can be waited for"));
}

/// The main process of a job that runs.
pub(crate) fn main_process(job: &Job) -> Process {
    Process::open(status(job).pid.expect("it runs")).expect("it runs")
}

pub(crate) fn lives(process: &Process) -> bool {
    !process
        .wait_end(Some(Duration::ZERO))
        .expect("it can be waited for")
}

/// All that a job has printed.
pub(crate) fn output(job: &Job) -> String {
    let mut text = String::new();
    let mut output = job.output().expect("it can be read");
    output.read_to_string(&mut text).expect("text");
    text
}

/// Waits until a job has printed this line.
#[track_caller]
pub(crate) fn says(job: &Job, line: &str) {
    says_times(job, line, 1);
}

/// Waits until a job has printed this line so many times.
#[track_caller]
pub(crate) fn says_times(job: &Job, line: &str, times: usize) {
    let output = job
        .output()
        .and_then(|output| job.follow(output))
        .expect("it can be followed");
    let lines = BufReader::new(output)
        .lines()
        .map(|line| line.expect("text"));
    let said = lines.filter(|it| it == line).take(times).count();
    assert_eq!(said, times, "it ended without saying {line:?} so often");
}

/// A job that ends with the code that it is told, or with 1 if nobody is left to tell it.
pub(crate) struct Told {
    pub(crate) job: Job,
    tell: PipeWriter,
}

impl Told {
    /// `first` is what its script does first.
    #[track_caller]
    pub(crate) fn start(home: &Home, first: &str, options: &JobOptions) -> Told {
        let (stdin, tell) = pipe();
        let mut command = shell(&format!(
            "{first}\necho ready; read code; exit ${{code:-1}}"
        ));
        command.stdin(OwnedFd::from(stdin));
        let job = home.start(&command, options);
        says(&job, "ready");
        Told { job, tell }
    }

    /// The job, and what it is told through.
    pub(crate) fn apart(self) -> (Job, PipeWriter) {
        (self.job, self.tell)
    }

    pub(crate) fn tell(&mut self, code: i32) {
        writeln!(self.tell, "{code}").expect("it reads");
    }

    /// Has it end with this code, and waits until it has.
    #[track_caller]
    pub(crate) fn end(mut self, code: i32) -> Status {
        self.tell(code);
        waited(&self.job)
    }
}
