//! Jobs.

use crate::failure::{raised, unlocked};
use crate::program::{self, Changes};
use crate::report;
use crate::watch::{Following, Output, Waiting};
use outlive::{Command, JobOptions, Jobs, Leftover, OutputMode, RestartOptions, Stopped, Until};
use outlive_os::os_string;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// What is to be started, a dictionary with all of these keys; text comes as bytes.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
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
    until: String,
    leftover: String,
    breakaway: String,
    leave_sandbox: bool,
    linger: bool,
    reset: Vec<String>,
}

/// One of a few words, each of which means a value.
fn word<T: Copy>(given: &str, words: &[(&str, T)]) -> PyResult<T> {
    let found = words.iter().find(|(word, _)| *word == given);
    let found = found.map(|(_, value)| *value);
    found.ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        PyValueError::new_err(format!("{given:?} is none of {}", words.join(", ")))
    })
}

impl Request {
    fn options(&self) -> PyResult<JobOptions> {
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
            .output_mode(word(&self.output_mode, &modes)?)
            .until(word(&self.until, &ends)?)
            .leftover(word(&self.leftover, &leftovers)?);
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

    fn command(self) -> PyResult<Command> {
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
        command
            .breakaway(program::breakaway(&self.breakaway)?)
            .leave_sandbox(self.leave_sandbox)
            .linger(self.linger)
            .reset(program::reset(&self.reset)?);
        Ok(command)
    }
}

fn jobs(py: Python<'_>, home: Option<PathBuf>) -> PyResult<Jobs> {
    let jobs = match home {
        Some(home) => Jobs::at(home),
        None => Jobs::open(),
    };
    jobs.map_err(|error| raised(py, &error))
}

/// Starts a job.
#[pyfunction]
pub(crate) fn start(py: Python<'_>, request: Request) -> PyResult<Job> {
    program::look_around(py)?;
    let jobs = jobs(py, request.home.clone())?;
    let options = request.options()?;
    let command = request.command()?;
    unlocked(py, || jobs.start(&command, &options)).map(Job)
}

/// How all jobs stand, the oldest first.
#[pyfunction]
pub(crate) fn list(py: Python<'_>, home: Option<PathBuf>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    let jobs = jobs(py, home)?;
    let all = unlocked(py, || jobs.list())?;
    all.iter().map(|it| report::status(py, it)).collect()
}

/// The job with this id or name.
#[pyfunction]
pub(crate) fn find(py: Python<'_>, key: &str, home: Option<PathBuf>) -> PyResult<Job> {
    let jobs = jobs(py, home)?;
    unlocked(py, || jobs.get(key)).map(Job)
}

/// Forgets jobs that have ended; their ids.
#[pyfunction]
pub(crate) fn prune(
    py: Python<'_>,
    older_than: Option<Duration>,
    home: Option<PathBuf>,
) -> PyResult<Vec<String>> {
    let jobs = jobs(py, home)?;
    unlocked(py, || jobs.prune(older_than))
}

/// A job.
#[pyclass(frozen, module = "outlive._native")]
pub(crate) struct Job(outlive::Job);

#[pymethods]
impl Job {
    #[getter]
    fn id(&self) -> &str {
        self.0.id()
    }

    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let status = unlocked(py, || self.0.status())?;
        report::status(py, &status)
    }

    fn report<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let report = unlocked(py, || self.0.report())?;
        report.map(|report| report::report(py, &report)).transpose()
    }

    /// How it stands at its end, or nothing if the time is up first.
    fn wait<'py>(
        &self,
        py: Python<'py>,
        timeout: Option<Duration>,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let status = unlocked(py, || self.0.wait(timeout))?;
        status.map(|status| report::status(py, &status)).transpose()
    }

    fn waiting(&self, py: Python<'_>) -> PyResult<Waiting> {
        unlocked(py, || self.0.waiting()).map(Waiting::from)
    }

    fn output(&self, py: Python<'_>, latest: bool, lines: Option<u64>) -> PyResult<Output> {
        unlocked(py, || self.open(latest, lines)).map(Output::from)
    }

    fn follow(&self, py: Python<'_>, latest: bool, lines: Option<u64>) -> PyResult<Following> {
        unlocked(py, || self.0.follow(self.open(latest, lines)?)).map(Following::from)
    }

    fn send(&self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        let mut stdin = unlocked(py, || self.0.stdin())?;
        Ok(py.detach(|| stdin.write_all(data))?)
    }

    fn close_stdin(&self, py: Python<'_>) -> PyResult<()> {
        unlocked(py, || self.0.close_stdin())
    }

    /// How many processes were found where the keeper was gone; `None` where it ended them all.
    fn stop(&self, py: Python<'_>, grace: Option<Duration>) -> PyResult<(&'static str, usize)> {
        Ok(match unlocked(py, || self.0.stop(grace))? {
            Stopped::AlreadyEnded => ("already-ended", 0),
            Stopped::Found(found) => ("found", found),
            _ => ("whole", 0),
        })
    }

    fn kill(&self, py: Python<'_>, signal: i32, tree: bool) -> PyResult<()> {
        unlocked(py, || self.0.kill(signal, tree))
    }

    fn remove(&self, py: Python<'_>) -> PyResult<()> {
        unlocked(py, || self.0.remove())
    }
}

impl Job {
    fn open(&self, latest: bool, lines: Option<u64>) -> outlive::Result<outlive::Output> {
        let mut output = match latest {
            true => self.0.latest_output()?,
            false => self.0.output()?,
        };
        if let Some(lines) = lines {
            output.tail(lines)?;
        }
        Ok(output)
    }
}

/// Starts a job again.
#[pyfunction]
pub(crate) fn restart(
    py: Python<'_>,
    job: &Job,
    grace: Option<Duration>,
    keeper: PathBuf,
) -> PyResult<Job> {
    program::look_around(py)?;
    let mut options = RestartOptions::new();
    options.keeper(keeper);
    if let Some(grace) = grace {
        options.grace(grace);
    }
    unlocked(py, || job.0.restart(&options)).map(Job)
}
