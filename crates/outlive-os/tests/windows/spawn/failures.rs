//! What is said when a program can't be started, and that nothing of it is left.

use crate::common::{Start, as_child, as_orphan, puppet, started, strings};
use outlive_os::cgroup::{self, Cgroup};
use outlive_os::spawn::{Gate, Spawn, Step};
use outlive_os::{AsDescriptor, events};
use std::error::Error;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetProcessHandleCount};

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

fn at_path(path: impl AsRef<Path>) -> Spawn<'static> {
    Spawn {
        programs: strings([path.as_ref()]),
        arguments: strings(["x"]),
        ..Spawn::default()
    }
}

fn in_folder(folder: &Path) -> Spawn<'static> {
    Spawn {
        folder: Some(strings([folder])),
        ..puppet(&["exit", "7"])
    }
}

fn within<'a>(spawn: Spawn<'a>, job: &'a [Cgroup]) -> Spawn<'a> {
    Spawn {
        cgroups: job,
        ..spawn
    }
}

#[test]
fn each_step_says_what_failed() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("our own folder");
    let read_only = File::open(&file).expect("our own file");
    let path = crate::job::name();
    let job = [Cgroup::make(&path, true).expect("a job object can be made")];
    for start in [as_child, as_orphan] {
        let failure = |spawn| failure(within(spawn, &job), start);
        let missing = in_folder(&folder.path().join("none"));
        assert_eq!(failure(missing), (Step::Folder, Some(2)));
        assert_eq!(failure(in_folder(&file)), (Step::Folder, Some(267)));
        for number in [-1, 2048] {
            let spawn = Spawn {
                descriptors: vec![(read_only.as_fd(), number)],
                ..puppet(&["exit", "7"])
            };
            assert_eq!(failure(spawn), (Step::Descriptors, Some(6)));
        }
        let spawn = Spawn {
            announce: Some(read_only.as_fd()),
            ..puppet(&["exit", "7"])
        };
        assert_eq!(failure(spawn), (Step::Announce, Some(5)));
        let missing = at_path(folder.path().join("no-such-program"));
        assert_eq!(failure(missing), (Step::Exec, Some(2)));
        let (wait, _go) = events::pipe().expect("a pipe can be made");
        let spawn = Spawn {
            gate: Some(Gate {
                wait: wait.as_fd(),
                keeper: wait.as_fd(),
            }),
            ..puppet(&["exit", "7"])
        };
        assert_eq!(failure(spawn).0, Step::Gate);
    }
    assert_eq!(
        cgroup::processes(&path).expect("it is there"),
        [] as [i32; 0]
    );
}

#[test]
fn the_reason_of_exec_is_told() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let plain = folder.path().join("plain");
    fs::write(&plain, "no program").expect("our own folder");
    for (path, error) in [
        (folder.path(), 5),
        (&*plain, 193),
        (&plain.join("below"), 2),
        (Path::new(""), 2),
        (&folder.path().join("none.bat"), 2),
    ] {
        let failed = failure(at_path(path), as_child);
        assert_eq!(failed, (Step::Exec, Some(error)), "{}", path.display());
    }
    let long = "x".repeat(40 << 10);
    assert_eq!(
        failure(puppet(&["exit", &long]), as_child),
        (Step::Exec, Some(206))
    );
    let nothing = Spawn {
        programs: strings([] as [&str; 0]),
        ..puppet(&[])
    };
    assert_eq!(failure(nothing, as_child), (Step::Exec, Some(2)));
    let quoted = Spawn {
        arguments: strings(["a\"b"]),
        ..puppet(&[])
    };
    let error = quoted.spawn().expect_err("no name has such a mark");
    assert_eq!(error.cause.kind(), ErrorKind::InvalidInput);
}

fn handles() -> u32 {
    let mut count = 0;
    // SAFETY: this process, and a number that is written.
    let told = unsafe { GetProcessHandleCount(GetCurrentProcess(), &mut count) };
    assert_ne!(told, 0);
    count
}

/// Whatever fails, and whatever succeeds, a hundred times over.
#[test]
fn nothing_is_left_behind() {
    let file = tempfile::NamedTempFile::new().expect("a file can be made");
    let read_only = File::open(file.path()).expect("our own file");
    let round = |round: u32| {
        let spawn = match round % 4 {
            0 => at_path("no-such-program"),
            1 => in_folder(Path::new(r"C:\no\such\folder")),
            2 => Spawn {
                announce: Some(read_only.as_fd()),
                ..puppet(&["exit", "0"])
            },
            _ => {
                let child = started(puppet(&["exit", "0"]), as_child);
                child.wait_end(None).expect("it can be waited for");
                return;
            }
        };
        assert!(spawn.spawn().is_err());
    };
    // What the libraries make for themselves at their first use does not count.
    (0..4).for_each(round);
    let before = handles();
    (0..100).for_each(round);
    // Other tests of this process may be running: theirs are few.
    assert!(handles() < before + 50, "{before}, now {}", handles());
}
