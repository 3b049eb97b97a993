//! Packets and descriptors between two processes of one user: unix(7), SOCK_SEQPACKET.

use super::folder::Folder;
use super::process::Process;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// One end of a connection.
#[derive(Debug)]
pub struct Connection(OwnedFd);

/// A socket that others connect to.
#[derive(Debug)]
pub struct Listener(OwnedFd);

/// The address of a socket in a folder, by the folder's descriptor: a socket's path has at most
/// 107 bytes (unix(7)), a state folder's may have more.
pub(super) fn address(folder: &Folder, name: &str) -> io::Result<SocketAddrUnix> {
    let path = format!("/proc/self/fd/{}/{name}", folder.as_fd().as_raw_fd());
    Ok(SocketAddrUnix::new(path)?)
}

fn socket(flags: SocketFlags) -> io::Result<OwnedFd> {
    let flags = flags | SocketFlags::CLOEXEC;
    Ok(rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        flags,
        None,
    )?)
}

/// Two connected ends; what is given to a child as a descriptor is the second.
pub fn pair() -> io::Result<(Connection, OwnedFd)> {
    let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
    let (one, other) = rustix::net::socketpair(family, kind, SocketFlags::CLOEXEC, None)?;
    Ok((Connection(one), other))
}

/// Connects to a socket in a folder. An error of kind `ConnectionRefused` or `NotFound` if nobody
/// listens there.
pub fn connect(folder: &Folder, name: &str) -> io::Result<Connection> {
    let socket = socket(SocketFlags::empty())?;
    rustix::net::connect(&socket, &address(folder, name)?)?;
    Ok(Connection(socket))
}

impl Listener {
    /// Makes a socket in a folder.
    pub fn new(folder: &Folder, name: &str) -> io::Result<Listener> {
        let socket = socket(SocketFlags::NONBLOCK)?;
        rustix::net::bind(&socket, &address(folder, name)?)?;
        rustix::net::listen(&socket, 1024)?;
        Ok(Listener(socket))
    }

    /// The next one who has connected, if any.
    pub fn accept(&self) -> io::Result<Option<Connection>> {
        match rustix::net::accept_with(&self.0, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok(socket) => Ok(Some(Connection(socket))),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::CONNABORTED) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl Connection {
    /// A connection that came as an inherited descriptor.
    pub fn from_descriptor(descriptor: OwnedFd) -> Connection {
        Connection(descriptor)
    }

    /// Has it never wait: what would is an error of kind `WouldBlock`. One that was accepted never does.
    pub fn set_nonblocking(&mut self) -> io::Result<()> {
        Ok(rustix::io::ioctl_fionbio(&self.0, true)?)
    }

    /// Tells which process has got the other end of a [`pair`]: a socket knows by itself whom its
    /// descriptors go to.
    pub fn set_peer(&self, _peer: &Process) {}

    /// Who is at the other end, as it was when it connected or listened (SO_PEERCRED, unix(7)).
    fn credentials(&self) -> io::Result<libc::ucred> {
        let mut who = libc::ucred {
            pid: 0,
            uid: u32::MAX,
            gid: u32::MAX,
        };
        let mut size = size_of::<libc::ucred>() as libc::socklen_t;
        let (level, name) = (libc::SOL_SOCKET, libc::SO_PEERCRED);
        // SAFETY: a structure of ours and its size. Not by rustix, whose type has no place for the
        // pid 0 that the kernel gives for a peer in a pid namespace that can't be seen from here.
        let result = unsafe {
            libc::getsockopt(
                self.0.as_raw_fd(),
                level,
                name,
                (&raw mut who).cast(),
                &raw mut size,
            )
        };
        if result < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(who)
        }
    }

    /// The user at the other end.
    pub fn peer_user(&self) -> io::Result<u32> {
        Ok(self.credentials()?.uid)
    }

    /// The process at the other end. Ask it something afterwards: an answer shows that it was alive
    /// when it was opened here, so that it is the right one.
    pub fn peer(&self) -> io::Result<Process> {
        match self.credentials()?.pid {
            pid if pid > 0 => Process::open(pid),
            _ => Err(io::Error::other("it can't be seen from this pid namespace")),
        }
    }

    /// Sends one packet, with a descriptor.
    pub fn send(&self, packet: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let rights = descriptor.as_slice();
        if descriptor.is_some() {
            ancillary.push(SendAncillaryMessage::ScmRights(rights));
        }
        let parts = [IoSlice::new(packet)];
        rustix::io::retry_on_intr(|| {
            rustix::net::sendmsg(&self.0, &parts, &mut ancillary, SendFlags::NOSIGNAL)
        })?;
        Ok(())
    }

    /// Receives one packet of at most `limit` bytes and the descriptor that came along. An empty
    /// packet is the end; one that is too long is an error.
    pub fn receive(&self, limit: usize) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
        // How long it is, first: room for the longest one would be memory that is touched for nothing.
        let peek = RecvFlags::PEEK | RecvFlags::TRUNC;
        let (_, length) =
            rustix::io::retry_on_intr(|| rustix::net::recv(&self.0, &mut [0; 0], peek))?;
        let mut packet = vec![0; length.min(limit)];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::io::retry_on_intr(|| {
            let mut parts = [IoSliceMut::new(&mut packet)];
            rustix::net::recvmsg(&self.0, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)
        })?;
        if received.flags.contains(ReturnFlags::TRUNC) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the message is too long",
            ));
        }
        packet.truncate(received.bytes);
        let descriptor = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        Ok((packet, descriptor))
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
