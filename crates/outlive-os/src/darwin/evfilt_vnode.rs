//! A reader's wait for a file to grow: kqueue(2), EVFILT_VNODE.

use super::kqueue::Kqueue;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

/// How late the news may come at most, if it may come late.
pub const LATE: Option<Duration> = None;

/// A watch on one file.
#[derive(Debug)]
pub struct Watch {
    queue: Kqueue,
    #[expect(
        dead_code,
        reason = "what is watched is watched for as long as it is open"
    )]
    file: File,
}

impl Watch {
    /// Watches a file for being written to or cut short.
    pub fn new(path: &Path) -> io::Result<Watch> {
        let (queue, file) = (Kqueue::new()?, File::open(path)?);
        watch(&queue, file.as_fd(), libc::EV_CLEAR)?;
        Ok(Watch { queue, file })
    }

    /// Forgets what was reported so far.
    pub fn clear(&self) -> io::Result<()> {
        while self.queue.take()?.is_some() {}
        Ok(())
    }
}

/// Asks to be told that a file is written to or cut short; the latter changes its attributes.
pub(super) fn watch(queue: &Kqueue, file: BorrowedFd<'_>, flags: u16) -> io::Result<()> {
    let ident = usize::try_from(file.as_raw_fd()).unwrap_or(usize::MAX);
    let notes = libc::NOTE_WRITE | libc::NOTE_EXTEND | libc::NOTE_ATTRIB;
    queue.add(libc::EVFILT_VNODE, ident, flags, notes)
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}
