//! Bytes between a process and a manager: unix(7), SOCK_STREAM.

pub use std::os::unix::net::UnixStream as Stream;
