//! kqueue(2): events in a descriptor that poll(2) knows.

use super::checked;
use rustix::io::FdFlags;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

/// A queue of events. A forked child does not have it, and it can't be passed to another process.
#[derive(Debug)]
pub(super) struct Kqueue(OwnedFd);

/// What has happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    /// What kind of thing it has happened to, one of EVFILT_….
    pub(super) filter: i16,
    /// Which of them.
    pub(super) ident: usize,
    /// NOTE_….
    pub(super) notes: u32,
    pub(super) data: isize,
}

impl Kqueue {
    pub(super) fn new() -> io::Result<Kqueue> {
        // SAFETY: takes nothing.
        let queue = checked(unsafe { libc::kqueue() })?;
        // SAFETY: the descriptor was made just now, for us.
        let queue = unsafe { OwnedFd::from_raw_fd(queue) };
        rustix::io::fcntl_setfd(&queue, FdFlags::CLOEXEC)?;
        Ok(Kqueue(queue))
    }

    /// Asks for an event; once more if it was asked for before. `flags` are EV_…, `notes` NOTE_….
    pub(super) fn add(&self, filter: i16, ident: usize, flags: u16, notes: u32) -> io::Result<()> {
        self.add_with(filter, ident, flags, notes, 0)
    }

    /// As [`add`](Kqueue::add), with a number that the filter makes something of.
    pub(super) fn add_with(
        &self,
        filter: i16,
        ident: usize,
        flags: u16,
        notes: u32,
        data: isize,
    ) -> io::Result<()> {
        let change = libc::kevent {
            ident,
            filter,
            flags: libc::EV_ADD | flags,
            fflags: notes,
            data,
            udata: ptr::null_mut(),
        };
        let (queue, none) = (self.0.as_raw_fd(), ptr::null_mut());
        // SAFETY: one change, which is only read, and room for no event.
        checked(unsafe { libc::kevent(queue, &raw const change, 1, none, 0, ptr::null()) })?;
        Ok(())
    }

    /// Takes one event, if there is any.
    pub(super) fn take(&self) -> io::Result<Option<Event>> {
        // SAFETY: all zero is a valid event: integers and a pointer that nobody follows.
        let mut event: libc::kevent = unsafe { std::mem::zeroed() };
        let at_once = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let queue = self.0.as_raw_fd();
        // SAFETY: no change, and room for one event.
        let count = checked(unsafe {
            libc::kevent(queue, ptr::null(), 0, &raw mut event, 1, &raw const at_once)
        })?;
        Ok((count > 0).then_some(Event {
            filter: event.filter,
            ident: event.ident,
            notes: event.fflags,
            data: event.data,
        }))
    }
}

impl AsFd for Kqueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
