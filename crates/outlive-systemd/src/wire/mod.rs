//! The D-Bus message format: <https://dbus.freedesktop.org/doc/dbus-specification.html>, as far as
//! it is needed to call methods and to hear signals. Pure: bytes in, bytes out.

mod read;
mod write;

pub(crate) use read::{Kind, Malformed, Message, length};
pub(crate) use write::{Call, Value, Writer};

/// Longer messages than this are refused before memory is reserved for them. What is asked for here
/// is answered in some hundred bytes; the specification would allow 128 MiB.
pub(crate) const LONGEST: usize = 1 << 20;

/// Codes of the header's fields ("Header Fields" in the specification).
mod field {
    pub(super) const PATH: u8 = 1;
    pub(super) const INTERFACE: u8 = 2;
    pub(super) const MEMBER: u8 = 3;
    pub(super) const ERROR_NAME: u8 = 4;
    pub(super) const REPLY_SERIAL: u8 = 5;
    pub(super) const DESTINATION: u8 = 6;
    pub(super) const SENDER: u8 = 7;
    pub(super) const SIGNATURE: u8 = 8;
    pub(super) const UNIX_FDS: u8 = 9;
}

#[cfg(test)]
pub(crate) mod tests;
