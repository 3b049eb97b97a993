//! Packets and descriptors between two processes.

use crate::again::{self, Other};
use crate::common::{as_child, started};
use outlive_os::folder::Folder;
use outlive_os::process::{Exit, Process};
use outlive_os::socket::{Connection, Listener, connect, pair};
use outlive_os::{AsDescriptor, Descriptor, events, role};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::windows::io::AsRawHandle;
use std::path::Path;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

fn folder() -> (TempDir, Folder) {
    let path = tempfile::tempdir().expect("a folder can be made");
    let folder = Folder::open(path.path()).expect("our own folder");
    (path, folder)
}

fn accepted(listener: &Listener) -> Connection {
    events::wait(&[listener.as_fd()], None).expect("it can be waited for");
    let connection = listener.accept().expect("it can be accepted");
    connection.expect("it has connected")
}

fn connected(folder: &Folder, listener: &Listener) -> (Connection, Connection) {
    let client = connect(folder, "control").expect("somebody listens");
    (client, accepted(listener))
}

/// What an end that never waits receives.
fn heard(end: &Connection, limit: usize) -> std::io::Result<(Vec<u8>, Option<Descriptor>)> {
    events::wait(&[end.as_fd()], None).expect("it can be waited for");
    end.receive(limit)
}

fn is_ready(end: &impl AsDescriptor) -> bool {
    let ready = events::wait(&[end.as_fd()], Some(Duration::ZERO));
    !ready.expect("it can be waited for").is_empty()
}

#[test]
fn packets_stay_apart() {
    let (_path, folder) = folder();
    let listener = Listener::new(&folder, "control").expect("a pipe can be made");
    assert!(listener.accept().expect("it can be tried").is_none());
    let (client, server) = connected(&folder, &listener);
    assert!(!is_ready(&server) && !is_ready(&listener));
    client.send(b"one", None).expect("it is heard");
    client.send(b"two", None).expect("it is heard");
    for expected in [b"one", b"two"] {
        let (packet, descriptor) = heard(&server, 100).expect("it has come");
        assert_eq!((&*packet, descriptor.is_none()), (&expected[..], true));
    }
    // The keeper's side never waits.
    assert!(!is_ready(&server));
    let nothing = server.receive(100).expect_err("nothing came");
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    server.send(b"three", None).expect("it is heard");
    assert_eq!(client.receive(100).expect("it has come").0, b"three");
    drop(client);
    for _ in 0..2 {
        assert_eq!(heard(&server, 100).expect("it has gone").0, b"");
    }
    let gone = server.send(b"x", None).expect_err("it has gone");
    assert_eq!(gone.kind(), ErrorKind::BrokenPipe);
}

#[test]
fn what_was_said_before_the_end_is_heard() {
    let (_path, folder) = folder();
    let listener = Listener::new(&folder, "control").expect("a pipe can be made");
    let (client, server) = connected(&folder, &listener);
    server.send(b"last words", None).expect("it is heard");
    drop((server, listener));
    assert_eq!(client.receive(100).expect("it has come").0, b"last words");
    assert_eq!(client.receive(100).expect("it is at its end").0, b"");
}

#[test]
fn a_packet_that_is_too_long_is_refused_whole() {
    let (one, other) = pair().expect("a pair can be made");
    let other = Connection::from_descriptor(other);
    for length in [99, 100, 101, 5000, 60_000] {
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
fn a_packet_may_be_longer_than_there_is_room_for() {
    let (one, other) = pair().expect("a pair can be made");
    let other = Connection::from_descriptor(other);
    let long: Vec<u8> = (0..300_000).map(|at: u32| (at % 251) as u8).collect();
    thread::scope(|scope| {
        scope.spawn(|| one.send(&long, None).expect("it is heard"));
        assert_eq!(other.receive(1 << 20).expect("it has come").0, long);
    });
}

#[test]
fn who_does_not_read_holds_up_nobody_who_never_waits() {
    let (_path, folder) = folder();
    let listener = Listener::new(&folder, "control").expect("a pipe can be made");
    let (client, server) = connected(&folder, &listener);
    let sent = (0..10_000)
        .take_while(|_| server.send(&[b'x'; 1000], None).is_ok())
        .count();
    assert!((10..10_000).contains(&sent), "{sent}");
    let full = server
        .send(&[b'x'; 1000], None)
        .expect_err("there is no room");
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    // What was sent is whole, and what was not is not there.
    for _ in 0..sent {
        assert_eq!(client.receive(2000).expect("it has come").0, [b'x'; 1000]);
    }
    drop(server);
    assert_eq!(client.receive(2000).expect("it is at its end").0, b"");
}

fn said_through(pipe: Descriptor) -> String {
    let mut said = String::new();
    File::from(pipe).read_to_string(&mut said).expect("text");
    said
}

#[test]
fn a_descriptor_comes_along() {
    let (_path, folder) = folder();
    let listener = Listener::new(&folder, "control").expect("a pipe can be made");
    let (client, server) = connected(&folder, &listener);
    let (read, write) = events::pipe().expect("a pipe can be made");
    server
        .send(b"here it is", Some(write.as_fd()))
        .expect("it is heard");
    drop(write);
    let (packet, descriptor) = client.receive(100).expect("it has come");
    assert_eq!(packet, b"here it is");
    let mut written = File::from(descriptor.expect("it came along"));
    written.write_all(b"through it").expect("the pipe is open");
    drop(written);
    assert_eq!(said_through(read), "through it");
}

/// Part of the test in the other process: says through what it is sent, and then nothing more.
fn speak(path: &Path) {
    let folder = Folder::open(path).expect("the other's folder");
    let client = connect(&folder, "control").expect("somebody listens");
    again::say("there");
    let (_, descriptor) = client.receive(100).expect("it has come");
    let mut pipe = File::from(descriptor.expect("it came along"));
    pipe.write_all(b"from another process")
        .expect("the pipe is open");
    drop(pipe);
    again::pause();
}

#[test]
fn a_descriptor_comes_along_to_another_process() {
    if let Some(path) = again::role() {
        return speak(path.as_ref());
    }
    let (path, folder) = folder();
    let listener = Listener::new(&folder, "control").expect("a pipe can be made");
    let name = "socket::a_descriptor_comes_along_to_another_process";
    let mut other = Other::start(name, path.path().as_os_str());
    let server = accepted(&listener);
    assert_eq!(server.peer_user().expect("it is known"), role::user());
    assert_eq!(
        server.peer().expect("it is known").pid(),
        other.pid().cast_signed()
    );
    let (read, write) = events::pipe().expect("a pipe can be made");
    server.send(b"-", Some(write.as_fd())).expect("it is heard");
    drop(write);
    assert_eq!(said_through(read), "from another process");
    other.kill();
    assert_eq!(heard(&server, 100).expect("it has gone").0, b"");
    let (_read, write) = events::pipe().expect("a pipe can be made");
    server
        .send(b"-", Some(write.as_fd()))
        .expect_err("nobody is there");
}

#[test]
fn one_of_a_pair_knows_whom_it_was_given_to() {
    let (one, other) = pair().expect("a pair can be made");
    let own = Process::open(std::process::id().cast_signed()).expect("it is this one");
    one.set_peer(&own);
    let other = Connection::from_descriptor(other);
    for (from, to) in [(&one, &other), (&other, &one)] {
        let (read, write) = events::pipe().expect("a pipe can be made");
        from.send(b"-", Some(write.as_fd())).expect("it is heard");
        drop(write);
        let (_, descriptor) = to.receive(100).expect("it has come");
        drop(descriptor.expect("it came along"));
        assert_eq!(said_through(read), "");
    }
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
    assert_eq!(said_through(read), "");
}

#[test]
fn a_descriptor_that_nobody_asks_for_does_not_stay_open() {
    let (one, other) = pair().expect("a pair can be made");
    let other = Connection::from_descriptor(other);
    let (read, write) = events::pipe().expect("a pipe can be made");
    for _ in 0..3 {
        one.send(b"-", Some(write.as_fd())).expect("it is heard");
    }
    drop(write);
    drop(other);
    assert_eq!(said_through(read), "");
    // Nor does one that could not be sent.
    let (read, write) = events::pipe().expect("a pipe can be made");
    one.send(b"-", Some(write.as_fd()))
        .expect_err("nobody is there");
    drop(write);
    assert_eq!(said_through(read), "");
}

/// A client that speaks for itself.
fn raw(path: &Path) -> File {
    let name = fs::read_to_string(path.join("control")).expect("the listener's file");
    let pipe = OpenOptions::new().read(true).write(true).open(name);
    pipe.expect("somebody listens")
}

#[test]
fn who_has_merely_connected_names_no_handle() {
    let (path, folder) = folder();
    let listener = Listener::new(&folder, "control").expect("a pipe can be made");
    let (mut read, write) = events::inflow().expect("a pipe can be made");
    for packet in [
        [
            &b"outlive\x01"[..],
            &(write.as_raw_handle() as usize as u64).to_le_bytes(),
        ]
        .concat(),
        [&b"outlive\x01"[..], &u64::MAX.to_le_bytes(), b"with a text"].concat(),
        b"outlive\x01".to_vec(),
        b"outlive\x02\0\0\0\0\0\0\0\0".to_vec(),
        b"x".to_vec(),
        Vec::new(),
    ] {
        let mut client = raw(path.path());
        let server = accepted(&listener);
        assert_eq!(client.write(&packet).expect("it is heard"), packet.len());
        drop(client);
        match heard(&server, 100) {
            Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidData, "{packet:?}"),
            // Nothing at all may go unheard.
            Ok((heard, descriptor)) => assert!(
                packet.is_empty() && heard.is_empty() && descriptor.is_none(),
                "{packet:?}"
            ),
        }
    }
    // It is still open, and ours.
    File::from(write).write_all(b"x").expect("the pipe is open");
    events::wait(&[read.as_fd()], None).expect("it can be waited for");
    assert_eq!(read.read(&mut [0; 10]).expect("it has come"), 1);
}

#[test]
fn nobody_can_guess_or_give_the_name_of_a_pipe() {
    let (path, folder) = folder();
    let mut names: Vec<String> = (0..4)
        .map(|at| {
            let file = format!("control{at}");
            let _listener = Listener::new(&folder, &file).expect("a pipe can be made");
            fs::read_to_string(path.path().join(file)).expect("its file")
        })
        .collect();
    for name in &names {
        let random = name
            .strip_prefix(r"\\.\pipe\outlive-")
            .expect("a name of ours");
        assert_eq!(random.len(), 32, "{name}");
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 4);
    for name in [
        r"\\.\pipe\another",
        r"\\elsewhere\pipe\outlive-00",
        r"C:\file",
        "",
    ] {
        fs::write(path.path().join("control"), name).expect("our own folder");
        let refused = connect(&folder, "control").expect_err("it is none of ours");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "{name}");
    }
}

#[test]
fn who_does_not_listen_is_told_from_who_never_did() {
    let (_path, folder) = folder();
    let kind = || {
        connect(&folder, "control")
            .expect_err("nobody listens")
            .kind()
    };
    assert_eq!(kind(), ErrorKind::NotFound);
    let listener = Listener::new(&folder, "control").expect("a pipe can be made");
    let taken = Listener::new(&folder, "control").expect_err("the name is taken");
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    connected(&folder, &listener);
    drop(listener);
    assert_eq!(kind(), ErrorKind::ConnectionRefused);
    assert_eq!(folder.names().expect("our own folder"), ["control"]);
}

#[test]
fn both_ends_know_who_the_other_is() {
    let (_path, folder) = folder();
    let listener = Listener::new(&folder, "control").expect("a pipe can be made");
    let (client, server) = connected(&folder, &listener);
    for end in [&client, &server] {
        assert_eq!(end.peer_user().expect("it is known"), role::user());
        let peer = end.peer().expect("it is known");
        assert_eq!(peer.pid(), std::process::id().cast_signed());
    }
}

#[test]
fn many_may_come_at_once() {
    let (_path, folder) = folder();
    let listener = Listener::new(&folder, "control").expect("a pipe can be made");
    // One comes and goes before it was met.
    drop(connect(&folder, "control").expect("somebody listens"));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..16u8)
            .map(|which| {
                let folder = &folder;
                scope.spawn(move || {
                    let client = connect(folder, "control").expect("somebody listens");
                    client.send(&[which], None).expect("it is heard");
                    assert_eq!(
                        client.receive(10).expect("it is answered").0,
                        [which, which]
                    );
                })
            })
            .collect();
        let mut left = clients.len();
        while left > 0 {
            let server = accepted(&listener);
            let (packet, _) = heard(&server, 10).expect("it has come");
            if let [which] = packet[..] {
                server.send(&[which, which], None).expect("it is heard");
                left -= 1;
                // Its end is waited for by who has more to do.
                assert_eq!(heard(&server, 10).expect("it has gone").0, b"");
            }
        }
        clients
            .into_iter()
            .for_each(|it| it.join().expect("no panic"));
    });
}

/// Part of the test in the other process: lends its ending.
fn lend(path: &Path) {
    let folder = Folder::open(path).expect("the other's folder");
    let listener = Listener::new(&folder, "control").expect("a pipe can be made");
    let (ended, _ender) = events::ending().expect("a thread can be started");
    again::say("there");
    let server = accepted(&listener);
    server.send(b"-", Some(ended.as_fd())).expect("it is heard");
    again::pause();
}

#[test]
fn the_end_of_a_process_is_the_end_of_its_connection() {
    if let Some(path) = again::role() {
        return lend(path.as_ref());
    }
    let (path, folder) = folder();
    let name = "socket::the_end_of_a_process_is_the_end_of_its_connection";
    let mut other = Other::start(name, path.path().as_os_str());
    let client = connect(&folder, "control").expect("somebody listens");
    let (_, ended) = client.receive(100).expect("it has come");
    let ended = ended.expect("it came along");
    assert!(!is_ready(&client) && !is_ready(&ended));
    other.kill();
    for end in [client.as_fd(), ended.as_fd()] {
        assert_eq!(
            events::wait(&[end], None).expect("it can be waited for"),
            [0]
        );
    }
    assert_eq!(client.receive(100).expect("it is at its end").0, b"");
    let refused = connect(&folder, "control").expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

/// Part of the test in the other process: what a keeper does that is started with one of a pair.
fn answer() {
    let mut inherited = role::inherited().expect("they are taken for the first time");
    let launcher = Connection::from_descriptor(inherited.remove(0));
    let (_, descriptor) = launcher.receive(100).expect("it has come");
    let mut pipe = File::from(descriptor.expect("it came along"));
    pipe.write_all(b"from a child").expect("the pipe is open");
    drop(pipe);
    let (read, write) = events::pipe().expect("a pipe can be made");
    launcher
        .send(b"answer", Some(read.as_fd()))
        .expect("it is heard");
    drop(read);
    File::from(write)
        .write_all(b"and back")
        .expect("it is read");
    assert_eq!(launcher.receive(100).expect("it is at its end").0, b"");
}

#[test]
fn one_of_a_pair_is_given_to_a_child() {
    if again::role().is_some() {
        return answer();
    }
    let (ours, theirs) = pair().expect("a pair can be made");
    let name = "socket::one_of_a_pair_is_given_to_a_child";
    let null = events::null().expect("it is there");
    let spawn = again::spawn(name, vec![(theirs.as_fd(), 3), (null.as_fd(), 1)]);
    let child = started(spawn, as_child);
    drop(theirs);
    ours.set_peer(&child);
    let (read, write) = events::pipe().expect("a pipe can be made");
    ours.send(b"-", Some(write.as_fd())).expect("it is heard");
    drop(write);
    assert_eq!(said_through(read), "from a child");
    let (packet, descriptor) = ours.receive(100).expect("it has come");
    assert_eq!(packet, b"answer");
    assert_eq!(said_through(descriptor.expect("it came along")), "and back");
    assert_eq!(ours.peer_user().expect("it is known"), role::user());
    drop(ours);
    assert_eq!(child.reap().expect("it has ended"), Some(Exit::Code(0)));
}
