//! What is waited for: Python waits for descriptors itself, so that signals and event loops get
//! their turn.

use crate::failure::unlocked;
use outlive_os::{Borrowed, number};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How much is read at once.
const BLOCK: usize = 64 << 10;

fn held<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

fn numbers(descriptors: &[Borrowed<'_>]) -> Vec<i64> {
    descriptors.iter().map(|it| number::of(*it)).collect()
}

/// A wait for a job's end.
#[pyclass(frozen, module = "outlive._native")]
pub(crate) struct Waiting(Mutex<outlive::Waiting>);

impl From<outlive::Waiting> for Waiting {
    fn from(waiting: outlive::Waiting) -> Waiting {
        Waiting(Mutex::new(waiting))
    }
}

#[pymethods]
impl Waiting {
    /// What becomes readable when something has happened; nothing once the job has ended.
    fn descriptors(&self) -> Vec<i64> {
        numbers(held(&self.0).descriptor().as_slice())
    }

    /// Looks at what has happened, waiting for it; whether the job has ended.
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
