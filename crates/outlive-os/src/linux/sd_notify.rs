//! The notification socket that a service manager gives its services (sd_notify(3)).

pub use super::sd_notify_receiver::Receiver;

use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType};
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

/// A connection to it.
#[derive(Debug)]
pub struct Notifier(OwnedFd);

impl Notifier {
    /// Connects to the socket of this address: an absolute path, or `@` and an abstract name
    /// (unix(7)). It works on after a chroot(2) and as another user.
    pub fn connect(address: &OsStr) -> io::Result<Notifier> {
        let address = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddrUnix::new_abstract_name(name)?,
            [b'/', ..] => SocketAddrUnix::new(address)?,
            _ => {
                let what = "it is neither an absolute path nor an abstract name";
                return Err(io::Error::new(io::ErrorKind::Unsupported, what));
            }
        };
        let (family, kind) = (AddressFamily::UNIX, SocketType::DGRAM);
        let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
        rustix::net::connect(&socket, &address)?;
        Ok(Notifier(socket))
    }

    /// Sends assignments, one a line, such as `READY=1`.
    pub fn send(&self, assignments: &str) -> io::Result<()> {
        rustix::io::retry_on_intr(|| {
            rustix::net::send(&self.0, assignments.as_bytes(), SendFlags::NOSIGNAL)
        })?;
        Ok(())
    }
}
