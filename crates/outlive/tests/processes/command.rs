//! What a program is started with.

use crate::shell;
use crate::support::{alone, own_status, pipe, rest};
use outlive::{Breakaway, Command, Stdio};
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn said(command: &mut Command) -> String {
    let child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let output = child.wait_with_output().expect("it can be read");
    assert!(output.status.success(), "{}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

/// A script in a folder that prints its own name and its folder.
fn script(folder: &Path, name: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("our own folder");
    fs::write(&path, "#!/bin/sh\necho $0 $(/bin/pwd)\n").expect("our own folder");
    fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("our own file");
}

/// The variables that a program has, but for those that a shell sets.
fn variables(command: &mut Command) -> Vec<String> {
    let text = said(command.arg("/proc/self/environ"));
    let mut all: Vec<String> = text.split_terminator('\0').map(str::to_owned).collect();
    all.sort();
    all
}

#[test]
fn arguments_are_passed_on_as_they_are() {
    let mut command = Command::new("printf");
    command
        .arg("%s|")
        .args(["", "a b", "new\nline"])
        .args(Vec::<String>::new())
        .arg("-n");
    assert_eq!(said(&mut command), "|a b|new\nline|-n|");
}

#[test]
fn its_own_name_may_be_another() {
    let mut command = Command::new("sh");
    command.arg0("another").args(["-c", "echo $0"]);
    assert_eq!(said(&mut command), "another\n");
}

#[test]
fn its_environment_can_be_taken_before_its_start() {
    let with = |command: &mut Command| variables(command.env("OUTLIVE_TEST_A", "1"));
    let taken = with(Command::new("cat").env_take());
    assert_eq!(taken, with(&mut Command::new("cat")));
    // What is cleared is not taken.
    let cleared = with(Command::new("/bin/cat").env_take().env_clear());
    assert_eq!(cleared, ["OUTLIVE_TEST_A=1"]);
}

#[test]
fn its_environment_is_ours_with_its_changes() {
    let here: Vec<String> = std::env::vars()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let mut command = Command::new("cat");
    command
        .env("OUTLIVE_TEST_A", "1")
        .env("OUTLIVE_TEST_B", "")
        .env("OUTLIVE_TEST_A", "2");
    command
        .env("OUTLIVE_TEST_C", "x")
        .env_remove("OUTLIVE_TEST_C")
        .env_remove("PATH");
    command.env("OUTLIVE_TEST_D", "a=b\nc");
    let mut expected: Vec<String> = here
        .into_iter()
        .filter(|it| !it.starts_with("PATH="))
        .collect();
    let own = [
        "OUTLIVE_TEST_A=2",
        "OUTLIVE_TEST_B=",
        "OUTLIVE_TEST_D=a=b\nc",
    ];
    expected.extend(own.map(str::to_owned));
    expected.sort();
    assert_eq!(variables(&mut command), expected);
}

#[test]
fn its_environment_can_be_its_own_alone() {
    let mut command = Command::new("cat");
    command
        .env("GONE", "1")
        .env_clear()
        .env("A", "1")
        .env_remove("PATH");
    assert_eq!(variables(&mut command), ["A=1"]);
    assert_eq!(variables(Command::new("cat").env_clear()), [] as [&str; 0]);
}

#[test]
fn it_is_looked_for_in_the_path_that_it_will_have() {
    alone!();
    let folder = tempfile::tempdir().expect("a folder can be made");
    script(folder.path(), "bin/our-own-program");
    let bin = folder.path().join("bin");
    let mut command = Command::new("our-own-program");
    command
        .env("PATH", format!("/no/such/folder:{}", bin.display()))
        .current_dir("/");
    assert_eq!(
        said(&mut command),
        format!("{} /\n", bin.join("our-own-program").display())
    );
    let error = command
        .env_remove("PATH")
        .spawn()
        .expect_err("it is not there");
    assert!(error.is_not_found(), "{error}");
    // Without one there is a default.
    assert_eq!(said(Command::new("echo").arg("x").env_clear()), "x\n");
}

#[test]
fn a_relative_path_is_taken_from_its_folder() {
    alone!();
    let folder = tempfile::tempdir().expect("a folder can be made");
    script(folder.path(), "sub/program");
    let path = folder.path().canonicalize().expect("our own folder");
    let mut command = Command::new("./sub/program");
    command.current_dir(folder.path());
    assert_eq!(
        said(&mut command),
        format!("./sub/program {}\n", path.display())
    );
    let mut command = Command::new("./program");
    command.current_dir(folder.path().join("sub"));
    assert_eq!(
        said(&mut command),
        format!("./program {}\n", path.join("sub").display())
    );
}

#[test]
fn its_umask_is_ours_unless_it_is_set() {
    let ours = own_status("Umask:").replace("Umask:\t", "") + "\n";
    assert_eq!(said(&mut shell("umask")), ours);
    for (mask, expected) in [(0, "0000\n"), (0o27, "0027\n"), (0o777, "0777\n")] {
        assert_eq!(said(shell("umask").umask(mask)), expected);
    }
    assert_eq!(own_status("Umask:").replace("Umask:\t", "") + "\n", ours);
}

#[test]
fn it_gets_the_descriptors_that_are_kept_and_no_other() {
    let file = tempfile::tempfile().expect("a file can be made");
    let (reader, writer) = pipe();
    let mut command = shell("echo to five >&5; ls /proc/$$/fd; :");
    command.keep_descriptor(file, 9).keep_descriptor(writer, 5);
    // As often as it is started.
    for _ in 0..2 {
        assert_eq!(said(&mut command), "0\n1\n2\n5\n9\n");
    }
    drop(command);
    assert_eq!(rest(reader), "to five\nto five\n");
}

#[test]
fn what_is_kept_may_be_kept_twice() {
    let file = tempfile::NamedTempFile::new().expect("a file can be made");
    fs::write(file.path(), "text").expect("our own file");
    let open = || OwnedFd::from(File::open(file.path()).expect("our own file"));
    let mut command = shell("cat <&3; cat <&4");
    command
        .keep_descriptor(open(), 3)
        .keep_descriptor(open(), 4);
    assert_eq!(said(&mut command), "texttext");
    // The later of two under one number.
    let mut command = shell("cat <&3");
    let empty = tempfile::tempfile().expect("a file can be made");
    command.keep_descriptor(empty, 3).keep_descriptor(open(), 3);
    assert_eq!(said(&mut command), "text");
}

#[test]
fn a_command_can_be_started_many_times() {
    let mut command = shell("echo $A");
    command.env("A", "1");
    assert_eq!(said(&mut command), "1\n");
    command.env("A", "2");
    assert_eq!(said(&mut command), "2\n");
    // A file that was given is shared, with its position.
    let mut both = tempfile::NamedTempFile::new().expect("a file can be made");
    let file = both.reopen().expect("our own file");
    for _ in 0..2 {
        command.stdout(file.try_clone().expect("a descriptor can be copied"));
        assert!(
            command
                .spawn()
                .and_then(|mut child| child.wait())
                .expect("it starts")
                .success()
        );
    }
    let mut text = String::new();
    both.read_to_string(&mut text).expect("our own file");
    assert_eq!(text, "2\n2\n");
}

#[test]
fn staying_with_the_callers_resources_is_possible() {
    for breakaway in [Breakaway::Prefer, Breakaway::Off] {
        assert_eq!(
            said(Command::new("echo").arg("x").breakaway(breakaway)),
            "x\n"
        );
    }
    assert_eq!(Breakaway::default(), Breakaway::Prefer);
}

#[test]
fn a_script_without_its_first_line_is_run_by_sh() {
    alone!();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("script");
    fs::write(&path, "echo $1; exit 0\n").expect("our own folder");
    fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("our own file");
    assert_eq!(
        said(Command::new(&path).arg("an argument")),
        "an argument\n"
    );
}
