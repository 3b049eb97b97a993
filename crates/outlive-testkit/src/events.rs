//! Waiting for things to happen.

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long anything may take before a test fails instead of hanging: much longer than it takes
/// on a machine that is busy with other things.
pub const GUARD: Duration = Duration::from_secs(90);

/// Waits until something can be read from `source` or its other side is gone.
///
/// # Panics
/// When [`GUARD`] has passed; `what` says what was waited for.
#[track_caller]
pub fn readable(source: impl AsFd, what: &str) {
    assert!(
        readable_within(source, GUARD),
        "still waiting after {GUARD:?}: {what}"
    );
}

/// As [`readable`], for at most `limit`; says whether it happened.
pub fn readable_within(source: impl AsFd, limit: Duration) -> bool {
    any_readable(&[source.as_fd()], limit).is_some()
}

/// Which of `sources` can be read or has lost its other side; `None` when `limit` has passed.
pub fn any_readable(sources: &[BorrowedFd<'_>], limit: Duration) -> Option<Vec<bool>> {
    let until = Instant::now() + limit;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).expect("the guard fits a timespec");
        let mut fds: Vec<_> = sources
            .iter()
            .map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN))
            .collect();
        match rustix::event::poll(&mut fds, Some(&left)) {
            Ok(0) => return None,
            Ok(_) => return Some(fds.iter().map(|fd| !fd.revents().is_empty()).collect()),
            Err(Errno::INTR) => {}
            Err(error) => panic!("failed to poll: {error}"),
        }
    }
}

/// What comes out of a pipe, a FIFO or a terminal, as it comes.
#[derive(Debug)]
pub struct Stream {
    source: OwnedFd,
    unread: Vec<u8>,
    ended: bool,
    what: String,
}

impl Stream {
    /// What comes out of `source`, called `what` when it fails to come.
    pub fn new(source: impl Into<OwnedFd>, what: &str) -> Stream {
        Stream {
            source: source.into(),
            unread: Vec::new(),
            ended: false,
            what: what.to_owned(),
        }
    }

    /// Goes on with another descriptor of the same FIFO: one that was opened after everybody had
    /// closed its other side waits for the next one to open it.
    pub(crate) fn reopened(&mut self, source: impl Into<OwnedFd>) {
        self.source = source.into();
        self.ended = false;
    }

    /// Whether a line, a part of one or the end of file has come.
    pub fn has_something(&self) -> bool {
        !self.unread.is_empty() || readable_within(&self.source, Duration::ZERO)
    }

    /// Reads once, when there is something to read.
    fn fill(&mut self, waiting_for: &str) {
        let mut buffer = [0; 65536];
        loop {
            if !readable_within(&self.source, GUARD) {
                let (what, seen) = (&self.what, String::from_utf8_lossy(&self.unread));
                panic!(
                    "still waiting after {GUARD:?}: {waiting_for} from {what}; unread: {seen:?}"
                );
            }
            match rustix::io::read(&self.source, &mut buffer) {
                // A terminal whose other side is closed says EIO.
                Ok(0) | Err(Errno::IO) => self.ended = true,
                Ok(count) => self.unread.extend_from_slice(&buffer[..count]),
                Err(Errno::AGAIN | Errno::INTR) => continue,
                Err(error) => panic!("failed to read {}: {error}", self.what),
            }
            return;
        }
    }

    /// What has come and was not read; waits for something if there is nothing.
    pub fn more(&mut self, waiting_for: &str) -> Vec<u8> {
        if self.unread.is_empty() {
            assert!(!self.ended, "{} ended without {waiting_for}", self.what);
            self.fill(waiting_for);
        }
        std::mem::take(&mut self.unread)
    }

    /// The next line, without its end; `None` at end of file.
    pub fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if self.ended {
                assert!(
                    self.unread.is_empty(),
                    "half a line from {}: {:?}",
                    self.what,
                    self.unread
                );
                return None;
            }
            self.fill("a line");
        }
    }

    /// Reads on until `text` has come; returns all up to its end.
    ///
    /// # Panics
    /// At end of file.
    pub fn until(&mut self, text: &str) -> String {
        loop {
            let found = self
                .unread
                .windows(text.len())
                .position(|part| part == text.as_bytes());
            if let Some(start) = found {
                let read: Vec<u8> = self.unread.drain(..start + text.len()).collect();
                return String::from_utf8_lossy(&read).into_owned();
            }
            let seen = String::from_utf8_lossy(&self.unread);
            assert!(
                !self.ended,
                "{} ended without {text:?}: {seen:?}",
                self.what
            );
            self.fill(&format!("{text:?}"));
        }
    }

    /// All that is left, up to end of file.
    pub fn rest(&mut self) -> Vec<u8> {
        while !self.ended {
            self.fill("end of file");
        }
        std::mem::take(&mut self.unread)
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}

/// Reads both of a process's streams to their ends.
pub(crate) fn both(first: &mut Stream, second: &mut Stream, what: &str) -> (Vec<u8>, Vec<u8>) {
    while !(first.ended && second.ended) {
        let open: Vec<&mut Stream> = [&mut *first, &mut *second]
            .into_iter()
            .filter(|stream| !stream.ended)
            .collect();
        let fds: Vec<_> = open.iter().map(|stream| stream.source.as_fd()).collect();
        let ready = any_readable(&fds, GUARD)
            .unwrap_or_else(|| panic!("still no end of file after {GUARD:?} from {what}"));
        for (stream, ready) in open.into_iter().zip(ready) {
            if ready {
                stream.fill("end of file");
            }
        }
    }
    (
        std::mem::take(&mut first.unread),
        std::mem::take(&mut second.unread),
    )
}
