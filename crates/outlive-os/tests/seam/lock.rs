//! A lock that tells whether its holder lives.

use crate::common::{HELD, Held, alone, as_child, shell, this_test};
use outlive_os::lock;
use outlive_os::process::Process;
use outlive_os::spawn::Spawn;
use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, stdin};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Stdio};

const HOLD: &str = "OUTLIVE_TEST_HOLD";

/// Another process that holds the lock of `path`.
struct Holder(Child);

impl Holder {
    fn of(path: &Path) -> Holder {
        let mut command = this_test("lock::is_held_by_another_process");
        command
            .env(HOLD, path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program can be run");
        let said = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut lines = said.lines().map(|line| line.expect("text"));
        assert!(
            lines.any(|line| line == "held"),
            "it does not hold the lock"
        );
        Holder(child)
    }

    fn kill(mut self) {
        let pid = self.0.id().cast_signed();
        let process = Process::open(pid).expect("our own child");
        self.0.kill().expect("our own child");
        assert!(process.wait_end(None).expect("it can be waited for"));
        // Not waited for: a zombie holds nothing.
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn writable(path: &Path) -> File {
    File::options()
        .append(true)
        .create(true)
        .open(path)
        .expect("a file can be made")
}

/// Part of the test in the other process.
fn hold(path: &Path) {
    let file = writable(path);
    assert!(lock::take(file.as_fd()).expect("a lock can be taken"));
    println!("\nheld");
    let _ = stdin().read(&mut [0]);
}

#[test]
fn is_held_by_another_process() {
    if let Some(path) = env::var_os(HOLD) {
        return hold(path.as_ref());
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("lock");
    fs::write(&path, "").expect("our own folder");
    let look = File::open(&path).expect("our own file");
    assert!(!lock::is_held(look.as_fd()).expect("it can be looked at"));
    let holder = Holder::of(&path);
    assert!(lock::is_held(look.as_fd()).expect("it can be looked at"));
    let own = writable(&path);
    assert!(!lock::take(own.as_fd()).expect("it can be tried"));
    // Looking and trying have changed nothing.
    assert!(lock::is_held(look.as_fd()).expect("it can be looked at"));
    holder.kill();
    assert!(!lock::is_held(look.as_fd()).expect("it can be looked at"));
    assert!(lock::take(own.as_fd()).expect("it is free"));
}

#[test]
fn looking_takes_nothing() {
    alone!();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("lock");
    let looks: Vec<File> = (0..10).map(|_| writable(&path)).collect();
    for look in &looks {
        assert!(!lock::is_held(look.as_fd()).expect("it can be looked at"));
    }
    // All of them are still open.
    let holder = Holder::of(&path);
    assert!(lock::is_held(looks[0].as_fd()).expect("it can be looked at"));
    drop(holder);
}

#[test]
fn another_opening_of_the_file_neither_has_it_nor_loses_it() {
    alone!();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("lock");
    let held = writable(&path);
    assert!(lock::take(held.as_fd()).expect("it is free"));
    // Taken once more by who has it.
    assert!(lock::take(held.as_fd()).expect("it is ours"));
    let other = writable(&path);
    assert!(lock::is_held(other.as_fd()).expect("it can be looked at"));
    assert!(!lock::take(other.as_fd()).expect("it can be tried"));
    // The locks of fcntl(2) that are not of this kind would go now.
    drop(other);
    drop(File::open(&path).expect("our own file"));
    let other = writable(&path);
    assert!(!lock::take(other.as_fd()).expect("it can be tried"));
    drop(held);
    assert!(lock::take(other.as_fd()).expect("it is free"));
}

#[test]
fn it_goes_with_the_last_descriptor() {
    alone!();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("lock");
    let held = writable(&path);
    assert!(lock::take(held.as_fd()).expect("it is free"));
    let heir = Spawn {
        descriptors: vec![(held.as_fd(), 7)],
        ..shell(HELD)
    };
    let heir = Held::start(heir, as_child);
    drop(held);
    let other = writable(&path);
    assert!(lock::is_held(other.as_fd()).expect("it can be looked at"));
    heir.end();
    assert!(lock::take(other.as_fd()).expect("it is free"));
}

#[test]
fn it_can_be_looked_at_but_not_taken_by_a_reader() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("lock");
    drop(writable(&path));
    let reader = File::open(&path).expect("our own file");
    assert!(!lock::is_held(reader.as_fd()).expect("it can be looked at"));
    assert!(lock::take(reader.as_fd()).is_err());
}
