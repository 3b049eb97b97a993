//! Programs that are nobody's children.

use crate::common::{HELD, Held, alone, as_orphan, program, shell, this_test};
use outlive_os::process::{Exit, Process, Waited, reap_any};
use outlive_os::{events, proc, role, signal};
use std::os::fd::AsFd;
use std::process::Command;
use std::{env, fs, io};

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

fn line(process: &Process) -> outlive_record::ProcessLine {
    process.line().expect("/proc is mounted").expect("it lives")
}

#[test]
fn an_orphan_is_not_ours_and_leaves_no_zombie() {
    alone!();
    let held = Held::start(shell(HELD), as_orphan);
    assert_ne!(line(&held.process).parent, own_pid());
    assert_eq!(
        reap_any().expect("there may be children"),
        Waited::NoChildren
    );
    let pid = held.process.pid();
    let start_time = line(&held.process).start_time;
    drop(held);
    assert_eq!(
        reap_any().expect("there may be children"),
        Waited::NoChildren
    );
    // Whoever inherits orphans here may not have reaped it yet: it is gone, or it has ended.
    let same = proc::line(pid).expect("/proc is mounted");
    let same = same.filter(|line| line.start_time == start_time);
    assert!(same.is_none_or(|line| line.has_ended()), "{same:?}");
}

#[test]
fn its_handle_is_as_good_as_a_childs() {
    alone!();
    let held = Held::start(shell(HELD), as_orphan);
    let process = &held.process;
    assert!(
        !process
            .wait_end(Some(std::time::Duration::ZERO))
            .expect("it can be waited for")
    );
    process.signal(0).expect("it lives");
    let again = Process::open_same(process.pid(), line(process).start_time);
    assert!(again.expect("it can be opened").is_some());
    process.signal(signal::KILL).expect("it is ours to kill");
    assert_eq!(
        events::wait(&[process.as_fd()], None).expect("it can be waited for"),
        [0]
    );
    assert!(process.wait_end(None).expect("it can be waited for"));
}

#[test]
fn a_subreaper_inherits_its_own_orphans() {
    alone!();
    assert!(!role::inherits_orphans());
    role::become_keeper("keeper").expect("anybody may be a subreaper");
    assert!(role::inherits_orphans());
    let held = Held::start(shell(&format!("{HELD}; exit 7")), as_orphan);
    assert_eq!(line(&held.process).parent, own_pid());
    assert_eq!(
        reap_any().expect("there may be children"),
        Waited::NoneEnded
    );
    // So it has to be waited for, and can be.
    assert_eq!(held.end(), Some(Exit::Code(7)));
    assert_eq!(
        reap_any().expect("there may be children"),
        Waited::NoChildren
    );
}

/// A failure that is found after the go-between has ended, where orphans come back to us.
#[test]
fn a_subreaper_is_left_no_zombie_of_what_did_not_start() {
    alone!();
    role::become_keeper("keeper").expect("anybody may be a subreaper");
    for _ in 0..100 {
        let error = program(&["no-such-program"])
            .spawn_orphan()
            .expect_err("it is not there");
        assert_eq!(error.cause.kind(), io::ErrorKind::NotFound);
        assert_eq!(
            reap_any().expect("there may be children"),
            Waited::NoChildren
        );
    }
}

const FIRST: &str = "OUTLIVE_TEST_FIRST";

/// Process 1 of its own pid namespace, as in a container.
#[test]
fn process_1_inherits_its_own_orphans() {
    if env::var_os(FIRST).is_some() {
        assert_eq!(own_pid(), 1);
        // `/proc` is to be that of this namespace.
        // SAFETY: constant strings; this process has mounts of its own.
        let mounted = unsafe {
            let none = c"none".as_ptr();
            let private = libc::MS_REC | libc::MS_PRIVATE;
            libc::mount(none, c"/".as_ptr(), none, private, std::ptr::null());
            libc::mount(
                none,
                c"/proc".as_ptr(),
                c"proc".as_ptr(),
                0,
                std::ptr::null(),
            )
        };
        assert_eq!(mounted, 0, "{}", io::Error::last_os_error());
        assert!(role::inherits_orphans());
        let held = Held::start(shell(&format!("{HELD}; exit 7")), as_orphan);
        assert_eq!(line(&held.process).parent, 1);
        assert_eq!(held.end(), Some(Exit::Code(7)));
        let _ = program(&["no-such-program"])
            .spawn_orphan()
            .expect_err("it is not there");
        assert_eq!(
            reap_any().expect("there may be children"),
            Waited::NoChildren
        );
        return;
    }
    alone!();
    // SAFETY: moves this process, which has one thread, into namespaces that are made for it.
    let moved = unsafe { libc::unshare(libc::CLONE_NEWPID | libc::CLONE_NEWNS) };
    if moved < 0 {
        let why = format!(
            "no pid namespace of our own: {}",
            io::Error::last_os_error()
        );
        outlive_testkit::skipped("orphans of process 1", &why);
        return;
    }
    let name = "spawn::orphan::process_1_inherits_its_own_orphans";
    let mut first: Command = this_test(name);
    let said = first
        .env(FIRST, "1")
        .output()
        .expect("this program can be run");
    let text = [said.stdout, said.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    assert!(
        said.status.success() && text[0].contains(" 1 passed;"),
        "{}",
        text.concat()
    );
}

#[test]
fn a_caller_that_is_gone_does_not_matter_to_it() {
    alone!();
    // What an orphan is started by may end at once: here, a thread.
    let start = || Held::start(shell(HELD), as_orphan);
    let held = std::thread::spawn(start).join().expect("no panic");
    let threads = fs::read_dir("/proc/self/task")
        .expect("/proc is mounted")
        .count();
    assert!(threads <= 2, "{threads} threads");
    assert!(!line(&held.process).has_ended());
}
