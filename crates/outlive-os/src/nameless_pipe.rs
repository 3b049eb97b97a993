//! A pipe that ends with the process that reads from it: where one with a name would do no better.

use crate::Descriptor;
use crate::events::{Inflow, inflow};
use crate::folder::Folder;
use std::io;

/// A pipe whose reading end can be waited on, and its writing end. It has no name and no spare end: on
/// macOS no job is adopted that could still be read from, and on Windows a pipe has one reading end.
pub fn new(_folder: &Folder, _name: &str) -> io::Result<(Inflow, Descriptor, Option<Descriptor>)> {
    let (from, to) = inflow()?;
    Ok((from, to, None))
}

/// The reading end of what was made as [`new`], which can't be had again.
pub fn again(_folder: &Folder, _name: &str) -> io::Result<Option<Inflow>> {
    Ok(None)
}
