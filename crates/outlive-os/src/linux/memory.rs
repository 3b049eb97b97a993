//! Bytes handed to another process without touching a disk: memfd_create(2).
//!
//! The memory is not sealed. F_SEAL_WRITE has the kernel wait until no page is pinned, in steps of
//! 5 ms (memfd_wait_for_pins in mm/memfd.c): nine tenths of the time that starting a job took. Who
//! reads the bytes copies them, and has been handed them by the one who wrote them.

use rustix::fs::MemfdFlags;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

/// Memory with these bytes.
pub fn holding(bytes: &[u8]) -> io::Result<OwnedFd> {
    let memory = rustix::fs::memfd_create(c"outlive-launch", MemfdFlags::CLOEXEC)?;
    let mut file = File::from(memory);
    file.write_all(bytes)?;
    Ok(file.into())
}

/// The bytes that it holds.
pub fn bytes(memory: OwnedFd) -> io::Result<Vec<u8>> {
    let file = File::from(memory);
    let size = rustix::fs::fstat(&file)?.st_size;
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}
