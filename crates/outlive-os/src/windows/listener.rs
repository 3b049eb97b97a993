//! A named pipe that others connect to.

use super::call::{self, wide};
use super::events::random_name;
use super::folder::Folder;
use super::overlapped::{Operation, Until, event, reset};
use super::socket::{Connection, Trust, locked, make_pipe};
use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle};
use std::sync::{Arc, Mutex};
use windows_sys::Win32::Foundation::{
    ERROR_NO_DATA, ERROR_OPERATION_ABORTED, ERROR_PIPE_CONNECTED,
};
use windows_sys::Win32::Storage::FileSystem::FILE_FLAG_FIRST_PIPE_INSTANCE;
use windows_sys::Win32::System::Pipes::{
    ConnectNamedPipe, DisconnectNamedPipe, PIPE_UNLIMITED_INSTANCES,
};
use windows_sys::Win32::System::Threading::SetEvent;

/// A pipe that others connect to.
#[derive(Debug)]
pub struct Listener {
    name: Vec<u16>,
    event: Arc<OwnedHandle>,
    connecting: Mutex<Next>,
}

/// What the next one to come connects to.
#[derive(Debug)]
enum Next {
    /// An end that somebody may be connecting to.
    Awaited(Operation),
    /// The end of the last one who came, once that is gone: none could be made beside it.
    Lent(Arc<OwnedHandle>),
}

/// Wakes a listener when it is dropped.
#[derive(Debug)]
pub(super) struct Knock(Arc<OwnedHandle>);

impl Drop for Knock {
    fn drop(&mut self) {
        // SAFETY: the event is open.
        unsafe { SetEvent(self.0.as_raw_handle()) };
    }
}

/// Has an end be free for another one.
fn disconnect(pipe: &OwnedHandle) {
    // SAFETY: the handle is open. One that nobody is at is free.
    unsafe { DisconnectNamedPipe(pipe.as_raw_handle()) };
}

pub(super) fn start_to_listen(
    pipe: impl Into<Arc<OwnedHandle>>,
    event: &Arc<OwnedHandle>,
) -> Operation {
    let mut connecting = Operation::new(pipe.into(), event.clone());
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
        let connecting = Mutex::new(Next::Awaited(start_to_listen(pipe, &event)));
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
        // Signalled by what is over, which is seen from here on, or by a knock.
        reset(&self.event)?;
        if let Next::Lent(pipe) = &*connecting {
            let next = match self.make_next() {
                Ok(next) => next,
                // It has not been given back.
                Err(_) if Arc::strong_count(pipe) > 1 => return Ok(None),
                Err(_) => {
                    disconnect(pipe);
                    pipe.clone()
                }
            };
            *connecting = Next::Awaited(start_to_listen(next, &self.event));
        }
        let Next::Awaited(operation) = &mut *connecting else {
            return Ok(None);
        };
        match operation.outcome(false) {
            None => return Ok(None),
            // Or has gone again, as will be seen by reading.
            Some(Ok(_) | Err(ERROR_PIPE_CONNECTED | ERROR_NO_DATA)) => {}
            // The thread that started it has ended, and what it had started with it (CancelIoEx).
            Some(Err(ERROR_OPERATION_ABORTED)) => {
                let pipe = operation.handle().clone();
                *connecting = Next::Awaited(start_to_listen(pipe, &self.event));
                return Ok(None);
            }
            Some(Err(error)) => {
                let pipe = operation.handle().clone();
                disconnect(&pipe);
                *connecting = Next::Awaited(start_to_listen(pipe, &self.event));
                return Err(call::error(error));
            }
        }
        let pipe = operation.handle().clone();
        let event = match event(Until::Reset) {
            Ok(event) => event,
            Err(error) => {
                // Nobody can be heard now, and who has come must not keep us awake.
                disconnect(&pipe);
                *connecting = Next::Awaited(start_to_listen(pipe, &self.event));
                return Err(error);
            }
        };
        // Before the other one may go: there is always one, and so nobody else can make the first.
        let next = self.make_next();
        let mut connection = Connection::new(pipe.clone(), event, Trust::Words);
        *connecting = match next {
            Ok(next) => Next::Awaited(start_to_listen(next, &self.event)),
            Err(_) => {
                connection.knock_after(Knock(self.event.clone()));
                Next::Lent(pipe)
            }
        };
        Ok(Some(connection))
    }

    fn make_next(&self) -> io::Result<Arc<OwnedHandle>> {
        make_pipe(&self.name, 0, PIPE_UNLIMITED_INSTANCES).map(Arc::new)
    }
}

impl AsHandle for Listener {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.event.as_handle()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AsDescriptor;
    use crate::events;
    use crate::windows::socket::open_pipe;
    use std::time::Duration;

    fn is_ready(listener: &Listener) -> bool {
        let ready = events::wait(&[listener.as_fd()], Some(Duration::ZERO));
        !ready.expect("it can be waited for").is_empty()
    }

    fn connected(listener: &Listener) -> Connection {
        let pipe = open_pipe(&listener.name).expect("somebody listens");
        let event = event(Until::Reset).expect("an event can be made");
        Connection::new(Arc::new(pipe), event, Trust::Full)
    }

    #[test]
    fn who_has_but_one_end_answers_one_after_the_other() {
        let name = wide(random_name().expect("it can be told")).expect("it has no NUL");
        let pipe = make_pipe(&name, FILE_FLAG_FIRST_PIPE_INSTANCE, 1).expect("it can be made");
        let event = event(Until::Reset).expect("an event can be made");
        let connecting = Mutex::new(Next::Awaited(start_to_listen(pipe, &event)));
        let listener = Listener {
            name,
            event,
            connecting,
        };
        for _ in 0..3 {
            let client = connected(&listener);
            events::wait(&[listener.as_fd()], None).expect("it can be waited for");
            let server = listener.accept().expect("it can be accepted");
            let server = server.expect("it has connected");
            // Nothing keeps the listener awake meanwhile.
            assert!(listener.accept().expect("it can be tried").is_none());
            assert!(!is_ready(&listener));
            open_pipe(&listener.name).expect_err("it is busy");
            server.send(b"answer", None).expect("it is heard");
            assert_eq!(client.receive(100).expect("it has come").0, b"answer");
            drop(server);
            assert!(is_ready(&listener));
            assert!(listener.accept().expect("it can be tried").is_none());
            assert!(!is_ready(&listener));
            assert_eq!(client.receive(100).expect("it is at its end").0, b"");
        }
    }
}
