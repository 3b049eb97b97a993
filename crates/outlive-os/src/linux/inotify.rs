//! A reader's wait for a file to grow: inotify(7). Readers have one each; a keeper has none, since
//! a user may have 128 in all (`max_user_instances`).

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

/// How late the news may come at most, if it may come late.
pub const LATE: Option<Duration> = None;

/// A watch on one file.
#[derive(Debug)]
pub struct Watch(OwnedFd);

impl Watch {
    /// Watches a file for being written to or cut short.
    pub fn new(path: &Path) -> io::Result<Watch> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        inotify::add_watch(&inotify, path, WatchFlags::MODIFY)?;
        Ok(Watch(inotify))
    }

    /// Forgets what was reported so far.
    pub fn clear(&self) -> io::Result<()> {
        let mut buffer = [MaybeUninit::<u8>::uninit(); 1024];
        let mut events = inotify::Reader::new(&self.0, &mut buffer);
        loop {
            match events.next() {
                Ok(event) => debug_assert!(!event.events().contains(ReadFlags::QUEUE_OVERFLOW)),
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
