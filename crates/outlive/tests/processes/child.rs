//! Children: their pipes, and waiting for them.

use crate::support::{alone, open_descriptors, passes, pipe, this_test};
use crate::{output, shell};
use outlive::{Child, Command, ExitStatus, Stdio};
use outlive_os::proc;
use outlive_os::process::{Exit, Process};
use std::io::{PipeWriter, Read, Write};
use std::time::Duration;

/// A shell that ends with 7 when something comes through the pipe, with 1 when its end does.
fn waiting_child() -> (Child, PipeWriter) {
    let (stdin, tell) = pipe();
    let mut command = shell("echo ready; read line && exit 7");
    command
        .stdin(std::os::fd::OwnedFd::from(stdin))
        .stdout(Stdio::piped());
    let mut child = command.spawn().expect("sh is there");
    let mut said = [0; 6];
    let stdout = child.stdout.as_mut().expect("a pipe");
    stdout
        .read_exact(&mut said)
        .expect("it says that it is there");
    (child, tell)
}

#[test]
fn it_has_left_everything_but_us() {
    let (mut child, tell) = waiting_child();
    let pid = child.id().cast_signed();
    let line = proc::line(pid)
        .expect("/proc is mounted")
        .expect("it lives");
    assert_eq!(line.parent, std::process::id().cast_signed());
    assert_eq!((line.session, line.group, line.terminal), (pid, pid, 0));
    drop(tell);
    assert_eq!(child.wait().expect("it can be waited for").code(), Some(1));
}

#[test]
fn it_may_stay_in_our_session() {
    let own = std::process::id().cast_signed();
    let own = proc::line(own).expect("/proc is mounted").expect("we live");
    let said = output(shell("cat /proc/self/stat").detach(false));
    let line = outlive_record::ProcessLine::parse(&said.stdout).expect("a line");
    assert_eq!((line.session, line.group), (own.session, own.group));
}

#[test]
fn it_may_have_a_group_of_its_own_in_our_session() {
    let own = std::process::id().cast_signed();
    let own = proc::line(own).expect("/proc is mounted").expect("we live");
    let mut command = shell("exec cat /proc/self/stat");
    let said = output(command.detach(false).own_group(true));
    let line = outlive_record::ProcessLine::parse(&said.stdout).expect("a line");
    assert_eq!((line.session, line.group), (own.session, line.pid));
}

#[test]
fn waiting_again_says_the_same() {
    let (mut child, mut tell) = waiting_child();
    assert_eq!(child.try_wait().expect("it can be asked"), None);
    writeln!(tell).expect("it reads");
    let status = child.wait().expect("it can be waited for");
    assert_eq!(
        (status.code(), status.signal(), status.success()),
        (Some(7), None, false)
    );
    assert_eq!(status.to_string(), "exit code 7");
    assert_eq!(child.wait().expect("it is known"), status);
    assert_eq!(child.try_wait().expect("it is known"), Some(status));
    assert_eq!(
        child.wait_timeout(Duration::ZERO).expect("it is known"),
        Some(status)
    );
}

#[test]
fn an_end_that_has_come_is_seen_at_once() {
    let (mut child, tell) = waiting_child();
    let process = Process::open(child.id().cast_signed()).expect("our own child");
    drop(tell);
    assert!(process.wait_end(None).expect("it can be waited for"));
    let status = child
        .try_wait()
        .expect("it can be asked")
        .expect("it has ended");
    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_wait_that_times_out_does_no_harm() {
    let (mut child, mut tell) = waiting_child();
    for timeout in [Duration::ZERO, Duration::from_millis(30)] {
        assert_eq!(
            child.wait_timeout(timeout).expect("it can be waited for"),
            None
        );
    }
    writeln!(tell).expect("it still reads");
    let status = child
        .wait_timeout(Duration::from_secs(90))
        .expect("it can be waited for");
    assert_eq!(status.and_then(|status| status.code()), Some(7));
    // The longest there is, too.
    assert!(
        child
            .wait_timeout(Duration::MAX)
            .expect("it is known")
            .is_some()
    );
}

#[test]
fn it_can_be_killed_whenever() {
    let (mut child, _tell) = waiting_child();
    child.kill().expect("it is ours to kill");
    let status = child.wait().expect("it can be waited for");
    assert_eq!((status.code(), status.signal()), (None, Some(9)));
    assert_eq!(status.to_string(), "SIGKILL");
    child
        .kill()
        .expect("it has ended, and that is what was wanted");
    child.signal(15).expect("it has ended");

    // Ended, and not waited for yet.
    let (mut child, tell) = waiting_child();
    let process = Process::open(child.id().cast_signed()).expect("our own child");
    drop(tell);
    assert!(process.wait_end(None).expect("it can be waited for"));
    child
        .kill()
        .expect("it has ended, and that is what was wanted");
    assert_eq!(child.wait().expect("it can be waited for").code(), Some(1));
}

#[test]
fn it_can_be_sent_any_signal() {
    let (mut child, _tell) = waiting_child();
    let error = child.signal(1000).expect_err("there is no such signal");
    assert!(
        error
            .to_string()
            .contains("failed to send a signal to `sh`"),
        "{error}"
    );
    child.signal(15).expect("it is ours");
    assert_eq!(
        child.wait().expect("it can be waited for").to_string(),
        "SIGTERM"
    );
}

#[test]
fn letting_go_of_it_neither_ends_it_nor_waits() {
    let (child, mut tell) = waiting_child();
    let process = Process::open(child.id().cast_signed()).expect("our own child");
    drop(child);
    assert!(
        !process
            .wait_end(Some(Duration::ZERO))
            .expect("it can be waited for")
    );
    writeln!(tell).expect("it still reads");
    // It stayed our child.
    assert_eq!(
        process.reap().expect("it can be waited for"),
        Some(Exit::Code(7))
    );
}

#[test]
fn somebody_else_who_waits_for_it_is_no_riddle() {
    let (mut child, tell) = waiting_child();
    drop(tell);
    let process = Process::open(child.id().cast_signed()).expect("our own child");
    assert_eq!(
        process.reap().expect("it can be waited for"),
        Some(Exit::Code(1))
    );
    // Linux 6.15 remembers.
    match child.wait() {
        Ok(status) => assert_eq!(status.code(), Some(1)),
        Err(error) => {
            assert!(error.is_unsupported() && error.hint().is_some(), "{error}");
        }
    }
}

/// As nohup and many daemons start programs.
#[test]
fn a_caller_that_ignores_signals_is_no_matter() {
    let name = this_test!();
    if !crate::support::is_alone(name) {
        let script = "trap '' CHLD INT PIPE HUP TERM; exec \"$@\"";
        passes(
            name,
            &mut crate::support::wrapped(&["sh", "-c", script, "sh"], name),
        );
        return;
    }
    assert_ne!(
        crate::support::own_status("SigIgn"),
        "SigIgn:\t0000000000000000"
    );
    let ignored = output(Command::new("cat").arg("/proc/self/status"));
    let text = String::from_utf8(ignored.stdout).expect("text");
    assert!(text.contains("SigIgn:\t0000000000000000\n"), "{text}");
    let (mut child, tell) = waiting_child();
    drop(tell);
    match child.wait() {
        Ok(status) => assert_eq!(status.code(), Some(1)),
        Err(error) => assert!(error.is_unsupported(), "{error}"),
    }
}

#[test]
fn nothing_is_left_of_many() {
    alone!();
    let before = open_descriptors();
    for _ in 0..200 {
        let mut command = Command::new("cat");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("cat is there");
        let status: ExitStatus = child.wait().expect("it can be waited for");
        assert!(status.success());
        command
            .current_dir("/no/such/folder")
            .spawn()
            .expect_err("the folder is not there");
    }
    assert_eq!(open_descriptors(), before);
    let left = outlive_os::process::reap_any().expect("it can be asked");
    assert_eq!(left, outlive_os::process::Waited::NoChildren);
}
