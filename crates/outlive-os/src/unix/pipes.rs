//! Waiting for descriptors (poll(2)), and the pipes and devices that are waited for.

use super::events::{make_room, pipe};
use rustix::event::{PollFd, PollFlags, Timespec};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// Waits until at least one of `descriptors` is readable, at its end or broken; their places.
/// None at all if the time ran out first.
pub fn wait(descriptors: &[BorrowedFd<'_>], timeout: Option<Duration>) -> io::Result<Vec<usize>> {
    wait_or_room(descriptors, None, timeout)
}

/// The same, and until `to` can be written to, whose place is behind all others.
pub fn wait_or_room(
    descriptors: &[BorrowedFd<'_>],
    to: Option<BorrowedFd<'_>>,
    timeout: Option<Duration>,
) -> io::Result<Vec<usize>> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut polled: Vec<_> = descriptors
        .iter()
        .map(|it| PollFd::from_borrowed_fd(*it, PollFlags::IN))
        .chain(to.map(|it| PollFd::from_borrowed_fd(it, PollFlags::OUT)))
        .collect();
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        match rustix::event::poll(&mut polled, left.as_ref()) {
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let ready = polled
        .iter()
        .enumerate()
        .filter(|(_, it)| !it.revents().is_empty());
    Ok(ready.map(|(place, _)| place).collect())
}

/// The reading end of a pipe or the master's side of a terminal, which can be waited on.
#[derive(Debug)]
pub struct Inflow {
    from: File,
    is_terminal: bool,
}

/// A pipe whose reading end can be waited on, and its writing end.
pub fn inflow() -> io::Result<(Inflow, OwnedFd)> {
    let (from, to) = pipe()?;
    rustix::io::ioctl_fionbio(&from, true)?;
    Ok((File::from(from).into(), to))
}

impl Inflow {
    /// What is there now: an error of kind `WouldBlock` if there is nothing, 0 bytes at the end.
    pub fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut length = self.from.read(bytes)?;
        let mut last = length;
        // A terminal gives 4 KiB at a time, however much there is (N_TTY_BUF_SIZE, Linux's tty.h). Of
        // less than half of that it is the rest: an echo is not held up by another look.
        while self.is_terminal && last > 2048 && length < bytes.len() {
            last = self.from.read(&mut bytes[length..]).unwrap_or(0);
            length += last;
        }
        Ok(length)
    }

    /// Has a pipe hold this many bytes before its writers wait. It is a wish: a system may be asked for
    /// too much, or not at all (macOS makes a pipe larger by itself), and a terminal has no such size.
    pub fn make_room(&self, bytes: usize) {
        make_room(&self.from, bytes);
    }

    /// What is printed to a terminal, by its master's side, a read from which does not wait.
    pub(super) fn of_terminal(master: OwnedFd) -> Inflow {
        Inflow {
            from: master.into(),
            is_terminal: true,
        }
    }
}

/// What was opened for reading without waiting (O_NONBLOCK).
impl From<File> for Inflow {
    fn from(file: File) -> Inflow {
        Inflow {
            from: file,
            is_terminal: false,
        }
    }
}

impl AsFd for Inflow {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.from.as_fd()
    }
}

/// Who drops it, or ends, makes the descriptor ready that came with it.
#[derive(Debug)]
pub struct Ender(#[expect(dead_code, reason = "it is there to be closed")] OwnedFd);

/// A descriptor that is ready, for whoever holds a copy of it, once its `Ender` is gone: the reading
/// end of a pipe that nobody writes to.
pub fn ending() -> io::Result<(OwnedFd, Ender)> {
    let (from, to) = pipe()?;
    Ok((from, Ender(to)))
}

/// Reads both to their ends, whichever has something: a program that fills one pipe while we wait
/// for the other would wait for ever.
pub fn read_both(mut pipes: [Option<File>; 2]) -> io::Result<[Vec<u8>; 2]> {
    let mut read = [Vec::new(), Vec::new()];
    let mut buffer = vec![0; 64 << 10];
    while pipes.iter().any(Option::is_some) {
        let open: Vec<usize> = (0..2).filter(|&at| pipes[at].is_some()).collect();
        let watched: Vec<BorrowedFd<'_>> = pipes.iter().flatten().map(AsFd::as_fd).collect();
        for ready in wait(&watched, None)? {
            let at = open[ready];
            let Some(pipe) = &mut pipes[at] else { continue };
            match pipe.read(&mut buffer)? {
                0 => pipes[at] = None,
                length => read[at].extend_from_slice(&buffer[..length]),
            }
        }
    }
    Ok(read)
}

/// The null device (null(4)), open for reading and writing.
pub fn null() -> io::Result<OwnedFd> {
    let null = File::options().read(true).write(true).open("/dev/null");
    null.map(OwnedFd::from)
}
