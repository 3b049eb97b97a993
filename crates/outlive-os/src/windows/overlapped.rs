//! One operation at a time that goes on while its starter does something else (overlapped I/O):
//! what a kernel without poll(2) offers instead.

use super::call::{self, check, owned};
use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle};
use std::ptr::{NonNull, null, null_mut};
use std::sync::Arc;
use windows_sys::Win32::Foundation::{ERROR_IO_INCOMPLETE, ERROR_IO_PENDING, GetLastError, HANDLE};
use windows_sys::Win32::Storage::FileSystem::{ReadFile, WriteFile};
use windows_sys::Win32::System::IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED};
use windows_sys::Win32::System::Threading::{CreateEventW, ResetEvent, SetEvent};
use windows_sys::core::BOOL;

/// Whether an event stays signalled until it is reset, or until one wait has seen it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// ResetEvent.
    Reset,
    /// One wait.
    Seen,
}

/// An event that is not signalled.
pub(super) fn event(until: Until) -> io::Result<Arc<OwnedHandle>> {
    // SAFETY: neither a name nor attributes are given.
    let event = unsafe { CreateEventW(null(), (until == Until::Reset).into(), 0, null()) };
    owned(event).map(Arc::new)
}

/// Makes an event not signalled.
pub(super) fn reset(event: &OwnedHandle) -> io::Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { ResetEvent(event.as_raw_handle()) })
}

/// An operation on a handle, and the event that is signalled from its end on.
#[derive(Debug)]
pub(super) struct Operation {
    handle: Arc<OwnedHandle>,
    event: Arc<OwnedHandle>,
    /// On the heap and only ever reached by this: the kernel writes to it.
    overlapped: NonNull<OVERLAPPED>,
    buffer: Vec<u8>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Started,
    Over(Result<usize, u32>),
}

// SAFETY: an operation may be looked at and cancelled by any thread (CancelIoEx), and the structure
// that the kernel writes to stays where it is.
unsafe impl Send for Operation {}

impl Operation {
    pub(super) fn new(handle: Arc<OwnedHandle>, event: Arc<OwnedHandle>) -> Operation {
        Operation {
            handle,
            event,
            overlapped: NonNull::from(Box::leak(Box::default())),
            buffer: Vec::new(),
            state: State::Idle,
        }
    }

    pub(super) fn handle(&self) -> &Arc<OwnedHandle> {
        &self.handle
    }

    /// What has been read.
    pub(super) fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// The same, to be changed, once it is over.
    pub(super) fn buffer_mut(&mut self) -> &mut [u8] {
        match self.state {
            // The kernel writes to it.
            State::Started => &mut [],
            State::Idle | State::Over(_) => &mut self.buffer,
        }
    }

    /// Has it ended with this many bytes, of those that it has ended with.
    pub(super) fn shorten(&mut self, length: usize) {
        if let State::Over(Ok(all)) = &mut self.state {
            *all = length.min(*all);
        }
    }

    /// Starts what `begin` starts, with the handle, a buffer of `length` bytes and the structure.
    pub(super) fn start(
        &mut self,
        length: usize,
        begin: impl FnOnce(HANDLE, &mut [u8], *mut OVERLAPPED) -> BOOL,
    ) {
        self.cancel();
        self.buffer.resize(length, 0);
        let overlapped = OVERLAPPED {
            hEvent: self.event.as_raw_handle(),
            ..OVERLAPPED::default()
        };
        // SAFETY: nothing is going on that writes to it; the event is ours.
        unsafe {
            self.overlapped.write(overlapped);
            ResetEvent(self.event.as_raw_handle());
        }
        let handle = self.handle.as_raw_handle();
        let done = begin(handle, &mut self.buffer, self.overlapped.as_ptr());
        // SAFETY: asks this thread's last error.
        let error = unsafe { GetLastError() };
        self.state = match (done, error) {
            (0, ERROR_IO_PENDING) => State::Started,
            (0, error) => {
                // A start that fails signals nothing, and whoever waits is to see the error.
                // SAFETY: the event is ours.
                unsafe { SetEvent(self.event.as_raw_handle()) };
                State::Over(Err(error))
            }
            _ => State::Started,
        };
    }

    /// Starts to read.
    pub(super) fn read(&mut self, length: usize) {
        self.start(length, |handle, buffer, overlapped| {
            let length = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
            // SAFETY: the buffer and the structure stay where they are until the operation is over.
            unsafe { ReadFile(handle, buffer.as_mut_ptr(), length, null_mut(), overlapped) }
        });
    }

    /// How it has ended: with this many bytes or with this error. None if it goes on, unless `wait`.
    pub(super) fn outcome(&mut self, wait: bool) -> Option<Result<usize, u32>> {
        if self.state == State::Started {
            let mut bytes = 0;
            let handle = self.handle.as_raw_handle();
            // SAFETY: the structure is that of the operation, which was started on this handle.
            let result = unsafe {
                match GetOverlappedResult(
                    handle,
                    self.overlapped.as_ptr(),
                    &raw mut bytes,
                    wait.into(),
                ) {
                    0 => Err(GetLastError()),
                    _ => Ok(bytes as usize),
                }
            };
            if result != Err(ERROR_IO_INCOMPLETE) {
                self.state = State::Over(result);
            }
        }
        match self.state {
            State::Over(result) => Some(result),
            State::Idle | State::Started => None,
        }
    }

    /// Ends it, if it goes on; how it has ended.
    pub(super) fn cancel(&mut self) -> Option<Result<usize, u32>> {
        if self.state == State::Started {
            // SAFETY: the structure is that of the operation. What is over already stays as it is.
            unsafe { CancelIoEx(self.handle.as_raw_handle(), self.overlapped.as_ptr()) };
        }
        self.outcome(true)
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        self.cancel();
        // SAFETY: it came from a box, and the kernel does not write to it any more.
        drop(unsafe { Box::from_raw(self.overlapped.as_ptr()) });
    }
}

/// Writes all of it in one go; whoever may not `wait` gets an error of kind `WouldBlock` if there is
/// no room.
pub(super) fn write(pipe: &Arc<OwnedHandle>, bytes: &[u8], wait: bool) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut writing = Operation::new(pipe.clone(), event(Until::Reset)?);
    writing.start(0, |handle, _, overlapped| {
        // SAFETY: the operation is over before this function returns, and with it the borrow.
        unsafe { WriteFile(handle, bytes.as_ptr(), length, null_mut(), overlapped) }
    });
    let written = match writing.outcome(wait) {
        None => {
            let cancelled = writing.cancel();
            if !matches!(cancelled, Some(Ok(_))) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            cancelled
        }
        over => over,
    };
    match written {
        Some(Ok(written)) if written == bytes.len() => Ok(()),
        Some(Ok(_)) | None => Err(io::ErrorKind::WriteZero.into()),
        Some(Err(error)) => Err(call::error(error)),
    }
}

impl AsHandle for Operation {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.event.as_handle()
    }
}
