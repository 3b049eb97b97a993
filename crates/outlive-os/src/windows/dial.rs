//! Connections that are made without waiting for them: a thread waits, since Windows tries a port that
//! nobody listens at for two seconds.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a thread needs that only waits.
const STACK: usize = 64 << 10;

/// A TCP connection that is being made, or has been. Nothing here waits.
#[derive(Debug)]
pub struct Dial(Arc<Mutex<Option<io::Result<TcpStream>>>>);

impl Dial {
    /// Begins a connection to this address.
    pub fn begin(address: SocketAddr) -> io::Result<Dial> {
        let outcome = Arc::new(Mutex::new(None));
        let told = Arc::clone(&outcome);
        let connect = move || {
            let connected = TcpStream::connect_timeout(&address, PATIENCE)
                .and_then(|stream| stream.set_nonblocking(true).map(|()| stream));
            *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(connected);
        };
        thread::Builder::new().stack_size(STACK).spawn(connect)?;
        Ok(Dial(outcome))
    }

    fn with<T>(&self, act: impl FnOnce(&mut TcpStream) -> io::Result<T>) -> io::Result<T> {
        let mut outcome = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *outcome {
            None => Err(io::ErrorKind::WouldBlock.into()),
            Some(Ok(stream)) => act(stream),
            Some(Err(error)) => Err(error.kind().into()),
        }
    }

    /// Whether it has been made by now; an error, which is told once, if it was refused.
    pub fn is_connected(&self) -> io::Result<bool> {
        // To itself, where nobody listens: its own end has been given that very port.
        let is_other = |stream: &mut TcpStream| match stream.local_addr()? == stream.peer_addr()? {
            true => Err(io::ErrorKind::ConnectionRefused.into()),
            false => Ok(true),
        };
        match self.with(is_other) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            other => other,
        }
    }

    /// Sends what there is room for: an error of kind `WouldBlock` if there is none.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|stream| stream.write(bytes))
    }

    /// What has come: an error of kind `WouldBlock` if nothing has, 0 bytes at the end.
    pub fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.with(|stream| stream.read(bytes))
    }
}

/// An error of kind `Unsupported`: servers on Windows listen at named pipes.
pub fn answers(_address: &[u8]) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}
