//! What surrounds a process.

use crate::common::{
    HELD, Held, alone, as_orphan, limit_descriptors, open_descriptors, place, printed, program,
    shell, this_test,
};
use crate::spawn::filter::refuse_clone3;
use outlive_os::process::{Waited, reap_any};
use outlive_os::surroundings::{self, Open, orphans_parent};
use outlive_os::{proc, role};
use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::{env, fs, io, thread};

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

fn no_children() -> bool {
    reap_any().expect("there may be children") == Waited::NoChildren
}

/// Whose child an orphan becomes that is a program.
fn real_orphans_parent() -> i32 {
    let held = Held::start(shell(HELD), as_orphan);
    let line = held.process.line().expect("/proc is mounted");
    line.expect("it lives").parent
}

fn probed() -> i32 {
    orphans_parent().expect("an orphan can be made")
}

#[test]
fn it_is_told_who_inherits_orphans_and_nothing_is_left() {
    alone!();
    let before = open_descriptors();
    for _ in 0..200 {
        assert_eq!(probed(), real_orphans_parent());
        assert!(no_children());
    }
    assert_eq!(open_descriptors(), before);
}

#[test]
fn it_is_told_whatever_the_caller_does_about_signals() {
    alone!();
    let expected = real_orphans_parent();
    // SAFETY: ignoring a signal runs no code; the set is filled before it is used.
    let mask = unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_IGN);
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        let mut before = all;
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, std::ptr::null_mut());
        libc::pthread_sigmask(libc::SIG_SETMASK, std::ptr::null(), &mut before);
        before
    };
    for _ in 0..100 {
        assert_eq!(probed(), expected);
    }
    // SAFETY: as above.
    let after = unsafe {
        let mut after: libc::sigset_t = std::mem::zeroed();
        libc::pthread_sigmask(libc::SIG_SETMASK, std::ptr::null(), &mut after);
        after
    };
    for signal in 1..=64 {
        // SAFETY: both sets have been filled.
        let same = unsafe { libc::sigismember(&mask, signal) == libc::sigismember(&after, signal) };
        assert!(same, "{signal}");
    }
    assert!(no_children());
}

#[test]
fn it_is_told_without_clone3() {
    alone!();
    let expected = real_orphans_parent();
    if refuse_clone3("the orphan probe without clone3") {
        for _ in 0..100 {
            assert_eq!(probed(), expected);
        }
        assert!(no_children());
    }
}

#[test]
fn many_threads_ask_at_once() {
    alone!();
    let before = open_descriptors();
    let expected = real_orphans_parent();
    thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || {
                for _ in 0..250 {
                    assert_eq!(probed(), expected);
                    // A thread's own error number is its own.
                    // SAFETY: a number that no descriptor has.
                    assert_eq!(unsafe { libc::close(-1) }, -1);
                    let error = io::Error::last_os_error().raw_os_error();
                    assert_eq!(error, Some(libc::EBADF), "thread {number}");
                }
            });
        }
        // Programs are started beside it.
        scope.spawn(|| {
            for _ in 0..50 {
                assert_eq!(printed(program(&["echo", "x"]), as_orphan), "x\n");
            }
        });
    });
    assert!(no_children());
    assert_eq!(open_descriptors(), before);
}

#[test]
fn a_subreaper_inherits_from_itself_and_reaps() {
    alone!();
    role::become_keeper("keeper").expect("anybody may be a subreaper");
    for _ in 0..100 {
        assert_eq!(probed(), own_pid());
        assert!(no_children());
    }
}

#[test]
fn a_refused_process_is_an_error_and_nothing_is_left() {
    alone!();
    let expected = real_orphans_parent();
    // So many that none below the last one's number is free.
    let open = || File::open("/dev/null").expect("it is there");
    let highest = open_descriptors().into_iter().max();
    let mut held = vec![open()];
    while Some(held[held.len() - 1].as_raw_fd()) < highest {
        held.push(open());
    }
    let count = held[held.len() - 1].as_raw_fd().unsigned_abs() + 1;
    // It takes two.
    for room in 0..2 {
        limit_descriptors(u64::from(count + room));
        assert!(orphans_parent().is_err(), "{room}");
        assert!(no_children());
    }
    limit_descriptors(u64::from(count + 2));
    for _ in 0..10 {
        assert_eq!(probed(), expected);
    }
}

const ROLE: &str = "OUTLIVE_TEST_PROBING";

/// The test plays a second part: it asks, under a subreaper that is not itself, and says what it
/// was told; or asks without end, until it is killed.
#[test]
fn it_is_told_of_another_subreaper_and_killed_at_any_moment() {
    match env::var_os(ROLE) {
        Some(part) if part == "ask" => {
            println!("told {}", probed());
            return;
        }
        Some(_) => loop {
            assert_eq!(probed(), proc_parent());
            println!("told");
        },
        None => {}
    }
    alone!();
    role::become_keeper("keeper").expect("anybody may be a subreaper");
    let name = "surroundings::it_is_told_of_another_subreaper_and_killed_at_any_moment";
    let output = this_test(name).env(ROLE, "ask").output();
    let output = output.expect("this program can be run");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(&format!("told {}\n", own_pid())), "{said}");
    for round in 0..40 {
        let mut command = this_test(name);
        let started = command.env(ROLE, "again").stdout(Stdio::piped()).spawn();
        let mut child = started.expect("this program can be run");
        let mut said = child.stdout.take().expect("it is piped");
        let mut some = vec![0; 200 + 7 * round];
        said.read_exact(&mut some).expect("it goes on and on");
        child.kill().expect("our own child");
        drop(said);
        child.wait().expect("our own child");
        // What it has left behind is inherited here: it ends by itself, or this would wait for
        // ever. None of it tells of its end by SIGCHLD if it was made without.
        loop {
            // SAFETY: takes numbers.
            let ended = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::__WALL) };
            if ended < 0 {
                let error = io::Error::last_os_error().raw_os_error();
                assert_eq!(error, Some(libc::ECHILD));
                break;
            }
        }
    }
}

/// The parent of this process, which is the subreaper above it.
fn proc_parent() -> i32 {
    std::os::unix::process::parent_id().cast_signed()
}

#[test]
fn standard_descriptors_are_told_apart() {
    alone!();
    let (read, _write) = outlive_os::events::pipe().expect("a pipe can be made");
    place(read, 0);
    assert_eq!(surroundings::open_at(0), Open::Pipe);
    place(File::open("/dev/null").expect("it is there"), 0);
    assert_eq!(surroundings::open_at(0), Open::Other);
    place(tempfile::tempfile().expect("a file can be made"), 0);
    assert_eq!(surroundings::open_at(0), Open::Other);
    let terminal = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/ptmx");
    if let Ok(terminal) = terminal {
        place(terminal, 0);
        assert_eq!(surroundings::open_at(0), Open::Terminal);
    }
    // SAFETY: a number that this test owns.
    unsafe { libc::close(0) };
    assert_eq!(surroundings::open_at(0), Open::Nothing);
}

#[test]
fn device_numbers_are_taken_apart_and_found() {
    assert_eq!(surroundings::device(0x8803), (136, 3));
    assert_eq!(
        surroundings::device(0x10_0000 | 0x88 << 8 | 0x2),
        (136, 258)
    );
    assert!(surroundings::is_device("/dev/null", 1, 3));
    assert!(!surroundings::is_device("/dev/null", 1, 4));
    assert!(!surroundings::is_device("/dev/no-such-device", 1, 3));
}

#[test]
fn the_folder_is_told_also_if_it_has_been_deleted() {
    alone!();
    let base = tempfile::tempdir().expect("a folder can be made");
    let path = base.path().join("a (deleted)");
    fs::create_dir(&path).expect("a folder can be made");
    env::set_current_dir(&path).expect("it is there");
    let found = surroundings::folder().expect("it can be told");
    assert_eq!(
        (found.path.as_path(), found.deleted),
        (path.as_path(), false)
    );
    let mount = found.mount;
    fs::remove_dir(&path).expect("it is empty");
    let found = surroundings::folder().expect("it can be told");
    assert_eq!(
        (found.path.as_path(), found.deleted),
        (path.as_path(), true)
    );
    assert_eq!(found.mount, mount);
}

#[test]
fn the_mount_that_a_folder_keeps_busy_is_told() {
    alone!();
    let base = tempfile::tempdir().expect("a folder can be made");
    let point = base.path().join("mounted");
    fs::create_dir(&point).expect("a folder can be made");
    if !outlive_testkit::own_mounts("a folder on a mount of its own") {
        return;
    }
    let path = std::ffi::CString::new(point.as_os_str().as_encoded_bytes()).expect("no NUL");
    // SAFETY: strings that end with a NUL; this process has mounts of its own.
    let mounted = unsafe {
        let kind = c"tmpfs".as_ptr();
        libc::mount(kind, path.as_ptr(), kind, 0, std::ptr::null())
    };
    assert_eq!(mounted, 0, "{}", io::Error::last_os_error());
    let inside = point.join("in/it");
    fs::create_dir_all(&inside).expect("a folder can be made");
    env::set_current_dir(&inside).expect("it is there");
    let at = |path: &Path| Some(surroundings::Mount::At(PathBuf::from(path)));
    let found = surroundings::folder().expect("it can be told");
    assert_eq!(
        (found.path.as_path(), found.mount),
        (inside.as_path(), at(&point))
    );
    fs::remove_dir(&inside).expect("it is empty");
    let found = surroundings::folder().expect("it can be told");
    assert_eq!(
        (found.path.as_path(), found.mount),
        (inside.as_path(), at(&point))
    );
    env::set_current_dir("/").expect("there is always a root");
    assert_eq!(surroundings::folder().expect("it can be told").mount, None);
    // SAFETY: as above.
    unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) };
}

#[test]
fn lists_of_many_pages_are_read_whole() {
    // The kernel's list of its own symbols comes a page at a time.
    let path = "/proc/kallsyms";
    let Ok(expected) = fs::read(path) else {
        return outlive_testkit::skipped("a long list", "no /proc/kallsyms");
    };
    let whole = surroundings::whole(path).expect("it can be read");
    assert_eq!(whole.len(), expected.len());
}

#[test]
fn limits_and_schedule_are_those_of_the_calling_thread() {
    alone!();
    limit_descriptors(77);
    let limit = surroundings::limits().find(|(name, ..)| *name == "nofile");
    assert_eq!(limit.expect("it is one of them").1, Some(77));
    // SAFETY: take numbers.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGUSR1, 0, 0, 0);
        libc::prctl(libc::PR_SET_TIMERSLACK, 12_345, 0, 0, 0);
        libc::setpriority(libc::PRIO_PROCESS, 0, 5);
        libc::syscall(libc::SYS_ioprio_set, 1, 0, 2 << 13 | 6);
        let parameter: libc::sched_param = std::mem::zeroed();
        libc::syscall(libc::SYS_sched_setscheduler, 0, 3, &raw const parameter);
    }
    let schedule = surroundings::schedule();
    assert_eq!(
        (schedule.parent_death, schedule.timer_slack, schedule.nice),
        (libc::SIGUSR1, 12_345, 5)
    );
    assert_eq!((schedule.io, schedule.policy), ((2, 6), 3));
    assert_eq!(
        thread::spawn(surroundings::schedule)
            .join()
            .expect("no panic")
            .nice,
        5
    );
}

#[test]
fn a_new_namespace_for_children_is_told_of() {
    alone!();
    let before = surroundings::first_namespaces();
    assert!(before.children);
    // SAFETY: takes a number; no child is made afterwards.
    if unsafe { libc::unshare(libc::CLONE_NEWPID) } < 0 {
        let why = io::Error::last_os_error().to_string();
        return outlive_testkit::skipped("a pid namespace for children", &why);
    }
    let after = surroundings::first_namespaces();
    assert_eq!((after.children, after.pid), (false, before.pid));
}

#[test]
fn what_may_be_written_is_told() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    assert!(surroundings::may_write(folder.path()));
    assert!(!surroundings::may_write(folder.path().join("no-such-file")));
    assert!(!surroundings::may_write("/proc/self/stat\0x"));
    assert!(!surroundings::is_cgroup(folder.path()));
    assert!(!surroundings::is_root_of_version_2("/proc"));
    assert!(surroundings::is_there(folder.path()));
    let line = proc::own_line().expect("/proc is mounted");
    let record = surroundings::record("/proc/self/stat").expect("/proc is mounted");
    assert_eq!(
        line.split(|b| *b == b' ').next(),
        record.split(|b| *b == b' ').next()
    );
}
