//! Which descriptors a program gets, and under which numbers.

use crate::common::{HELD, Held, alone, as_child, as_orphan, at, place, printed, program, shell};
use outlive_os::spawn::Spawn;
use outlive_record::ProcessLine;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

/// Files called `a`, `b` and `c` as 3, 4 and 5.
fn place_three(folder: &Path) {
    for (name, number) in ["a", "b", "c"].into_iter().zip(3..) {
        place(
            File::create(folder.join(name)).expect("a file can be made"),
            number,
        );
    }
}

/// Every way to hand three of three descriptors, any of them more than once, to three of four
/// numbers: swaps, rotations, chains, copies, and those that stay where they are.
#[test]
fn every_way_of_moving_three_arrives() {
    alone!();
    let folder = tempfile::tempdir().expect("a folder can be made");
    place_three(folder.path());
    let numbers = 3..=6;
    let mut ways = 0;
    for targets in (0..4usize.pow(3)).map(|way| [way % 4, way / 4 % 4, way / 16]) {
        if targets[0] == targets[1] || targets[1] == targets[2] || targets[0] == targets[2] {
            continue;
        }
        for sources in (0..27usize).map(|way| [way % 3, way / 3 % 3, way / 9]) {
            let pairs = sources.iter().zip(targets);
            let moves: Vec<(i32, i32)> = pairs
                .map(|(from, to)| (3 + *from as i32, 3 + to as i32))
                .collect();
            let mut expected = Vec::new();
            let mut paths = Vec::new();
            for number in numbers.clone() {
                if let Some((from, _)) = moves.iter().find(|(_, to)| *to == number) {
                    let name = ["a", "b", "c"][(*from - 3) as usize];
                    expected.push(folder.path().join(name).display().to_string());
                    paths.push(format!("/proc/self/fd/{number}"));
                }
            }
            let words: Vec<&str> = std::iter::once("readlink")
                .chain(paths.iter().map(String::as_str))
                .collect();
            let mut spawn = program(&words);
            spawn.descriptors = moves.iter().map(|(from, to)| (at(*from), *to)).collect();
            let said = printed(spawn, as_child);
            assert_eq!(said.lines().collect::<Vec<_>>(), expected, "{moves:?}");
            ways += 1;
        }
    }
    assert_eq!(ways, 24 * 27);
}

#[test]
fn the_later_of_two_for_one_number_counts() {
    alone!();
    let folder = tempfile::tempdir().expect("a folder can be made");
    place_three(folder.path());
    for (moves, expected) in [
        ([(3, 7), (4, 7)], "b"),
        ([(4, 3), (3, 3)], "a"),
        ([(3, 3), (4, 3)], "b"),
    ] {
        let number = moves[0].1;
        let mut spawn = program(&["readlink", &format!("/proc/self/fd/{number}")]);
        spawn.descriptors = moves.iter().map(|(from, to)| (at(*from), *to)).collect();
        let path = folder.path().join(expected);
        assert_eq!(
            printed(spawn, as_child),
            format!("{}\n", path.display()),
            "{moves:?}"
        );
    }
}

#[test]
fn standard_ones_may_be_swapped() {
    alone!();
    let folder = tempfile::tempdir().expect("a folder can be made");
    for (name, number) in ["in", "out", "err"].into_iter().zip(0..) {
        // SAFETY: a copy of what this process prints to, for the test runner.
        unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 50 + number) };
        let file = File::options()
            .append(true)
            .create(true)
            .open(folder.path().join(name));
        place(file.expect("a file can be made"), number);
    }
    let mut spawn = shell("echo to 1; echo to 2 >&2");
    spawn.descriptors = vec![(at(1), 2), (at(2), 1)];
    let ended = spawn
        .spawn()
        .map_err(|error| error.cause)
        .and_then(|process| process.reap());
    for number in 0..3 {
        // SAFETY: numbers that only this test uses.
        unsafe { libc::dup2(50 + number, number) };
    }
    ended.expect("it starts");
    let said = ["out", "err"].map(|name| fs::read_to_string(folder.path().join(name)));
    let said = said.map(|text| text.expect("our own file"));
    assert_eq!(said, ["to 2\n", "to 1\n"]);
}

#[test]
fn nothing_above_2_is_inherited() {
    alone!();
    let null = File::open("/dev/null").expect("/dev/null is there");
    for number in (3..200).step_by(7) {
        // SAFETY: numbers that this process, all of which is this test, does not use.
        unsafe { libc::fcntl(null.as_raw_fd(), libc::F_DUPFD, number) };
    }
    for start in [as_child, as_orphan] {
        let held = Held::start(shell(HELD), start);
        assert_eq!(
            held.descriptors().into_keys().collect::<Vec<_>>(),
            [0, 1, 2]
        );
        drop(held);
        let spawn = Spawn {
            descriptors: vec![(null.as_fd(), 9)],
            ..shell(HELD)
        };
        let descriptors = Held::start(spawn, start).descriptors();
        assert_eq!(
            descriptors.keys().copied().collect::<Vec<_>>(),
            [0, 1, 2, 9]
        );
        assert_eq!(descriptors[&9], Path::new("/dev/null"));
    }
}

#[test]
fn a_program_gets_what_is_closed_on_exec_here() {
    alone!();
    let folder = tempfile::tempdir().expect("a folder can be made");
    place_three(folder.path());
    let spawn = Spawn {
        descriptors: vec![(at(4), 4), (at(3), 3)],
        ..shell(HELD)
    };
    let descriptors = Held::start(spawn, as_child).descriptors();
    assert_eq!(
        descriptors.keys().copied().collect::<Vec<_>>(),
        [0, 1, 2, 3, 4]
    );
    assert_eq!(descriptors[&3], folder.path().join("a"));
    // Here it is as it was.
    // SAFETY: asks about a number.
    let flags = unsafe { libc::fcntl(4, libc::F_GETFD) };
    assert_eq!(flags, libc::FD_CLOEXEC, "{}", io::Error::last_os_error());
}

#[test]
fn it_writes_down_who_it_is_before_it_runs() {
    alone!();
    let folder = tempfile::tempdir().expect("a folder can be made");
    place_three(folder.path());
    let path = folder.path().join("a");
    // Where the file is that it writes to, another one is to be, and the other way round.
    for moves in [
        vec![],
        vec![(at(4), 3)],
        vec![(at(4), 3), (at(3), 4)],
        vec![(at(5), 4)],
    ] {
        fs::write(&path, "").expect("our own file");
        let numbers: Vec<i32> = moves.iter().map(|(_, to)| *to).collect();
        let spawn = Spawn {
            announce: Some(at(3)),
            descriptors: moves,
            ..shell(HELD)
        };
        let held = Held::start(spawn, as_child);
        let text = fs::read(&path).expect("our own file");
        let announced = ProcessLine::parse(&text).expect("a line");
        let now = held
            .process
            .line()
            .expect("/proc is mounted")
            .expect("it lives");
        assert_eq!(text.iter().filter(|b| **b == b'\n').count(), 1);
        assert_eq!(
            (announced.pid, announced.start_time),
            (now.pid, now.start_time)
        );
        let inherited: Vec<i32> = held
            .descriptors()
            .into_keys()
            .filter(|it| *it > 2)
            .collect();
        let mut expected = numbers;
        expected.sort_unstable();
        assert_eq!(inherited, expected);
        // What it wrote stands at the place where the file stood.
        // SAFETY: a number that this test has placed.
        unsafe { libc::lseek(3, 0, libc::SEEK_SET) };
    }
}
