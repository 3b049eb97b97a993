//! Programs that are let go.

use crate::support::{
    alone, is_alone, open_descriptors, passes, pipe, reaped, rest, this_test, wrapped,
};
use outlive::{Command, Process, Stdio};
use outlive_os::process::{Waited, reap_any};
use outlive_os::{proc, role};
use rustix::process::{Pid, PidfdFlags};
use std::io::{PipeReader, PipeWriter, Read};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// A shell that ends when the writer goes, and has said that it is there.
fn waiting() -> (Process, PipeWriter) {
    let (stdin, tell) = pipe();
    let (mut said, stdout) = pipe();
    let mut command = Command::new("sh");
    command.args(["-c", "echo; read line"]);
    command
        .stdin(OwnedFd::from(stdin))
        .stdout(OwnedFd::from(stdout));
    let process = command.disown().expect("sh is there");
    drop(command);
    said.read_exact(&mut [0]).expect("it says that it is there");
    (process, tell)
}

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

fn line(process: &Process) -> outlive_record::ProcessLine {
    let line = proc::line(process.id().cast_signed()).expect("/proc is mounted");
    line.expect("it lives")
}

fn no_children() {
    assert_eq!(reap_any().expect("it can be asked"), Waited::NoChildren);
}

#[test]
fn it_is_nobodys_child_and_leaves_no_zombie() {
    alone!();
    assert!(!role::inherits_orphans());
    let (process, tell) = waiting();
    let found = line(&process);
    assert_ne!(found.parent, own_pid());
    assert_eq!((found.session, found.terminal), (found.pid, 0));
    no_children();
    drop(tell);
    assert!(
        process
            .wait_timeout(Duration::MAX)
            .expect("it can be waited for")
    );
    no_children();
}

#[test]
fn its_handle_tells_who_it_is_and_whether_it_runs() {
    let (process, tell) = waiting();
    assert_eq!(process.start_time(), Some(line(&process).start_time));
    assert!(process.is_running().expect("it can be asked"));
    assert!(
        !process
            .wait_timeout(Duration::from_millis(20))
            .expect("it can be waited for")
    );
    assert!(process.is_running().expect("it is unharmed"));
    process.signal(0).expect("it is there");
    drop(tell);
    assert!(
        process
            .wait_timeout(Duration::from_secs(90))
            .expect("it can be waited for")
    );
    assert!(!process.is_running().expect("it can be asked"));
}

#[test]
fn it_can_be_signalled() {
    let (process, _tell) = waiting();
    let error = process.signal(1000).expect_err("there is no such signal");
    assert!(
        error
            .to_string()
            .starts_with("failed to send a signal to process "),
        "{error}"
    );
    process.signal(9).expect("it is ours");
    assert!(
        process
            .wait_timeout(Duration::MAX)
            .expect("it can be waited for")
    );
}

#[test]
fn it_prints_to_nobody_unless_it_is_set() {
    let (said, stderr) = pipe();
    let mut command = Command::new("sh");
    // In processes of their own, since a shell moves its descriptors about.
    let script = "(exec readlink /proc/$$/fd/0 /proc/$$/fd/1 >&2); (exec ls /proc/$$/fd >&2); :";
    command.args(["-c", script]);
    command
        .stderr(OwnedFd::from(stderr))
        .disown()
        .expect("sh is there");
    drop(command);
    assert_eq!(rest(said), "/dev/null\n/dev/null\n0\n1\n2\n");
}

#[test]
fn a_pipe_that_nobody_would_hold_is_refused() {
    for set in [Command::stdin, Command::stdout, Command::stderr] {
        let mut command = Command::new("true");
        set(&mut command, Stdio::piped());
        let error = command
            .disown()
            .expect_err("nobody would hold its other end");
        assert!(error.is_invalid() && error.hint().is_some(), "{error}");
    }
}

#[test]
fn letting_go_of_its_handle_does_nothing_to_it() {
    let (process, tell) = waiting();
    let again = outlive_os::process::Process::open(process.id().cast_signed()).expect("it lives");
    drop(process);
    assert!(
        !again
            .wait_end(Some(Duration::ZERO))
            .expect("it can be waited for")
    );
    drop(tell);
    assert!(again.wait_end(None).expect("it can be waited for"));
}

#[test]
fn nothing_is_left_of_many() {
    alone!();
    let before = open_descriptors();
    let (said, held): (PipeReader, PipeWriter) = pipe();
    for _ in 0..200 {
        let held = OwnedFd::from(held.try_clone().expect("a descriptor can be copied"));
        let process = Command::new("true")
            .keep_descriptor(held, 9)
            .disown()
            .expect("true is there");
        assert!(process.start_time().is_some() || !process.is_running().expect("it can be asked"));
    }
    drop(held);
    // Each of them holds it until it has ended.
    assert_eq!(rest(said), "");
    assert_eq!(open_descriptors(), before);
    no_children();
}

/// Where orphans come back to this process.
fn lets_go_without_a_zombie(what: &str) {
    assert!(role::inherits_orphans());
    let (process, tell) = waiting();
    assert_eq!(line(&process).parent, own_pid());
    let pid = Pid::from_raw(process.id().cast_signed()).expect("a pid");
    let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty()).expect("it lives");
    // Its handle is not what keeps it from being a zombie.
    drop(process);
    drop(tell);
    if reaped(what, &pidfd) {
        no_children();
    }
    for _ in 0..20 {
        Command::new("no-such-program")
            .disown()
            .expect_err("it is not there");
    }
    no_children();
}

#[test]
fn a_subreaper_has_no_zombie_of_it_either() {
    alone!();
    role::become_keeper("subreaper").expect("anybody may be a subreaper");
    lets_go_without_a_zombie("a program let go by a subreaper");
}

#[test]
fn process_1_has_no_zombie_of_it_either() {
    let name = this_test!();
    if is_alone(name) {
        assert_eq!(own_pid(), 1);
        lets_go_without_a_zombie("a program let go by process 1");
        return;
    }
    let own = ["unshare", "--pid", "--fork", "--mount-proc"];
    let tried = std::process::Command::new(own[0])
        .args(&own[1..])
        .arg("true")
        .output();
    if tried.as_ref().is_ok_and(|it| it.status.success()) {
        passes(name, &mut wrapped(&own, name));
    } else {
        let why = format!("no pid namespace of our own: {tried:?}");
        outlive_testkit::skipped("a program let go by process 1", &why);
    }
}

#[test]
fn it_outlives_its_starter() {
    const START: &str = "OUTLIVE_TEST_START";
    let name = this_test!();
    if std::env::var_os(START).is_some() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo ready; cat; exec echo still here"]);
        command.stdin(Stdio::inherit()).stdout(Stdio::inherit());
        let process = command.disown().expect("sh is there");
        println!("\nstarted {}", process.id());
        return;
    }
    let (stdin, tell) = pipe();
    let mut starter = crate::support::again(name);
    starter
        .env(START, "1")
        .stdin(OwnedFd::from(stdin))
        .stdout(std::process::Stdio::piped());
    let mut starter = starter.spawn().expect("this program can be run");
    assert!(starter.wait().expect("it can be waited for").success());
    // Its starter has gone, and it is there, reads and prints.
    drop(tell);
    let said = rest(starter.stdout.take().expect("a pipe"));
    assert!(
        said.contains("ready\n") && said.ends_with("still here\n"),
        "{said}"
    );
}
