//! One error for all tasks: what failed, and why.

use std::fmt;

pub(crate) type Result<T> = std::result::Result<T, Error>;

#[derive(Debug)]
pub(crate) struct Error {
    what: String,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    lacking: bool,
}

impl Error {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            cause: None,
            lacking: false,
        }
    }

    /// Nothing went wrong: the machine lacks something, and a person has to see to it.
    pub(crate) fn lacking(what: impl Into<String>) -> Self {
        Self {
            lacking: true,
            ..Self::new(what)
        }
    }

    pub(crate) fn is_lacking(&self) -> bool {
        self.lacking
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.cause {
            // Shown here: a task's error is only ever printed, never matched on.
            Some(cause) => write!(f, ": {cause}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// Says what was being done when something failed.
pub(crate) trait Context<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: std::error::Error + Send + Sync + 'static> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| Error {
            what: what(),
            cause: Some(Box::new(cause)),
            lacking: false,
        })
    }
}
