//! The library's errors as Python's exceptions.

use outlive::Error;
use pyo3::prelude::*;
use std::error::Error as _;
use std::io;

/// A question that an error answers about its kind.
type Is = fn(&Error) -> bool;

/// Which class of `outlive._errors` it is.
fn class(error: &Error) -> &'static str {
    let classes: [(Is, &str); 12] = [
        (Error::is_not_found, "NotFoundError"),
        (Error::is_not_executable, "NotExecutableError"),
        (Error::is_folder, "FolderError"),
        (Error::is_no_such_job, "NoSuchJobError"),
        (Error::is_name_in_use, "NameInUseError"),
        (Error::is_elsewhere, "ElsewhereError"),
        (Error::is_damaged, "DamagedError"),
        (Error::is_running, "RunningError"),
        (Error::is_not_running, "NotRunningError"),
        (Error::is_remains, "RemainsError"),
        (Error::is_unsupported, "UnsupportedError"),
        (Error::is_invalid, "InvalidError"),
    ];
    let found = classes.iter().find(|(is, _)| is(error));
    found.map_or("SystemCallError", |(_, class)| class)
}

/// The exception for an error: `outlive._errors` knows how it is made.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    let cause = error.source();
    let number = cause
        .and_then(|cause| cause.downcast_ref::<io::Error>())
        .and_then(io::Error::raw_os_error);
    let what = match cause {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    made(py, class(error), &what, number, error.hint(), error.near())
}

/// The exception for what makes no sense.
pub(crate) fn invalid(py: Python<'_>, what: &str) -> PyErr {
    made(py, "InvalidError", what, None, None, &[])
}

/// The exception for what the system refuses to this module itself.
pub(crate) fn refused(py: Python<'_>, what: &str, cause: &io::Error) -> PyErr {
    let (what, number) = (format!("{what}: {cause}"), cause.raw_os_error());
    made(py, "SystemCallError", &what, number, None, &[])
}

fn made(
    py: Python<'_>,
    class: &str,
    what: &str,
    number: Option<i32>,
    hint: Option<&str>,
    near: &[String],
) -> PyErr {
    let errors = py.import("outlive._errors");
    let made =
        errors.and_then(|errors| errors.call_method1("_make", (class, what, number, hint, near)));
    made.map_or_else(|error| error, PyErr::from_value)
}

/// Does something without the interpreter's lock.
pub(crate) fn unlocked<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> outlive::Result<T> + Send,
) -> PyResult<T> {
    py.detach(work).map_err(|error| raised(py, &error))
}
