//! What these tests share: processes of their own, and programs to start.

use outlive_os::events;
use outlive_os::process::{Exit, Process};
use outlive_os::spawn::{Spawn, SpawnError, Strings};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

const ALONE: &str = "OUTLIVE_TEST_ALONE";

/// Goes on in a process of its own, where the test may change what a process shares: whatever the
/// test runner does, no other test sees it. (There is another thread, which waits for the test.)
///
/// That is for tests, too, that count on a descriptor being closed, or a file no longer written
/// to, at once: where other tests start programs from other threads of the process, a child of
/// theirs may have a copy until its exec.
macro_rules! alone {
    () => {
        fn here() {}
        if !crate::common::is_alone(std::any::type_name_of_val(&here)) {
            return;
        }
    };
}
pub(crate) use alone;

/// Whether the kernel is one of Wine, as it may be where the same tests are run for Windows.
pub(crate) fn is_wine() -> bool {
    false
}

/// Whether this is the process that was started for the test that `place` is in; if not, it is
/// started, and has to succeed.
pub(crate) fn is_alone(place: &str) -> bool {
    let (_, name) = place
        .split_once("::")
        .expect("the crate's name comes first");
    let (name, _) = name
        .rsplit_once("::")
        .expect("the test's name comes before the last");
    if env::var_os(ALONE).is_some_and(|it| it == name) {
        return true;
    }
    let mut command = this_test(name);
    let output = command
        .env(ALONE, name)
        .output()
        .expect("this program can be run");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{name} {}:\n{said}\n{errors}",
        output.status
    );
    // A name that no test has would succeed too.
    assert!(said.contains(" 1 passed;"), "{name} did not run:\n{said}");
    for line in said.lines().filter(|line| line.contains("SKIPPED:")) {
        println!("{line}");
    }
    false
}

/// This test program, for the one test called `name`.
pub(crate) fn this_test(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("a program knows its path"));
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]);
    command
}

pub(crate) fn strings(all: &[&str]) -> Strings {
    let mut strings = Strings::default();
    for one in all {
        strings.push(&[one.as_bytes()]).expect("no NUL in it");
    }
    strings
}

/// A program of the system.
pub(crate) fn program(words: &[&str]) -> Spawn<'static> {
    let places = ["/bin/", "/usr/bin/"].map(|folder| format!("{folder}{}", words[0]));
    Spawn {
        programs: strings(&places.each_ref().map(String::as_str)),
        arguments: strings(words),
        environment: Some(strings(&["PATH=/usr/bin:/bin"])),
        ..Spawn::default()
    }
}

pub(crate) fn shell(script: &str) -> Spawn<'static> {
    program(&["sh", "-c", script])
}

/// One of the two ways to start a program.
pub(crate) type Start = fn(Spawn<'_>) -> Result<Process, SpawnError>;

pub(crate) fn as_child(spawn: Spawn<'_>) -> Result<Process, SpawnError> {
    spawn.spawn()
}

pub(crate) fn as_orphan(spawn: Spawn<'_>) -> Result<Process, SpawnError> {
    spawn.spawn_orphan()
}

/// What a program prints until it ends.
pub(crate) fn printed(spawn: Spawn<'_>, start: Start) -> String {
    let mut spawn: Spawn<'_> = spawn;
    let (read, write) = events::pipe().expect("a pipe can be made");
    spawn.descriptors.push((write.as_fd(), 1));
    let process = start(spawn).unwrap_or_else(|error| panic!("{error}: {}", error.cause));
    drop(write);
    let mut said = String::new();
    File::from(read)
        .read_to_string(&mut said)
        .expect("it prints text");
    process.wait_end(None).expect("a process can be waited for");
    // An orphan is not ours to reap.
    let _ = process.reap();
    said
}

/// Starts a child and waits for its end.
pub(crate) fn ends(spawn: &Spawn<'_>) -> Exit {
    let process = spawn
        .spawn()
        .unwrap_or_else(|error| panic!("{error}: {}", error.cause));
    let exit = process.reap().expect("a child can be waited for");
    exit.expect("how a child ended is known")
}

/// The script of a [`Held`].
pub(crate) const HELD: &str = "echo; read line";

/// A shell that has come as far as its script, and stands still until this is dropped.
pub(crate) struct Held {
    pub(crate) process: Process,
    input: Option<OwnedFd>,
}

impl Held {
    /// Starts `spawn`, whose script is to be [`HELD`], perhaps with something before it.
    pub(crate) fn start(spawn: Spawn<'_>, start: Start) -> Held {
        let mut spawn: Spawn<'_> = spawn;
        let (stdin, input) = events::pipe().expect("a pipe can be made");
        let (said, stdout) = events::pipe().expect("a pipe can be made");
        spawn
            .descriptors
            .extend([(stdin.as_fd(), 0), (stdout.as_fd(), 1)]);
        let process = start(spawn).unwrap_or_else(|error| panic!("{error}: {}", error.cause));
        drop(stdout);
        let mut newline = [0];
        File::from(said)
            .read_exact(&mut newline)
            .expect("it says that it is there");
        Held {
            process,
            input: Some(input),
        }
    }

    /// Its descriptors, and what they are open on.
    pub(crate) fn descriptors(&self) -> BTreeMap<i32, PathBuf> {
        let folder = format!("/proc/{}/fd", self.process.pid());
        let entries = fs::read_dir(folder).expect("it can be looked at");
        let all = entries.map(|entry| {
            let entry = entry.expect("a folder can be read");
            let number = entry.file_name().into_string().expect("a number");
            (
                number.parse().expect("a number"),
                fs::read_link(entry.path()).expect("a link"),
            )
        });
        all.collect()
    }

    /// Lets it end, and waits until it has.
    pub(crate) fn end(mut self) -> Option<Exit> {
        drop(self.input.take());
        self.process
            .wait_end(None)
            .expect("a process can be waited for");
        self.process.reap().expect("a process can be waited for")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self
            .process
            .wait_end(None)
            .and_then(|_| self.process.reap());
    }
}

/// What is at a number, on loan.
pub(crate) fn at(number: i32) -> BorrowedFd<'static> {
    // SAFETY: the caller has put a descriptor there that stays until its process ends.
    unsafe { BorrowedFd::borrow_raw(number) }
}

/// Puts a file under a number, whatever was there; closed on exec, as everything of Rust's.
pub(crate) fn place(file: impl Into<OwnedFd>, number: i32) {
    let file = file.into();
    // SAFETY: descriptors by number; only a test in a process of its own takes numbers of others.
    let placed = unsafe {
        let high = libc::fcntl(file.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 100);
        drop(file);
        let placed = libc::dup3(high, number, libc::O_CLOEXEC);
        libc::close(high);
        placed
    };
    assert_eq!(placed, number);
}

/// The numbers of all descriptors of this process.
pub(crate) fn open_descriptors() -> Vec<i32> {
    let entries = fs::read_dir("/proc/self/fd").expect("/proc is mounted");
    let names = entries.map(|entry| entry.expect("a folder can be read").file_name());
    let numbers = names.map(|name| name.to_str().and_then(|name| name.parse().ok()));
    let numbers: Vec<i32> = numbers.map(|number| number.expect("a number")).collect();
    // But for the one that the folder was read by.
    // SAFETY: asks about a number, which may well be closed.
    numbers
        .into_iter()
        .filter(|fd| unsafe { libc::fcntl(*fd, libc::F_GETFD) } >= 0)
        .collect()
}

/// Allows this process descriptors below `count` only.
pub(crate) fn limit_descriptors(count: u64) {
    // SAFETY: the structure is filled by the first call and read by the second.
    let result = unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        limit.rlim_cur = count;
        libc::setrlimit(libc::RLIMIT_NOFILE, &limit)
    };
    assert_eq!(result, 0);
}

/// Whether this kernel is at least of this version.
pub(crate) fn kernel_is(major: u32, minor: u32) -> bool {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc is mounted");
    let mut numbers = text
        .split(|c: char| !c.is_ascii_digit())
        .map(|it| it.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
}
