//! A pipe that outlasts who reads from it.

use outlive_os::events::wait;
use outlive_os::folder::Folder;
use outlive_os::{AsDescriptor, relay};
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{ErrorKind, Write};

#[test]
fn what_nobody_has_read_is_had_again() {
    let path = tempfile::tempdir().expect("a folder can be made");
    let folder = Folder::open(path.path()).expect("our own folder");
    let (first, to, spare) = relay::new(&folder, "pipe").expect("a pipe can be made");
    let mut to = File::from(to);
    to.write_all(b"a").expect("it has room");
    drop(first);
    // Without the spare end this would be SIGPIPE.
    to.write_all(b"b").expect("it has room");
    let again = || relay::again(&folder, "pipe").expect("our own folder");
    let mut second = again().expect("it is there");
    let mut bytes = [0; 8];
    assert_eq!(second.read(&mut bytes).expect("there is something"), 2);
    assert_eq!(&bytes[..2], b"ab");
    let nothing = second.read(&mut bytes).expect_err("that was all");
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    // To those who ask whether somebody still reads it is no pipe that can be read.
    let mode = rustix::fs::fcntl_getfl(&to).expect("its flags are told") & OFlags::RWMODE;
    assert_eq!(mode, OFlags::WRONLY);
    drop((to, spare));
    wait(&[second.as_fd()], None).expect("it can be waited for");
    assert_eq!(second.read(&mut bytes).expect("it is at its end"), 0);
    // Another one of the same name has nothing of the first.
    let (mut third, _to, _spare) = relay::new(&folder, "pipe").expect("a pipe can be made");
    assert!(third.read(&mut bytes).is_err());
}

#[test]
fn a_pipe_holds_more_for_as_long_as_it_is_asked_to() {
    let path = tempfile::tempdir().expect("a folder can be made");
    let folder = Folder::open(path.path()).expect("our own folder");
    let (mut from, to, _spare) = relay::new(&folder, "pipe").expect("a pipe can be made");
    let size = || rustix::pipe::fcntl_getpipe_size(&to).expect("a pipe has a size");
    let usual = size();
    from.make_room(4 * usual);
    assert_eq!(size(), 4 * usual);
    // What is in it is not lost, and keeps it as large as that takes.
    let mut writer = File::from(to.try_clone().expect("a descriptor is left"));
    let printed = vec![b'x'; 2 * usual];
    writer.write_all(&printed).expect("it has room");
    from.make_room(usual);
    assert_eq!(size(), 4 * usual);
    let mut bytes = vec![0; 4 * usual];
    assert_eq!(
        from.read(&mut bytes).expect("there is something"),
        2 * usual
    );
    from.make_room(usual);
    assert_eq!(size(), usual);
}

#[test]
fn what_is_no_pipe_is_none() {
    let path = tempfile::tempdir().expect("a folder can be made");
    let folder = Folder::open(path.path()).expect("our own folder");
    let again = |name| relay::again(&folder, name).expect("our own folder");
    assert!(again("missing").is_none());
    folder.create("file", b"text").expect("our own folder");
    assert!(again("file").is_none());
}
