//! What is waited for: Python waits for descriptors itself, so that signals and event loops get
//! their turn.

use crate::failure::unlocked;
use crate::report::seconds;
use outlive_os::{Borrowed, number};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

/// How much is read at once.
pub(crate) const BLOCK: usize = 64 << 10;

pub(crate) fn held<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn numbers(descriptors: &[Borrowed<'_>]) -> Vec<i64> {
    descriptors.iter().map(|it| number::of(*it)).collect()
}

/// A wait for a job's end, or for its being ready.
#[pyclass(frozen, module = "outlive._native")]
pub(crate) struct Waiting(Mutex<outlive::Waiting>);

impl From<outlive::Waiting> for Waiting {
    fn from(waiting: outlive::Waiting) -> Waiting {
        Waiting(Mutex::new(waiting))
    }
}

#[pymethods]
impl Waiting {
    /// What becomes readable when something has happened; nothing once the wait is over.
    fn descriptors(&self) -> Vec<i64> {
        numbers(held(&self.0).descriptor().as_slice())
    }

    /// Looks at what has happened, waiting for it; whether the wait is over.
    fn advance(&self, py: Python<'_>) -> PyResult<bool> {
        unlocked(py, || held(&self.0).advance())
    }
}

/// A job's output as it is now.
#[pyclass(frozen, module = "outlive._native")]
pub(crate) struct Output(Mutex<outlive::Output>);

impl From<outlive::Output> for Output {
    fn from(output: outlive::Output) -> Output {
        Output(Mutex::new(output))
    }
}

#[pymethods]
impl Output {
    fn read(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        let all = py.detach(|| -> io::Result<Vec<u8>> {
            let mut all = Vec::new();
            held(&self.0).read_to_end(&mut all)?;
            Ok(all)
        });
        Ok(all?)
    }
}

/// A job's output as it comes.
#[pyclass(frozen, module = "outlive._native")]
pub(crate) struct Following(Mutex<outlive::Follow>);

impl From<outlive::Follow> for Following {
    fn from(follow: outlive::Follow) -> Following {
        Following(Mutex::new(follow))
    }
}

#[pymethods]
impl Following {
    /// What becomes readable when there is more.
    fn descriptors(&self) -> Vec<i64> {
        numbers(&held(&self.0).descriptors())
    }

    /// Waits for one of them to be readable.
    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| held(&self.0).wait())?)
    }

    /// What there is: nothing (`b""`) at the end, `None` if it is to be waited for.
    fn read<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let mut block = vec![0; BLOCK];
        let length = py.detach(|| held(&self.0).try_read(&mut block))?;
        Ok(length.map(|length| PyBytes::new(py, &block[..length])))
    }
}

/// Lines of a job's output.
#[pyclass(frozen, module = "outlive._native")]
pub(crate) struct Lines(Mutex<Reading>);

/// Lines that are read several at once.
struct Reading {
    source: Source,
    /// Why no more could be read, which is told after the lines before it.
    failure: Option<io::Error>,
}

/// Where lines come from.
enum Source {
    /// What there is now.
    Kept(outlive::Lines<outlive::Output>),
    /// What comes, too.
    Coming(outlive::Lines<outlive::Follow>),
}

impl From<outlive::Lines<outlive::Output>> for Lines {
    fn from(lines: outlive::Lines<outlive::Output>) -> Lines {
        Lines::of(Source::Kept(lines))
    }
}

impl From<outlive::Lines<outlive::Follow>> for Lines {
    fn from(lines: outlive::Lines<outlive::Follow>) -> Lines {
        Lines::of(Source::Coming(lines))
    }
}

impl Lines {
    fn of(source: Source) -> Lines {
        Lines(Mutex::new(Reading {
            source,
            failure: None,
        }))
    }
}

impl Source {
    fn next(&mut self) -> io::Result<Poll<Option<outlive::Line>>> {
        match self {
            Source::Kept(lines) => lines.next().transpose().map(Poll::Ready),
            Source::Coming(lines) => lines.try_next(),
        }
    }
}

impl Reading {
    /// The lines that there are, about a block of them: none at the end; `None` if they are to be
    /// waited for.
    fn several(&mut self) -> io::Result<Option<Vec<outlive::Line>>> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let (mut lines, mut length) = (Vec::new(), 0);
        while length < BLOCK {
            match self.source.next() {
                Ok(Poll::Ready(Some(line))) => {
                    length += line.text.len() + 1;
                    lines.push(line);
                }
                Ok(Poll::Ready(None)) => break,
                Ok(Poll::Pending) if lines.is_empty() => return Ok(None),
                Ok(Poll::Pending) => break,
                Err(failure) if lines.is_empty() => return Err(failure),
                Err(failure) => {
                    self.failure = Some(failure);
                    break;
                }
            }
        }
        Ok(Some(lines))
    }
}

fn stream(stream: outlive::Stream) -> &'static str {
    match stream {
        outlive::Stream::Stdout => "stdout",
        outlive::Stream::Stderr => "stderr",
    }
}

#[pymethods]
impl Lines {
    /// What becomes readable when there is more.
    fn descriptors(&self) -> Vec<i64> {
        match &held(&self.0).source {
            Source::Kept(_) => Vec::new(),
            Source::Coming(lines) => numbers(&lines.get_ref().descriptors()),
        }
    }

    /// Waits for one of them to be readable.
    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| match &mut held(&self.0).source {
            Source::Kept(_) => Ok(()),
            Source::Coming(lines) => lines.wait(),
        })?)
    }

    /// Those that there are: none at the end, `None` if they are to be waited for.
    fn read<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        let Some(lines) = py.detach(|| held(&self.0).several())? else {
            return Ok(None);
        };
        let all = PyList::empty(py);
        for line in lines {
            let said = PyDict::new(py);
            said.set_item("time", line.time.map(seconds))?;
            said.set_item("stream", line.stream.map(stream))?;
            said.set_item("text", PyBytes::new(py, &line.text))?;
            said.set_item("ends", line.ends)?;
            all.append(said)?;
        }
        Ok(Some(all))
    }
}
