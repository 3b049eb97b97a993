//! Which handles a program gets.

use crate::common::{Held, as_child, as_orphan, ends, printed, puppet, started, text};
use outlive_os::process::Exit;
use outlive_os::process::Process;
use outlive_os::spawn::Spawn;
use outlive_os::{AsDescriptor, Descriptor, Leave, events};
use outlive_record::ProcessLine;
use std::fs::{self, File};
use std::io::Write;
use std::os::windows::io::AsRawHandle;
use windows_sys::Win32::Foundation::{HANDLE_FLAG_INHERIT, SetHandleInformation};

fn pipe() -> (Descriptor, Descriptor) {
    events::pipe().expect("a pipe can be made")
}

#[test]
fn standard_ones_may_be_swapped() {
    let (output, to_output) = pipe();
    let (errors, to_errors) = pipe();
    let spawn = Spawn {
        descriptors: vec![(to_output.as_fd(), 2), (to_errors.as_fd(), 1)],
        ..puppet(&["say", "to 1", "to 2"])
    };
    assert_eq!(ends(spawn), Exit::Code(0));
    drop((to_output, to_errors));
    assert_eq!([text(output), text(errors)], ["to 2", "to 1"]);
}

#[test]
fn the_later_of_two_for_one_number_counts() {
    let (first, to_first) = pipe();
    let (second, to_second) = pipe();
    let spawn = Spawn {
        descriptors: vec![(to_first.as_fd(), 7), (to_second.as_fd(), 7)],
        ..puppet(&["write", "7", "x"])
    };
    assert_eq!(ends(spawn), Exit::Code(0));
    drop((to_first, to_second));
    assert_eq!([text(first), text(second)], ["", "x"]);
}

#[test]
fn a_c_program_finds_them_under_their_numbers() {
    let (read, write) = pipe();
    for start in [as_child, as_orphan] {
        let spawn = Spawn {
            descriptors: vec![(write.as_fd(), 5)],
            ..puppet(&["write", "5", "by number"])
        };
        let exit = started(spawn, start).reap().expect("it can be waited for");
        assert_eq!(exit, Some(Exit::Code(0)));
    }
    let spawn = Spawn {
        descriptors: vec![(write.as_fd(), 1)],
        ..puppet(&["write", "1", " and to the output"])
    };
    assert_eq!(ends(spawn), Exit::Code(0));
    drop(write);
    assert_eq!(text(read), "by numberby number and to the output");
}

#[test]
fn inherited_descriptors_are_taken_once_and_without_a_gap() {
    let pipes = [3, 4, 5, 7].map(|number| (number, pipe()));
    let descriptors = pipes
        .iter()
        .map(|(number, (_, write))| (write.as_fd(), *number));
    let spawn = Spawn {
        descriptors: descriptors.collect(),
        ..puppet(&["inherited"])
    };
    assert_eq!(printed(spawn, as_child).trim(), "3");
    let said = pipes.map(|(_, (read, write))| {
        drop(write);
        text(read)
    });
    assert_eq!(said, ["0", "1", "2", ""]);
    assert_eq!(printed(puppet(&["inherited"]), as_child).trim(), "0");
}

/// Whoever waits for the end of a pipe must not wait for a program that has nothing to do with it.
#[test]
fn nothing_above_2_is_inherited() {
    for leave in ["inherit", "parent"] {
        let (read, write) = pipe();
        // As a careless program has its handles.
        let raw = write.as_raw_handle();
        // SAFETY: a handle of ours.
        let set = unsafe { SetHandleInformation(raw, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) };
        assert_ne!(set, 0);
        let parent = Held::start(puppet(&["held"]), as_child);
        let spawn = Spawn {
            leave: match leave {
                "parent" => Leave::Parent(&parent.process),
                _ => Leave::Inherit,
            },
            ..puppet(&["held", "7"])
        };
        let held = Held::start(spawn, as_child);
        drop(write);
        assert_eq!(text(read), "", "{leave}");
        assert_eq!(held.end(), Some(Exit::Code(7)));
    }
}

/// What a job's main process starts has not the caller's pipe either: the caller reads to its end.
#[test]
fn a_grandchild_does_not_hold_the_callers_output() {
    let (read, input) = pipe();
    let (output, to_output) = pipe();
    let spawn = Spawn {
        descriptors: vec![(read.as_fd(), 3), (to_output.as_fd(), 2)],
        ..puppet(&["start", "inherit", "held", "7"])
    };
    let held = Held::start(spawn, as_child);
    drop((read, to_output));
    let grandchild = Process::open(held.line.parse().expect("an id")).expect("it lives");
    held.end();
    assert_eq!(text(output), "");
    drop(input);
    assert_eq!(
        grandchild.reap().expect("it can be waited for"),
        Some(Exit::Code(7))
    );
}

#[test]
fn another_parents_child_has_what_it_is_given() {
    let parent = Held::start(puppet(&["held"]), as_child);
    let (read, write) = pipe();
    let spawn = Spawn {
        leave: Leave::Parent(&parent.process),
        descriptors: vec![(write.as_fd(), 5)],
        ..puppet(&["write", "5", "from there"])
    };
    let child = started(spawn, as_child);
    drop(write);
    assert_eq!(text(read), "from there");
    assert_eq!(
        child.reap().expect("it can be waited for"),
        Some(Exit::Code(0))
    );
    let spawn = Spawn {
        leave: Leave::Parent(&parent.process),
        ..puppet(&["arguments", "x"])
    };
    assert_eq!(printed(spawn, as_child).trim(), "78");
    // Nothing of it is left there: the pipe was at its end above while the parent lived.
    parent.end();
}

#[test]
fn it_writes_down_who_it_is_before_it_runs() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("lock");
    fs::write(&path, "a line\n").expect("our own folder");
    for start in [as_child, as_orphan] {
        let mut file = File::options()
            .read(true)
            .write(true)
            .open(&path)
            .expect("it is there");
        let spawn = Spawn {
            announce: Some(file.as_fd()),
            ..puppet(&["held"])
        };
        let held = Held::start(spawn, start);
        let written = fs::read(&path).expect("our own file");
        let last = written
            .split(|byte| *byte == b'\n')
            .rfind(|line| !line.is_empty());
        let announced = ProcessLine::parse(last.expect("a line")).expect("a line");
        let now = held
            .process
            .line()
            .expect("it can be asked")
            .expect("it lives");
        assert_eq!(announced, now);
        held.end();
        // Where the handle stands has not mattered.
        file.write_all(b"").expect("our own file");
    }
    let lines = fs::read_to_string(&path).expect("our own file");
    assert_eq!(lines.lines().count(), 3);
}

#[test]
fn one_in_a_session_of_its_own_has_a_console_of_its_own() {
    let spawn = Spawn {
        new_session: true,
        ..puppet(&["console"])
    };
    assert_eq!(printed(spawn, as_child).trim(), "true");
}
