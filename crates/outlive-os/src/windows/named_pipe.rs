//! Packets and descriptors between two processes of one user: named pipes in message mode.
//!
//! A pipe's name is random, so that nobody can have one of that name before us, and stands in a file
//! of a folder that is this user's. The pipe is open to this user and the system alone, and to no
//! other machine.
//!
//! A handle is passed on by being duplicated into the process at the other end, and its number sent.
//! A number is believed of who started this process, of whom it started, and of whoever listens: who
//! has merely connected could name any handle of ours.

use super::call::{self, check, is, owned, wide};
use super::events::random_name;
use super::folder::Folder;
use super::listener::Knock;
pub use super::listener::Listener;
use super::overlapped::{Operation, Until, event, write};
use super::passing::{Given, Head};
use super::process::Process;
use super::role;
use super::security::{Private, access, is_this_users};
use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::ptr::{null, null_mut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_BROKEN_PIPE, ERROR_FILE_NOT_FOUND, ERROR_MORE_DATA, ERROR_NO_DATA,
    ERROR_OPERATION_ABORTED, ERROR_PIPE_BUSY, ERROR_PIPE_NOT_CONNECTED, ERROR_SEM_TIMEOUT,
    GENERIC_READ, GENERIC_WRITE, GetHandleInformation, HANDLE,
};
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, OPEN_EXISTING,
    PIPE_ACCESS_DUPLEX, SECURITY_IDENTIFICATION, SECURITY_SQOS_PRESENT,
};
use windows_sys::Win32::System::Pipes::{
    CreateNamedPipeW, GetNamedPipeClientProcessId, GetNamedPipeInfo, GetNamedPipeServerProcessId,
    PIPE_READMODE_MESSAGE, PIPE_REJECT_REMOTE_CLIENTS, PIPE_SERVER_END, PIPE_TYPE_MESSAGE,
    PeekNamedPipe, SetNamedPipeHandleState, WaitNamedPipeW,
};

/// What there is room for before a sender waits.
const ROOM: u32 = 64 << 10;
/// What is read at first of a packet: nearly all of them are shorter.
const FIRST: usize = 4 << 10;
/// How long one who connects waits for one who has let others in before.
const PATIENCE: Duration = Duration::from_secs(10);

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here is left half done by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn make_pipe(name: &[u16], flags: u32, instances: u32) -> io::Result<OwnedHandle> {
    let private = Private::new()?;
    let attributes = private.attributes();
    let how = PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | flags;
    let kind = PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_REJECT_REMOTE_CLIENTS;
    // SAFETY: a name that ends with a NUL, and attributes that are read during the call.
    owned(unsafe {
        let attributes = &raw const attributes;
        CreateNamedPipeW(
            name.as_ptr(),
            how,
            kind,
            instances,
            ROOM,
            ROOM,
            0,
            attributes,
        )
    })
}

pub(super) fn open_pipe(name: &[u16]) -> io::Result<OwnedHandle> {
    let access = GENERIC_READ | GENERIC_WRITE;
    // Who listens may know who we are, and not act in our name.
    let flags = FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION;
    // SAFETY: a name that ends with a NUL.
    owned(unsafe {
        CreateFileW(
            name.as_ptr(),
            access,
            0,
            null(),
            OPEN_EXISTING,
            flags,
            null_mut(),
        )
    })
}

/// Two connected ends; what is given to a child as a descriptor is the second. Who starts the child
/// says so ([`Connection::set_peer`]) before it sends a handle.
pub fn pair() -> io::Result<(Connection, OwnedHandle)> {
    let name = wide(random_name()?)?;
    let one = make_pipe(&name, FILE_FLAG_FIRST_PIPE_INSTANCE, 1)?;
    let other = open_pipe(&name)?;
    Ok((
        Connection::new(Arc::new(one), event(Until::Reset)?, Trust::Full),
        other,
    ))
}

/// Connects to a pipe whose name is in a folder. An error of kind `ConnectionRefused` or `NotFound`
/// if nobody listens there.
pub fn connect(folder: &Folder, name: &str) -> io::Result<Connection> {
    let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
    let name = String::from_utf8(folder.read(name, 256)?).map_err(|_| refused())?;
    let is_ours = |name: &String| {
        let rest = name.strip_prefix(r"\\.\pipe\outlive-");
        rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let name = wide(Some(name).filter(is_ours).ok_or_else(refused)?)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match open_pipe(&name) {
            Ok(pipe) => {
                return Ok(Connection::new(
                    Arc::new(pipe),
                    event(Until::Reset)?,
                    Trust::Full,
                ));
            }
            Err(error) if is(&error, ERROR_FILE_NOT_FOUND) => return Err(refused()),
            Err(error) if !is(&error, ERROR_PIPE_BUSY) => return Err(error),
            Err(_) => {}
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let left = u32::try_from(left.as_millis()).unwrap_or(0);
        if left == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // SAFETY: a name that ends with a NUL.
        match check(unsafe { WaitNamedPipeW(name.as_ptr(), left) }) {
            Err(error) if is(&error, ERROR_FILE_NOT_FOUND) => return Err(refused()),
            Err(error) if is(&error, ERROR_SEM_TIMEOUT) => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            // Another one may be faster.
            waited => waited?,
        }
    }
}

/// What is believed of the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// What it says.
    Words,
    /// That a number means a handle for us, too.
    Full,
}

/// One end of a connection.
#[derive(Debug)]
pub struct Connection {
    pipe: Arc<OwnedHandle>,
    event: Arc<OwnedHandle>,
    trust: Trust,
    waits: bool,
    /// A packet is always being read.
    reading: Mutex<Operation>,
    /// Who is at the other end, if the pipe itself can't tell.
    peer: Mutex<Option<io::Result<OwnedHandle>>>,
    /// The last of all: whoever is woken finds the pipe free.
    after: Option<Knock>,
}

type Packet = (Vec<u8>, Option<OwnedHandle>);

impl Connection {
    pub(super) fn new(pipe: Arc<OwnedHandle>, event: Arc<OwnedHandle>, trust: Trust) -> Connection {
        let packets = PIPE_READMODE_MESSAGE;
        // SAFETY: the handle is ours, the mode is only read. Where it is refused this is no pipe, as
        // the first reading shows.
        unsafe {
            let mode = &raw const packets;
            SetNamedPipeHandleState(pipe.as_raw_handle(), mode, null(), null())
        };
        let mut reading = Operation::new(pipe.clone(), event.clone());
        reading.read(FIRST);
        Connection {
            pipe,
            event,
            trust,
            waits: trust == Trust::Full,
            reading: Mutex::new(reading),
            peer: Mutex::new(None),
            after: None,
        }
    }

    /// Has a listener look again once this is gone.
    pub(super) fn knock_after(&mut self, knock: Knock) {
        self.after = Some(knock);
    }

    /// A connection that came as an inherited descriptor.
    ///
    /// # Panics
    ///
    /// If the system can't make an event.
    pub fn from_descriptor(descriptor: OwnedHandle) -> Connection {
        let event = event(Until::Reset).expect("an event can be made");
        Connection::new(Arc::new(descriptor), event, Trust::Full)
    }

    /// Has it never wait: what would is an error of kind `WouldBlock`. One that was accepted never does.
    pub fn set_nonblocking(&mut self) -> io::Result<()> {
        self.waits = false;
        Ok(())
    }

    /// Who is at the other end of one of a [`pair`], which was made before that process.
    pub fn set_peer(&self, peer: &Process) {
        *locked(&self.peer) = Some(peer.as_handle().try_clone_to_owned());
    }

    /// Whom it was given to, if that was said. An error then means that it can't be known any more:
    /// the pipe itself would say that it was this process.
    pub(super) fn known_peer(&self) -> io::Result<Option<OwnedHandle>> {
        match &*locked(&self.peer) {
            None => Ok(None),
            Some(Ok(peer)) => peer.try_clone().map(Some),
            Some(Err(error)) => Err(error.kind().into()),
        }
    }

    /// Whether there is somebody at the other end.
    pub(super) fn is_connected(&self) -> bool {
        // SAFETY: the handle is ours; nothing is asked for but that.
        check(unsafe {
            let (pipe, none) = (self.pipe.as_raw_handle(), null_mut());
            PeekNamedPipe(pipe, null_mut(), 0, none, null_mut(), null_mut())
        })
        .is_ok()
    }

    /// Whether this is the end that was made first, and not the one that has connected.
    fn is_first_end(&self) -> io::Result<bool> {
        let mut flags = 0;
        let (sizes, most) = (null_mut(), null_mut());
        // SAFETY: the handle is ours; the flags are written.
        check(unsafe {
            let pipe = self.pipe.as_raw_handle();
            GetNamedPipeInfo(pipe, &raw mut flags, sizes, null_mut(), most)
        })?;
        Ok(flags & PIPE_SERVER_END != 0)
    }

    pub(super) fn peer_pid(&self) -> io::Result<i32> {
        let (mut pid, pipe) = (0u32, self.pipe.as_raw_handle());
        let first = self.is_first_end()?;
        // SAFETY: the handle is ours; the number is written if the call succeeds.
        check(unsafe {
            match first {
                true => GetNamedPipeClientProcessId(pipe, &raw mut pid),
                false => GetNamedPipeServerProcessId(pipe, &raw mut pid),
            }
        })?;
        Ok(pid.cast_signed())
    }

    /// The user at the other end: this one, [`role::user`], or another.
    pub fn peer_user(&self) -> io::Result<u32> {
        const ANOTHER: u32 = u32::MAX;
        let ours = match self.is_first_end()? {
            // Only who has a user's rights makes what is that user's.
            false => access(&*self.pipe)?.ours,
            true => match self.peer() {
                Ok(peer) => match is_this_users(peer.as_handle()) {
                    // An administrator's process is closed to the same user's others; the pipe is
                    // closed to other users.
                    Err(error) if is(&error, ERROR_ACCESS_DENIED) => true,
                    ours => ours?,
                },
                Err(error) if is(&error, ERROR_ACCESS_DENIED) => true,
                Err(error) => return Err(error),
            },
        };
        Ok(if ours { role::user() } else { ANOTHER })
    }

    /// The process at the other end. Ask it something afterwards: an answer shows that it was alive
    /// when it was opened here, so that it is the right one.
    pub fn peer(&self) -> io::Result<Process> {
        Process::open(self.peer_pid()?)
    }

    /// Sends one packet, with a descriptor.
    pub fn send(&self, packet: &[u8], descriptor: Option<BorrowedHandle<'_>>) -> io::Result<()> {
        let mut given = descriptor.map(|it| Given::new(self, it)).transpose()?;
        let head = Head {
            handle: given.as_ref().map(|it| it.number),
        };
        let mut whole = Vec::with_capacity(Head::LENGTH + packet.len());
        whole.extend_from_slice(&head.bytes());
        whole.extend_from_slice(packet);
        match write(&self.pipe, &whole, self.waits) {
            Err(error) if is(&error, ERROR_PIPE_NOT_CONNECTED) => {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            written => written?,
        }
        if let Some(given) = &mut given {
            given.kept = true;
        }
        Ok(())
    }

    /// Receives one packet of at most `limit` bytes and the descriptor that came along. An empty
    /// packet is the end; one that is too long is an error.
    pub fn receive(&self, limit: usize) -> io::Result<(Vec<u8>, Option<OwnedHandle>)> {
        let mut reading = locked(&self.reading);
        loop {
            if let Some(packet) = self.next(&mut reading, limit)? {
                return Ok(packet);
            }
            match self.waits {
                false => return Err(io::ErrorKind::WouldBlock.into()),
                true => reading.outcome(true),
            };
        }
    }

    /// The next packet, if it is there.
    fn next(&self, reading: &mut Operation, limit: usize) -> io::Result<Option<Packet>> {
        let most = limit.saturating_add(Head::LENGTH);
        let mut whole = Vec::new();
        let mut length = 0;
        let mut outcome = match reading.outcome(false) {
            None => return Ok(None),
            Some(outcome) => outcome,
        };
        loop {
            let (part, more) = match outcome {
                Ok(length) => (&reading.buffer()[..length], false),
                Err(ERROR_MORE_DATA) => (reading.buffer(), true),
                Err(ERROR_BROKEN_PIPE | ERROR_PIPE_NOT_CONNECTED | ERROR_NO_DATA) => {
                    return Ok(Some((Vec::new(), None)));
                }
                // The thread that started it has ended, and what it had started with it.
                Err(ERROR_OPERATION_ABORTED) => {
                    reading.read(FIRST);
                    return Ok(None);
                }
                Err(error) => return Err(call::error(error)),
            };
            length += part.len();
            let room = most - whole.len();
            whole.extend_from_slice(&part[..part.len().min(room)]);
            if !more {
                break;
            }
            // The rest is there: a packet is sent in one go.
            reading.read(ROOM as usize);
            outcome = reading
                .outcome(true)
                .unwrap_or(Err(ERROR_OPERATION_ABORTED));
        }
        reading.read(FIRST);
        let head = Head::parse(&whole).ok_or_else(|| invalid("it is none of ours"))?;
        let descriptor = head.handle.map(|number| self.adopt(number)).transpose()?;
        if length > most {
            return Err(invalid("the message is too long"));
        }
        whole.drain(..Head::LENGTH);
        Ok(Some((whole, descriptor)))
    }

    /// Takes over a handle that the other end has made for us.
    fn adopt(&self, number: u64) -> io::Result<OwnedHandle> {
        if self.trust != Trust::Full || self.peer_user()? != role::user() {
            return Err(invalid("it names a handle of ours"));
        }
        let handle = number as usize as HANDLE;
        let mut flags = 0;
        // SAFETY: asks about a number.
        check(unsafe { GetHandleInformation(handle, &raw mut flags) })?;
        // SAFETY: a process of this user, which started us, was started by us or listens where this
        // user's pipe is, has made it in this process, and nobody else here knows of it.
        Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.trust != Trust::Full {
            return;
        }
        // Handles that have come and were not asked for are ours to close.
        let mut reading = locked(&self.reading);
        loop {
            match self.next(&mut reading, 0) {
                Ok(Some((_, Some(_)))) => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
                // Nothing more has come, or it is at its end.
                Ok(_) | Err(_) => break,
            }
        }
    }
}

impl AsHandle for Connection {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.event.as_handle()
    }
}
