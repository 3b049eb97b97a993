//! What happens to jobs.

use crate::failure::unlocked;
use crate::report::{self, seconds};
use crate::watch::{held, numbers};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::Mutex;
use std::time::Duration;

/// What happens to jobs, as it happens.
#[pyclass(frozen, module = "outlive._native")]
pub(crate) struct Events(Mutex<outlive::Events>);

impl From<outlive::Events> for Events {
    fn from(events: outlive::Events) -> Events {
        Events(Mutex::new(events))
    }
}

#[pymethods]
impl Events {
    /// What becomes readable when something may have happened.
    fn descriptors(&self) -> Vec<i64> {
        numbers(&[held(&self.0).descriptor()])
    }

    /// What has happened next; `None` if the time is over first.
    fn wait<'py>(
        &self,
        py: Python<'py>,
        timeout: Option<Duration>,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(event) = unlocked(py, || held(&self.0).wait(timeout))? else {
            return Ok(None);
        };
        let said = PyDict::new(py);
        said.set_item("kind", event.kind.word())?;
        said.set_item("at", event.at().map(seconds))?;
        said.set_item("status", report::status(py, &event.status)?)?;
        Ok(Some(said))
    }
}
