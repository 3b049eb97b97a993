//! Waiting for several things at once.

use super::call::{self, check, owned, wide};
pub use super::ctrl_handler::Signals;
use super::greeting::Greeting;
use super::overlapped::{Operation, Until, event};
use super::security::Private;
use super::{Borrowed, proc};
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read};
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle};
use std::ptr::{self, null_mut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};
use windows_sys::Win32::Foundation::{
    DUPLICATE_HANDLE_OPTIONS, DuplicateHandle, ERROR_BROKEN_PIPE, ERROR_NO_DATA,
    ERROR_OPERATION_ABORTED, ERROR_PIPE_NOT_CONNECTED, GENERIC_WRITE, HANDLE, INVALID_HANDLE_VALUE,
    WAIT_FAILED, WAIT_OBJECT_0,
};
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, FILE_READ_ATTRIBUTES,
    OPEN_EXISTING, PIPE_ACCESS_INBOUND, SYNCHRONIZE,
};
use windows_sys::Win32::System::Pipes::{
    CreateNamedPipeW, CreatePipe, PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_BYTE,
};
use windows_sys::Win32::System::SystemServices::MAXIMUM_WAIT_OBJECTS;
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, INFINITE, RegisterWaitForSingleObject, SetEvent, UnregisterWaitEx,
    WT_EXECUTEONLYONCE, WaitForMultipleObjects, WaitForSingleObject,
};

/// As much as there is room for in a pipe, as on Linux (pipe(7)).
const ROOM: u32 = 64 << 10;

/// Waits until at least one of `descriptors` is signalled; their places. None at all if the time
/// ran out first.
pub fn wait(descriptors: &[Borrowed<'_>], timeout: Option<Duration>) -> io::Result<Vec<usize>> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let handles: Vec<HANDLE> = descriptors.iter().map(AsRawHandle::as_raw_handle).collect();
    match handles.len() {
        0 => {
            match deadline {
                Some(deadline) => thread::sleep(deadline.saturating_duration_since(Instant::now())),
                None => loop {
                    thread::park();
                },
            }
            Ok(Vec::new())
        }
        few if few <= MAXIMUM_WAIT_OBJECTS as usize => wait_few(&handles, deadline),
        _ => wait_many(descriptors, deadline),
    }
}

/// The same: a write waits by itself until there is room.
pub fn wait_or_room(
    descriptors: &[Borrowed<'_>],
    _to: Option<Borrowed<'_>>,
    timeout: Option<Duration>,
) -> io::Result<Vec<usize>> {
    wait(descriptors, timeout)
}

/// As many milliseconds as are left; whether that is all.
fn left(deadline: Option<Instant>) -> (u32, bool) {
    let Some(deadline) = deadline else {
        return (INFINITE, false);
    };
    let left = deadline.saturating_duration_since(Instant::now());
    // Rounded up, or the last millisecond would be spent asking.
    match u32::try_from(left.as_nanos().div_ceil(1_000_000)) {
        Ok(left) if left < INFINITE => (left, true),
        _ => (INFINITE - 1, false),
    }
}

fn is_signalled(handle: HANDLE) -> bool {
    // SAFETY: the caller has the handle on loan.
    unsafe { WaitForSingleObject(handle, 0) == WAIT_OBJECT_0 }
}

fn wait_few(handles: &[HANDLE], deadline: Option<Instant>) -> io::Result<Vec<usize>> {
    loop {
        let (time, all) = left(deadline);
        let count = u32::try_from(handles.len()).unwrap_or(u32::MAX);
        // SAFETY: as many handles as are said to be there, all of them on loan.
        let result = unsafe { WaitForMultipleObjects(count, handles.as_ptr(), 0, time) };
        let first = (result.wrapping_sub(WAIT_OBJECT_0)) as usize;
        if first < handles.len() {
            // Those before it are not signalled; it may be one whose event only one wait sees.
            let others = (first + 1..handles.len()).filter(|&at| is_signalled(handles[at]));
            return Ok(std::iter::once(first).chain(others).collect());
        }
        if result == WAIT_FAILED {
            return Err(io::Error::last_os_error());
        }
        let over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if all && over {
            return Ok(Vec::new());
        }
    }
}

/// Whether one of many is signalled, and the event that tells of it.
struct Mark {
    ready: AtomicBool,
    any: Arc<OwnedHandle>,
}

/// A wait that the system's threads do (RegisterWaitForSingleObject).
struct Registered(HANDLE);

impl Registered {
    fn new(handle: Borrowed<'_>, mark: &Mark) -> io::Result<Registered> {
        unsafe extern "system" fn is_ready(mark: *mut std::ffi::c_void, _timed_out: bool) {
            // SAFETY: the mark is there for as long as the wait is registered.
            let mark = unsafe { &*mark.cast::<Mark>() };
            mark.ready.store(true, Ordering::Release);
            // SAFETY: the event is the mark's.
            unsafe { SetEvent(mark.any.as_raw_handle()) };
        }
        let mut registered = null_mut();
        let (handle, mark) = (handle.as_raw_handle(), (&raw const *mark).cast());
        let (registered_at, once) = (&raw mut registered, WT_EXECUTEONLYONCE);
        // SAFETY: who drops this waits until the function has returned if it was called; the caller
        // drops it before the mark and before the handle's loan is over.
        check(unsafe {
            RegisterWaitForSingleObject(registered_at, handle, Some(is_ready), mark, INFINITE, once)
        })?;
        Ok(Registered(registered))
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: it was registered; INVALID_HANDLE_VALUE has the call wait for the function's end.
        unsafe { UnregisterWaitEx(self.0, INVALID_HANDLE_VALUE) };
    }
}

/// More than WaitForMultipleObjects can wait for.
fn wait_many(descriptors: &[Borrowed<'_>], deadline: Option<Instant>) -> io::Result<Vec<usize>> {
    let any = event(Until::Reset)?;
    let mark = || Mark {
        ready: AtomicBool::new(false),
        any: any.clone(),
    };
    let marks: Vec<Mark> = descriptors.iter().map(|_| mark()).collect();
    let pairs = descriptors.iter().zip(&marks);
    let registered = pairs.map(|(handle, mark)| Registered::new(*handle, mark));
    let registered = registered.collect::<io::Result<Vec<_>>>()?;
    wait_few(&[any.as_raw_handle()], deadline)?;
    drop(registered);
    // Those whose turn had not come are looked at by ourselves.
    let ready = |at: &usize| {
        marks[*at].ready.load(Ordering::Acquire) || is_signalled(descriptors[*at].as_raw_handle())
    };
    Ok((0..descriptors.len()).filter(ready).collect())
}

/// The two ends of a pipe: what is written to the second is read from the first.
pub fn pipe() -> io::Result<(OwnedHandle, OwnedHandle)> {
    let (mut from, mut to) = (null_mut(), null_mut());
    // SAFETY: both are written if the call succeeds; without attributes nobody inherits them.
    check(unsafe { CreatePipe(&raw mut from, &raw mut to, ptr::null(), ROOM) })?;
    Ok((owned(from)?, owned(to)?))
}

/// The name of a pipe that nobody can guess.
pub(super) fn random_name() -> io::Result<String> {
    let mut name = r"\\.\pipe\outlive-".to_owned();
    for _ in 0..4 {
        name += &format!("{:08x}", proc::random()?);
    }
    Ok(name)
}

/// The reading end of a pipe, which can be waited on.
#[derive(Debug)]
pub struct Inflow {
    reading: Operation,
    /// How much of what has been read was passed on.
    passed: usize,
    /// What greets whoever writes to it, if that is a terminal's host.
    greeting: Option<Greeting>,
}

/// A pipe whose reading end can be waited on, and its writing end. It has a name, since one without
/// can't be read while something else is done.
pub fn inflow() -> io::Result<(Inflow, OwnedHandle)> {
    let name = wide(random_name()?)?;
    let private = Private::new()?;
    let how = PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE;
    let kind = PIPE_TYPE_BYTE | PIPE_REJECT_REMOTE_CLIENTS;
    let attributes = private.attributes();
    // SAFETY: a name that ends with a NUL, and attributes that are read during the call.
    let from = owned(unsafe {
        CreateNamedPipeW(
            name.as_ptr(),
            how,
            kind,
            1,
            ROOM,
            ROOM,
            0,
            &raw const attributes,
        )
    })?;
    let access = GENERIC_WRITE | FILE_READ_ATTRIBUTES;
    // SAFETY: a name that ends with a NUL.
    let to = owned(unsafe {
        CreateFileW(
            name.as_ptr(),
            access,
            0,
            ptr::null(),
            OPEN_EXISTING,
            0,
            null_mut(),
        )
    })?;
    let mut reading = Operation::new(Arc::new(from), event(Until::Reset)?);
    reading.read(ROOM as usize);
    let inflow = Inflow {
        reading,
        passed: 0,
        greeting: None,
    };
    Ok((inflow, to))
}

impl Inflow {
    /// Has a terminal's host be greeted, who writes to it.
    pub(super) fn greeted(self, greeting: Greeting) -> Inflow {
        Inflow {
            greeting: Some(greeting),
            ..self
        }
    }

    /// Has a pipe hold this many bytes before its writers wait: it holds what it was made for here
    /// (CreateNamedPipeW, `nOutBufferSize`).
    pub fn make_room(&self, _bytes: usize) {}

    /// What is there now: an error of kind `WouldBlock` if there is nothing, 0 bytes at the end.
    pub fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let length = match self.reading.outcome(false) {
            None => return Err(io::ErrorKind::WouldBlock.into()),
            // Once for each reading.
            Some(Ok(length)) => match self.greeting.as_mut().filter(|_| self.passed == 0) {
                Some(greeting) => {
                    let length = greeting.answer(&mut self.reading.buffer_mut()[..length]);
                    self.reading.shorten(length);
                    length
                }
                None => length,
            },
            Some(Err(ERROR_BROKEN_PIPE | ERROR_PIPE_NOT_CONNECTED | ERROR_NO_DATA)) => {
                return Ok(0);
            }
            // The thread that started it has ended, and what it had started with it (CancelIoEx).
            Some(Err(ERROR_OPERATION_ABORTED)) => 0,
            Some(Err(error)) => return Err(call::error(error)),
        };
        let rest = &self.reading.buffer()[self.passed..length];
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        self.passed += count;
        if self.passed == length {
            self.passed = 0;
            self.reading.read(ROOM as usize);
            // Somebody may write nothing at all, which is not the end.
            if count == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
        Ok(count)
    }
}

impl AsHandle for Inflow {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.reading.as_handle()
    }
}

/// Who drops it, or ends, makes the descriptor ready that came with it.
#[derive(Debug)]
pub struct Ender(#[expect(dead_code, reason = "it is there to be closed")] Sender<Infallible>);

/// A descriptor that is ready, for whoever holds a copy of it, once its `Ender` is gone: that of a
/// thread, which ends then or with its process. (An event would not be signalled by the end of a
/// process, and an abandoned mutex would be only one waiter's.)
pub fn ending() -> io::Result<(OwnedHandle, Ender)> {
    let (ender, ended): (Sender<Infallible>, Receiver<Infallible>) = channel();
    let thread = thread::Builder::new()
        .name("outlive-ending".to_owned())
        .stack_size(ROOM as usize)
        .spawn(move || ended.recv().is_err())?;
    Ok((only_waited_for(thread.as_handle())?, Ender(ender)))
}

/// A copy of a handle by which nothing can be done but to wait.
fn only_waited_for(handle: BorrowedHandle<'_>) -> io::Result<OwnedHandle> {
    const AS_SAID: DUPLICATE_HANDLE_OPTIONS = 0;
    let mut copy = null_mut();
    // SAFETY: the handle is on loan, and the copy is written if the call succeeds.
    check(unsafe {
        let (own, handle) = (GetCurrentProcess(), handle.as_raw_handle());
        DuplicateHandle(own, handle, own, &raw mut copy, SYNCHRONIZE, 0, AS_SAID)
    })?;
    owned(copy)
}

/// Reads both to their ends, each by a thread: a program that fills one pipe while we wait for the
/// other would wait for ever.
pub fn read_both(pipes: [Option<File>; 2]) -> io::Result<[Vec<u8>; 2]> {
    fn read(pipe: Option<File>) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    }
    let [one, other] = pipes;
    let reader = match other {
        Some(other) => Some(thread::Builder::new().spawn(move || read(Some(other)))?),
        None => None,
    };
    let one = read(one);
    let other = match reader.map(thread::JoinHandle::join) {
        Some(Ok(other)) => other?,
        Some(Err(panic)) => std::panic::resume_unwind(panic),
        None => Vec::new(),
    };
    Ok([one?, other])
}

/// The null device (`NUL`), open for reading and writing.
pub fn null() -> io::Result<OwnedHandle> {
    let null = File::options().read(true).write(true).open("NUL");
    null.map(OwnedHandle::from)
}
