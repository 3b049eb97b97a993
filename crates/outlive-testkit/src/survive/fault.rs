//! What went wrong with a machine or a cell, as opposed to what became of a job.

use std::fmt;

pub(crate) type Result<T> = std::result::Result<T, Fault>;

/// What failed, and why.
#[derive(Debug)]
pub(crate) struct Fault {
    what: String,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Fault {
    pub(crate) fn new(what: impl Into<String>) -> Fault {
        Fault {
            what: what.into(),
            cause: None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.cause {
            // Shown here: a fault is only ever printed.
            Some(cause) => write!(f, ": {cause}"),
            None => Ok(()),
        }
    }
}

/// Says what was being done when something failed.
pub(crate) trait Context<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: std::error::Error + Send + Sync + 'static> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| Fault {
            what: what(),
            cause: Some(Box::new(cause)),
        })
    }
}
