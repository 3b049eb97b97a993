//! What goes wrong.

use outlive_os::spawn::{SpawnError, Step};
use std::path::Path;
use std::{fmt, io};

/// The result of nearly everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What failed: the operation and its object. The cause is its
/// [`source`](std::error::Error::source), and [`hint`](Error::hint) says what can be done.
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
#[repr(u8)]
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

impl Kind {
    const ALL: [Kind; 13] = [
        Kind::NotFound,
        Kind::NotExecutable,
        Kind::Folder,
        Kind::NoSuchJob,
        Kind::NameInUse,
        Kind::Elsewhere,
        Kind::Damaged,
        Kind::Running,
        Kind::NotRunning,
        Kind::Remains,
        Kind::Unsupported,
        Kind::Invalid,
        Kind::Io,
    ];
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

    /// For another process, which [`Error::from_bytes`] gives it to. What is near is not passed on.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let Inner {
            kind,
            what,
            cause,
            hint,
            ..
        } = &*self.0;
        let number = cause.as_ref().and_then(io::Error::raw_os_error);
        let parts = [
            (*kind as u8).to_string(),
            number.map_or_else(String::new, |number| number.to_string()),
            cause.as_ref().map_or_else(String::new, ToString::to_string),
            what.clone(),
            hint.clone().unwrap_or_default(),
        ];
        parts.join("\0").into_bytes()
    }

    /// What [`Error::to_bytes`] of another process has given.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Error {
        let text = String::from_utf8_lossy(bytes);
        let mut parts = text.split('\0');
        let mut next = || parts.next().unwrap_or_default();
        let kind = Kind::ALL.iter().find({
            let number = next().parse();
            move |kind| number == Ok(**kind as u8)
        });
        let (number, cause, what, hint) = (next().parse(), next(), next(), next());
        let error = Error::new(kind.copied().unwrap_or(Kind::Io), what);
        let error = match number {
            Ok(number) => error.because(io::Error::from_raw_os_error(number)),
            Err(_) if cause.is_empty() => error,
            Err(_) => error.because(io::Error::other(cause.to_owned())),
        };
        error.hint_if_known(Some(hint).filter(|hint| !hint.is_empty()))
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

    /// Whether the job, or the daemon of this pid file, would have had to have ended.
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

/// For people, since that is how a `main` that returns it prints it: with its cause and its hint.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)?;
        if let Some(cause) = &self.0.cause {
            write!(f, ": {cause}")?;
        }
        match self.hint() {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_passes_to_another_process_whole() {
        let causes = [
            None,
            Some(io::Error::from_raw_os_error(1)),
            Some(io::Error::other("it rains")),
        ];
        let last = Kind::Io as usize;
        assert_eq!(
            Kind::ALL.map(|kind| kind as usize),
            std::array::from_fn(|at| at)
        );
        assert_eq!(Kind::ALL.len(), last + 1);
        for (cause, kind) in causes.into_iter().zip(Kind::ALL.into_iter().rev()) {
            let told = cause.as_ref().map(ToString::to_string);
            let number = cause.as_ref().and_then(io::Error::raw_os_error);
            let mut error = Error::new(kind, "failed to go out");
            if let Some(cause) = cause {
                error = error.because(cause).hint_at("take an umbrella");
            }
            let passed = Error::from_bytes(&error.to_bytes());
            assert_eq!(passed.kind(), kind);
            assert_eq!(passed.to_string(), "failed to go out");
            assert_eq!(passed.hint(), error.hint());
            let cause = passed.0.cause.as_ref();
            assert_eq!(cause.map(ToString::to_string), told);
            assert_eq!(cause.and_then(io::Error::raw_os_error), number);
        }
    }
}
