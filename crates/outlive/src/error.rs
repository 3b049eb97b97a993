//! What goes wrong.

use outlive_os::spawn::{SpawnError, Step};
use std::path::Path;
use std::{fmt, io};

/// The result of nearly everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What failed: the operation and its object. The cause is its
/// [`source`](std::error::Error::source), and [`hint`](Error::hint) says what can be done.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    what: String,
    cause: Option<io::Error>,
    hint: Option<String>,
    near: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    NotFound,
    NotExecutable,
    Folder,
    NoSuchJob,
    NameInUse,
    Elsewhere,
    Damaged,
    Running,
    NotRunning,
    Remains,
    Unsupported,
    Invalid,
    Io,
}

impl Error {
    pub(crate) fn new(kind: Kind, what: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            what: what.into(),
            cause: None,
            hint: None,
            near: Vec::new(),
        }))
    }

    pub(crate) fn io(what: impl Into<String>, cause: impl Into<io::Error>) -> Error {
        Error::new(Kind::Io, what).because(cause)
    }

    pub(crate) fn because(mut self, cause: impl Into<io::Error>) -> Error {
        self.0.cause = Some(cause.into());
        self
    }

    pub(crate) fn hint_at(mut self, hint: impl Into<String>) -> Error {
        self.0.hint = Some(hint.into());
        self
    }

    pub(crate) fn hint_if_known(self, hint: Option<impl Into<String>>) -> Error {
        match hint {
            Some(hint) => self.hint_at(hint),
            None => self,
        }
    }

    pub(crate) fn near_to(mut self, near: Vec<String>) -> Error {
        self.0.near = near;
        self
    }

    /// The program could not be executed, for the reason with this error number of execve(2).
    pub(crate) fn exec(program: &str, cause: io::Error) -> Error {
        let path = Path::new(program);
        let (kind, hint) = match cause.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                let hint = if program.contains('/') && path.exists() {
                    Some("the interpreter in its first line (`#!`), or its loader, is missing")
                } else if !program.contains('/') {
                    Some("is it installed, and is its folder in PATH?")
                } else if path.is_relative() {
                    Some("a relative path is taken from the folder that it starts in")
                } else {
                    None
                };
                (Kind::NotFound, hint)
            }
            io::ErrorKind::PermissionDenied if path.is_dir() => {
                (Kind::NotExecutable, Some("it is a folder"))
            }
            io::ErrorKind::PermissionDenied => {
                let hint = "make it executable with `chmod +x`, or run its interpreter";
                (Kind::NotExecutable, Some(hint))
            }
            io::ErrorKind::ArgumentListTooLong => {
                let hint = "arguments and environment are limited: `getconf ARG_MAX`";
                (Kind::NotExecutable, Some(hint))
            }
            _ => (
                Kind::NotExecutable,
                Some("is it a program for this machine?"),
            ),
        };
        let error = Error::new(kind, format!("failed to run `{program}`")).because(cause);
        error.hint_if_known(hint)
    }

    /// A program was not spawned.
    pub(crate) fn spawn(program: &str, folder: Option<&str>, error: SpawnError) -> Error {
        match error.step {
            Step::Exec => Error::exec(program, error.cause),
            Step::Folder => {
                let folder = folder.unwrap_or_default();
                let what = format!("failed to change folder to `{folder}`");
                Error::new(Kind::Folder, what).because(error.cause)
            }
            _ => Error::io(format!("{error} for `{program}`"), error.cause),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What can be done about it, if that is known.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Names and ids like the one that no job has.
    pub fn near(&self) -> &[String] {
        &self.0.near
    }

    /// Whether the program was not found (a shell's exit code 127).
    pub fn is_not_found(&self) -> bool {
        self.kind() == Kind::NotFound
    }

    /// Whether the program was found but can't be executed (a shell's exit code 126).
    pub fn is_not_executable(&self) -> bool {
        self.kind() == Kind::NotExecutable
    }

    /// Whether the folder that it was to start in could not be entered.
    pub fn is_folder(&self) -> bool {
        self.kind() == Kind::Folder
    }

    /// Whether no job, or more than one, was meant.
    pub fn is_no_such_job(&self) -> bool {
        self.kind() == Kind::NoSuchJob
    }

    /// Whether a running job has the name that was asked for.
    pub fn is_name_in_use(&self) -> bool {
        self.kind() == Kind::NameInUse
    }

    /// Whether the job belongs to another host or container.
    pub fn is_elsewhere(&self) -> bool {
        self.kind() == Kind::Elsewhere
    }

    /// Whether the job's record can't be read.
    pub fn is_damaged(&self) -> bool {
        self.kind() == Kind::Damaged
    }

    /// Whether the job would have had to have ended.
    pub fn is_running(&self) -> bool {
        self.kind() == Kind::Running
    }

    /// Whether the job would have had to run.
    pub fn is_not_running(&self) -> bool {
        self.kind() == Kind::NotRunning
    }

    /// Whether something that could end it would have remained although it was required to be left
    /// ([`Breakaway::Require`](crate::Breakaway::Require)).
    pub fn is_remains(&self) -> bool {
        self.kind() == Kind::Remains
    }

    /// Whether this system, or this version of outlive, can't do it.
    pub fn is_unsupported(&self) -> bool {
        self.kind() == Kind::Unsupported
    }

    /// Whether what was asked for makes no sense, such as a name with a `/`.
    pub fn is_invalid(&self) -> bool {
        self.kind() == Kind::Invalid
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_ref().map(|cause| cause as _)
    }
}

/// A short way to say what failed.
pub(crate) trait During<T> {
    fn during(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| Error::io(what(), cause))
    }
}
