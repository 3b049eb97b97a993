//! What the kernel tells of processes.

use crate::common::{HELD, Held, as_child, as_orphan, shell, strings};
use outlive_os::folder::identity;
use outlive_os::proc;
use outlive_os::spawn::Spawn;
use outlive_record::ProcessLine;
use std::fs::File;
use std::os::fd::AsFd;

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

fn process(pid: i32, parent: i32) -> ProcessLine {
    ProcessLine {
        pid,
        state: b'S',
        parent,
        group: pid,
        session: pid,
        terminal: 0,
        start_time: 0,
    }
}

fn pids(lines: &[ProcessLine]) -> Vec<i32> {
    let mut pids: Vec<i32> = lines.iter().map(|line| line.pid).collect();
    pids.sort_unstable();
    pids
}

#[test]
fn descendants_are_all_below_and_nobody_else() {
    //  1 ─ 2 ─ 3 ─ 4      5 ─ 6 is apart      7 descends from nobody that is there
    let all = [(4, 3), (2, 1), (6, 5), (3, 2), (5, 2), (1, 0), (7, 99)]
        .map(|(pid, parent)| process(pid, parent));
    let below = |root| pids(&proc::descendants(&all, root, |_| false));
    assert_eq!(below(1), [2, 3, 4, 5, 6]);
    assert_eq!(below(2), [3, 4, 5, 6]);
    assert_eq!(below(4), [] as [i32; 0]);
    assert_eq!(below(42), [] as [i32; 0]);
    assert_eq!(
        pids(&proc::descendants(&all, 1, |line| line.pid == 5)),
        [2, 3, 4]
    );
    assert_eq!(
        pids(&proc::descendants(&all, 1, |line| line.pid == 2)),
        [] as [i32; 0]
    );
}

/// The lines are read one after the other, so that a pid may be used again in between.
#[test]
fn impossible_families_end_too() {
    let all = [(1, 3), (2, 1), (3, 2), (4, 4), (0, 0)].map(|(pid, parent)| process(pid, parent));
    assert_eq!(pids(&proc::descendants(&all, 1, |_| false)), [2, 3]);
    assert_eq!(pids(&proc::descendants(&all, 4, |_| false)), [] as [i32; 0]);
    assert_eq!(pids(&proc::descendants(&all, 0, |_| false)), [] as [i32; 0]);
}

#[test]
fn real_descendants_are_found() {
    // A shell with a shell below it, which says that it is there too.
    let script = format!("exec 4<&0; sh -c '{HELD}' <&4 & wait");
    let held = Held::start(shell(&script), as_child);
    let all = proc::all().expect("/proc is mounted");
    let below = proc::descendants(&all, own_pid(), |_| false);
    let shells = proc::descendants(&all, held.process.pid(), |_| false);
    assert_eq!(shells.len(), 1, "{shells:?}");
    assert!(pids(&below).contains(&held.process.pid()) && pids(&below).contains(&shells[0].pid));
    let apart = proc::descendants(&all, own_pid(), |line| line.pid == held.process.pid());
    assert!(!pids(&apart).contains(&shells[0].pid));
}

#[test]
fn a_line_is_that_of_the_process() {
    let held = Held::start(
        Spawn {
            new_session: true,
            ..shell(HELD)
        },
        as_child,
    );
    let pid = held.process.pid();
    let line = proc::line(pid)
        .expect("/proc is mounted")
        .expect("it lives");
    assert_eq!(
        (line.pid, line.parent, line.group, line.session),
        (pid, own_pid(), pid, pid)
    );
    assert!(!line.has_ended());
    held.process.signal(9).expect("our own child");
    assert!(held.process.wait_end(None).expect("it can be waited for"));
    // Ended, but a child of ours until it is waited for.
    assert!(
        proc::line(pid)
            .expect("/proc is mounted")
            .expect("a zombie")
            .has_ended()
    );
    let start_time = line.start_time;
    held.end();
    let again = proc::line(pid).expect("/proc is mounted");
    assert!(again.is_none_or(|line| line.start_time != start_time));
    assert!(proc::line(-1).expect("there is none of this id").is_none());
    let own = ProcessLine::parse(&proc::own_line().expect("/proc is mounted")).expect("a line");
    assert_eq!(own.pid, own_pid());
}

#[test]
fn a_variable_is_known_if_it_was_there_at_the_start() {
    let environment = Some(strings(&[
        "A=1",
        "LONG=xx",
        "PATH=/bin:/usr/bin",
        "A=3",
        "NONE=",
    ]));
    let spawn = Spawn {
        environment,
        ..shell(&format!("A=2; export A B=3; {HELD}"))
    };
    let held = Held::start(spawn, as_orphan);
    let all = proc::environment(held.process.pid());
    let value = |key: &str| proc::variable(&all, key);
    assert_eq!(
        (value("A"), value("LONG")),
        (Some(&b"1"[..]), Some(&b"xx"[..]))
    );
    assert_eq!(value("NONE"), Some(&b""[..]));
    for other in ["B", "LON", "ONG", "LONG=", "=", ""] {
        assert_eq!(value(other), None, "{other}");
    }
    assert!(proc::environment(-1).is_empty());
    assert_eq!(proc::variable(b"", "A"), None);
}

#[test]
fn a_long_environment_is_read_to_its_end() {
    let long = "x".repeat(100_000);
    let environment = Some(strings(&[&format!("LONG={long}"), "LAST=1"]));
    let spawn = Spawn {
        environment,
        ..shell(HELD)
    };
    let held = Held::start(spawn, as_child);
    let all = proc::environment(held.process.pid());
    assert_eq!(proc::variable(&all, "LONG"), Some(long.as_bytes()));
    assert_eq!(proc::variable(&all, "LAST"), Some(&b"1"[..]));
}

#[test]
fn who_can_write_to_a_file_is_known() {
    let path = tempfile::NamedTempFile::new().expect("a file can be made");
    let writer = File::options()
        .append(true)
        .open(path.path())
        .expect("our own file");
    let reader = File::open(path.path()).expect("our own file");
    let file = identity(&writer).expect("it can be looked at");
    let writes = |descriptor: &File, number| {
        let spawn = Spawn {
            descriptors: vec![(descriptor.as_fd(), number)],
            ..shell(HELD)
        };
        let held = Held::start(spawn, as_child);
        let pid = held.process.pid();
        (proc::writes_to(pid, file), proc::holds(pid, file))
    };
    assert_eq!(writes(&writer, 2), (true, true));
    assert_eq!(writes(&writer, 9), (true, true));
    assert_eq!(writes(&reader, 2), (false, false));
    assert_eq!(writes(&writer, 10), (false, true));
    assert!(!proc::writes_to(-1, file));
}

#[test]
fn all_includes_us_and_what_we_started() {
    let held = Held::start(shell(HELD), as_orphan);
    let all = pids(&proc::all().expect("/proc is mounted"));
    assert!(all.contains(&own_pid()) && all.contains(&held.process.pid()));
}

#[test]
fn this_place_is_one_place() {
    let place = proc::place().expect("it can be told");
    assert_eq!(proc::place().expect("it can be told"), place);
    assert_eq!(place.boot.len(), 36);
    assert_ne!(place.pid_namespace, 0);
    let random: Vec<u32> = (0..4)
        .map(|_| proc::random().expect("it can be had"))
        .collect();
    assert!(random.iter().any(|it| *it != random[0]), "{random:?}");
}
