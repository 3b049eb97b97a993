//! Processes held by a handle.

use crate::common::{Held, as_child, ends, is_wine, printed, puppet, started};
use outlive_os::process::{Exit, Process};
use outlive_os::signal;
use outlive_os::spawn::Spawn;
use std::io::ErrorKind;
use std::time::Duration;

#[test]
fn a_process_is_opened_only_if_it_is_the_same() {
    let held = Held::start(puppet(&["held"]), as_child);
    let pid = held.process.pid();
    let line = held
        .process
        .line()
        .expect("it can be looked at")
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

/// Ids are multiples of four, and the kernel does not look at what is below.
#[test]
fn an_id_next_to_one_is_nobodys() {
    let held = Held::start(puppet(&["held"]), as_child);
    for next in 1..4 {
        let error = Process::open(held.process.pid() + next).expect_err("nobody has it");
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}

#[test]
fn a_wait_that_times_out_does_no_harm() {
    let held = Held::start(puppet(&["held", "7"]), as_child);
    for timeout in [Duration::ZERO, Duration::from_millis(20)] {
        let ended = held.process.wait_end(Some(timeout));
        assert!(!ended.expect("it can be waited for"));
    }
    held.process.signal(0).expect("it lives");
    assert_eq!(held.end(), Some(Exit::Code(7)));
}

#[test]
fn what_has_gone_takes_no_signal() {
    let process = started(puppet(&["exit", "0"]), as_child);
    assert!(process.wait_end(None).expect("it can be waited for"));
    for signal in [0, signal::TERM, signal::KILL] {
        let gone = process.signal(signal).expect_err("it is gone");
        assert_eq!(gone.kind(), ErrorKind::NotFound, "{signal}");
    }
    assert_eq!(process.line().expect("it can be asked"), None);
    assert!(process.wait_end(None).expect("it can be waited for"));
}

#[test]
fn a_second_reap_asks_the_kernel() {
    let process = started(puppet(&["exit", "7"]), as_child);
    for _ in 0..2 {
        let exit = process.reap().expect("it can be waited for");
        assert_eq!(exit, Some(Exit::Code(7)));
    }
}

#[test]
fn every_end_is_told_as_it_was() {
    // 259 is what the API calls STILL_ACTIVE; what is above 2^31 is how exceptions end a process.
    for code in [0, 1, 128, 256, 259, 1 << 31, 0xC000_0005, u32::MAX] {
        assert_eq!(ends(puppet(&["exit", &code.to_string()])), Exit::Code(code));
    }
    let held = Held::start(puppet(&["held"]), as_child);
    held.process.signal(signal::KILL).expect("our own child");
    assert_eq!(held.end(), Some(Exit::Code(1)));
}

#[test]
fn nobody_is_opened_by_a_number_that_nobody_has() {
    for pid in [0, -1, i32::MAX] {
        let error = Process::open(pid).expect_err("nobody has it");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{pid}: {error}");
    }
}

#[test]
fn a_signal_that_windows_lacks_is_not_supported() {
    let held = Held::start(puppet(&["held", "7"]), as_child);
    for signal in [signal::STOP, signal::CONTINUE, signal::HANG_UP] {
        let error = held.process.signal(signal).expect_err("there is none");
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{signal}");
    }
    assert_eq!(held.end(), Some(Exit::Code(7)));
}

/// The keeper's way: from a console of its own, over to that of its job, and back.
#[test]
fn one_in_a_session_of_its_own_is_asked_by_ctrl_break() {
    for new_session in [false, true] {
        let spawn = Spawn {
            new_session,
            ..puppet(&["keeper", "own"])
        };
        let said = printed(spawn, as_child);
        if is_wine() && said.contains("no console") {
            println!("SKIPPED: Ctrl-Break: Wine 8 knows no console to send it to (error 6)");
        } else {
            assert_eq!(said.trim(), "Some(Code(41))");
        }
    }
}

/// Else Ctrl-Break would go to everybody on its console, its keeper among them.
#[test]
fn one_that_is_not_known_to_lead_a_group_gets_no_ctrl_break() {
    for new_session in [false, true] {
        for job in ["shared", "by id"] {
            let spawn = Spawn {
                new_session,
                ..puppet(&["keeper", job])
            };
            let said = printed(spawn, as_child);
            assert!(said.contains("no console that is known"), "{job}: {said}");
        }
    }
}

#[test]
fn a_keeper_is_ended_with_its_session_after_its_job() {
    // Others have 0x280, and the higher are ended first.
    assert_eq!(printed(puppet(&["turn"]), as_child).trim(), "0x200 0");
}

/// It is not for a library to leave the console of the program that uses it.
#[test]
fn nobody_else_leaves_the_console_to_ask() {
    let spawn = Spawn {
        new_session: true,
        ..puppet(&["held", "7"])
    };
    let held = Held::start(spawn, as_child);
    let error = held
        .process
        .signal(signal::TERM)
        .expect_err("it has no window");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(held.end(), Some(Exit::Code(7)));
}
