//! A file that gives back its oldest part, and what tells that it grows.

use crate::again::skipped;
use outlive_os::folder::Folder;
use outlive_os::growth::Watch;
use outlive_os::output::{Activity, first_data, free_space, give_back, read_exact_at};
use outlive_os::{AsDescriptor, Borrowed, events};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

const UNIT: u64 = 64 << 10;

fn appender(path: &Path) -> File {
    File::options()
        .read(true)
        .append(true)
        .create(true)
        .open(path)
        .expect("a file can be made")
}

/// `false`, loudly, where the file system can't do it.
fn can_give_back(what: &str, result: io::Result<u64>) -> bool {
    match result {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            skipped(what, "this file system can't give back parts of a file");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn only_whole_units_are_given_back_and_each_once() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    // By a handle that may only append, as a job has it.
    let mut file = appender(&folder.path().join("output"));
    file.write_all(&[b'x'; 10 * 65536]).expect("there is room");
    let size = 10 * UNIT;
    let give = |from, keep| give_back(file.as_fd(), from, size, keep);
    for (from, keep) in [
        (0, size),
        (0, size + 1),
        (0, size - UNIT + 1),
        (8 * UNIT, size),
    ] {
        assert_eq!(
            give(from, keep).expect("there is nothing to give back"),
            from
        );
    }
    if !can_give_back("giving back whole units", give(0, size - UNIT)) {
        return;
    }
    let data = |from| first_data(file.as_fd(), from).expect("it can be looked for");
    for (from, keep, expected) in [
        (0, size - UNIT, UNIT),
        (UNIT, size - UNIT, UNIT),
        (UNIT, UNIT + 1, 8 * UNIT),
    ] {
        assert_eq!(
            give(from, keep).expect("it can give back"),
            expected,
            "{from} {keep}"
        );
        assert_eq!(data(0), expected);
    }
    assert_eq!(data(8 * UNIT + 5), 8 * UNIT + 5);
    assert_eq!(file.metadata().expect("our own file").len(), size);
    assert_eq!(give(8 * UNIT, 0).expect("it can give back"), size);
    assert_eq!((data(0), data(size), data(size + 5)), (size, size, size));
}

#[test]
fn where_data_begins_is_known_in_any_file() {
    let mut file = tempfile::tempfile().expect("a file can be made");
    let data = |file: &File, from| first_data(file.as_fd(), from).expect("it can be looked for");
    assert_eq!(data(&file, 0), 0);
    file.write_all(&[b'x'; 100]).expect("there is room");
    // Without a hole all of it is there.
    for (from, expected) in [(0, 0), (50, 50), (99, 99), (100, 100), (101, 100)] {
        assert_eq!(data(&file, from), expected);
    }
    file.seek(SeekFrom::Start(3)).expect("our own file");
    let mut bytes = [0; 10];
    read_exact_at(&file, &mut bytes, 90).expect("they are there");
    let short = read_exact_at(&file, &mut bytes, 91).expect_err("they are not all there");
    assert_eq!(short.kind(), ErrorKind::UnexpectedEof);
}

/// A reader at the file's end must not take for given back what is printed just then.
#[test]
fn nothing_is_skipped_where_nothing_was_given_back() {
    let file = tempfile::NamedTempFile::new().expect("a file can be made");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = appender(file.path());
            while !over.load(Relaxed) {
                file.write_all(b"x").expect("there is room");
            }
        });
        let reader = File::open(file.path()).expect("our own file");
        for _ in 0..2000 {
            let end = reader.metadata().expect("our own file").len();
            let data = first_data(reader.as_fd(), end).expect("it can be looked for");
            assert_eq!(data, end);
        }
        over.store(true, Relaxed);
    });
}

#[test]
fn the_room_that_is_left_is_known() {
    let file = tempfile::tempfile().expect("a file can be made");
    assert!(free_space(file.as_fd()).expect("it can be asked for") > 0);
}

fn ready_now(watched: Borrowed<'_>) -> bool {
    let ready = events::wait(&[watched], Some(Duration::ZERO));
    !ready.expect("it can be waited for").is_empty()
}

fn wait_for(watched: Borrowed<'_>) {
    events::wait(&[watched], None).expect("it can be waited for");
}

#[test]
fn a_write_is_told_once_for_each_time_it_is_armed() {
    let path = tempfile::tempdir().expect("a folder can be made");
    let folder = Folder::open(path.path()).expect("our own folder");
    let mut output = folder.append("output").expect("our own folder");
    let activity = Activity::of(&folder).expect("a folder can be watched");
    let news = activity.descriptor().expect("it comes by a descriptor");
    output
        .write_all(b"before it is armed")
        .expect("there is room");
    assert!(!ready_now(news));
    let print = |mut output: &File| {
        output.write_all(b"x").expect("there is room");
        // What is not on the disk yet is not told.
        output.sync_all().expect("our own file");
    };
    for _ in 0..3 {
        activity.arm().expect("a folder can be watched");
        assert!(!ready_now(news));
        print(&output);
        wait_for(news);
        print(&output);
        assert!(!ready_now(news));
    }
    activity.arm().expect("a folder can be watched");
    folder
        .edit("output")
        .and_then(|file| file.set_len(0))
        .expect("our own file");
    wait_for(news);
    // What is only read is no matter.
    activity.arm().expect("a folder can be watched");
    folder.read("output", 100).expect("our own file");
    assert!(!ready_now(news));
    // Nor is anything after it was cleared.
    print(&output);
    wait_for(news);
    activity.arm().expect("a folder can be watched");
    activity.clear().expect("it can be cleared");
    print(&output);
    assert!(!ready_now(news));
}

#[test]
fn a_watched_file_tells_of_writes_until_they_are_forgotten() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("output");
    fs::write(&path, "").expect("our own folder");
    let watch = Watch::new(&path).expect("a file can be watched");
    assert!(!ready_now(watch.as_fd()));
    for round in 0..3 {
        for _ in 0..50 {
            appender(&path).write_all(b"x").expect("there is room");
        }
        wait_for(watch.as_fd());
        watch.clear().expect("it can be watched anew");
        assert!(!ready_now(watch.as_fd()), "round {round}");
    }
    appender(&path).write_all(b"x").expect("there is room");
    wait_for(watch.as_fd());
    let missing = Watch::new(Path::new(r"C:\no\such\file")).expect_err("it is not there");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}
