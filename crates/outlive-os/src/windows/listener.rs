//! A named pipe that others connect to.

use super::call::{self, wide};
use super::events::random_name;
use super::folder::Folder;
use super::overlapped::{Operation, Until, event};
use super::socket::{Connection, Trust, locked, make_pipe};
use std::io;
use std::os::windows::io::{AsHandle, BorrowedHandle, OwnedHandle};
use std::sync::{Arc, Mutex};
use windows_sys::Win32::Foundation::{
    ERROR_NO_DATA, ERROR_OPERATION_ABORTED, ERROR_PIPE_CONNECTED,
};
use windows_sys::Win32::Storage::FileSystem::FILE_FLAG_FIRST_PIPE_INSTANCE;
use windows_sys::Win32::System::Pipes::{ConnectNamedPipe, PIPE_UNLIMITED_INSTANCES};

/// A pipe that others connect to.
#[derive(Debug)]
pub struct Listener {
    name: Vec<u16>,
    event: Arc<OwnedHandle>,
    /// That somebody connects to the newest end.
    connecting: Mutex<Operation>,
}

pub(super) fn start_to_listen(pipe: OwnedHandle, event: &Arc<OwnedHandle>) -> Operation {
    let mut connecting = Operation::new(Arc::new(pipe), event.clone());
    connecting.start(0, |handle, _, overlapped| {
        // SAFETY: the structure stays where it is until the operation is over.
        unsafe { ConnectNamedPipe(handle, overlapped) }
    });
    connecting
}

impl Listener {
    /// Makes a pipe, and a file in a folder with its name.
    pub fn new(folder: &Folder, name: &str) -> io::Result<Listener> {
        let text = random_name()?;
        let pipe_name = wide(&text)?;
        let flags = FILE_FLAG_FIRST_PIPE_INSTANCE;
        let pipe = make_pipe(&pipe_name, flags, PIPE_UNLIMITED_INSTANCES)?;
        let event = event(Until::Reset)?;
        let connecting = Mutex::new(start_to_listen(pipe, &event));
        // Nobody sees a file with half a name in it.
        let new = format!("{name}.new");
        folder.create(&new, text.as_bytes())?;
        if let Err(error) = folder.rename_new(&new, name) {
            let _ = folder.remove(&new);
            return Err(match error.kind() {
                io::ErrorKind::AlreadyExists => io::ErrorKind::AddrInUse.into(),
                _ => error,
            });
        }
        Ok(Listener {
            name: pipe_name,
            event,
            connecting,
        })
    }

    /// The next one who has connected, if any.
    pub fn accept(&self) -> io::Result<Option<Connection>> {
        let mut connecting = locked(&self.connecting);
        let connected = match connecting.outcome(false) {
            None => return Ok(None),
            // Or has gone again, as will be seen by reading.
            Some(Ok(_) | Err(ERROR_PIPE_CONNECTED | ERROR_NO_DATA)) => Ok(()),
            // The thread that started it has ended, and what it had started with it (CancelIoEx).
            Some(Err(ERROR_OPERATION_ABORTED)) => Err(None),
            Some(Err(error)) => Err(Some(error)),
        };
        // Before the other one may go: there is always one, and so nobody else can make the first.
        let next = make_pipe(&self.name, 0, PIPE_UNLIMITED_INSTANCES)?;
        let before = std::mem::replace(&mut *connecting, start_to_listen(next, &self.event));
        match connected {
            Ok(()) => {
                let (pipe, event) = (before.handle().clone(), event(Until::Reset)?);
                drop(before);
                Ok(Some(Connection::new(pipe, event, Trust::Words)))
            }
            Err(None) => Ok(None),
            Err(Some(error)) => Err(call::error(error)),
        }
    }
}

impl AsHandle for Listener {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.event.as_handle()
    }
}
