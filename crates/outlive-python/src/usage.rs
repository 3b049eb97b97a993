//! What jobs may use, and do use, as dictionaries.

use outlive::{Limits, Usage};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// What a job may use.
pub(crate) fn limits<'py>(py: Python<'py>, limits: &Limits) -> PyResult<Bound<'py, PyDict>> {
    let all = PyDict::new(py);
    all.set_item("memory", limits.memory)?;
    let cpus = limits.millicpus.map(|it| f64::from(it) / 1000.0);
    all.set_item("cpus", cpus)?;
    all.set_item("tasks", limits.tasks)?;
    all.set_item("io_weight", limits.io_weight)?;
    all.set_item("nice", limits.nice)?;
    all.set_item("prefer", limits.prefer)?;
    Ok(all)
}

/// What a job uses.
pub(crate) fn used<'py>(py: Python<'py>, usage: &Usage) -> PyResult<Bound<'py, PyDict>> {
    let all = PyDict::new(py);
    all.set_item("cpu_time", usage.cpu_time.map(|it| it.as_secs_f64()))?;
    all.set_item("memory", usage.memory)?;
    all.set_item("memory_peak", usage.memory_peak)?;
    all.set_item("tasks", usage.tasks)?;
    all.set_item("bytes_read", usage.bytes_read)?;
    all.set_item("bytes_written", usage.bytes_written)?;
    all.set_item("summed", &usage.summed)?;
    Ok(all)
}
