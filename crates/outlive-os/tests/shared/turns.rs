//! Turns at a lock's file: the same on every kernel.

use outlive_os::{AsDescriptor, lock};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

fn open(path: &Path) -> File {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).expect("our own folder")
}

#[test]
fn one_at_a_time_has_its_turn() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("lock");
    // Who holds the lock is in nobody's way.
    let holder = open(&path);
    assert!(lock::take(holder.as_fd()).expect("it is free"));
    let busy = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let file = open(&path);
                    let turn = lock::turn(file.as_fd()).expect("it comes");
                    assert!(!busy.swap(true, Relaxed), "it is another one's");
                    thread::yield_now();
                    busy.store(false, Relaxed);
                    drop(turn);
                }
            });
        }
    });
    let look = File::open(&path).expect("our own file");
    assert!(lock::is_held(look.as_fd()).expect("it can be looked at"));
}
