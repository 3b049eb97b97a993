//! Bytes handed to another process without touching a disk: shm_open(2). Such memory can't be read
//! or written but by mapping it, and its size is rounded up to pages: the first 8 bytes hold the
//! length.

use super::{checked, proc};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

const HEADER: usize = size_of::<u64>();

/// Memory with these bytes.
pub fn holding(bytes: &[u8]) -> io::Result<OwnedFd> {
    let memory = make()?;
    let size = HEADER + bytes.len();
    rustix::fs::ftruncate(&memory, size as u64)?;
    let map = Map::new(memory.as_fd(), size, ProtFlags::READ | ProtFlags::WRITE)?;
    let length = (bytes.len() as u64).to_ne_bytes();
    // SAFETY: the map has room for both, and nobody else has the memory yet.
    unsafe {
        ptr::copy_nonoverlapping(length.as_ptr(), map.start.cast(), HEADER);
        ptr::copy_nonoverlapping(
            bytes.as_ptr(),
            map.start.cast::<u8>().add(HEADER),
            bytes.len(),
        );
    }
    Ok(memory)
}

/// New memory that bears no name any more.
fn make() -> io::Result<OwnedFd> {
    // A name has at most 31 bytes (PSHMNAMLEN).
    let name = format!("/outlive-{:08x}{:08x}\0", proc::random()?, proc::random()?);
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
    let mode = libc::c_uint::from(libc::S_IRUSR | libc::S_IWUSR);
    // SAFETY: a string that ends with a NUL, and numbers.
    let memory = checked(unsafe { libc::shm_open(name.as_ptr().cast(), flags, mode) })?;
    // SAFETY: the descriptor was made just now, for us.
    let memory = unsafe { OwnedFd::from_raw_fd(memory) };
    // SAFETY: as above.
    checked(unsafe { libc::shm_unlink(name.as_ptr().cast()) })?;
    rustix::io::fcntl_setfd(&memory, rustix::io::FdFlags::CLOEXEC)?;
    Ok(memory)
}

/// The bytes that it holds.
pub fn bytes(memory: OwnedFd) -> io::Result<Vec<u8>> {
    let size = usize::try_from(rustix::fs::fstat(&memory)?.st_size).unwrap_or(0);
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "it does not hold what it says");
    if size < HEADER {
        return Err(invalid());
    }
    let map = Map::new(memory.as_fd(), size, ProtFlags::READ)?;
    let mut length = [0; HEADER];
    // SAFETY: the map has that many bytes; they are copied, since others may write to them.
    unsafe { ptr::copy_nonoverlapping(map.start.cast::<u8>(), length.as_mut_ptr(), HEADER) };
    let length = usize::try_from(u64::from_ne_bytes(length)).unwrap_or(usize::MAX);
    if length > size - HEADER {
        return Err(invalid());
    }
    let mut bytes = vec![0; length];
    // SAFETY: as above, and it was looked at that there are as many.
    unsafe {
        let from = map.start.cast::<u8>().add(HEADER);
        ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), length);
    }
    Ok(bytes)
}

/// Memory, mapped.
struct Map {
    start: *mut c_void,
    size: usize,
}

impl Map {
    fn new(memory: BorrowedFd<'_>, size: usize, rights: ProtFlags) -> io::Result<Map> {
        // SAFETY: the kernel chooses the place; what is there is only touched by copying.
        let start = unsafe { mmap(ptr::null_mut(), size, rights, MapFlags::SHARED, memory, 0) }?;
        Ok(Map { start, size })
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and nobody keeps a pointer into it.
        let _ = unsafe { munmap(self.start, self.size) };
    }
}
