//! What is said when a program can't be started, and that nothing of it is left.

use super::filter::refuse;
use crate::common::{
    Start, alone, as_child, as_orphan, limit_descriptors, open_descriptors, program, shell, strings,
};
use outlive_os::process::{Waited, reap_any};
use outlive_os::spawn::{Spawn, Step};
use std::error::Error;
use std::fs::{self, File, Permissions};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// How starting it fails.
fn failure(spawn: Spawn<'_>, start: Start) -> (Step, Option<i32>) {
    match start(spawn) {
        Ok(process) => panic!("process {} was started", process.pid()),
        Err(error) => {
            let source = error.source().expect("the cause is the source");
            assert_eq!(source.to_string(), error.cause.to_string());
            assert!(error.to_string().starts_with("failed to "), "{error}");
            (error.step, error.cause.raw_os_error())
        }
    }
}

fn at_path(path: &Path) -> Spawn<'static> {
    let path = path.to_str().expect("text");
    Spawn {
        programs: strings(&[path]),
        arguments: strings(&[path]),
        ..Spawn::default()
    }
}

fn in_folder(folder: &str) -> Spawn<'static> {
    Spawn {
        folder: Some(strings(&[folder])),
        ..shell("exit 7")
    }
}

fn nothing_is_left() {
    assert_eq!(
        reap_any().expect("there may be children"),
        Waited::NoChildren
    );
}

#[test]
fn each_step_says_what_failed() {
    alone!();
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full is there");
    let null = File::open("/dev/null").expect("/dev/null is there");
    for start in [as_child, as_orphan] {
        for (folder, errno) in [
            ("/no/such/folder", libc::ENOENT),
            ("/dev/null", libc::ENOTDIR),
            (&"x".repeat(300), libc::ENAMETOOLONG),
        ] {
            assert_eq!(
                failure(in_folder(folder), start),
                (Step::Folder, Some(errno))
            );
        }
        limit_descriptors(100);
        let spawn = Spawn {
            descriptors: vec![(null.as_fd(), 100)],
            ..shell("exit 7")
        };
        assert_eq!(
            failure(spawn, start),
            (Step::Descriptors, Some(libc::EBADF))
        );
        let spawn = Spawn {
            announce: Some(full.as_fd()),
            ..shell("exit 7")
        };
        assert_eq!(failure(spawn, start), (Step::Announce, Some(libc::ENOSPC)));
        let spawn = Spawn {
            announce: Some(null.as_fd()),
            ..shell("exit 7")
        };
        assert_eq!(failure(spawn, start), (Step::Announce, Some(libc::EBADF)));
        let missing = program(&["no-such-program"]);
        assert_eq!(failure(missing, start), (Step::Exec, Some(libc::ENOENT)));
    }
    nothing_is_left();
}

#[test]
fn the_reason_of_exec_is_told() {
    alone!();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let make = |name: &str, text: &str, mode: u32| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("our own folder");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("our own file");
        path
    };
    let plain = make("plain", "exit 0", 0o600);
    let no_interpreter = make("no-interpreter", "#!/no/such/interpreter\n", 0o700);
    let not_elf = make("not-elf", "\x7fELF and nothing more", 0o700);
    for (path, errno) in [
        (folder.path(), libc::EACCES),
        (&*plain, libc::EACCES),
        (&no_interpreter, libc::ENOENT),
        (&plain.join("below"), libc::ENOENT),
        (Path::new(""), libc::ENOENT),
    ] {
        let failed = failure(at_path(path), as_child);
        assert_eq!(failed, (Step::Exec, Some(errno)), "{}", path.display());
    }
    // To the kernel it is no program, so that a shell reads it, and complains.
    let spawn = at_path(&not_elf);
    assert_ne!(
        crate::common::ends(&spawn),
        outlive_os::process::Exit::Code(0)
    );
    let long = "x".repeat(256 << 10);
    assert_eq!(
        failure(program(&["true", &long]), as_child),
        (Step::Exec, Some(libc::E2BIG))
    );
    let nothing = Spawn {
        arguments: strings(&["x"]),
        ..Spawn::default()
    };
    assert_eq!(failure(nothing, as_child), (Step::Exec, Some(libc::ENOENT)));
}

#[test]
fn without_a_free_descriptor_there_is_no_process() {
    alone!();
    limit_descriptors(16);
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    for start in [as_child, as_orphan] {
        let failed = failure(shell("exit 7"), start);
        assert_eq!(failed, (Step::Process, Some(libc::EMFILE)));
    }
    drop(taken);
    nothing_is_left();
}

#[test]
fn what_the_kernel_refuses_is_told() {
    alone!();
    let calls = [
        (libc::SYS_setsid, libc::EPERM),
        (libc::SYS_close_range, libc::ENOSYS),
    ];
    for (call, step) in calls.into_iter().zip([Step::Session, Step::Descriptors]) {
        if !refuse("system calls that fail", &[call]) {
            return;
        }
        for start in [as_child, as_orphan] {
            let spawn = Spawn {
                new_session: step == Step::Session,
                ..shell("exit 7")
            };
            assert_eq!(failure(spawn, start), (step, Some(call.1)));
        }
    }
    for (call, errno) in [
        (libc::SYS_clone3, libc::ENOSYS),
        (libc::SYS_clone, libc::EAGAIN),
    ] {
        refuse("processes that can't be made", &[(call, errno)]);
    }
    for start in [as_child, as_orphan] {
        assert_eq!(
            failure(shell("exit 7"), start),
            (Step::Process, Some(libc::EAGAIN))
        );
    }
    nothing_is_left();
}

/// Whatever fails, and whatever succeeds, a thousand times over.
#[test]
fn nothing_is_left_behind() {
    alone!();
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full is there");
    let before = open_descriptors();
    let ways = |way: u32| match way {
        0 => program(&["no-such-program"]),
        1 => in_folder("/no/such/folder"),
        2 => Spawn {
            announce: Some(full.as_fd()),
            ..program(&["true"])
        },
        3 => at_path(Path::new("/")),
        _ => program(&["true"]),
    };
    for round in 0..1000 {
        for start in [as_child, as_orphan] {
            match start(ways(round % 5)) {
                Ok(process) => {
                    assert_eq!(round % 5, 4);
                    process.wait_end(None).expect("a process can be waited for");
                    let _ = process.reap();
                }
                Err(_) => assert_ne!(round % 5, 4),
            }
        }
    }
    assert_eq!(open_descriptors(), before);
    nothing_is_left();
}
