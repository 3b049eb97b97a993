//! A job's own terminal.

use crate::failure::{raised, unlocked};
use crate::start;
use crate::watch::{BLOCK, held, numbers};
use outlive_os::number;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::io;
use std::sync::Mutex;

/// Who sits at a job's terminal.
#[pyclass(frozen, module = "outlive._native")]
pub(crate) struct Attached(Mutex<outlive::Attached>);

impl From<outlive::Attached> for Attached {
    fn from(attached: outlive::Attached) -> Attached {
        Attached(Mutex::new(attached))
    }
}

#[pymethods]
impl Attached {
    /// What becomes readable when there is more.
    fn descriptors(&self) -> Vec<i64> {
        numbers(&held(&self.0).descriptors())
    }

    /// What becomes writable when there is room for more.
    fn input(&self) -> i64 {
        number::of(held(&self.0).input())
    }

    /// Waits until there is more to read.
    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        let waited = py.detach(|| {
            let held = held(&self.0);
            held.wait(&held.descriptors(), false, None)
        });
        Ok(waited.map(drop)?)
    }

    /// What there is, at most `most` bytes: nothing (`b""`) at the end, `None` if it is to be waited
    /// for.
    fn read<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let mut block = vec![0; most.min(BLOCK)];
        let length = py.detach(|| held(&self.0).try_read(&mut block))?;
        Ok(length.map(|length| PyBytes::new(py, &block[..length])))
    }

    /// How many bytes there was room for; `None` if there is none.
    fn write(&self, py: Python<'_>, data: &[u8]) -> PyResult<Option<usize>> {
        match py.detach(|| held(&self.0).try_write(data)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            written => Ok(Some(written?)),
        }
    }

    /// Its columns and rows.
    fn size(&self, py: Python<'_>) -> PyResult<(u16, u16)> {
        let size = held(&self.0).size().map_err(|error| raised(py, &error))?;
        Ok((size.columns, size.rows))
    }

    fn set_size(&self, py: Python<'_>, columns: i64, rows: i64) -> PyResult<()> {
        let size = start::size(py, (columns, rows))?;
        unlocked(py, || held(&self.0).set_size(size))
    }
}
