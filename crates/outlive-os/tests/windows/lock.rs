//! A lock that tells whether its holder lives.

use crate::again::{self, Other};
use outlive_os::{AsDescriptor, lock};
use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;

fn writable(path: &Path) -> File {
    File::options()
        .read(true)
        .append(true)
        .create(true)
        .open(path)
        .expect("a file can be made")
}

/// Part of the test in the other process.
fn hold(path: &Path) {
    let file = writable(path);
    assert!(lock::take(file.as_fd()).expect("a lock can be taken"));
    again::say("there");
    again::pause();
}

#[test]
fn is_held_by_another_process() {
    if let Some(path) = again::role() {
        return hold(path.as_ref());
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("lock");
    fs::write(&path, "").expect("our own folder");
    let look = File::open(&path).expect("our own file");
    assert!(!lock::is_held(look.as_fd()).expect("it can be looked at"));
    let mut holder = Other::start("lock::is_held_by_another_process", path.as_os_str());
    assert!(lock::is_held(look.as_fd()).expect("it can be looked at"));
    let own = writable(&path);
    assert!(!lock::take(own.as_fd()).expect("it can be tried"));
    // Looking and trying have changed nothing.
    assert!(lock::is_held(look.as_fd()).expect("it can be looked at"));
    // What is locked is not what is in the file.
    assert_eq!(fs::read(&path).expect("our own file"), b"");
    holder.kill();
    assert!(!lock::is_held(look.as_fd()).expect("it can be looked at"));
    assert!(lock::take(own.as_fd()).expect("it is free"));
}

#[test]
fn looking_takes_nothing() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("lock");
    let looks: Vec<File> = (0..10).map(|_| writable(&path)).collect();
    for look in &looks {
        assert!(!lock::is_held(look.as_fd()).expect("it can be looked at"));
    }
    // All of them are still open.
    let holder = writable(&path);
    assert!(lock::take(holder.as_fd()).expect("it is free"));
    assert!(lock::is_held(looks[0].as_fd()).expect("it can be looked at"));
}

#[test]
fn another_opening_of_the_file_neither_has_it_nor_loses_it() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("lock");
    let held = writable(&path);
    assert!(lock::take(held.as_fd()).expect("it is free"));
    let other = writable(&path);
    assert!(lock::is_held(other.as_fd()).expect("it can be looked at"));
    assert!(!lock::take(other.as_fd()).expect("it can be tried"));
    drop(other);
    drop(File::open(&path).expect("our own file"));
    let other = writable(&path);
    assert!(!lock::take(other.as_fd()).expect("it can be tried"));
    drop(held);
    assert!(lock::take(other.as_fd()).expect("it is free"));
}

#[test]
fn who_looks_is_never_in_the_way_of_who_takes() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("lock");
    fs::write(&path, "").expect("our own folder");
    let over = AtomicBool::new(false);
    let (saw, seen) = mpsc::channel();
    thread::scope(|scope| {
        for saw in vec![saw; 4] {
            let (path, over) = (&path, &over);
            scope.spawn(move || {
                let look = File::open(path).expect("our own file");
                let mut saw = Some(saw);
                while !over.load(Relaxed) {
                    if lock::is_held(look.as_fd()).expect("it can be looked at") {
                        saw.take().map(|saw| saw.send(()));
                    }
                }
            });
        }
        for round in 0..40 {
            let file = writable(&path);
            assert!(
                lock::take(file.as_fd()).expect("it can be taken"),
                "{round}"
            );
        }
        // Held for long now, so that each of them has seen it held at least once.
        let file = writable(&path);
        assert!(lock::take(file.as_fd()).expect("it can be taken"));
        let seen = seen.iter().count();
        over.store(true, Relaxed);
        assert_eq!(seen, 4);
    });
}
