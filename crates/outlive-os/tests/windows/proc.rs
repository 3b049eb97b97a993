//! What the kernel tells of processes.

use crate::common::{Held, as_child, as_orphan, printed, puppet, strings};
use outlive_os::spawn::Spawn;
use outlive_os::{AsDescriptor, events, proc};
use outlive_record::ProcessLine;

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

fn process(pid: i32, parent: i32, start_time: u64) -> ProcessLine {
    ProcessLine {
        pid,
        state: b'R',
        parent,
        group: 0,
        session: 1,
        terminal: 0,
        start_time,
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
        .map(|(pid, parent)| process(pid, parent, 0));
    let below = |root| pids(&proc::descendants(&all, root, |_| false));
    assert_eq!(below(1), [2, 3, 4, 5, 6]);
    assert_eq!(below(2), [3, 4, 5, 6]);
    assert_eq!(below(4), [] as [i32; 0]);
    assert_eq!(below(42), [] as [i32; 0]);
    let apart = |pid| pids(&proc::descendants(&all, 1, |line| line.pid == pid));
    assert_eq!(apart(5), [2, 3, 4]);
    assert_eq!(apart(2), [] as [i32; 0]);
}

/// A process's parent may have ended long ago, and its id be another one's.
#[test]
fn nobody_descends_from_one_that_is_younger() {
    let all = [(1, 0, 10), (2, 1, 11), (3, 1, 9), (4, 2, 10), (5, 2, 11)];
    let all = all.map(|(pid, parent, since)| process(pid, parent, since));
    assert_eq!(pids(&proc::descendants(&all, 1, |_| false)), [2, 5]);
}

#[test]
fn impossible_families_end_too() {
    let all = [(1, 3), (2, 1), (3, 2), (4, 4), (0, 0)].map(|(pid, parent)| process(pid, parent, 0));
    assert_eq!(pids(&proc::descendants(&all, 1, |_| false)), [2, 3]);
    assert_eq!(pids(&proc::descendants(&all, 4, |_| false)), [] as [i32; 0]);
    assert_eq!(pids(&proc::descendants(&all, 0, |_| false)), [] as [i32; 0]);
}

#[test]
fn real_descendants_are_found() {
    let (read, input) = events::pipe().expect("a pipe can be made");
    let spawn = Spawn {
        descriptors: vec![(read.as_fd(), 3)],
        ..puppet(&["start", "inherit", "held"])
    };
    let held = Held::start(spawn, as_child);
    let below: i32 = held.line.parse().expect("it says its child's id");
    let all = proc::all().expect("they can be listed");
    let ours = pids(&proc::descendants(&all, own_pid(), |_| false));
    assert!(ours.contains(&held.process.pid()) && ours.contains(&below));
    let its = pids(&proc::descendants(&all, held.process.pid(), |_| false));
    assert!(its.contains(&below) && !its.contains(&held.process.pid()));
    let children = proc::own_children().expect("they can be listed");
    assert!(children.contains(&held.process.pid()) && !children.contains(&below));
    let child = outlive_os::process::Process::open(below).expect("it lives");
    held.end();
    drop((read, input));
    child.wait_end(None).expect("without its input it ends");
}

#[test]
fn a_line_is_that_of_the_process() {
    let held = Held::start(puppet(&["held"]), as_child);
    let pid = held.process.pid();
    let line = proc::line(pid).expect("it can be asked").expect("it lives");
    assert_eq!((line.pid, line.parent), (pid, own_pid()));
    assert!(!line.has_ended());
    let all = proc::all().expect("they can be listed");
    let listed = all.iter().find(|it| it.pid == pid);
    assert_eq!(listed, Some(&line));
    held.process.signal(9).expect("our own child");
    assert!(held.process.wait_end(None).expect("it can be waited for"));
    assert_eq!(proc::line(pid).expect("it can be asked"), None);
    assert!(proc::line(-1).expect("there is none of this id").is_none());
    let own = proc::own_line().expect("it can be asked");
    let own = ProcessLine::parse(&own).expect("a line");
    assert_eq!(Some(own), proc::line(own_pid()).expect("it can be asked"));
}

#[test]
fn a_variable_is_known_if_it_was_there_at_the_start() {
    let environment = Some(strings(["A=1", "LONG=xx", "ä=ö", "NONE="]));
    let spawn = Spawn {
        environment,
        ..puppet(&["held"])
    };
    let held = Held::start(spawn, as_orphan);
    let all = proc::environment(held.process.pid());
    let value = |key: &str| proc::variable(&all, key);
    assert_eq!(
        (value("A"), value("LONG")),
        (Some(&b"1"[..]), Some(&b"xx"[..]))
    );
    assert_eq!(
        (value("a"), value("long")),
        (Some(&b"1"[..]), Some(&b"xx"[..]))
    );
    assert_eq!(value("ä"), Some("ö".as_bytes()));
    assert_eq!(value("NONE"), Some(&b""[..]));
    for other in ["B", "LON", "ONG", "LONG=", "=", ""] {
        assert_eq!(value(other), None, "{other}");
    }
    assert!(proc::environment(-1).is_empty());
    assert_eq!(proc::variable(b"", "A"), None);
}

#[test]
fn a_long_environment_is_read_to_its_end() {
    let long = "x".repeat(30_000);
    let spawn = Spawn {
        environment: Some(strings([&format!("LONG={long}"), "ZLAST=1"])),
        ..puppet(&["held"])
    };
    let held = Held::start(spawn, as_child);
    let all = proc::environment(held.process.pid());
    assert_eq!(proc::variable(&all, "LONG"), Some(long.as_bytes()));
    assert_eq!(proc::variable(&all, "ZLAST"), Some(&b"1"[..]));
}

#[test]
fn all_includes_us_and_what_we_started() {
    let held = Held::start(puppet(&["held"]), as_orphan);
    let all = pids(&proc::all().expect("they can be listed"));
    assert!(all.contains(&own_pid()) && all.contains(&held.process.pid()));
}

#[test]
fn this_place_is_one_place() {
    let place = proc::place().expect("it can be told");
    assert_eq!(proc::place().expect("it can be told"), place);
    let other = printed(puppet(&["place"]), as_child);
    assert_eq!(other.trim(), format!("{place:?}"));
    assert!(!place.machine.is_empty());
    let random = || proc::random().expect("it can be had");
    let random: Vec<u32> = (0..4).map(|_| random()).collect();
    assert!(random.iter().any(|it| *it != random[0]), "{random:?}");
}

#[test]
fn strings_may_have_half_a_surrogate_pair() {
    use std::os::windows::ffi::OsStringExt;
    let text = std::ffi::OsString::from_wide(&[0x61, 0xD800, 0x62, 0xDC00, 0x20AC]);
    let bytes = outlive_os::bytes(&text).to_vec();
    assert_eq!(outlive_os::os_string(bytes), text);
    assert_eq!(outlive_os::os_string(b"a\xFFb".to_vec()), "a\u{FFFD}b");
    assert_eq!(
        outlive_os::os_string(b"\xED\xA0".to_vec())
            .to_string_lossy()
            .chars()
            .next(),
        Some('\u{FFFD}')
    );
}
