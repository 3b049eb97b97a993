//! Connections that are made without waiting for them.

use outlive_os::dial::{Dial, answers};
use outlive_os::events;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram, UnixListener};
use std::path::Path;

/// Somebody who listens on the loopback device, and where.
fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has one");
    (listener, address)
}

#[test]
fn a_connection_is_made_before_it_is_accepted() {
    let (listener, address) = listener();
    let mut dial = Dial::begin(address).expect("it can be begun");
    assert!(dial.is_connected().expect("nobody has refused it"));
    let nothing = dial.read(&mut [0; 8]).expect_err("nothing was sent");
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    assert_eq!(dial.write(b"question").ok(), Some(8));

    let (mut peer, _) = listener.accept().expect("it has connected");
    let mut heard = [0; 8];
    peer.read_exact(&mut heard).expect("it was sent");
    assert_eq!(&heard, b"question");
    peer.write_all(b"answer").expect("there is room");
    drop(peer);
    // The end, so that all of the answer is there too.
    let mut answer = Vec::new();
    loop {
        let mut part = [0; 4];
        match dial.read(&mut part) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&part[..length]),
            Err(error) => panic!("it has all come: {error}"),
        }
    }
    assert_eq!(answer, b"answer");
}

#[test]
fn a_port_that_nobody_listens_at_refuses() {
    let (listener, address) = listener();
    drop(listener);
    let refused = Dial::begin(address).and_then(|dial| dial.is_connected());
    let refused = refused.expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

/// Who dials a port over and over at which nobody listens is given that very port for its own end in
/// the end, and is connected to itself.
#[test]
fn nobody_is_taken_for_somebody_else() {
    // Of those that are given out (`ip_local_port_range`), and of each parity.
    for port in [45_678, 45_679] {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        for _ in 0..30_000 {
            let connected = Dial::begin(address).and_then(|dial| dial.is_connected());
            assert!(!connected.is_ok_and(|it| it), "{address}");
        }
    }
}

fn at(path: &Path) -> bool {
    answers(path.as_os_str().as_bytes()).expect("it is an address")
}

#[test]
fn a_unix_socket_answers_while_somebody_has_it() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("socket");
    assert!(!at(&path), "there is none");
    let listener = UnixListener::bind(&path).expect("our own folder");
    assert!(at(&path));
    events::wait(&[listener.as_fd()], None).expect("somebody has connected");
    drop(listener);
    assert!(!at(&path), "a socket that was left behind");

    let other = folder.path().join("datagrams");
    let _datagrams = UnixDatagram::bind(&other).expect("our own folder");
    assert!(at(&other));
    std::fs::write(folder.path().join("file"), "").expect("our own folder");
    assert!(!at(&folder.path().join("file")));
    let long = folder.path().join("x".repeat(120));
    assert!(answers(long.as_os_str().as_bytes()).is_err());
}

#[test]
fn an_abstract_socket_answers() {
    let name = format!("outlive-test-{}", std::process::id());
    let address = UnixAddr::from_abstract_name(&name).expect("it is short");
    let listener = UnixListener::bind_addr(&address).expect("nobody has it");
    let address = format!("@{name}");
    assert!(answers(address.as_bytes()).expect("it is an address"));
    drop(listener);
    assert!(!answers(address.as_bytes()).expect("it is an address"));
}

#[test]
fn one_who_is_too_busy_to_accept_is_there() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("socket");
    let family = rustix::net::AddressFamily::UNIX;
    let socket = rustix::net::socket(family, rustix::net::SocketType::STREAM, None);
    let socket = socket.expect("a socket can be made");
    let address = rustix::net::SocketAddrUnix::new(&path).expect("it is short");
    rustix::net::bind(&socket, &address).expect("our own folder");
    rustix::net::listen(&socket, 0).expect("it is bound");
    let first = std::os::unix::net::UnixStream::connect(&path).expect("there is room for one");
    // One more than that would wait.
    assert!(at(&path) && at(&path));
    drop(first);
}
