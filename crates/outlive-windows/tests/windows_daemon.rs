//! A program that makes itself a daemon: it starts itself again.
#![cfg(windows)]

use outlive_windows::{Puppet, Stage};
use std::process::{Command, Output};

/// Runs the starter of such a puppet to its end, which nothing of the daemon keeps from being seen.
fn run(stage: &Stage, then: &str) -> Output {
    let words = stage.words("daemon");
    let [program, _, port, name] = &words[..] else {
        unreachable!("a program and three words");
    };
    let mut command = Command::new(program);
    command.args(["daemon", then, port, name]);
    command.output().expect("a puppet can be run")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

/// A daemon that is ready.
fn start(stage: &Stage) -> Puppet {
    let output = run(stage, "ready");
    assert_eq!(
        (output.status.code(), errors(&output)),
        (Some(0), String::new())
    );
    stage.enter()
}

#[test]
fn the_starter_ends_with_0_and_the_daemon_goes_on() {
    let stage = Stage::new();
    let mut daemon = start(&stage);
    assert_eq!(daemon.ask("variable OUTLIVE_DAEMON"), "");
    let folder = daemon.ask("folder");
    assert!(folder.ends_with(":\\\\\")"), "no drive's root: {folder}");
    daemon.tell("exit 0");
    daemon.ended();
}

#[test]
fn the_starter_tells_why_the_daemon_failed() {
    let output = run(&Stage::new(), "fail");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(errors(&output), "port 80 is taken");
}

#[test]
fn the_starter_tells_with_what_code_the_daemon_ended() {
    let output = run(&Stage::new(), "exit");
    assert_eq!(output.status.code(), Some(1));
    let said = errors(&output);
    assert!(
        said.ends_with("ended before it was ready (exit code 7)"),
        "{said}"
    );
}

#[test]
fn a_daemon_that_is_never_ready_is_ended() {
    let stage = Stage::new();
    let output = run(&stage, "silent");
    assert_eq!(output.status.code(), Some(1));
    let said = errors(&output);
    assert!(
        said.ends_with("was not ready after 3s, and was ended"),
        "{said}"
    );
    stage.enter().ended();
}

#[test]
fn what_windows_lacks_is_refused_by_name() {
    let output = run(&Stage::new(), "pid-file");
    assert_eq!(output.status.code(), Some(1));
    let said = errors(&output);
    assert!(
        said.contains("`pid_file` is not supported on Windows"),
        "{said}"
    );
}
