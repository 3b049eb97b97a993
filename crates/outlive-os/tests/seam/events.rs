//! Waiting, and signals as events.

use crate::common::alone;
use outlive_os::events::{Signals, ending, inflow, pipe, wait};
use outlive_os::signal;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Sends a signal to this thread, which has taken it: the test runner's own has not.
fn send(signal: i32) {
    // SAFETY: takes a number.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

#[test]
fn what_is_ready_is_told_by_place() {
    alone!();
    let pipes: Vec<_> = (0..4)
        .map(|_| pipe().expect("a pipe can be made"))
        .collect();
    let (reads, mut writes): (Vec<_>, Vec<_>) = pipes
        .into_iter()
        .map(|(read, write)| (read, Some(File::from(write))))
        .unzip();
    let watched: Vec<_> = reads.iter().map(AsFd::as_fd).collect();
    let now = || wait(&watched, Some(Duration::ZERO)).expect("it can be waited for");
    assert_eq!(now(), [] as [usize; 0]);
    writes[2]
        .as_mut()
        .expect("open")
        .write_all(b"x")
        .expect("it is read");
    assert_eq!(now(), [2]);
    // Closed is ready too.
    writes[0] = None;
    assert_eq!(wait(&watched, None).expect("it can be waited for"), [0, 2]);
}

#[test]
fn a_timeout_is_kept_under_a_rain_of_signals() {
    alone!();
    extern "C" fn do_nothing(_: i32) {}
    let handler: extern "C" fn(i32) = do_nothing;
    let every = libc::timeval {
        tv_sec: 0,
        tv_usec: 1000,
    };
    let timer = libc::itimerval {
        it_interval: every,
        it_value: every,
    };
    // SAFETY: the handler does nothing, without SA_RESTART waits are interrupted; the timer is
    // only read.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as libc::sighandler_t;
        libc::sigaction(libc::SIGALRM, &action, std::ptr::null_mut());
        libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut());
    }
    let (read, _write) = pipe().expect("a pipe can be made");
    let timeout = Duration::from_millis(100);
    let start = Instant::now();
    let ready = wait(&[read.as_fd()], Some(timeout)).expect("it can be waited for");
    assert!(
        ready.is_empty() && start.elapsed() >= timeout,
        "{ready:?} {:?}",
        start.elapsed()
    );
}

#[test]
fn the_longest_timeout_is_no_error() {
    let (read, write) = pipe().expect("a pipe can be made");
    drop(write);
    for timeout in [
        Duration::MAX,
        Duration::from_secs(u64::MAX),
        Duration::from_secs(1 << 40),
    ] {
        assert_eq!(
            wait(&[read.as_fd()], Some(timeout)).expect("it can be waited for"),
            [0]
        );
    }
}

#[test]
fn an_inflow_never_blocks_and_can_be_waited_on() {
    let (mut read, write) = inflow().expect("a pipe can be made");
    assert_eq!(
        read.read(&mut [0]).expect_err("it is empty").kind(),
        ErrorKind::WouldBlock
    );
    let mut write = File::from(write);
    write.write_all(b"ab").expect("it is read from");
    wait(&[read.as_fd()], None).expect("it can be waited for");
    let mut bytes = [0; 8];
    assert_eq!(read.read(&mut bytes).expect("there is something"), 2);
    assert_eq!(&bytes[..2], b"ab");
    drop(write);
    wait(&[read.as_fd()], None).expect("it can be waited for");
    assert_eq!(read.read(&mut [0]).expect("it is at its end"), 0);
}

#[test]
fn an_ending_is_ready_for_all_once_its_ender_is_gone() {
    let (ended, ender) = ending().expect("one can be made");
    let copy = ended.try_clone().expect("a descriptor is free");
    let both = [ended.as_fd(), copy.as_fd()];
    let now = wait(&both, Some(Duration::ZERO)).expect("it can be waited for");
    assert!(now.is_empty());
    drop(ender);
    for _ in 0..2 {
        assert_eq!(wait(&both, None).expect("it can be waited for"), [0, 1]);
    }
}

#[test]
fn taken_signals_come_as_events() {
    alone!();
    let taken = [libc::SIGUSR1, signal::CHILD, signal::TERM];
    let signals = Signals::take(&taken).expect("signals can be taken");
    assert_eq!(signals.next().expect("it can be read"), None);
    let quiet = wait(&[signals.as_fd()], Some(Duration::ZERO)).expect("it can be waited for");
    assert!(quiet.is_empty());
    // None of them strikes: by default two of them would end this process.
    taken.into_iter().for_each(send);
    send(libc::SIGUSR1);
    assert_eq!(
        wait(&[signals.as_fd()], None).expect("it can be waited for"),
        [0]
    );
    let mut got = Vec::new();
    while let Some(signal) = signals.next().expect("it can be read") {
        got.push(signal);
    }
    got.sort_unstable();
    // One that has come is not counted twice.
    assert_eq!(got, [libc::SIGUSR1, signal::TERM, signal::CHILD]);
}

#[test]
fn a_signal_that_this_process_was_started_to_ignore_stays_ignored() {
    alone!();
    // SAFETY: ignoring runs no code of ours.
    unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
    let signals = Signals::take(&[libc::SIGHUP, libc::SIGUSR1]).expect("signals can be taken");
    send(libc::SIGHUP);
    send(libc::SIGUSR1);
    assert_eq!(signals.next().expect("it can be read"), Some(libc::SIGUSR1));
    assert_eq!(signals.next().expect("it can be read"), None);
}

#[test]
fn signals_have_names_and_numbers() {
    for (text, number) in [
        ("TERM", libc::SIGTERM),
        ("SIGTERM", libc::SIGTERM),
        ("sigterm", libc::SIGTERM),
        ("hup", libc::SIGHUP),
        ("9", 9),
        ("64", 64),
    ] {
        assert_eq!(signal::parse(text), Some(number), "{text}");
    }
    for text in ["", "SIG", "TERMS", "0", "65", "-9", "SIGSIGTERM", " TERM"] {
        assert_eq!(signal::parse(text), None, "{text}");
    }
    for number in 1..=31 {
        assert_eq!(signal::parse(&signal::name(number)), Some(number));
    }
    assert_eq!(signal::name(40), "signal 40");
}
