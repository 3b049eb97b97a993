//! The environment block of a new process (CreateProcessW, `lpEnvironment`).

use super::os_string;
use crate::request::Strings;
use std::cmp::Ordering;
use std::io;
use std::os::windows::ffi::OsStrExt;
use windows_sys::Win32::Globalization::{
    CSTR_EQUAL, CSTR_GREATER_THAN, CSTR_LESS_THAN, CompareStringOrdinal,
};

/// What many of the system's own libraries fail without.
const SYSTEM_ROOT: &str = "SystemRoot";

/// One variable: all of it, and how long its name is.
struct Variable(Vec<u16>, usize);

impl Variable {
    /// `NAME=value`; nothing if it is no such thing. A name may begin with `=`, as those by which
    /// cmd.exe remembers each drive's folder do.
    fn new(text: &[u8]) -> Option<Variable> {
        let units: Vec<u16> = os_string(text.to_vec()).encode_wide().collect();
        let place = units
            .iter()
            .skip(1)
            .position(|unit| *unit == u16::from(b'='))?;
        Some(Variable(units, place + 1))
    }

    fn compare(&self, other: &Variable) -> Ordering {
        let length = |it: &Variable| i32::try_from(it.1).unwrap_or(i32::MAX);
        let (one, two) = (self.0.as_ptr(), other.0.as_ptr());
        // SAFETY: each is at least as long as its name.
        let result = unsafe { CompareStringOrdinal(one, length(self), two, length(other), 1) };
        match result {
            CSTR_LESS_THAN => Ordering::Less,
            CSTR_GREATER_THAN => Ordering::Greater,
            CSTR_EQUAL => Ordering::Equal,
            _ => self.0.cmp(&other.0),
        }
    }
}

/// The block that these variables make: sorted by name without regard to capitals, as Windows wants
/// it; the last one of a name counts.
pub(super) fn block(strings: &Strings) -> io::Result<Vec<u16>> {
    let mut all: Vec<Variable> = strings.iter().filter_map(Variable::new).collect();
    if let Some(root) = std::env::var_os(SYSTEM_ROOT) {
        let mut text = format!("{SYSTEM_ROOT}=").into_bytes();
        text.extend_from_slice(super::bytes(&root));
        // The first, so that one that was given counts.
        all.splice(0..0, Variable::new(&text));
    }
    all.sort_by(Variable::compare);
    let mut block: Vec<u16> = Vec::new();
    for (place, variable) in all.iter().enumerate() {
        let next = all.get(place + 1);
        if next.is_none_or(|next| variable.compare(next) != Ordering::Equal) {
            block.extend(&variable.0);
            block.push(0);
        }
    }
    // An empty one has two NULs as well.
    if block.is_empty() {
        block.push(0);
    }
    block.push(0);
    Ok(block)
}
