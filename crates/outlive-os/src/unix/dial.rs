//! Connections that are made without waiting for them (connect(2), EINPROGRESS).

use rustix::io::{Errno, FdFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, sockopt};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// A TCP connection that is being made, or has been. Nothing here waits.
#[derive(Debug)]
pub struct Dial(TcpStream);

fn socket(family: AddressFamily) -> io::Result<OwnedFd> {
    let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    // Elsewhere each sending says that a peer that has gone is to be an error, not a signal.
    #[cfg(target_os = "macos")]
    sockopt::set_socket_nosigpipe(&socket, true)?;
    Ok(socket)
}

impl Dial {
    /// Begins a connection to this address.
    pub fn begin(address: SocketAddr) -> io::Result<Dial> {
        let socket = socket(match address {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        })?;
        match rustix::net::connect(&socket, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(Dial(socket.into())),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether it has been made by now; an error, which is told once, if it was refused. On the loopback device it is
    /// decided by the time that it was begun.
    pub fn is_connected(&self) -> io::Result<bool> {
        sockopt::socket_error(&self.0)??;
        match self.0.peer_addr() {
            // To itself, where nobody listens: the kernel has chosen that very port for its own end. It
            // goes without a trace (SO_LINGER), since the job is about to take the port.
            Ok(peer) if self.0.local_addr()? == peer => {
                sockopt::set_socket_linger(&self.0, Some(Duration::ZERO))?;
                Err(io::ErrorKind::ConnectionRefused.into())
            }
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sends what there is room for: an error of kind `WouldBlock` if there is none.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    /// What has come: an error of kind `WouldBlock` if nothing has, 0 bytes at the end.
    pub fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

/// Whether somebody answers at a Unix socket: an absolute path or, on Linux, `@` and an abstract name
/// (unix(7)). An error if there can be no such address. One who has too many connections waiting
/// (EAGAIN) is there, and so is one who talks by datagrams or packets (EPROTOTYPE).
pub fn answers(address: &[u8]) -> io::Result<bool> {
    let address = unix_address(address)?;
    let socket = socket(AddressFamily::UNIX)?;
    let connected = rustix::net::connect(&socket, &address);
    Ok(matches!(
        connected,
        Ok(()) | Err(Errno::AGAIN | Errno::PROTOTYPE)
    ))
}

fn unix_address(address: &[u8]) -> io::Result<SocketAddrUnix> {
    #[cfg(target_os = "linux")]
    if let [b'@', name @ ..] = address {
        return Ok(SocketAddrUnix::new_abstract_name(name)?);
    }
    Ok(SocketAddrUnix::new(address)?)
}
