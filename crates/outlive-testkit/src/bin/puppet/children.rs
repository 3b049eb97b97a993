//! Descendants that are hard to find or hard to end.
//!
//! Each holds the lifeline, says `child PID` once it is what it was made to be, and ends by itself
//! only when the test has gone.

use crate::obey::answer;
use crate::signals;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::Signal;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// Makes a descendant of some kind.
pub(crate) fn child(kind: &str, orders: &File, answers: &File) {
    let mut known = true;
    in_fork(|| match kind {
        // In the job's own group and session.
        "plain" => stay(orders, answers),
        // In a session of its own.
        "session" => {
            leave_session();
            stay(orders, answers);
        }
        // As daemons do: its parent is gone, its session its own, and it leads neither.
        "daemon" => {
            leave_session();
            in_fork(|| stay(orders, answers));
        }
        // It has to be killed.
        "deaf" => {
            signals::ignore_all();
            stay(orders, answers);
        }
        "deaf-daemon" => {
            signals::ignore_all();
            leave_session();
            in_fork(|| stay(orders, answers));
        }
        // A pid that is gone before anybody can use it: each fork does the next and ends.
        "runner" => run_away(orders, answers),
        // The same, away from the job.
        "runner-daemon" => {
            leave_session();
            in_fork(|| run_away(orders, answers));
        }
        // As a program that cleans its environment and its standard streams: nothing about it says
        // where it comes from.
        "scrubbed" => {
            leave_session();
            in_fork(|| scrubbed(answers, false));
        }
        // The same, but that its output is still the job's.
        "scrubbed-writer" => {
            leave_session();
            in_fork(|| scrubbed(answers, true));
        }
        // The same in a session of its own each time, a process that lives long enough to drown in.
        "storm" => storm(orders, answers),
        // Each its own process group, and none heeds a polite signal.
        "groups" => {
            signals::ignore_all();
            for _ in 0..20 {
                in_fork(|| {
                    rustix::process::setpgid(None, None).expect("a forked child leads no session");
                    linger(orders);
                });
            }
            stay(orders, answers);
        }
        // It stands still.
        "stopped" => {
            leave_session();
            in_fork(|| {
                say_hello(answers);
                let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::STOP);
                linger(orders);
            });
        }
        // One that waits in the kernel for what its child does, which is nothing.
        "vfork" => {
            signals::ignore_all();
            leave_session();
            in_vfork(|| stay(orders, answers));
        }
        // One whose children have all ended, and will never hear of it.
        "zombies" => {
            signals::ignore_all();
            leave_session();
            for _ in 0..20 {
                in_fork(|| ());
            }
            stay(orders, answers);
        }
        // A guardian that replaces its worker as often as that is killed, away from the job.
        "guardian" => {
            leave_session();
            guard(orders, answers);
        }
        _ => known = false,
    });
    if !known {
        answer(answers, "no such kind of child");
    }
}

/// Runs `part` in a forked process, which then ends.
fn in_fork(part: impl FnOnce()) {
    // SAFETY: this program has one thread, so that the child's memory is in a state that it can go
    // on with.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        part();
        // SAFETY: ends the process without running what belongs to the parent.
        unsafe { libc::_exit(0) };
    }
}

/// The same, while this process stands still in the kernel until the other one ends (CLONE_VFORK,
/// clone(2)); each has its own memory.
fn in_vfork(part: impl FnOnce()) {
    let flags = libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: without CLONE_VM it is a fork, as in `in_fork`.
    if unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) } == 0 {
        part();
        // SAFETY: as in `in_fork`.
        unsafe { libc::_exit(0) };
    }
}

fn leave_session() {
    rustix::process::setsid().expect("a forked child leads no group");
}

fn say_hello(answers: &File) {
    answer(answers, &format!("child {}", std::process::id()));
}

/// Lives until nobody gives orders any more.
fn stay(orders: &File, answers: &File) {
    say_hello(answers);
    linger(orders);
}

fn linger(orders: &File) {
    while !test_is_gone(orders, None) {}
}

/// Whether nobody holds the orders' writing end; without a limit it waits until that is so.
fn test_is_gone(orders: &File, limit: Option<&Timespec>) -> bool {
    let mut fds = [PollFd::new(orders, PollFlags::empty())];
    match rustix::event::poll(&mut fds, limit) {
        Ok(_) => fds[0].revents().contains(PollFlags::HUP),
        Err(_) => false,
    }
}

/// Becomes this program anew, with nothing but its lifeline and perhaps its output.
fn scrubbed(answers: &File, writes: bool) {
    let mut command = Command::new("/proc/self/exe");
    command
        .arg("stay")
        .args(std::env::args_os().skip(2))
        .arg(answers.as_raw_fd().to_string());
    command
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    if !writes {
        command.stdout(Stdio::null());
    }
    answer(
        answers,
        &format!("failed to become another: {}", command.exec()),
    );
}

/// `FOLDER NUMBER`: lives on in the folder of a puppet, whose answers are descriptor `NUMBER`.
pub(crate) fn staying(words: &[OsString]) -> io::Result<ExitCode> {
    let orders = File::open(Path::new(&words[0]).join("orders"))?;
    let answers = File::options()
        .write(true)
        .open(format!("/proc/self/fd/{}", words[1].display()))?;
    stay(&orders, &answers);
    Ok(ExitCode::SUCCESS)
}

/// `FOLDER`: becomes the user to whom this program belongs, and lives on in the folder of a puppet.
pub(crate) fn elevated(words: &[OsString]) -> io::Result<ExitCode> {
    // SAFETY: takes numbers.
    if unsafe { libc::setresuid(0, 0, 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let folder = Path::new(&words[0]);
    let orders = File::open(folder.join("orders"))?;
    let answers = File::options().write(true).open(folder.join("answers"))?;
    stay(&orders, &answers);
    Ok(ExitCode::SUCCESS)
}

const NOW: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// How long each process of a runner lives: too short to be looked up and then signalled, but long
/// enough that a machine does not drown in dead ones.
const A_MOMENT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 500_000,
};

fn run_away(orders: &File, answers: &File) {
    say_hello(answers);
    while !test_is_gone(orders, Some(&A_MOMENT)) {
        // SAFETY: as in `in_fork`.
        if unsafe { libc::fork() } != 0 {
            return;
        }
    }
}

/// Two hundred forks a second: each goes on in a session of its own, and stays for a second.
fn storm(orders: &File, answers: &File) {
    const PAUSE: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 5_000_000,
    };
    const LIFE: Timespec = Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    };
    signals::ignore_all();
    say_hello(answers);
    while !test_is_gone(orders, Some(&PAUSE)) {
        // SAFETY: as in `in_fork`.
        if unsafe { libc::fork() } != 0 {
            test_is_gone(orders, Some(&LIFE));
            return;
        }
        leave_session();
    }
}

fn guard(orders: &File, answers: &File) {
    say_hello(answers);
    while !test_is_gone(orders, Some(&NOW)) {
        in_fork(|| while !test_is_gone(orders, None) {});
        let _ = rustix::process::wait(rustix::process::WaitOptions::empty());
    }
}
