//! What the library's tests share: processes of their own, and pipes.

use rustix::event::{PollFd, PollFlags};
use std::fs;
use std::io::{PipeReader, PipeWriter, Read};
use std::os::fd::OwnedFd;
use std::process::{Command, Output};

const ALONE: &str = "OUTLIVE_TEST_ALONE";

/// The name of the test that this stands in.
macro_rules! this_test {
    () => {{
        fn here() {}
        crate::support::name(std::any::type_name_of_val(&here))
    }};
}
pub(crate) use this_test;

/// Goes on in a process of its own, which nothing of another test disturbs: not even a child on its
/// way to exec, which has a copy of every descriptor.
macro_rules! alone {
    () => {
        let name = crate::support::this_test!();
        if !crate::support::is_alone(name) {
            crate::support::passes(name, &mut crate::support::wrapped(&[], name));
            return;
        }
    };
}
pub(crate) use alone;

pub(crate) fn name(place: &'static str) -> &'static str {
    let (_, name) = place
        .split_once("::")
        .expect("the crate's name comes first");
    let (name, _) = name
        .rsplit_once("::")
        .expect("the test's name comes before the last");
    name
}

/// Whether this is the process that was started for this test.
pub(crate) fn is_alone(name: &str) -> bool {
    std::env::var_os(ALONE).is_some_and(|it| it == name)
}

/// This program, to run this test once more in another part, as the environment will say.
pub(crate) fn again(name: &str) -> Command {
    let mut command = wrapped(&[], name);
    command.env_remove(ALONE);
    command
}

/// This program, run by another one, to run this test once more: alone.
pub(crate) fn wrapped(by: &[&str], name: &str) -> Command {
    let own = std::env::current_exe().expect("a program knows its path");
    let own = own.to_str().expect("text");
    let words: Vec<&str> = by.iter().copied().chain([own]).collect();
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .args(["--exact", name, "--nocapture", "--test-threads=1"]);
    command.env(ALONE, name);
    command
}

/// Runs it; the test in it has to pass.
pub(crate) fn passes(name: &str, command: &mut Command) -> Output {
    let output = command.output().expect("this program can be run");
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
    output
}

pub(crate) fn pipe() -> (PipeReader, PipeWriter) {
    std::io::pipe().expect("a pipe can be made")
}

/// All that comes through a pipe until nobody holds its other end.
pub(crate) fn rest(mut pipe: impl Read) -> String {
    let mut text = String::new();
    pipe.read_to_string(&mut text).expect("text");
    text
}

/// How many descriptors this process has.
pub(crate) fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd")
        .expect("/proc is mounted")
        .count()
}

/// A line of what the kernel says of this thread.
pub(crate) fn own_status(field: &str) -> String {
    let status = fs::read_to_string("/proc/thread-self/status").expect("/proc is mounted");
    let line = status.lines().find(|line| line.starts_with(field));
    line.expect("every kernel says that").to_owned()
}

/// An error, as a person is told of it: what failed, and why.
pub(crate) fn told(error: &outlive::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Waits until a process has been reaped, not only ended; `false`, loudly, if the kernel can't say.
pub(crate) fn reaped(what: &str, process: &OwnedFd) -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc is mounted");
    let mut numbers = release.split('.').map(|number| number.parse().unwrap_or(0));
    if (numbers.next(), numbers.next()) < (Some(6), Some(9)) {
        outlive_testkit::skipped(what, "before Linux 6.9 a pidfd does not tell");
        return false;
    }
    // Nothing but the hang-up is waited for, which comes when it has been reaped.
    let mut polled = [PollFd::new(process, PollFlags::empty())];
    rustix::io::retry_on_intr(|| rustix::event::poll(&mut polled, None)).expect("it can be polled");
    assert!(
        polled[0].revents().contains(PollFlags::HUP),
        "{:?}",
        polled[0].revents()
    );
    true
}
