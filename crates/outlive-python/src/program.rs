//! Programs: children, and what is nobody's child.

use crate::failure::{raised, refused, unlocked};
use crate::items::from_items;
use crate::report;
use outlive::{Breakaway, Command, Reset, Stdio};
use outlive_os::{Descriptor, number, os_string};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Mutex;

from_items! {
    /// What is to be started, a dictionary with all of these keys; text comes as bytes.
    pub(crate) struct Request {
        /// Its program, and its arguments with its own name first.
        program: Vec<u8>,
        argv: Vec<Vec<u8>>,
        /// All of its environment, or that of this process as it is now.
        env: Option<Vec<(Vec<u8>, Vec<u8>)>>,
        cwd: Option<Vec<u8>>,
        umask: Option<u32>,
        /// Descriptors for 0, 1 and 2; without one it has this process's own.
        streams: [Option<i64>; 3],
        /// Whether its input is `/dev/null` without one.
        null_input: bool,
        /// Descriptors that it has under their numbers.
        kept: Vec<i32>,
        session: bool,
        group: bool,
        breakaway: String,
    }
}

impl Request {
    fn command(self, py: Python<'_>) -> PyResult<Command> {
        let mut command = Command::new(os_string(self.program));
        let mut argv = self.argv.into_iter().map(os_string);
        if let Some(name) = argv.next() {
            command.arg0(name);
        }
        command.args(argv);
        match self.env {
            None => command.env_take(),
            Some(all) => {
                let command = command.env_clear();
                for (name, value) in all {
                    command.env(os_string(name), os_string(value));
                }
                command
            }
        };
        if let Some(folder) = self.cwd {
            command.current_dir(os_string(folder));
        }
        if let Some(mask) = self.umask {
            command.umask(mask);
        }
        let without_input = match self.null_input {
            true => Stdio::null(),
            false => Stdio::inherit(),
        };
        let [stdin, stdout, stderr] = self.streams;
        command
            .stdin(stream(py, stdin, without_input)?)
            .stdout(stream(py, stdout, Stdio::inherit())?)
            .stderr(stream(py, stderr, Stdio::inherit())?);
        for kept in self.kept {
            command.keep_descriptor(copy(py, kept.into())?, kept);
        }
        command
            .detach(self.session)
            .own_group(self.group)
            .breakaway(breakaway(&self.breakaway)?);
        Ok(command)
    }
}

fn stream(py: Python<'_>, given: Option<i64>, otherwise: Stdio) -> PyResult<Stdio> {
    Ok(match given {
        Some(given) => copy(py, given)?.into(),
        None => otherwise,
    })
}

/// A copy of what Python has open under this number.
pub(crate) fn copy(py: Python<'_>, number: i64) -> PyResult<Descriptor> {
    let copied = number::duplicate(number);
    copied.map_err(|cause| refused(py, &format!("failed to copy descriptor {number}"), &cause))
}

/// How the surroundings are left, by its word.
pub(crate) fn breakaway(word: &str) -> PyResult<Breakaway> {
    Ok(match word {
        "require" => Breakaway::Require,
        "require-container" => Breakaway::RequireContainer,
        "prefer" => Breakaway::Prefer,
        "off" => Breakaway::Off,
        _ => {
            return Err(PyValueError::new_err(format!(
                "no way to leave is called {word:?}"
            )));
        }
    })
}

/// What is set back, by words.
pub(crate) fn reset(words: &[String]) -> PyResult<Reset> {
    let mut reset = Reset::default();
    for word in words {
        match word.as_str() {
            "all" => reset = Reset::ALL,
            "limits" => reset.limits = true,
            "nice" => reset.nice = true,
            "affinity" => reset.affinity = true,
            "oom" => reset.oom = true,
            "umask" => reset.umask = true,
            "cwd" => reset.cwd = true,
            _ => return Err(PyValueError::new_err(format!("{word:?} can't be set back"))),
        }
    }
    Ok(reset)
}

/// Looks at the surroundings, which reads the environment, while the interpreter's lock is held.
pub(crate) fn look_around(py: Python<'_>) -> PyResult<()> {
    outlive::survey().map_err(|error| raised(py, &error))?;
    Ok(())
}

/// A child that was started.
#[pyclass(frozen, module = "outlive._native")]
pub(crate) struct Child(Mutex<outlive::Child>);

#[pymethods]
impl Child {
    #[getter]
    fn pid(&self) -> u32 {
        self.held().id()
    }

    fn escapes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let report = unlocked(py, || self.held().escapes())?;
        report::report(py, &report)
    }
}

impl Child {
    fn held(&self) -> std::sync::MutexGuard<'_, outlive::Child> {
        // Nothing that is done with it leaves it half done.
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Starts a child of this process. `copied` is called as soon as nothing depends any more on the
/// descriptors that were given: closed by it, they are there for what is still to be opened.
#[pyfunction]
pub(crate) fn spawn(
    py: Python<'_>,
    request: Request,
    copied: &Bound<'_, PyAny>,
) -> PyResult<Child> {
    let mut command = request.command(py)?;
    copied.call0()?;
    command.look_around().map_err(|error| raised(py, &error))?;
    let child = unlocked(py, || command.spawn())?;
    Ok(Child(Mutex::new(child)))
}

/// The variables by which a program would be hunted that is started here.
#[pyfunction]
pub(crate) fn cookies() -> Vec<OsString> {
    outlive::cookies()
}

/// Takes a child that Python has forked, and that halts before its exec, out of what could end it.
#[pyfunction]
pub(crate) fn take_out(
    py: Python<'_>,
    pid: u32,
    program: Vec<u8>,
    session: bool,
    way: &str,
) -> PyResult<Child> {
    let mut command = Command::new(os_string(program));
    command.detach(session).breakaway(breakaway(way)?);
    command.look_around().map_err(|error| raised(py, &error))?;
    let child = unlocked(py, || command.take_out(pid))?;
    Ok(Child(Mutex::new(child)))
}

/// Starts a program that is nobody's child; its process id.
#[pyfunction]
pub(crate) fn disown(py: Python<'_>, request: Request) -> PyResult<u32> {
    let mut command = request.command(py)?;
    command.look_around().map_err(|error| raised(py, &error))?;
    unlocked(py, || command.disown()).map(|process| process.id())
}

/// Variables by name, each set or taken away.
pub(crate) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Applies changes to a command's environment.
pub(crate) fn change(command: &mut Command, changes: Changes) {
    for (name, value) in changes {
        let name: OsString = os_string(name);
        match value {
            Some(value) => command.env(name, os_string(value)),
            None => command.env_remove(name),
        };
    }
}
