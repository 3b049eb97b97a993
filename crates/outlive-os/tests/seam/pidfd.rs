//! Processes held by a descriptor.

use crate::common::{HELD, Held, alone, as_child, kernel_is, program, shell};
use outlive_os::process::{Exit, Process, Waited, reap_any};
use outlive_os::signal;
use std::io::ErrorKind;
use std::time::Duration;

#[test]
fn a_process_is_opened_only_if_it_is_the_same() {
    let held = Held::start(shell(HELD), as_child);
    let pid = held.process.pid();
    let line = held
        .process
        .line()
        .expect("/proc is mounted")
        .expect("it lives");
    let open = |start_time| Process::open_same(pid, start_time).expect("it can be tried");
    assert_eq!(open(line.start_time).map(|it| it.pid()), Some(pid));
    assert!(open(line.start_time + 1).is_none());
    for none in [0, -1] {
        assert!(
            Process::open_same(none, 1).is_ok_and(|it| it.is_none()),
            "{none}"
        );
    }
    held.end();
    // It may be another one's by now, which started later.
    assert!(open(line.start_time).is_none());
}

/// The id of a thread that leads no process.
#[test]
fn a_thread_is_no_process() {
    let (tell, told) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // SAFETY: only tells a number.
            tell.send(unsafe { libc::gettid() })
                .expect("somebody listens");
            let _ = ended.recv();
        });
        let thread = told.recv().expect("it tells its id");
        assert!(Process::open_same(thread, 1).is_ok_and(|it| it.is_none()));
        drop(end);
    });
}

#[test]
fn a_wait_that_times_out_does_no_harm() {
    let held = Held::start(shell(&format!("{HELD}; exit 7")), as_child);
    for timeout in [Duration::ZERO, Duration::from_millis(20)] {
        assert!(
            !held
                .process
                .wait_end(Some(timeout))
                .expect("it can be waited for")
        );
    }
    held.process.signal(0).expect("it lives");
    assert_eq!(held.end(), Some(Exit::Code(7)));
}

#[test]
fn what_has_gone_takes_no_signal() {
    let process = program(&["true"]).spawn().expect("true is there");
    assert!(process.wait_end(None).expect("it can be waited for"));
    // A zombie takes it, and does nothing.
    process
        .signal(signal::TERM)
        .expect("it is there until it is waited for");
    assert_eq!(
        process.reap().expect("it can be waited for"),
        Some(Exit::Code(0))
    );
    let gone = process.signal(signal::TERM).expect_err("it is gone");
    assert_eq!(gone.raw_os_error(), Some(libc::ESRCH));
    assert_eq!(process.line().expect("/proc is mounted"), None);
    assert!(process.wait_end(None).expect("it can be waited for"));
}

#[test]
fn a_second_reap_asks_the_kernel() {
    let process = shell("exit 7").spawn().expect("sh is there");
    assert_eq!(
        process.reap().expect("it can be waited for"),
        Some(Exit::Code(7))
    );
    let remembered = kernel_is(6, 15).then_some(Exit::Code(7));
    assert_eq!(process.reap().expect("it can be asked"), remembered);
}

#[test]
fn every_end_is_told_as_it_was() {
    for (script, end) in [
        ("exit 0", Exit::Code(0)),
        ("exit 128", Exit::Code(128)),
        ("kill -KILL $$", Exit::Signal(libc::SIGKILL)),
        // With a core dump, if those are on.
        ("kill -SEGV $$", Exit::Signal(libc::SIGSEGV)),
    ] {
        let process = shell(script).spawn().expect("sh is there");
        assert_eq!(
            process.reap().expect("it can be waited for"),
            Some(end),
            "{script}"
        );
        if kernel_is(6, 15) {
            assert_eq!(
                process.reap().expect("it can be asked"),
                Some(end),
                "{script}"
            );
        }
    }
}

#[test]
fn any_child_is_reaped_once() {
    alone!();
    assert_eq!(
        reap_any().expect("there may be children"),
        Waited::NoChildren
    );
    let held = Held::start(shell(&format!("{HELD}; exit 7")), as_child);
    assert_eq!(
        reap_any().expect("there may be children"),
        Waited::NoneEnded
    );
    let killed = program(&["cat", "/dev/zero"]);
    let null = std::fs::File::options()
        .write(true)
        .open("/dev/null")
        .expect("/dev/null is there");
    let killed = outlive_os::spawn::Spawn {
        descriptors: vec![(std::os::fd::AsFd::as_fd(&null), 1)],
        ..killed
    };
    let killed = killed.spawn().expect("cat is there");
    killed.signal(signal::KILL).expect("our own child");
    assert!(killed.wait_end(None).expect("it can be waited for"));
    let reaped = Waited::Child(killed.pid(), Exit::Signal(libc::SIGKILL));
    assert_eq!(reap_any().expect("there are children"), reaped);
    assert_eq!(reap_any().expect("there are children"), Waited::NoneEnded);
    drop(held);
    assert_eq!(
        reap_any().expect("there may be children"),
        Waited::NoChildren
    );
}

#[test]
fn nobody_is_opened_by_a_number_that_nobody_has() {
    for pid in [0, -1, i32::MAX] {
        let error = Process::open(pid).expect_err("nobody has it");
        let known = error.kind() == ErrorKind::NotFound || error.raw_os_error().is_some();
        assert!(known, "{pid}: {error}");
    }
}
