//! Being told how a job fares.

use outlive_os::folder::Folder;
use outlive_os::notify::{Notifier, Receiver};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketType,
};
use std::ffi::{OsStr, OsString};
use std::io::{self, IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

const LIMIT: usize = 4096;

fn receiver() -> (Receiver, OsString) {
    Receiver::new().expect("a socket can be made")
}

#[test]
fn what_is_sent_comes_with_its_sender() {
    let (receiver, address) = receiver();
    is_heard(&receiver, &address);
    let path = tempfile::tempdir().expect("a folder can be made");
    let folder = Folder::open(path.path()).expect("our own folder");
    let receiver = Receiver::in_folder(&folder, "notify").expect("a socket can be made");
    is_heard(&receiver, path.path().join("notify").as_os_str());
}

#[track_caller]
fn is_heard(receiver: &Receiver, address: &OsStr) {
    assert!(receiver.receive(LIMIT).expect("it can be read").is_none());
    let notifier = Notifier::connect(address).expect("somebody listens");
    notifier
        .send("READY=1\nSTATUS=here")
        .expect("there is room");
    let received = receiver.receive(LIMIT).expect("it can be read");
    let received = received.expect("it was sent");
    assert_eq!(received.bytes, b"READY=1\nSTATUS=here");
    assert_eq!(received.sender, Some(std::process::id().cast_signed()));
    notifier.send("STATUS=long").expect("there is room");
    let cut = receiver.receive(8).expect("it can be read").expect("sent");
    assert_eq!(cut.bytes, b"STATUS=l");
}

#[test]
fn an_address_can_be_had_again_but_not_twice() {
    let (receiver, address) = receiver();
    let taken = Receiver::at(&address).expect_err("it is there");
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    drop(receiver);
    let again = Receiver::at(&address).expect("nobody has it");
    is_heard(&again, &address);
    let foreign = Receiver::at("@systemd".as_ref()).expect_err("it is none of ours");
    assert_eq!(foreign.kind(), io::ErrorKind::AddrNotAvailable);
}

/// Whoever sends while there is no keeper is refused, as at an abstract address; nobody finds the name
/// gone.
#[test]
fn a_name_in_a_folder_stays_and_is_taken_over() {
    let path = tempfile::tempdir().expect("a folder can be made");
    let folder = Folder::open(path.path()).expect("our own folder");
    let address = path.path().join("notify").into_os_string();
    let receiver = Receiver::in_folder(&folder, "notify").expect("a socket can be made");
    drop(receiver);
    let refused = Notifier::connect(&address).expect_err("nobody listens");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    for _ in 0..2 {
        let again = Receiver::in_folder(&folder, "notify").expect("a socket can be made");
        is_heard(&again, &address);
        assert_eq!(folder.names().expect("our own folder"), ["notify"]);
    }
}

#[test]
fn a_path_is_an_address_up_to_its_longest() {
    let path = tempfile::tempdir().expect("a folder can be made");
    let mut long = path.path().to_owned();
    while long.as_os_str().len() < 200 {
        long.push("a-rather-long-name");
    }
    std::fs::create_dir_all(&long).expect("our own folder");
    let folder = Folder::open(&long).expect("our own folder");
    let receiver = Receiver::in_folder(&folder, "notify").expect("a socket can be made");
    Notifier::connect(long.join("notify").as_os_str()).expect_err("nobody can name it");
    // Another path to the same folder is as long as it is made.
    assert!(!Receiver::is_reached_by(&long.join("notify")));
    let room = 107 - path.path().as_os_str().len() - "//notify".len();
    let short = path.path().join("s".repeat(room));
    std::os::unix::fs::symlink(&long, &short).expect("our own folder");
    let address = short.join("notify").into_os_string();
    assert_eq!(address.len(), 107);
    assert!(Receiver::is_reached_by(address.as_ref()));
    is_heard(&receiver, &address);
}

/// `BARRIER=1` waits until its descriptor is closed, and what is to be stored is not.
#[test]
fn descriptors_that_come_along_are_closed() {
    let (receiver, address) = receiver();
    let (mut from, to) = io::pipe().expect("a pipe can be made");
    let name = &address.as_bytes()[1..];
    let address = SocketAddrUnix::new_abstract_name(name).expect("it is short");
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::DGRAM, None);
    let socket = socket.expect("a socket can be made");
    let ends = [to.as_fd(); 3];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    assert!(ancillary.push(SendAncillaryMessage::ScmRights(&ends)));
    let parts = [IoSlice::new(b"BARRIER=1")];
    let flags = SendFlags::empty();
    rustix::net::sendmsg_addr(&socket, &address, &parts, &mut ancillary, flags)
        .expect("there is room");
    drop(to);
    let received = receiver.receive(LIMIT).expect("it can be read");
    let received = received.expect("it was sent");
    assert_eq!(received.bytes, b"BARRIER=1");
    assert_eq!(received.sender, Some(std::process::id().cast_signed()));
    assert_eq!(from.read(&mut [0]).expect("a pipe"), 0, "still open");
}

#[test]
fn systemds_own_program_is_understood() {
    let (receiver, address) = receiver();
    let mut command = Command::new("systemd-notify");
    command.args(["--ready", "--status=all is well"]);
    let child = command.env("NOTIFY_SOCKET", address).spawn();
    let Ok(mut child) = child else {
        outlive_testkit::skipped("systemd-notify", "it is not installed");
        return;
    };
    let pid = child.id().cast_signed();
    outlive_os::events::wait(&[receiver.descriptor()], None).expect("it can be waited for");
    let received = receiver.receive(LIMIT).expect("it can be read");
    let received = received.expect("it was sent");
    // Where it may it says that it was its parent: systemd-notify(1).
    let senders = [pid, std::process::id().cast_signed()].map(Some);
    assert!(senders.contains(&received.sender), "{received:?}");
    let text = String::from_utf8(received.bytes).expect("it is text");
    assert!(text.lines().any(|line| line == "READY=1"), "{text}");
    assert!(
        text.lines().any(|line| line == "STATUS=all is well"),
        "{text}"
    );
    // It waits until its barrier was heard, from systemd 246 on.
    let barrier = outlive_os::events::wait(&[receiver.descriptor()], None);
    barrier.expect("it can be waited for");
    drop(receiver.receive(LIMIT));
    assert!(child.wait().expect("our own child").success());
}
