//! The other end of sd_notify(3): the socket on which a job tells its keeper how it fares.

use super::folder::Folder;
use super::{proc, socket};
use crate::Received;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use std::ffi::{OsStr, OsString};
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::{io, ptr};

/// Room for a sender's credentials and, behind them, a few descriptors; further ones the kernel
/// closes itself (MSG_CTRUNC, recvmsg(2)).
const CONTROL: usize = 256;

/// A socket for notifications.
#[derive(Debug)]
pub struct Receiver(OwnedFd);

impl Receiver {
    /// Whether a socket can be reached by this path: by one of at most 107 bytes (`sun_path` without
    /// its final NUL, unix(7)).
    pub fn is_reached_by(path: &Path) -> bool {
        path.as_os_str().len() <= 107
    }

    /// A socket in a folder, in the place of an older one of this name: at every moment there is one
    /// of both. It is reached from every network namespace, by whoever may enter the folder, and its
    /// name stays when it goes.
    pub fn in_folder(folder: &Folder, name: &str) -> io::Result<Receiver> {
        let new = format!("{name}.new");
        folder.remove(&new)?;
        let receiver = Receiver::bound(&socket::address(folder, &new)?)?;
        rustix::fs::renameat(folder.as_fd(), &*new, folder.as_fd(), name)?;
        Ok(receiver)
    }

    /// A socket with an abstract address (unix(7)) that nobody has, and that address. It goes with
    /// the socket, and is reached from every root folder and by every user; nobody who can read
    /// `/proc/net/unix` is kept from sending to it. In another network namespace it is not found.
    pub fn new() -> io::Result<(Receiver, OsString)> {
        let mut address = "@outlive-".to_owned();
        for _ in 0..4 {
            address += &format!("{:08x}", proc::random()?);
        }
        let address = OsString::from(address);
        Ok((Receiver::at(&address)?, address))
    }

    /// A socket with this abstract address, which an earlier one had.
    pub fn at(address: &OsStr) -> io::Result<Receiver> {
        let Some(name) = address.as_bytes().strip_prefix(b"@outlive-") else {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        };
        let name = [b"outlive-", name].concat();
        Receiver::bound(&SocketAddrUnix::new_abstract_name(&name)?)
    }

    fn bound(address: &SocketAddrUnix) -> io::Result<Receiver> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
        sockopt::set_socket_passcred(&socket, true)?;
        rustix::net::bind(&socket, address)?;
        Ok(Receiver(socket))
    }

    /// What is readable once a datagram has come.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// The next datagram, of at most `limit` bytes (of a longer one the rest is lost); none if none
    /// has come. Descriptors that came along are closed, which is what `BARRIER=1` asks for.
    pub fn receive(&self, limit: usize) -> io::Result<Option<Received>> {
        #[repr(align(8))]
        struct Control([MaybeUninit<u8>; CONTROL]);
        let mut bytes = vec![0; limit];
        let mut control = Control([MaybeUninit::uninit(); CONTROL]);
        let mut part = libc::iovec {
            iov_base: bytes.as_mut_ptr().cast(),
            iov_len: limit,
        };
        // SAFETY: all zero is a valid msghdr.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = CONTROL as _;
        let length = loop {
            let flags = libc::MSG_CMSG_CLOEXEC;
            // SAFETY: the header points to buffers of ours, with their sizes. Not by rustix, whose
            // credentials have no place for the pid 0 of a sender that can't be seen from here.
            let result = unsafe { libc::recvmsg(self.0.as_raw_fd(), &raw mut message, flags) };
            match usize::try_from(result) {
                Ok(length) => break length,
                Err(_) => match Errno::from_io_error(&io::Error::last_os_error()) {
                    Some(Errno::INTR) => {}
                    Some(Errno::WOULDBLOCK) => return Ok(None),
                    error => return Err(error.unwrap_or(Errno::IO).into()),
                },
            }
        };
        bytes.truncate(length);
        let sender = heed(&message);
        Ok(Some(Received { bytes, sender }))
    }
}

/// The sender's pid by what came beside a message; descriptors that did are closed.
fn heed(message: &libc::msghdr) -> Option<i32> {
    let mut sender = None;
    // SAFETY: the kernel has filled the header's control buffer, which is still there, and has set
    // its length to what it filled.
    let mut at = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !at.is_null() {
        // SAFETY: a header within that buffer, as the macro checks.
        let (header, data) = unsafe { (ptr::read_unaligned(at), libc::CMSG_DATA(at)) };
        // SAFETY: takes a number.
        let head = unsafe { libc::CMSG_LEN(0) } as usize;
        // Of another type with musl.
        let length: usize = header.cmsg_len as _;
        let size = length.saturating_sub(head);
        match (header.cmsg_level, header.cmsg_type) {
            (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if size >= size_of::<libc::ucred>() => {
                // SAFETY: that many bytes of plain numbers are there.
                let who: libc::ucred = unsafe { ptr::read_unaligned(data.cast()) };
                sender = Some(who.pid).filter(|pid| *pid > 0);
            }
            (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                for number in 0..size / size_of::<i32>() {
                    // SAFETY: within the data; the kernel has just made the descriptor for us alone.
                    drop(unsafe {
                        OwnedFd::from_raw_fd(ptr::read_unaligned(data.cast::<i32>().add(number)))
                    });
                }
            }
            _ => {}
        }
        // SAFETY: as for the first.
        at = unsafe { libc::CMSG_NXTHDR(message, at) };
    }
    sender
}
