//! Children's standard streams.

use crate::support::{again, passes, rest, this_test};
use crate::{output, shell};
use outlive::{Command, Stdio};
use std::fs::File;
use std::io::Write;
use std::time::Duration;

#[test]
fn what_is_written_to_it_comes_back() {
    let mut command = Command::new("cat");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("cat");
    assert!(child.stderr.is_none());
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin
        .write_all(b"hello")
        .and_then(|()| stdin.flush())
        .expect("it reads");
    drop(stdin);
    assert_eq!(rest(child.stdout.take().expect("a pipe")), "hello");
    assert!(child.wait().expect("it can be waited for").success());
}

#[test]
fn its_input_is_nothing_unless_it_is_set() {
    let mut child = Command::new("cat")
        .stdout(Stdio::piped())
        .spawn()
        .expect("cat is there");
    assert!(child.stdin.is_none());
    assert_eq!(rest(child.stdout.take().expect("a pipe")), "");
    assert!(child.wait().expect("it can be waited for").success());
}

#[test]
fn waiting_closes_its_input() {
    let spawn = || {
        Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
    };
    assert!(
        spawn()
            .expect("cat is there")
            .wait()
            .expect("it can be waited for")
            .success()
    );
    // One that times out harms nothing, so it leaves the input open.
    let mut child = spawn().expect("cat is there");
    let ended = child.wait_timeout(Duration::from_millis(1));
    assert_eq!(ended.expect("it can be waited for"), None);
    assert!(child.stdin.is_some());
    assert!(child.wait().expect("it can be waited for").success());
    let output = spawn()
        .expect("cat is there")
        .wait_with_output()
        .expect("it can be waited for");
    assert!(output.status.success());
}

#[test]
fn a_megabyte_on_both_pipes_is_read() {
    let each = 1 << 20;
    let script =
        format!("head -c {each} /dev/zero & head -c {each} /dev/zero | tr '\\0' x >&2; wait");
    let output = output(&mut shell(&script));
    assert!(output.status.success());
    assert_eq!((output.stdout.len(), output.stderr.len()), (each, each));
    assert!(output.stdout.iter().all(|b| *b == 0) && output.stderr.iter().all(|b| *b == b'x'));
}

#[test]
fn only_what_is_a_pipe_is_read() {
    let mut command = shell("echo out; echo err >&2; exit 3");
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sh is there");
    let output = child.wait_with_output().expect("it can be read");
    let status = output.status;
    assert_eq!(
        (&*output.stdout, &*output.stderr, status.code()),
        (&b""[..], &b"err\n"[..], Some(3))
    );
}

#[test]
fn a_pipe_that_was_taken_is_left_alone() {
    let mut child = shell("echo out; echo err >&2")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sh is there");
    let stdout = child.stdout.take().expect("a pipe");
    let output = child.wait_with_output().expect("it can be read");
    assert_eq!(
        (&*output.stdout, &*output.stderr),
        (&b""[..], &b"err\n"[..])
    );
    assert_eq!(rest(stdout), "out\n");
}

#[test]
fn children_can_be_joined_by_a_pipe() {
    let mut first = shell("echo one; echo two")
        .stdout(Stdio::piped())
        .spawn()
        .expect("sh is there");
    let stdout = first.stdout.take().expect("a pipe");
    let mut second = Command::new("cat");
    let second = second
        .stdin(stdout)
        .stdout(Stdio::piped())
        .spawn()
        .expect("cat is there");
    let output = second.wait_with_output().expect("it can be read");
    assert_eq!(output.stdout, b"one\ntwo\n");
    assert!(first.wait().expect("it can be waited for").success());
}

#[test]
fn files_can_be_its_streams() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("both");
    std::fs::write(folder.path().join("in"), "in\n").expect("our own folder");
    let both = File::create(&path).expect("our own folder");
    let copy = both.try_clone().expect("a descriptor can be copied");
    let input = File::open(folder.path().join("in")).expect("our own file");
    let mut command = shell("cat; echo err >&2; echo out");
    let mut child = command
        .stdin(input)
        .stdout(both)
        .stderr(copy)
        .spawn()
        .expect("sh is there");
    assert!(child.wait().expect("it can be waited for").success());
    assert_eq!(
        std::fs::read_to_string(path).expect("our own file"),
        "in\nerr\nout\n"
    );
}

#[test]
fn it_prints_where_we_print_unless_it_is_set() {
    const PRINT: &str = "OUTLIVE_TEST_PRINT";
    if std::env::var_os(PRINT).is_some() {
        let mut child = shell("echo; echo to out; echo to err >&2")
            .spawn()
            .expect("sh is there");
        assert!(child.wait().expect("it can be waited for").success());
        return;
    }
    let name = this_test!();
    let output = passes(name, again(name).env(PRINT, "1"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("\nto out\n"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("to err\n"));
}
