//! A manager of the tests' own: a thread at the other end of a pair of sockets, which sends what
//! the test tells it to.

use crate::connection::{Connection, Deadline, Result};
use crate::manager::Asked;
use crate::wire::tests::Sent;
use crate::wire::{self, Message};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The other end.
#[derive(Debug)]
pub(crate) struct Peer(UnixStream);

impl Peer {
    /// Receives what comes before the first message.
    pub(crate) fn hear(&mut self) {
        let expected = b"\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";
        let mut received = vec![0; expected.len()];
        self.0.read_exact(&mut received).unwrap();
        assert_eq!(received, expected);
    }

    /// Does what a manager does before the first message.
    pub(crate) fn accept(&mut self) {
        self.hear();
        self.send(b"DATA\r\nOK 0123456789abcdef0123456789abcdef\r\nAGREE_UNIX_FD\r\n");
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Sends it in pieces of one byte.
    pub(crate) fn dribble(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.send(&[*byte]);
        }
    }

    pub(crate) fn receive(&mut self) -> Message {
        let mut bytes = Vec::new();
        loop {
            match wire::length(&bytes).unwrap() {
                Some(length) if length == bytes.len() => return Message::decode(&bytes).unwrap(),
                _ => {
                    let mut byte = [0];
                    self.0.read_exact(&mut byte).unwrap();
                    bytes.push(byte[0]);
                }
            }
        }
    }

    /// What has come, with a descriptor.
    pub(crate) fn receive_descriptor(&mut self) -> (Vec<u8>, Option<OwnedFd>) {
        let mut bytes = vec![0; 1 << 16];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = rustix::net::recvmsg(&self.0, &mut parts, &mut ancillary, flags).unwrap();
        bytes.truncate(received.bytes);
        let descriptor = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        (bytes, descriptor)
    }

    /// Receives a call of this method, and answers it.
    pub(crate) fn answer(&mut self, member: &str, mut answer: Sent<'_>) {
        let call = self.receive();
        assert_eq!(call.member.as_deref(), Some(member));
        // Serial numbers count up from 1.
        answer.reply_to = answer.reply_to.max(1);
        self.send(&answer.encode());
    }

    /// Until the other end is closed; what came before.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).unwrap();
        rest
    }
}

/// Connects to a peer that does this.
pub(crate) fn connect(
    within: Duration,
    peer: impl FnOnce(Peer) + Send + 'static,
) -> (Result<Connection>, JoinHandle<()>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let thread = thread::spawn(move || peer(Peer(theirs)));
    (Connection::over(ours, Deadline::after(within)), thread)
}

/// Asks a manager that accepts and then does this.
pub(crate) fn asked(
    within: Duration,
    peer: impl FnOnce(Peer) + Send + 'static,
) -> (Asked, JoinHandle<()>) {
    let (connection, thread) = connect(within, |mut it| {
        it.accept();
        peer(it);
    });
    let asked = Asked {
        connection: connection.unwrap(),
        by_bus: None,
    };
    (asked, thread)
}
