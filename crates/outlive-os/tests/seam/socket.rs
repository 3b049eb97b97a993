//! Packets and descriptors between two processes.

use crate::common::{HELD, Held, alone, as_child, shell};
use outlive_os::folder::Folder;
use outlive_os::socket::{Connection, Listener, connect, pair};
use outlive_os::spawn::Spawn;
use outlive_os::{events, role};
use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tempfile::TempDir;

/// A folder whose path is too long for a socket's.
fn deep_folder() -> (TempDir, Folder) {
    let path = tempfile::tempdir().expect("a folder can be made");
    let deep = path.path().join("x".repeat(120)).join("y".repeat(120));
    Folder::make(&deep).expect("our own folder");
    let folder = Folder::open(&deep).expect("our own folder");
    (path, folder)
}

fn connected(folder: &Folder, listener: &Listener) -> (Connection, Connection) {
    let client = connect(folder, "control").expect("somebody listens");
    events::wait(&[listener.as_fd()], None).expect("it can be waited for");
    (
        client,
        listener
            .accept()
            .expect("it can be accepted")
            .expect("it has connected"),
    )
}

#[test]
fn packets_stay_apart() {
    alone!();
    let (_path, folder) = deep_folder();
    let listener = Listener::new(&folder, "control").expect("a socket can be made");
    assert!(listener.accept().expect("it can be tried").is_none());
    let (mut client, server) = connected(&folder, &listener);
    client.send(b"one", None).expect("it is heard");
    client.send(b"two", None).expect("it is heard");
    for expected in [b"one", b"two"] {
        let (packet, descriptor) = server.receive(100).expect("it has come");
        assert_eq!((&*packet, descriptor.is_none()), (&expected[..], true));
    }
    // The keeper's side never waits.
    assert_eq!(
        server.receive(100).expect_err("nothing came").kind(),
        ErrorKind::WouldBlock
    );
    client.set_nonblocking().expect("our own connection");
    assert_eq!(
        client.receive(100).expect_err("nothing came").kind(),
        ErrorKind::WouldBlock
    );
    drop(client);
    assert_eq!(server.receive(100).expect("it has gone").0, b"");
    assert_eq!(
        server.send(b"x", None).expect_err("it has gone").kind(),
        ErrorKind::BrokenPipe
    );
}

#[test]
fn a_packet_that_is_too_long_is_refused_whole() {
    let (one, other) = pair().expect("a pair can be made");
    let other = Connection::from_descriptor(other);
    for length in [99, 100, 101, 5000] {
        one.send(&vec![b'x'; length], None).expect("it is heard");
        match other.receive(100) {
            Ok((packet, _)) => assert_eq!((packet.len(), length <= 100), (length, true)),
            Err(error) => {
                assert_eq!((error.kind(), length > 100), (ErrorKind::InvalidData, true));
            }
        }
    }
    // Nothing of a long one is left for the next.
    one.send(b"next", None).expect("it is heard");
    assert_eq!(other.receive(100).expect("it has come").0, b"next");
}

#[test]
fn a_descriptor_comes_along() {
    let (_path, folder) = deep_folder();
    let listener = Listener::new(&folder, "control").expect("a socket can be made");
    let (client, server) = connected(&folder, &listener);
    let (read, write) = events::pipe().expect("a pipe can be made");
    server
        .send(b"here it is", Some(write.as_fd()))
        .expect("it is heard");
    drop(write);
    let (packet, descriptor) = client.receive(100).expect("it has come");
    assert_eq!(packet, b"here it is");
    let descriptor: OwnedFd = descriptor.expect("it came along");
    // SAFETY: asks about a number.
    let flags = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_GETFD) };
    assert_eq!(flags, libc::FD_CLOEXEC);
    let mut written = File::from(descriptor);
    written.write_all(b"through it").expect("the pipe is open");
    drop(written);
    let mut said = String::new();
    File::from(read).read_to_string(&mut said).expect("text");
    assert_eq!(said, "through it");
}

#[test]
fn a_descriptor_of_a_refused_packet_does_not_stay_open() {
    let (one, other) = pair().expect("a pair can be made");
    let other = Connection::from_descriptor(other);
    let (read, write) = events::pipe().expect("a pipe can be made");
    one.send(&[b'x'; 200], Some(write.as_fd()))
        .expect("it is heard");
    drop(write);
    assert!(other.receive(100).is_err());
    let mut nothing = Vec::new();
    File::from(read)
        .read_to_end(&mut nothing)
        .expect("nobody holds the other end");
}

#[test]
fn who_does_not_listen_is_told_from_who_never_did() {
    alone!();
    let (_path, folder) = deep_folder();
    let kind = || {
        connect(&folder, "control")
            .expect_err("nobody listens")
            .kind()
    };
    assert_eq!(kind(), ErrorKind::NotFound);
    let listener = Listener::new(&folder, "control").expect("a socket can be made");
    let taken = Listener::new(&folder, "control").expect_err("the name is taken");
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    drop(listener);
    assert_eq!(kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn both_ends_know_who_the_other_is() {
    let (_path, folder) = deep_folder();
    let listener = Listener::new(&folder, "control").expect("a socket can be made");
    let (client, server) = connected(&folder, &listener);
    for end in [&client, &server] {
        assert_eq!(end.peer_user().expect("it is known"), role::user());
        let peer = end.peer().expect("it is known");
        assert_eq!(peer.pid(), std::process::id().cast_signed());
    }
}

#[test]
fn another_user_is_known() {
    alone!();
    if !outlive_testkit::is_root() {
        outlive_testkit::skipped("a connection of another user", "only root can become one");
        return;
    }
    let path = tempfile::tempdir().expect("a folder can be made");
    let folder = Folder::open(path.path()).expect("our own folder");
    let listener = Listener::new(&folder, "control").expect("a socket can be made");
    for path in [path.path(), &path.path().join("control")] {
        fs::set_permissions(path, Permissions::from_mode(0o777)).expect("our own");
    }
    let other_user = || {
        // SAFETY: the raw call, which changes this thread alone.
        let result = unsafe { libc::syscall(libc::SYS_setresuid, 65534, 65534, 65534) };
        assert_eq!(result, 0);
        connect(&folder, "control").expect("anybody may connect")
    };
    let client = std::thread::scope(|scope| scope.spawn(other_user).join().expect("no panic"));
    events::wait(&[listener.as_fd()], None).expect("it can be waited for");
    let server = listener
        .accept()
        .expect("it can be accepted")
        .expect("it has connected");
    assert_eq!(server.peer_user().expect("it is known"), 65534);
    // The client sees who listens.
    assert_eq!(client.peer_user().expect("it is known"), 0);
}

#[test]
fn the_end_of_a_process_is_the_end_of_its_connection() {
    let (ours, theirs) = pair().expect("a pair can be made");
    let spawn = Spawn {
        descriptors: vec![(theirs.as_fd(), 3)],
        ..shell(HELD)
    };
    let held = Held::start(spawn, as_child);
    drop(theirs);
    let now = events::wait(&[ours.as_fd()], Some(Duration::ZERO));
    assert_eq!(now.expect("it can be looked at"), [] as [usize; 0]);
    held.end();
    assert_eq!(
        events::wait(&[ours.as_fd()], None).expect("it can be waited for"),
        [0]
    );
    assert_eq!(ours.receive(100).expect("it is at its end").0, b"");
}
