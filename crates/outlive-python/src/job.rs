//! Jobs.

use crate::attach::Attached;
use crate::events::Events;
use crate::failure::{invalid, raised, unlocked};
use crate::items::from_items;
use crate::program;
use crate::report;
use crate::usage;
use crate::watch::{Following, Lines, Output, Waiting};
use outlive::{Jobs, RestartOptions, Stopped, Stream};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

from_items! {
    /// Which part of an output is asked for, a dictionary with all of these keys.
    pub(crate) struct Part {
        latest: bool,
        lines: Option<u64>,
        since: Option<SystemTime>,
        until: Option<SystemTime>,
        stream: Option<String>,
    }
}

pub(crate) fn jobs(py: Python<'_>, home: Option<PathBuf>) -> PyResult<Jobs> {
    let jobs = match home {
        Some(home) => Jobs::at(home),
        None => Jobs::open(),
    };
    jobs.map_err(|error| raised(py, &error))
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

/// What all running jobs use, by their ids.
#[pyfunction]
pub(crate) fn usage_of_all(
    py: Python<'_>,
    home: Option<PathBuf>,
) -> PyResult<HashMap<String, Bound<'_, PyDict>>> {
    let jobs = jobs(py, home)?;
    let all = unlocked(py, || jobs.usage())?;
    let said = all
        .into_iter()
        .map(|(id, it)| Ok((id, usage::used(py, &it)?)));
    said.collect()
}

/// What happens to jobs from now on.
#[pyfunction]
pub(crate) fn events(py: Python<'_>, home: Option<PathBuf>) -> PyResult<Events> {
    let jobs = jobs(py, home)?;
    unlocked(py, || jobs.events()).map(Events::from)
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
pub(crate) struct Job(pub(crate) outlive::Job);

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

    /// A wait until it is ready, or can't become so any more.
    fn waiting_ready(&self, py: Python<'_>) -> PyResult<Waiting> {
        unlocked(py, || self.0.waiting_ready()).map(Waiting::from)
    }

    /// How it stands when it is ready, or can't become so; nothing if the time is up first.
    fn wait_ready<'py>(
        &self,
        py: Python<'py>,
        timeout: Option<Duration>,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let status = unlocked(py, || self.0.wait_ready(timeout))?;
        status.map(|status| report::status(py, &status)).transpose()
    }

    /// What it uses now; nothing if it does not run.
    fn usage<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let usage = unlocked(py, || self.0.usage())?;
        usage.map(|usage| usage::used(py, &usage)).transpose()
    }

    fn output(&self, py: Python<'_>, part: Part) -> PyResult<Output> {
        self.open(py, part).map(Output::from)
    }

    fn follow(&self, py: Python<'_>, part: Part) -> PyResult<Following> {
        let output = self.open(py, part)?;
        unlocked(py, || self.0.follow(output)).map(Following::from)
    }

    fn lines(&self, py: Python<'_>, part: Part) -> PyResult<Lines> {
        self.open(py, part).map(|it| Lines::from(it.lines()))
    }

    fn follow_lines(&self, py: Python<'_>, part: Part) -> PyResult<Lines> {
        let output = self.open(py, part)?;
        unlocked(py, || self.0.follow(output)).map(|it| Lines::from(it.lines()))
    }

    fn attach(&self, py: Python<'_>, part: Part) -> PyResult<Attached> {
        let output = self.open(py, part)?;
        unlocked(py, || self.0.attach(output)).map(Attached::from)
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
    fn open(&self, py: Python<'_>, part: Part) -> PyResult<outlive::Output> {
        let only = match part.stream.as_deref() {
            None => None,
            Some("stdout") => Some(Stream::Stdout),
            Some("stderr") => Some(Stream::Stderr),
            Some(other) => {
                return Err(invalid(
                    py,
                    &format!("{other:?} is neither stdout nor stderr"),
                ));
            }
        };
        let mut output = unlocked(py, || match part.latest {
            true => self.0.latest_output(),
            false => self.0.output(),
        })?;
        let failed = |error| raised(py, &error);
        let outside = |error: jiff::Error| invalid(py, &format!("that is no time: {error}"));
        if let Some(since) = part.since {
            output
                .since(since.try_into().map_err(outside)?)
                .map_err(failed)?;
        }
        if let Some(until) = part.until {
            output
                .until(until.try_into().map_err(outside)?)
                .map_err(failed)?;
        }
        if let Some(only) = only {
            output.only(only).map_err(failed)?;
        }
        // It is read for that, to its beginning if need be.
        if let Some(lines) = part.lines {
            unlocked(py, || output.tail(lines))?;
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
