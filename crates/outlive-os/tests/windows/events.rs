//! Waiting.

use outlive_os::events::{ending, inflow, null, pipe, read_both, wait};
use outlive_os::{AsDescriptor, Borrowed};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn what_is_ready_is_told_by_place() {
    let pipes: Vec<_> = (0..4)
        .map(|_| inflow().expect("a pipe can be made"))
        .collect();
    let (mut reads, mut writes): (Vec<_>, Vec<_>) = pipes
        .into_iter()
        .map(|(read, write)| (read, Some(File::from(write))))
        .unzip();
    let watched: Vec<_> = reads.iter().map(AsDescriptor::as_fd).collect();
    let now = || wait(&watched, Some(Duration::ZERO)).expect("it can be waited for");
    assert_eq!(now(), [] as [usize; 0]);
    writes[2]
        .as_mut()
        .expect("open")
        .write_all(b"x")
        .expect("it is read");
    assert_eq!(wait(&watched, None).expect("it can be waited for"), [2]);
    assert_eq!(now(), [2]);
    // Closed is ready too.
    writes[0] = None;
    assert_eq!(
        wait(&watched[..1], None).expect("it can be waited for"),
        [0]
    );
    assert_eq!(now(), [0, 2]);
    // And nothing is once it has been read.
    assert_eq!(reads[2].read(&mut [0; 10]).expect("it has come"), 1);
    assert!(
        wait(&[reads[2].as_fd()], Some(Duration::ZERO))
            .expect("it can be tried")
            .is_empty()
    );
}

#[test]
fn a_timeout_is_kept() {
    let (read, _write) = inflow().expect("a pipe can be made");
    for few in [true, false] {
        let watched: Vec<Borrowed<'_>> = vec![read.as_fd(); if few { 1 } else { 70 }];
        for timeout in [0, 1, 30].map(Duration::from_millis) {
            let start = Instant::now();
            let ready = wait(&watched, Some(timeout)).expect("it can be waited for");
            assert!(ready.is_empty() && start.elapsed() >= timeout, "{ready:?}");
        }
    }
    let start = Instant::now();
    assert!(
        wait(&[], Some(Duration::from_millis(20)))
            .expect("it can be done")
            .is_empty()
    );
    assert!(start.elapsed() >= Duration::from_millis(20));
}

#[test]
fn the_longest_timeout_is_no_error() {
    let (read, write) = inflow().expect("a pipe can be made");
    drop(write);
    for timeout in [
        Duration::MAX,
        Duration::from_secs(u64::MAX),
        Duration::from_secs(1 << 40),
    ] {
        let ready = wait(&[read.as_fd()], Some(timeout)).expect("it can be waited for");
        assert_eq!(ready, [0]);
    }
}

#[test]
fn an_end_that_never_blocks_does_not() {
    let (mut read, write) = inflow().expect("a pipe can be made");
    assert_eq!(
        read.read(&mut [0]).expect_err("it is empty").kind(),
        ErrorKind::WouldBlock
    );
    let mut write = File::from(write);
    write.write_all(b"abc").expect("it is read");
    wait(&[read.as_fd()], None).expect("it can be waited for");
    // In two parts.
    let mut bytes = [0; 2];
    assert_eq!(
        (read.read(&mut bytes).expect("it has come"), &bytes),
        (2, b"ab")
    );
    assert_eq!(
        wait(&[read.as_fd()], None).expect("it can be waited for"),
        [0]
    );
    assert_eq!(read.read(&mut bytes).expect("it has come"), 1);
    assert_eq!(
        read.read(&mut bytes).expect_err("it is empty").kind(),
        ErrorKind::WouldBlock
    );
    drop(write);
    wait(&[read.as_fd()], None).expect("it can be waited for");
    for _ in 0..2 {
        assert_eq!(read.read(&mut [0]).expect("it is at its end"), 0);
    }
}

/// WaitForMultipleObjects waits for 64.
#[test]
fn a_hundred_can_be_waited_for() {
    let pipes: Vec<_> = (0..100)
        .map(|_| inflow().expect("a pipe can be made"))
        .collect();
    let (mut reads, writes): (Vec<_>, Vec<_>) = pipes.into_iter().unzip();
    let mut writes: Vec<File> = writes.into_iter().map(File::from).collect();
    let mut send = |at: usize| writes[at].write_all(b"x").expect("it is read");
    let ready = |reads: &Vec<outlive_os::events::Inflow>, timeout| {
        let watched: Vec<_> = reads.iter().map(AsDescriptor::as_fd).collect();
        wait(&watched, timeout).expect("it can be waited for")
    };
    assert!(ready(&reads, Some(Duration::ZERO)).is_empty());
    for at in [99, 0, 64, 63] {
        send(at);
        assert_eq!(ready(&reads, None), [at]);
        assert_eq!(reads[at].read(&mut [0; 10]).expect("it has come"), 1);
    }
    // What comes while they are waited for.
    thread::scope(|scope| {
        scope.spawn(|| send(70));
        assert_eq!(ready(&reads, None), [70]);
    });
}

#[test]
fn what_a_thread_began_goes_on_after_its_end() {
    let made = thread::spawn(|| inflow().expect("a pipe can be made"));
    let (mut read, write) = made.join().expect("no panic");
    let mut write = File::from(write);
    write.write_all(b"x").expect("it is read");
    let length = loop {
        wait(&[read.as_fd()], None).expect("it can be waited for");
        match read.read(&mut [0; 10]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            length => break length.expect("it has come"),
        }
    };
    assert_eq!(length, 1);
}

#[test]
fn an_ending_is_told_to_all_who_have_a_copy_of_it_and_stays_told() {
    let (ended, ender) = ending().expect("a thread can be started");
    let copy = ended.try_clone().expect("a handle can be copied");
    assert!(
        wait(&[ended.as_fd()], Some(Duration::ZERO))
            .expect("it can be tried")
            .is_empty()
    );
    drop(ender);
    for _ in 0..2 {
        for it in [&ended, &copy] {
            assert_eq!(
                wait(&[it.as_fd()], None).expect("it can be waited for"),
                [0]
            );
        }
    }
}

#[test]
fn two_pipes_are_read_to_their_ends() {
    let (one, to_one) = pipe().expect("a pipe can be made");
    let (other, to_other) = pipe().expect("a pipe can be made");
    // More than there is room for: who reads one after the other waits for ever.
    let writer = thread::spawn(move || {
        let (mut to_one, mut to_other) = (File::from(to_one), File::from(to_other));
        for _ in 0..100 {
            to_other.write_all(&[b'o'; 5000]).expect("it is read");
            to_one.write_all(&[b'i'; 5000]).expect("it is read");
        }
    });
    let read = read_both([Some(one.into()), Some(other.into())]).expect("both can be read");
    writer.join().expect("no panic");
    assert_eq!(read, [vec![b'i'; 500_000], vec![b'o'; 500_000]]);
    assert_eq!(
        read_both([None, None]).expect("nothing is to be done"),
        [Vec::<u8>::new(), Vec::new()]
    );
}

#[test]
fn the_null_device_is_there() {
    let mut null = File::from(null().expect("it is there"));
    null.write_all(b"gone").expect("it takes all");
    assert_eq!(null.read(&mut [0]).expect("it has nothing"), 0);
}
