//! What is said when a program can't be started.

use crate::support::{alone, told};
use outlive::{Command, Error, Stdio};
use outlive_os::process::{Waited, reap_any};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

/// How starting it fails, which is the same both ways.
fn refused(command: &mut Command) -> Error {
    let error = command.spawn().expect_err("it can't be started");
    let other = command.disown().expect_err("it can't be started");
    assert_eq!((told(&error), error.hint()), (told(&other), other.hint()));
    error
}

#[test]
fn a_program_that_is_not_there() {
    let error = refused(&mut Command::new("no-such-program"));
    assert!(error.is_not_found() && !error.is_not_executable());
    assert_eq!(
        told(&error),
        "failed to run `no-such-program`: No such file or directory (os error 2)"
    );
    assert!(error.hint().expect("a hint").contains("PATH"));
    for path in [
        "/no/such/program",
        "./no-such-program",
        "/dev/null/program",
        "",
    ] {
        let error = refused(&mut Command::new(path));
        assert!(error.is_not_found(), "{path}: {}", told(&error));
    }
    let relative = refused(&mut Command::new("./no-such-program"));
    assert!(
        relative
            .hint()
            .expect("a hint")
            .contains("the folder that it starts in")
    );
}

#[test]
fn a_program_whose_interpreter_is_not_there() {
    alone!();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("script");
    fs::write(&path, "#!/no/such/interpreter\n").expect("our own folder");
    fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("our own file");
    let error = refused(&mut Command::new(&path));
    assert!(error.is_not_found());
    assert!(
        error.hint().expect("a hint").contains("interpreter"),
        "{:?}",
        error.hint()
    );
}

#[test]
fn a_program_that_may_not_be_executed() {
    alone!();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("script");
    fs::write(&path, "#!/bin/sh\n").expect("our own folder");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("our own file");
    for (path, hint) in [(&*path, "chmod +x"), (folder.path(), "it is a folder")] {
        let error = refused(&mut Command::new(path));
        assert!(
            error.is_not_executable() && !error.is_not_found(),
            "{}",
            told(&error)
        );
        assert!(
            error.hint().expect("a hint").contains(hint),
            "{:?}",
            error.hint()
        );
    }
    // In the PATH, where another one of its name may come later.
    let mut command = Command::new("script");
    assert!(refused(command.env("PATH", folder.path())).is_not_executable());
}

#[test]
fn arguments_that_are_too_long() {
    let error = refused(Command::new("true").arg("x".repeat(1 << 20)));
    assert!(error.is_not_executable());
    assert!(error.hint().expect("a hint").contains("ARG_MAX"));
}

#[test]
fn a_folder_that_is_not_there() {
    let error = refused(Command::new("true").current_dir("/no/such/folder"));
    let expected =
        "failed to change folder to `/no/such/folder`: No such file or directory (os error 2)";
    assert_eq!(told(&error), expected);
    // It is the folder that was not found, not the program.
    assert!(!error.is_not_found());
    let error = refused(Command::new("true").current_dir("/dev/null"));
    assert!(told(&error).starts_with("failed to change folder to `/dev/null`: Not a directory"));
}

#[test]
fn a_nul_anywhere() {
    let plain = || Command::new("true");
    let [mut argument, mut value, mut key, mut folder] = [plain(), plain(), plain(), plain()];
    argument.arg("a\0b");
    value.env("KEY", "a\0b");
    key.env("K\0Y", "x");
    folder.current_dir("/\0");
    for (mut command, what) in [
        (Command::new("true\0"), "true"),
        (Command::new("/bin/true\0"), "true"),
        (argument, "argument"),
        (value, "`KEY`"),
        (key, "failed to set"),
        (folder, "folder"),
    ] {
        let error = refused(&mut command);
        assert!(error.is_invalid(), "{what}: {}", told(&error));
        assert!(told(&error).contains(what), "{what}: {}", told(&error));
        assert!(told(&error).contains("NUL"), "{what}: {}", told(&error));
    }
}

#[test]
fn variables_that_no_environment_can_have() {
    for (key, what) in [
        ("", "failed to set a variable without a name"),
        ("A=B", "failed to set `A=B`"),
    ] {
        let error = refused(Command::new("true").env(key, "x"));
        assert!(
            error.is_invalid() && error.to_string().starts_with(what),
            "{}",
            told(&error)
        );
    }
    // What the C library takes, too: Windows has such variables.
    assert!(
        Command::new("true")
            .env("=C:", "x")
            .spawn()
            .is_ok_and(|mut it| it.wait().is_ok())
    );
}

#[test]
fn wishes_that_make_no_sense() {
    let null = || fs::File::open("/dev/null").expect("/dev/null is there");
    for number in [-1, 0, 2] {
        let error = refused(Command::new("true").keep_descriptor(null(), number));
        assert!(error.is_invalid() && error.to_string().contains(&format!("number {number}")));
    }
    assert!(refused(Command::new("true").umask(0o1000)).is_invalid());
    let error = refused(Command::new("true").keep_descriptor(null(), i32::MAX));
    assert!(
        told(&error).contains("failed to set up descriptors"),
        "{}",
        told(&error)
    );
}

#[test]
fn nothing_is_left_of_it() {
    alone!();
    let before = crate::support::open_descriptors();
    for _ in 0..50 {
        let mut command = Command::new("no-such-program");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command.spawn().expect_err("it is not there");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .disown()
            .expect_err("it is not there");
    }
    assert_eq!(crate::support::open_descriptors(), before);
    assert_eq!(reap_any().expect("it can be asked"), Waited::NoChildren);
}
