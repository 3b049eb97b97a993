//! What stops a measurement: only ever printed.

use std::fmt;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Debug)]
pub(crate) struct Error(String);

impl Error {
    #[expect(clippy::new_ret_no_self, reason = "what all functions here return")]
    pub(crate) fn new(what: impl Into<String>) -> Box<dyn std::error::Error> {
        Box::new(Error(what.into()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
