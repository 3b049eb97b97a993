//! The child's signals: default dispositions and an empty mask, whatever the caller's are.

use super::filter::refuse_clone3;
use crate::common::{
    Start, alone, as_child, as_orphan, ends, kernel_is, limit_descriptors, printed, program, shell,
};
use outlive_os::events;
use outlive_os::process::{Exit, Waited, reap_any};
use outlive_os::spawn::Spawn;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;

/// A signal's action as the kernel has it: a handler, flags, a restorer, a mask.
fn set_action(signal: i32, handler: usize) {
    let action = [handler as u64, 0, 0, 0];
    // SAFETY: a complete action; the raw call, since libc's refuses the two signals it keeps for
    // itself. `handler` is SIG_IGN wherever this is used.
    let result =
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, action.as_ptr(), 0usize, 8) };
    assert_eq!(result, 0, "signal {signal}");
}

fn block_all() {
    let all = u64::MAX;
    // SAFETY: the kernel's set is 8 bytes.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const all,
            0usize,
            8,
        )
    };
    assert_eq!(result, 0);
}

extern "C" fn do_nothing(_: i32) {}

/// All signals blocked, many ignored, some handled.
fn confuse() {
    for signal in [
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGPIPE,
        libc::SIGTSTP,
        libc::SIGTTOU,
    ] {
        set_action(signal, libc::SIG_IGN);
    }
    // 32 and 33 are the two that libc keeps for itself.
    for signal in 32..=64 {
        set_action(signal, libc::SIG_IGN);
    }
    for signal in [libc::SIGUSR1, libc::SIGTERM, libc::SIGALRM] {
        let handler: extern "C" fn(i32) = do_nothing;
        // SAFETY: the handler does nothing.
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
    block_all();
}

/// The sets of signals that a process says it blocks, ignores and handles, as `cat` prints them.
fn sets(start: Start) -> Vec<(String, u64)> {
    sets_of(program(&["cat", "/proc/self/status"]), start)
}

fn sets_of(spawn: Spawn<'_>, start: Start) -> Vec<(String, u64)> {
    let said = printed(spawn, start);
    let wanted = ["SigBlk", "SigIgn", "SigCgt"];
    let fields = said.lines().filter_map(|line| line.split_once(":\t"));
    let fields = fields.filter(|(name, _)| wanted.contains(name));
    let read = |text: &str| u64::from_str_radix(text, 16).expect("a hexadecimal number");
    let sets: Vec<_> = fields
        .map(|(name, set)| (name.to_owned(), read(set)))
        .collect();
    assert_eq!(sets.len(), 3, "{said}");
    sets
}

fn are_default(start: Start) {
    let spawn = Spawn {
        new_session: true,
        ..program(&["cat", "/proc/self/status"])
    };
    for (name, set) in sets_of(spawn, start) {
        assert_eq!(set, 0, "{name} is {set:x}");
    }
}

/// Does the same in a copy of this process that has one thread: what that does about signals only it
/// can change, so that it is looked at before the start. To be done before anything is started: who has
/// had threads is not looked at again.
fn with_one_thread(test: fn()) {
    // SAFETY: the other thread waits for this one (`alone`) and holds no lock that the copy needs;
    // the C library sees to its own (fork(2)).
    let child = unsafe { libc::fork() };
    if child == 0 {
        let passed = std::panic::catch_unwind(test).is_ok();
        // SAFETY: ends the copy, which is not to go on with what the test's runner does.
        unsafe { libc::_exit(i32::from(!passed)) }
    }
    let mut status = 0;
    // SAFETY: `status` is written by the call.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "it fails in a process with one thread");
}

/// As nohup(1) and a shell's `&` have it.
#[test]
fn what_a_terminal_sends_stays_ignored_in_its_session() {
    alone!();
    with_one_thread(stays_ignored);
    stays_ignored();
}

fn stays_ignored() {
    confuse();
    for start in [as_child, as_orphan] {
        let kept = 1 << (libc::SIGHUP - 1) | 1 << (libc::SIGINT - 1);
        for (name, set) in sets(start) {
            let expected = if name == "SigIgn" { kept } else { 0 };
            assert_eq!(set, expected, "{name} is {set:x}");
        }
    }
}

#[test]
fn are_default_whatever_the_callers_are() {
    alone!();
    with_one_thread(both_are_default);
    both_are_default();
}

fn both_are_default() {
    confuse();
    are_default(as_child);
    are_default(as_orphan);
}

#[test]
fn are_default_without_clone3_too() {
    alone!();
    if refuse_clone3("signals without clone3") {
        with_one_thread(both_are_default);
        both_are_default();
    }
}

/// The child can't look at what there is to be reset, and resets all.
#[test]
fn are_default_where_no_descriptor_is_free() {
    alone!();
    confuse();
    for start in [as_child, as_orphan] {
        let (read, write) = events::pipe().expect("a pipe can be made");
        limit_descriptors(24);
        let mut taken = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            taken.push(file);
        }
        // One for the handle that comes back.
        taken.pop();
        let mut spawn = Spawn {
            new_session: true,
            ..program(&["cat", "/proc/self/status"])
        };
        spawn.descriptors.push((write.as_fd(), 1));
        let process = start(spawn).expect("one descriptor is free");
        drop(write);
        drop(taken);
        let mut said = String::new();
        let mut read = File::from(read);
        read.read_to_string(&mut said).expect("it prints text");
        process.wait_end(None).expect("a process can be waited for");
        for set in ["SigBlk", "SigIgn", "SigCgt"] {
            let none = format!("{set}:\t0000000000000000\n");
            assert!(said.contains(&none), "{said}");
        }
    }
}

/// Of this thread, and of this process, as the kernel shows them.
fn own_sets() -> String {
    let status = std::fs::read_to_string("/proc/thread-self/status").expect("/proc is mounted");
    let sets = ["SigBlk", "SigIgn", "SigCgt"];
    let lines = status
        .lines()
        .filter(|line| sets.iter().any(|set| line.starts_with(set)));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn of_the_caller_stay_as_they_are() {
    alone!();
    confuse();
    let before = own_sets();
    are_default(as_child);
    are_default(as_orphan);
    assert_eq!(own_sets(), before);
}

#[test]
fn of_the_caller_stay_as_they_are_without_clone3_too() {
    alone!();
    if refuse_clone3("the caller's signals without clone3") {
        confuse();
        let before = own_sets();
        are_default(as_child);
        are_default(as_orphan);
        assert_eq!(own_sets(), before);
    }
}

#[test]
fn an_ignored_sigchld_costs_no_exit_code() {
    alone!();
    set_action(libc::SIGCHLD, libc::SIG_IGN);
    let child = shell("exit 7").spawn().expect("sh is there");
    // Before Linux 6.15 nobody can tell.
    let known = kernel_is(6, 15).then_some(Exit::Code(7));
    assert_eq!(child.reap().expect("a child can be waited for"), known);
    let killed = shell("kill -9 $$").spawn().expect("sh is there");
    let known = kernel_is(6, 15).then_some(Exit::Signal(9));
    assert_eq!(killed.reap().expect("a child can be waited for"), known);
    assert_eq!(
        reap_any().expect("there may be children"),
        Waited::NoChildren
    );

    let orphan = shell("exit 7").spawn_orphan().expect("sh is there");
    assert!(orphan.wait_end(None).expect("a process can be waited for"));
    assert_eq!(
        reap_any().expect("there may be children"),
        Waited::NoChildren
    );
    let missing = program(&["no-such-program"]);
    assert!(missing.spawn().is_err() && missing.spawn_orphan().is_err());
    assert_eq!(
        reap_any().expect("there may be children"),
        Waited::NoChildren
    );
}

#[test]
fn an_exit_is_told_from_a_signal() {
    assert_eq!(ends(&shell("exit 0")), Exit::Code(0));
    assert_eq!(ends(&shell("exit 255")), Exit::Code(255));
    assert_eq!(ends(&shell("kill -TERM $$")), Exit::Signal(libc::SIGTERM));
}
