//! Which program is run, and with what.

use crate::common::{alone, as_child, as_orphan, ends, printed, program, shell, strings};
use outlive_os::process::Exit;
use outlive_os::spawn::{Spawn, Strings};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn make(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).expect("our own folder");
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("our own file");
}

#[test]
fn the_first_that_can_be_run_is_taken() {
    alone!();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    make(path("plain").as_ref(), "#!/bin/sh\nexit 1\n", 0o600);
    make(path("first").as_ref(), "#!/bin/sh\nexit 2\n", 0o700);
    make(path("second").as_ref(), "#!/bin/sh\nexit 3\n", 0o700);
    let [missing, below, plain, first, second] =
        ["missing", "plain/below", "plain", "first", "second"].map(path);
    let run = |programs: &[&str]| {
        let (programs, arguments) = (strings(programs), strings(&["x"]));
        Spawn {
            programs,
            arguments,
            ..Spawn::default()
        }
    };
    assert_eq!(
        ends(&run(&[&missing, &below, &plain, &first, &second])),
        Exit::Code(2)
    );
    assert_eq!(ends(&run(&[&second, &first])), Exit::Code(3));
    // One that is there but may not be run is the reason, wherever it stands.
    for programs in [[&*plain, &*missing], [&missing, &plain]] {
        let error = run(&programs).spawn().expect_err("none of them can be run");
        assert_eq!(error.cause.raw_os_error(), Some(libc::EACCES));
    }
}

#[test]
fn a_script_without_its_first_line_is_run_by_sh() {
    alone!();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("script");
    make(&path, "echo \"$0: $# arguments, $2, $V\"; exit 7\n", 0o700);
    let path = path.to_str().expect("text");
    for start in [as_child, as_orphan] {
        let spawn = Spawn {
            programs: strings(&[path]),
            arguments: strings(&["its name", "one", "two words"]),
            environment: Some(strings(&["V=value"])),
            ..Spawn::default()
        };
        assert_eq!(
            printed(spawn, start),
            format!("{path}: 2 arguments, two words, value\n")
        );
    }
    let alone = Spawn {
        programs: strings(&[path]),
        arguments: strings(&["x"]),
        ..Spawn::default()
    };
    assert_eq!(ends(&alone), Exit::Code(7));
    // One in the folder that it starts in, by a path from there.
    let spawn = Spawn {
        programs: strings(&["./script"]),
        arguments: strings(&["x"]),
        folder: Some(strings(&[folder.path().to_str().expect("text")])),
        ..Spawn::default()
    };
    assert_eq!(printed(spawn, as_child), "./script: 0 arguments, , \n");
    make(path.as_ref(), "", 0o700);
    assert_eq!(ends(&alone), Exit::Code(0));
}

#[test]
fn arguments_arrive_as_they_are() {
    let words: [&[u8]; 6] = [b"printf", b"%s|", b"", b"a b\nc", b"\xff\xfe", b"-n"];
    let mut arguments = Strings::default();
    words
        .iter()
        .for_each(|word| arguments.push(&[word]).expect("no NUL in it"));
    assert_eq!(arguments.iter().collect::<Vec<_>>(), words);
    let spawn = Spawn {
        arguments,
        ..program(&["printf"])
    };
    let file = tempfile::NamedTempFile::new().expect("a file can be made");
    let spawn = Spawn {
        descriptors: vec![(std::os::fd::AsFd::as_fd(file.as_file()), 1)],
        ..spawn
    };
    assert_eq!(ends(&spawn), Exit::Code(0));
    assert_eq!(
        fs::read(file.path()).expect("our own file"),
        b"|a b\nc|\xff\xfe|-n|"
    );
}

#[test]
fn the_environment_is_what_is_given() {
    let variables = ["A=1", "B=", "=odd", "C=x=y", "A=2"];
    let spawn = Spawn {
        environment: Some(strings(&variables)),
        ..program(&["cat", "/proc/self/environ"])
    };
    assert_eq!(
        printed(spawn, as_child),
        variables.map(|it| format!("{it}\0")).concat()
    );
    let spawn = Spawn {
        environment: Some(Strings::default()),
        ..program(&["cat", "/proc/self/environ"])
    };
    assert_eq!(printed(spawn, as_orphan), "");
}

#[test]
fn the_environment_is_the_callers_where_none_is_given() {
    alone!();
    // SAFETY: the other thread waits for this one and reads no variable.
    unsafe { std::env::set_var("OUTLIVE_TEST_SET", "just now") };
    let ours: Vec<String> = std::env::vars()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    for start in [as_child, as_orphan] {
        let spawn = Spawn {
            environment: None,
            ..program(&["cat", "/proc/self/environ"])
        };
        let said = printed(spawn, start);
        assert_eq!(said.split_terminator('\0').collect::<Vec<_>>(), ours);
    }
}

#[test]
fn strings_hold_no_nul_and_no_part() {
    let mut it = Strings::default();
    it.push(&[b"a", b"=", b"b"]).expect("no NUL in it");
    assert!(it.push(&[b"a\0b"]).is_err());
    assert_eq!(it.iter().collect::<Vec<_>>(), [b"a=b"]);
    let block = Strings::from_block(b"A=1\0B=\0cut sho".to_vec());
    assert_eq!(block.iter().collect::<Vec<_>>(), [&b"A=1"[..], b"B="]);
    assert_eq!(Strings::from_block(b"no end".to_vec()).iter().count(), 0);
}

/// Nothing of it depends on how much memory the caller has, and nothing of that is lost.
#[test]
fn a_large_caller_starts_it_all_the_same() {
    alone!();
    let mut memory = vec![7u8; 256 << 20];
    for start in [as_child, as_orphan] {
        assert_eq!(printed(shell("echo done"), start), "done\n");
    }
    assert!(memory.iter().all(|byte| *byte == 7));
    memory.clear();
}
