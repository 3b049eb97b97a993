//! Many threads that start programs at once while signals rain on all of them, on their children
//! too: a handler that ran in a child would run on the caller's memory.

use super::filter::refuse_clone3;
use crate::common::{Start, alone, as_child, as_orphan, open_descriptors, program};
use outlive_os::process::{Exit, Waited, reap_any};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering::Relaxed};
use std::thread;

static CALLER: AtomicI32 = AtomicI32::new(0);
static HANDLED: AtomicU32 = AtomicU32::new(0);
static STRAYED: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_: i32) {
    // SAFETY: only tells a number.
    let here = unsafe { libc::getpid() };
    let counter = if here == CALLER.load(Relaxed) {
        &HANDLED
    } else {
        &STRAYED
    };
    counter.fetch_add(1, Relaxed);
}

/// Lets signals be counted; system calls that they interrupt fail.
fn count_signals(signals: &[i32]) {
    // SAFETY: only tells a number.
    CALLER.store(unsafe { libc::getpid() }, Relaxed);
    for signal in signals {
        // SAFETY: all zero is an action without flags and with an empty mask; the handler does
        // nothing but count.
        let result = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            let handler: extern "C" fn(i32) = count;
            action.sa_sigaction = handler as libc::sighandler_t;
            libc::sigaction(*signal, &action, std::ptr::null_mut())
        };
        assert_eq!(result, 0);
    }
}

fn ring_every(microseconds: i64) {
    let every = libc::timeval {
        tv_sec: 0,
        tv_usec: microseconds,
    };
    let timer = libc::itimerval {
        it_interval: every,
        it_value: every,
    };
    // SAFETY: a complete structure that is only read.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) };
}

/// Signals to every thread, and to the whole group, children on their way to exec among them: by
/// default SIGWINCH and SIGURG do nothing to those.
fn rain(threads: &[AtomicI32], over: &AtomicBool) {
    while !over.load(Relaxed) {
        for thread in threads
            .iter()
            .map(|it| it.load(Relaxed))
            .filter(|it| *it != 0)
        {
            // SAFETY: signals that are counted, to our own threads and our own group.
            unsafe {
                libc::syscall(
                    libc::SYS_tgkill,
                    CALLER.load(Relaxed),
                    thread,
                    libc::SIGUSR1,
                );
                libc::kill(0, libc::SIGWINCH);
                libc::kill(0, libc::SIGURG);
            }
        }
    }
}

/// `each` starts from each of 8 threads; whether it is known how each of them ended.
fn storm(each: usize, start: Start, known: bool) {
    // SAFETY: this process leads no group, so that it can lead one.
    assert_eq!(unsafe { libc::setpgid(0, 0) }, 0);
    count_signals(&[libc::SIGALRM, libc::SIGUSR1, libc::SIGWINCH, libc::SIGURG]);
    let threads: [AtomicI32; 8] = Default::default();
    let over = AtomicBool::new(false);
    let before = open_descriptors();
    thread::scope(|scope| {
        scope.spawn(|| rain(&threads, &over));
        let started: Vec<_> = threads
            .iter()
            .map(|own| {
                scope.spawn(|| {
                    // SAFETY: only tells a number.
                    own.store(unsafe { libc::gettid() }, Relaxed);
                    let started = (0..each)
                        .map(|_| one(start, known))
                        .collect::<Result<Vec<_>, _>>();
                    own.store(0, Relaxed);
                    started
                })
            })
            .collect();
        ring_every(100);
        let started: Vec<_> = started
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        ring_every(0);
        over.store(true, Relaxed);
        for it in started {
            it.expect("no panic")
                .expect("each of them starts and ends well");
        }
    });
    assert_eq!(STRAYED.load(Relaxed), 0, "handlers ran in children");
    assert!(
        HANDLED.load(Relaxed) > 1000,
        "{} signals",
        HANDLED.load(Relaxed)
    );
    assert_eq!(open_descriptors(), before);
    assert_eq!(
        reap_any().expect("there may be children"),
        Waited::NoChildren
    );
}

fn one(start: Start, known: bool) -> Result<(), String> {
    let process = start(program(&["true"])).map_err(|error| format!("{error}: {}", error.cause))?;
    process.wait_end(None).map_err(|error| error.to_string())?;
    match process.reap().map_err(|error| error.to_string())? {
        Some(Exit::Code(0)) => Ok(()),
        // How an orphan ended is known only once it has been reaped, and not on every kernel.
        None if !known => Ok(()),
        exit => Err(format!("{exit:?}")),
    }
}

#[test]
fn children_of_8_threads() {
    alone!();
    storm(375, as_child, true);
}

#[test]
fn orphans_of_8_threads() {
    alone!();
    storm(125, as_orphan, false);
}

#[test]
fn children_of_8_threads_without_clone3() {
    alone!();
    if refuse_clone3("a storm without clone3") {
        storm(125, as_child, true);
    }
}

#[test]
fn orphans_of_8_threads_without_clone3() {
    alone!();
    if refuse_clone3("a storm of orphans without clone3") {
        storm(60, as_orphan, false);
    }
}
