//! What a keeper makes of its own process, and bytes handed to it.

use crate::common::{HELD, Held, alone, as_child, as_orphan, place, printed, shell};
use outlive_os::{memory, proc, role};
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::path::Path;

#[test]
fn a_keeper_is_not_ended_by_what_ends_others() {
    alone!();
    role::become_keeper("keeper").expect("anybody may be a keeper");
    // But for what no process can bear, and two that the C library keeps for itself.
    let others = [libc::SIGKILL, libc::SIGSTOP, 32, 33];
    for signal in (1..=64).filter(|it| !others.contains(it)) {
        // SAFETY: takes a number. To this thread alone: a keeper has no other, this test has.
        assert_eq!(unsafe { libc::raise(signal) }, 0, "{signal}");
    }
    // What it starts is ended by them.
    let held = Held::start(shell(HELD), as_child);
    held.process.signal(libc::SIGHUP).expect("our own child");
    let exit = held.process.reap().expect("it can be waited for");
    assert_eq!(exit, Some(outlive_os::process::Exit::Signal(libc::SIGHUP)));
    // It inherits orphans.
    let orphan = Held::start(shell(HELD), as_orphan);
    let line = orphan
        .process
        .line()
        .expect("/proc is mounted")
        .expect("it lives");
    assert_eq!(line.parent, std::process::id().cast_signed());
}

#[test]
fn a_keeper_makes_private_files_and_keeps_no_folder_busy() {
    alone!();
    // SAFETY: exchanges a number.
    unsafe { libc::umask(0o022) };
    assert_eq!(role::private_umask(), 0o022);
    assert_eq!(printed(shell("umask"), as_child), "0077\n");
    role::leave_folder().expect("there is always a root");
    assert_eq!(
        proc::own_folder().expect("/proc is mounted"),
        Path::new("/")
    );
    // SAFETY: only tells a number.
    assert_eq!(role::user(), unsafe { libc::geteuid() });
}

#[test]
fn inherited_descriptors_are_taken_once_and_without_a_gap() {
    alone!();
    for number in [3, 4, 5, 7] {
        place(tempfile::tempfile().expect("a file can be made"), number);
    }
    // SAFETY: a number that this test owns, if it is open at all.
    unsafe { libc::close(6) };
    let mut taken = role::inherited().expect("they are taken for the first time");
    let numbers: Vec<i32> = taken.iter().map(AsRawFd::as_raw_fd).collect();
    assert_eq!(numbers, [3, 4, 5]);
    for descriptor in &taken {
        // SAFETY: asks about a number.
        let flags = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_GETFD) };
        assert_eq!(flags, libc::FD_CLOEXEC);
    }
    let mut file = File::from(taken.remove(0));
    file.write_all(b"it is ours").expect("there is room");
    assert!(role::inherited().is_err());
}

#[test]
fn bytes_in_memory_arrive_whole() {
    for bytes in [&b""[..], b"x", &[7; 300_000]] {
        let memory = memory::holding(bytes).expect("memory can be had");
        // Wherever somebody who shares the descriptor has read to.
        let mut shared = File::from(memory.try_clone().expect("a descriptor can be copied"));
        shared
            .seek(SeekFrom::Start(1))
            .expect("it can be read anywhere");
        assert_eq!(memory::bytes(memory).expect("it can be read"), bytes);
    }
}

/// The kernel's lists show a keeper by the job that it keeps.
#[test]
fn a_keeper_has_the_name_it_was_given() {
    alone!();
    role::become_keeper("kept-3f9k").expect("anybody may be a keeper");
    let name = fs::read_to_string("/proc/thread-self/comm").expect("/proc is mounted");
    assert_eq!(name, "kept-3f9k\n");
    assert!(role::become_keeper("no\0name").is_err());
}
