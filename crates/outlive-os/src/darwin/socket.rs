//! Packets and descriptors between two processes of one user: unix(4), SOCK_STREAM, since there is no
//! SOCK_SEQPACKET here. Each packet comes behind its length in 4 bytes, and never more is read than
//! belongs to one: what follows it keeps the socket readable.

use super::checked;
use super::folder::Folder;
use super::process::Process;
use rustix::io::{Errno, FdFlags};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sockopt,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

/// What a socket holds on its way: more than any packet, so that sending does not wait for the reader.
const BUFFER: usize = 64 << 10;
const HEADER: usize = size_of::<u32>();

/// One end of a connection.
#[derive(Debug)]
pub struct Connection {
    socket: OwnedFd,
    heard: Mutex<Heard>,
}

/// What has come of a packet that is not complete.
#[derive(Debug, Default)]
struct Heard {
    bytes: Vec<u8>,
    /// How many of one that is too long were thrown away.
    dropped: usize,
    descriptor: Option<OwnedFd>,
}

/// A socket that others connect to.
#[derive(Debug)]
pub struct Listener(OwnedFd);

/// A new socket, as all of ours are: a peer that has gone is an error and no signal, and a program
/// that is started does not get it.
fn set_up(socket: OwnedFd) -> io::Result<OwnedFd> {
    rustix::io::fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    sockopt::set_socket_nosigpipe(&socket, true)?;
    // Without the room it is slower.
    let _ = sockopt::set_socket_send_buffer_size(&socket, BUFFER);
    let _ = sockopt::set_socket_recv_buffer_size(&socket, BUFFER);
    Ok(socket)
}

fn socket() -> io::Result<OwnedFd> {
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    set_up(socket)
}

/// Does something with a socket's name in a folder while that is this thread's own folder: a socket's
/// path has at most 103 bytes (unix(4)), a state folder's may have more.
fn in_folder<T>(
    folder: &Folder,
    name: &str,
    act: impl FnOnce(&SocketAddrUnix) -> rustix::io::Result<T>,
) -> io::Result<T> {
    unsafe extern "C" {
        /// Gives this thread a folder of its own, or with -1 its process's again (macOS 10.12; it has
        /// no page, see libpthread's pthread/private.h).
        fn pthread_fchdir_np(folder: i32) -> i32;
    }
    let address = SocketAddrUnix::new(name)?;
    // SAFETY: takes a number that is open.
    checked(unsafe { pthread_fchdir_np(folder.as_fd().as_raw_fd()) })?;
    let done = act(&address);
    // SAFETY: takes a number.
    checked(unsafe { pthread_fchdir_np(-1) })?;
    Ok(done?)
}

/// Two connected ends; what is given to a child as a descriptor is the second.
pub fn pair() -> io::Result<(Connection, OwnedFd)> {
    let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
    let (one, other) = rustix::net::socketpair(family, kind, SocketFlags::empty(), None)?;
    Ok((Connection::of(set_up(one)?), set_up(other)?))
}

/// Connects to a socket in a folder. An error of kind `ConnectionRefused` or `NotFound` if nobody
/// listens there.
pub fn connect(folder: &Folder, name: &str) -> io::Result<Connection> {
    let socket = socket()?;
    in_folder(folder, name, |address| {
        rustix::net::connect(&socket, address)
    })?;
    Ok(Connection::of(socket))
}

impl Listener {
    /// Makes a socket in a folder.
    pub fn new(folder: &Folder, name: &str) -> io::Result<Listener> {
        let socket = socket()?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        in_folder(folder, name, |address| rustix::net::bind(&socket, address))?;
        rustix::net::listen(&socket, 1024)?;
        Ok(Listener(socket))
    }

    /// The next one who has connected, if any.
    pub fn accept(&self) -> io::Result<Option<Connection>> {
        let socket = match rustix::net::accept(&self.0) {
            Ok(socket) => socket,
            Err(Errno::WOULDBLOCK | Errno::CONNABORTED) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match set_up(socket) {
            Ok(socket) => {
                rustix::io::ioctl_fionbio(&socket, true)?;
                Ok(Some(Connection::of(socket)))
            }
            // It has gone already: options of such a socket can't be set.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Connection {
    fn of(socket: OwnedFd) -> Connection {
        Connection {
            socket,
            heard: Mutex::default(),
        }
    }

    /// A connection that came as an inherited descriptor.
    pub fn from_descriptor(descriptor: OwnedFd) -> Connection {
        Connection::of(descriptor)
    }

    /// Has it never wait: what would is an error of kind `WouldBlock`. One that was accepted never does.
    pub fn set_nonblocking(&mut self) -> io::Result<()> {
        Ok(rustix::io::ioctl_fionbio(&self.socket, true)?)
    }

    /// Tells which process has got the other end of a [`pair`]: a socket knows by itself whom its
    /// descriptors go to.
    pub fn set_peer(&self, _peer: &Process) {}

    /// The user at the other end, as it was when it connected or listened (getpeereid(3)).
    pub fn peer_user(&self) -> io::Result<u32> {
        let (mut user, mut group) = (u32::MAX, u32::MAX);
        let socket = self.socket.as_raw_fd();
        // SAFETY: both are written by the call.
        checked(unsafe { libc::getpeereid(socket, &raw mut user, &raw mut group) })?;
        Ok(user)
    }

    /// The process at the other end (LOCAL_PEERPID, sys/un.h). Ask it something afterwards: an answer
    /// shows that it was alive when it was opened here, so that it is the right one.
    pub fn peer(&self) -> io::Result<Process> {
        let mut pid = 0i32;
        let mut size = size_of::<i32>() as libc::socklen_t;
        let (socket, level, name) = (
            self.socket.as_raw_fd(),
            libc::SOL_LOCAL,
            libc::LOCAL_PEERPID,
        );
        let into = (&raw mut pid).cast();
        // SAFETY: a number of ours and its size.
        checked(unsafe { libc::getsockopt(socket, level, name, into, &raw mut size) })?;
        Process::open(pid)
    }

    /// Sends one packet, with a descriptor. On a connection that was accepted it is an error if the
    /// other end leaves it no room: the packet is cut short then, and the connection of no more use.
    pub fn send(&self, packet: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let length = u32::try_from(packet.len()).map_err(io::Error::other)?;
        let header = length.to_ne_bytes();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let rights = descriptor.as_slice();
        if descriptor.is_some() {
            ancillary.push(SendAncillaryMessage::ScmRights(rights));
        }
        let parts = [IoSlice::new(&header), IoSlice::new(packet)];
        let flags = SendFlags::empty();
        let mut sent = rustix::io::retry_on_intr(|| {
            rustix::net::sendmsg(&self.socket, &parts, &mut ancillary, flags)
        })?;
        let whole = [&header[..], packet].concat();
        while sent < whole.len() {
            let rest = &whole[sent..];
            sent += rustix::io::retry_on_intr(|| rustix::net::send(&self.socket, rest, flags))?;
        }
        Ok(())
    }

    /// Receives one packet of at most `limit` bytes and the descriptor that came along. An empty
    /// packet is the end; one that is too long is an error.
    pub fn receive(&self, limit: usize) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let length = match heard.bytes.first_chunk::<HEADER>() {
                Some(header) => usize::try_from(u32::from_ne_bytes(*header)).unwrap_or(usize::MAX),
                None => 0,
            };
            let too_long = length > limit;
            if too_long {
                heard.dropped += heard.bytes.len() - HEADER;
                heard.bytes.truncate(HEADER);
            }
            let missing = HEADER + length - heard.bytes.len() - heard.dropped;
            if missing == 0 {
                let Heard {
                    bytes, descriptor, ..
                } = std::mem::take(&mut *heard);
                return match too_long {
                    false => Ok((bytes[HEADER..].to_vec(), descriptor)),
                    true => Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the message is too long",
                    )),
                };
            }
            if self.hear(&mut heard, missing)? == 0 {
                return match heard.bytes.is_empty() {
                    true => Ok((Vec::new(), None)),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }

    /// Reads at most so many bytes, and a descriptor if one comes with them; how many there were.
    fn hear(&self, heard: &mut Heard, most: usize) -> io::Result<usize> {
        let mut piece = vec![0; most.min(BUFFER)];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::io::retry_on_intr(|| {
            let mut parts = [IoSliceMut::new(&mut piece)];
            rustix::net::recvmsg(&self.socket, &mut parts, &mut ancillary, RecvFlags::empty())
        })?;
        heard.bytes.extend_from_slice(&piece[..received.bytes]);
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                for descriptor in descriptors {
                    rustix::io::fcntl_setfd(&descriptor, FdFlags::CLOEXEC)?;
                    heard.descriptor = Some(descriptor);
                }
            }
        }
        Ok(received.bytes)
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
