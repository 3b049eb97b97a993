//! Starting a job.

use crate::failure::{invalid, unlocked};
use crate::items::from_items;
use crate::job::{Job, jobs};
use crate::program::{self, Changes};
use outlive::{
    Command, JobOptions, Leftover, Limits, OutputMode, Ready, RestartPolicy, Size, Success, Until,
    Via,
};
use outlive_os::os_string;
use pyo3::prelude::*;
use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

from_items! {
    /// What is to be started, a dictionary with all of these keys; text comes as bytes.
    pub(crate) struct Request {
        home: Option<PathBuf>,
        keeper: PathBuf,
        argv: Vec<Vec<u8>>,
        name: Option<String>,
        cwd: Option<Vec<u8>>,
        env: Changes,
        clear_env: bool,
        secret_env: Vec<Vec<u8>>,
        umask: Option<u32>,
        keep_stdin: bool,
        stdin: Option<PathBuf>,
        output: Option<PathBuf>,
        output_limit: u64,
        output_mode: String,
        timestamps: bool,
        split: bool,
        /// Columns and rows.
        tty: Option<(i64, i64)>,
        until: String,
        leftover: String,
        life: Life,
        ready: Readiness,
        limits: Allowed,
        user: Option<String>,
        group: Option<String>,
        breakaway: String,
        via: Option<String>,
        leave_sandbox: bool,
        linger: bool,
        reset: Vec<String>,
    }
}

from_items! {
    /// How long it lives.
    struct Life {
        timeout: Option<Duration>,
        expire: Option<Duration>,
        stop_signal: Option<i32>,
        grace: Option<Duration>,
        restart: String,
        max_restarts: Option<i64>,
        success_codes: Vec<i64>,
        success_signals: Vec<i32>,
        on_end: Option<Vec<u8>>,
    }
}

from_items! {
    /// What shows that it is ready, and that it lives.
    struct Readiness {
        when: Option<Vec<u8>>,
        timeout: Option<Duration>,
        keep_going: bool,
        watchdog: Option<Duration>,
    }
}

from_items! {
    /// What it may use. A number is as large as Python's are: what is too large is said to be so.
    struct Allowed {
        memory: Option<i64>,
        millicpus: Option<i64>,
        tasks: Option<i64>,
        io_weight: Option<i64>,
        nice: Option<i64>,
        prefer: bool,
    }
}

/// One of a few words, each of which means a value.
fn word<T: Copy>(py: Python<'_>, given: &str, words: &[(&str, T)]) -> PyResult<T> {
    let found = words.iter().find(|(word, _)| *word == given);
    let found = found.map(|(_, value)| *value);
    found.ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        invalid(py, &format!("{given:?} is none of {}", words.join(", ")))
    })
}

/// A number of the library's.
fn number<T: TryFrom<i64, Error: Display>>(py: Python<'_>, what: &str, given: i64) -> PyResult<T> {
    let refused = |error| invalid(py, &format!("{what} can't be {given}: {error}"));
    T::try_from(given).map_err(refused)
}

impl Life {
    fn set(&self, py: Python<'_>, options: &mut JobOptions) -> PyResult<()> {
        if let Some(timeout) = self.timeout {
            options.timeout(timeout);
        }
        if let Some(after) = self.expire {
            options.expire(after);
        }
        if let Some(signal) = self.stop_signal {
            options.stop_signal(signal);
        }
        if let Some(grace) = self.grace {
            options.grace(grace);
        }
        let max = self.max_restarts;
        let max = max.map(|max| number(py, "max_restarts", max)).transpose()?;
        let policies = [
            ("no", RestartPolicy::No),
            ("on-failure", RestartPolicy::OnFailure { max }),
            ("always", RestartPolicy::Always { max }),
        ];
        options.restart(word(py, &self.restart, &policies)?);
        let codes = self.success_codes.iter();
        let codes = codes.map(|code| number(py, "an exit code", *code).map(Success::Code));
        let codes = codes.collect::<PyResult<Vec<_>>>()?;
        let signals = self.success_signals.iter().copied().map(Success::Signal);
        options.success_codes(codes.into_iter().chain(signals));
        if let Some(line) = &self.on_end {
            options.on_end(os_string(line.clone()));
        }
        Ok(())
    }
}

impl Readiness {
    fn set(&self, py: Python<'_>, options: &mut JobOptions) -> PyResult<()> {
        if let Some(when) = &self.when {
            let when = Ready::parse(when)
                .map_err(|why| invalid(py, &format!("failed to read what is ready: {why}")))?;
            options.ready(when);
        }
        if let Some(time) = self.timeout {
            options.ready_timeout(time);
        }
        if let Some(period) = self.watchdog {
            options.watchdog(period);
        }
        options.keep_going(self.keep_going);
        Ok(())
    }
}

impl Allowed {
    fn limits(&self, py: Python<'_>) -> PyResult<Limits> {
        fn some<T: TryFrom<i64, Error: Display>>(
            py: Python<'_>,
            what: &str,
            given: Option<i64>,
        ) -> PyResult<Option<T>> {
            given.map(|given| number(py, what, given)).transpose()
        }
        Ok(Limits {
            memory: some(py, "memory", self.memory)?,
            millicpus: some(py, "a thousand times cpus", self.millicpus)?,
            tasks: some(py, "tasks", self.tasks)?,
            io_weight: some(py, "io_weight", self.io_weight)?,
            nice: some(py, "nice", self.nice)?,
            prefer: self.prefer,
        })
    }
}

/// A terminal's size, of columns and rows.
pub(crate) fn size(py: Python<'_>, (columns, rows): (i64, i64)) -> PyResult<Size> {
    if columns == 0 || rows == 0 {
        return Err(invalid(
            py,
            "a terminal has at least one column and one row",
        ));
    }
    Ok(Size {
        columns: number(py, "a terminal's width", columns)?,
        rows: number(py, "a terminal's height", rows)?,
    })
}

impl Request {
    fn options(&self, py: Python<'_>) -> PyResult<JobOptions> {
        let modes = [
            ("file", OutputMode::File),
            ("pipe", OutputMode::Pipe),
            ("pty", OutputMode::Pty),
        ];
        let ends = [("main", Until::Main), ("tree", Until::Tree)];
        let leftovers = [("stop", Leftover::Stop), ("leave", Leftover::Leave)];
        let mut options = JobOptions::new();
        options
            .keeper(&self.keeper)
            .keep_stdin(self.keep_stdin)
            .output_limit(self.output_limit)
            .output_mode(word(py, &self.output_mode, &modes)?)
            .timestamps(self.timestamps)
            .split(self.split)
            .until(word(py, &self.until, &ends)?)
            .leftover(word(py, &self.leftover, &leftovers)?)
            .limits(self.limits.limits(py)?);
        self.life.set(py, &mut options)?;
        self.ready.set(py, &mut options)?;
        if let Some(given) = self.tty {
            options.tty(size(py, given)?);
        }
        if let Some(user) = &self.user {
            options.user(user);
        }
        if let Some(group) = &self.group {
            options.group(group);
        }
        if let Some(name) = &self.name {
            options.name(name);
        }
        if let Some(file) = &self.stdin {
            options.stdin_file(file);
        }
        if let Some(file) = &self.output {
            options.output_file(file);
        }
        for name in &self.secret_env {
            options.secret_env(os_string(name.clone()));
        }
        Ok(options)
    }

    fn command(self, py: Python<'_>) -> PyResult<Command> {
        let mut argv = self.argv.into_iter().map(os_string);
        let mut command = Command::new(argv.next().unwrap_or_default());
        command.args(argv);
        match self.clear_env {
            true => command.env_clear(),
            false => command.env_take(),
        };
        program::change(&mut command, self.env);
        if let Some(folder) = self.cwd {
            command.current_dir(os_string(folder));
        }
        if let Some(mask) = self.umask {
            command.umask(mask);
        }
        if let Some(via) = self.via {
            let ways = [
                ("parent", Via::Parent),
                ("service", Via::Service),
                ("task", Via::Task),
            ];
            command.via(word(py, &via, &ways)?);
        }
        command
            .breakaway(program::breakaway(&self.breakaway)?)
            .leave_sandbox(self.leave_sandbox)
            .linger(self.linger)
            .reset(program::reset(&self.reset)?);
        Ok(command)
    }
}

/// Starts a job.
#[pyfunction]
pub(crate) fn start(py: Python<'_>, request: Request) -> PyResult<Job> {
    program::look_around(py)?;
    let jobs = jobs(py, request.home.clone())?;
    let options = request.options(py)?;
    let command = request.command(py)?;
    unlocked(py, || jobs.start(&command, &options)).map(Job)
}
