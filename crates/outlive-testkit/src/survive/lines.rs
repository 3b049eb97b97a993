//! Lines as they come, for at most some time.

use crate::events;
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// What comes out of a pipe or a FIFO. Unlike a test's stream it is no failure when nothing does.
#[derive(Debug)]
pub(crate) struct Lines {
    source: OwnedFd,
    unread: Vec<u8>,
    ended: bool,
}

impl Lines {
    pub(crate) fn new(source: impl Into<OwnedFd>) -> Lines {
        Lines {
            source: source.into(),
            unread: Vec::new(),
            ended: false,
        }
    }

    /// The next line: `None` when nothing came in time, `Some(None)` at the end.
    #[expect(
        clippy::option_option,
        reason = "too late and at the end are two things"
    )]
    pub(crate) fn next_within(&mut self, limit: Duration) -> Option<Option<String>> {
        let until = Instant::now() + limit;
        loop {
            if let Some(line) = self.buffered() {
                return Some(Some(line));
            }
            if self.ended {
                return Some(None);
            }
            let left = until.saturating_duration_since(Instant::now());
            if !events::readable_within(&self.source, left) {
                return None;
            }
            self.fill();
        }
    }

    /// All lines that have come by now.
    pub(crate) fn come(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(Some(line)) = self.next_within(Duration::ZERO) {
            all.push(line);
        }
        all
    }

    /// Reads on until `found` is true of all that has come since the last line taken.
    pub(crate) fn until(&mut self, limit: Duration, found: impl Fn(&str) -> bool) -> bool {
        let until = Instant::now() + limit;
        loop {
            if found(&String::from_utf8_lossy(&self.unread)) {
                self.unread.clear();
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if self.ended || !events::readable_within(&self.source, left) {
                return false;
            }
            self.fill();
        }
    }

    /// Reads on to the end of file; `None` when that does not come in time.
    pub(crate) fn rest_within(&mut self, limit: Duration) -> Option<Vec<u8>> {
        let ended = self.until(limit, |_| false) || self.ended;
        ended.then(|| std::mem::take(&mut self.unread))
    }

    /// What has come and was not taken.
    pub(crate) fn unread(&self) -> String {
        String::from_utf8_lossy(&self.unread).into_owned()
    }

    fn buffered(&mut self) -> Option<String> {
        let end = self.unread.iter().position(|&byte| byte == b'\n')?;
        let line: Vec<u8> = self.unread.drain(..=end).collect();
        Some(String::from_utf8_lossy(&line[..end]).into_owned())
    }

    fn fill(&mut self) {
        let mut buffer = [0; 65536];
        match rustix::io::read(&self.source, &mut buffer) {
            // A terminal whose other side is closed says EIO.
            Ok(0) | Err(Errno::IO) => self.ended = true,
            Ok(count) => self.unread.extend_from_slice(&buffer[..count]),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => panic!("failed to read: {error}"),
        }
    }
}

impl AsFd for Lines {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}
