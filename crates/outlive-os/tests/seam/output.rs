//! A file that gives back its oldest part, and what tells that it grows.

use crate::common::alone;
use outlive_os::events::{self, Signals};
use outlive_os::folder::Folder;
use outlive_os::growth::Watch;
use outlive_os::output::{Activity, first_data, give_back};
use outlive_os::signal;
use std::env;
use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

fn appender(path: &Path) -> File {
    File::options()
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
            outlive_testkit::skipped(what, "this file system can't give back parts of a file");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

/// Four appenders at full speed, and one who gives back all but the last 64 KiB as fast as it can.
#[test]
fn nothing_that_is_kept_is_lost_under_four_appenders() {
    const LINES: u32 = 20_000;
    const KEEP: u64 = 64 << 10;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("output");
    let file = appender(&path);
    if !can_give_back(
        "giving back under appenders",
        give_back(file.as_fd(), 0, 0, 0),
    ) {
        return;
    }
    let left = AtomicBool::new(true);
    let given_back = thread::scope(|scope| {
        let giver = scope.spawn(|| {
            let mut from = 0;
            loop {
                let last = !left.load(Relaxed);
                let size = file.metadata().expect("our own file").len();
                from = give_back(file.as_fd(), from, size, KEEP).expect("it can give back");
                if last {
                    return from;
                }
            }
        });
        let appenders: Vec<_> = (0..4)
            .map(|which| {
                let mut file = appender(&path);
                scope.spawn(move || {
                    for line in 0..LINES {
                        let line = format!("appender {which} line {line}\n");
                        file.write_all(line.as_bytes()).expect("there is room");
                    }
                })
            })
            .collect();
        appenders
            .into_iter()
            .for_each(|it| it.join().expect("no panic"));
        left.store(false, Relaxed);
        giver.join().expect("no panic")
    });
    let stat = fs::metadata(&path).expect("our own file");
    assert!(stat.len() - given_back >= KEEP && stat.len() - given_back < KEEP + (64 << 10));
    assert!(stat.blocks() * 512 <= 2 * KEEP, "{} blocks", stat.blocks());
    let reader = File::open(&path).expect("our own file");
    assert_eq!(
        first_data(reader.as_fd(), 0).expect("it can be looked for"),
        given_back
    );
    let bytes = fs::read(&path).expect("our own file");
    let (gone, kept) = bytes.split_at(usize::try_from(given_back).expect("a small file"));
    assert!(gone.iter().all(|byte| *byte == 0));
    // But for a first line that is cut, all lines are whole, in order and without a gap.
    let kept = std::str::from_utf8(kept).expect("no byte is lost");
    let (_, kept) = kept.split_once('\n').expect("lines");
    assert!(kept.ends_with('\n'));
    let mut next = [None; 4];
    for line in kept.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let (which, number) = match words[..] {
            ["appender", which, "line", number] => (which, number),
            _ => panic!("{line:?}"),
        };
        let which: usize = which.parse().expect("a number");
        let number: u32 = number.parse().expect("a number");
        assert!(next[which].is_none_or(|next| next == number), "{line}");
        next[which] = Some(number + 1);
    }
    let ends = next.iter().flatten().filter(|next| **next == LINES).count();
    assert!(ends >= 1, "{next:?}");
    assert!(next.iter().flatten().all(|next| *next == LINES), "{next:?}");
}

#[test]
fn only_whole_units_are_given_back_and_each_once() {
    const UNIT: u64 = 64 << 10;
    let mut file = tempfile::tempfile().expect("a file can be made");
    file.write_all(&[b'x'; 10 * 65536]).expect("there is room");
    let size = 10 * UNIT;
    let give = |from, keep| give_back(file.as_fd(), from, size, keep);
    if !can_give_back("giving back whole units", give(0, size)) {
        return;
    }
    let data = |from| first_data(file.as_fd(), from).expect("it can be looked for");
    for (from, keep, expected) in [
        (0, size, 0),
        (0, size + 1, 0),
        (0, size - UNIT + 1, 0),
        (0, size - UNIT, UNIT),
        (UNIT, size - UNIT, UNIT),
        (UNIT, UNIT + 1, 8 * UNIT),
        (8 * UNIT, size, 8 * UNIT),
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
    file.set_len(1 << 20).expect("our own file");
    assert_eq!(data(&file, 0), 1 << 20);
    file.seek(SeekFrom::Start(512 << 10)).expect("our own file");
    file.write_all(b"x").expect("there is room");
    assert_eq!(data(&file, 0), 512 << 10);
    assert_eq!(data(&file, (512 << 10) + 1), (512 << 10) + 1);
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
        for _ in 0..20_000 {
            let end = reader.metadata().expect("our own file").len();
            let data = first_data(reader.as_fd(), end).expect("it can be looked for");
            assert_eq!(data, end);
        }
        over.store(true, Relaxed);
    });
}

fn wait_now(watched: &impl AsFd) -> bool {
    let ready = events::wait(&[watched.as_fd()], Some(Duration::ZERO));
    !ready.expect("it can be waited for").is_empty()
}

/// Executes this program anew with a signal blocked in all of its threads, the test runner's too,
/// one of which it would strike otherwise.
fn block_in_all_threads(signal: i32) {
    const BLOCKED: &str = "OUTLIVE_TEST_BLOCKED";
    if env::var_os(BLOCKED).is_some() {
        return;
    }
    let words = env::args().map(|word| CString::new(word).expect("no NUL in it"));
    let words: Vec<CString> = words.collect();
    let mut arguments: Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
    arguments.push(std::ptr::null());
    // SAFETY: the other thread waits for this one and reads no variable; the set is initialised
    // before it is used; the arguments are strings that end with a NUL, and a null pointer.
    unsafe {
        env::set_var(BLOCKED, "1");
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, signal);
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
        libc::execv(c"/proc/self/exe".as_ptr(), arguments.as_ptr());
    }
    panic!("{}", io::Error::last_os_error());
}

#[test]
fn a_write_is_told_once_for_each_time_it_is_armed() {
    alone!();
    block_in_all_threads(signal::ACTIVITY);
    let signals = Signals::take(&[signal::ACTIVITY]).expect("signals can be taken");
    let path = tempfile::tempdir().expect("a folder can be made");
    let folder = Folder::open(path.path()).expect("our own folder");
    let mut output = folder.append("output").expect("our own folder");
    let activity = Activity::of(&folder).expect("our own folder");
    output
        .write_all(b"before it is armed")
        .expect("there is room");
    assert!(!wait_now(&signals));
    for _ in 0..3 {
        activity.arm().expect("a folder can be watched");
        assert!(!wait_now(&signals));
        output.write_all(b"x").expect("there is room");
        events::wait(&[signals.as_fd()], None).expect("it can be waited for");
        assert_eq!(
            signals.next().expect("it can be read"),
            Some(signal::ACTIVITY)
        );
        output.write_all(b"more").expect("there is room");
        assert_eq!(signals.next().expect("it can be read"), None);
    }
    activity.arm().expect("a folder can be watched");
    output.set_len(0).expect("our own file");
    events::wait(&[signals.as_fd()], None).expect("it can be waited for");
    // What is only read, and what is made, is no matter.
    assert_eq!(
        signals.next().expect("it can be read"),
        Some(signal::ACTIVITY)
    );
    activity.arm().expect("a folder can be watched");
    folder.read("output", 100).expect("our own file");
    folder
        .file("output")
        .expect("our own file")
        .read_to_end(&mut Vec::new())
        .expect("ours");
    assert_eq!(signals.next().expect("it can be read"), None);
}

#[test]
fn a_watched_file_tells_of_writes_until_they_are_forgotten() {
    let path = tempfile::NamedTempFile::new().expect("a file can be made");
    let watch = Watch::new(path.path()).expect("a file can be watched");
    assert!(!wait_now(&watch));
    for round in 0..3 {
        for _ in 0..200 {
            appender(path.path())
                .write_all(b"x")
                .expect("there is room");
        }
        events::wait(&[watch.as_fd()], None).expect("it can be waited for");
        watch.clear().expect("it can be read");
        assert!(!wait_now(&watch), "round {round}");
    }
    path.as_file().set_len(0).expect("our own file");
    events::wait(&[watch.as_fd()], None).expect("it can be waited for");
    let missing = Watch::new(Path::new("/no/such/file")).expect_err("it is not there");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}
