//! Becoming another user, which a process can't do here.

pub use crate::{Identity, User};

use std::io;
use std::path::Path;

fn unsupported<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

/// An error of kind `Unsupported`.
pub fn user(_text: &str) -> io::Result<Option<User>> {
    unsupported()
}

/// An error of kind `Unsupported`.
pub fn group(_text: &str) -> io::Result<Option<u32>> {
    unsupported()
}

/// An error of kind `Unsupported`.
pub fn groups(_user: &User, _group: u32) -> io::Result<Vec<u32>> {
    unsupported()
}

/// An error of kind `Unsupported`.
pub fn owner(_path: &Path) -> io::Result<u32> {
    unsupported()
}

/// An error of kind `Unsupported`.
pub fn own() -> io::Result<Identity> {
    unsupported()
}

/// An error of kind `Unsupported`.
pub fn assume(_identity: &Identity) -> io::Result<()> {
    unsupported()
}

/// An error of kind `Unsupported`.
pub fn difference(_identity: &Identity) -> io::Result<Option<String>> {
    unsupported()
}
