//! Whatever state the caller is in.

use crate::common::{
    HELD, Held, alone, as_child, as_orphan, limit_descriptors, printed, shell, this_test,
};
use outlive_os::process::Exit;
use outlive_os::spawn::{Spawn, Strings};
use outlive_os::{proc, role};
use std::fs::File;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::{env, thread};

#[test]
fn room_for_16_descriptors_is_enough() {
    alone!();
    limit_descriptors(16);
    for start in [as_child, as_orphan] {
        assert_eq!(printed(shell("ulimit -n; echo done"), start), "16\ndone\n");
    }
    // It takes one: the handle that comes back.
    let mut taken = Vec::new();
    let full = loop {
        match File::open("/dev/null") {
            Ok(file) => taken.push(file),
            Err(error) => break error,
        }
    };
    assert_eq!(full.raw_os_error(), Some(libc::EMFILE));
    taken.pop();
    let child = shell("exit 7").spawn().expect("one descriptor is free");
    assert_eq!(
        child.reap().expect("a child can be waited for"),
        Some(Exit::Code(7))
    );
    drop(child);
    let orphan = shell("exit 7")
        .spawn_orphan()
        .expect("one descriptor is free");
    assert!(orphan.wait_end(None).expect("a process can be waited for"));
}

#[test]
fn a_limit_of_descriptors_is_kept_or_set() {
    alone!();
    limit_descriptors(16);
    assert_eq!(role::allow_descriptors(8), None);
    assert_eq!(role::allow_descriptors(64), Some(16));
    let many: Vec<File> = (0..30)
        .map(|_| File::open("/dev/null").expect("there is room"))
        .collect();
    for start in [as_child, as_orphan] {
        assert_eq!(printed(shell("ulimit -S -n"), start), "64\n");
        let spawn = Spawn {
            descriptor_limit: Some(16),
            ..shell("ulimit -S -n")
        };
        assert_eq!(printed(spawn, start), "16\n");
    }
    drop(many);
    // The hard limit stays what it is.
    let hard = printed(shell("ulimit -H -n"), as_child);
    let spawn = Spawn {
        descriptor_limit: Some(16),
        ..shell("ulimit -H -n")
    };
    assert_eq!(printed(spawn, as_child), hard);
}

#[test]
fn a_umask_is_kept_or_set() {
    alone!();
    // SAFETY: exchanges a number.
    unsafe { libc::umask(0o777) };
    for start in [as_child, as_orphan] {
        assert_eq!(printed(shell("umask"), start), "0777\n");
        let spawn = Spawn {
            umask: Some(0o027),
            ..shell("umask")
        };
        assert_eq!(printed(spawn, start), "0027\n");
    }
    // SAFETY: as above.
    assert_eq!(unsafe { libc::umask(0o777) }, 0o777);
}

#[test]
fn a_deleted_folder_is_kept_or_left() {
    alone!();
    let folder = tempfile::tempdir().expect("a folder can be made");
    env::set_current_dir(folder.path()).expect("our own folder");
    let path = folder.path().display().to_string();
    folder.close().expect("our own folder");
    let script = "readlink /proc/self/cwd";
    for start in [as_child, as_orphan] {
        assert_eq!(printed(shell(script), start), format!("{path} (deleted)\n"));
        let root = Spawn {
            folder: Some(crate::common::strings(&["/"])),
            ..shell(script)
        };
        assert_eq!(printed(root, start), "/\n");
    }
}

#[test]
fn any_thread_may_start_it_and_end() {
    let start = || {
        let starter = thread::Builder::new().stack_size(128 << 10);
        let start = || [as_child, as_orphan].map(|start| Held::start(shell(HELD), start));
        starter
            .spawn(start)
            .expect("a thread can be made")
            .join()
            .expect("no panic")
    };
    let held: Vec<Held> = (0..4).flat_map(|_| start()).collect();
    for it in &held {
        let line = it
            .process
            .line()
            .expect("/proc is mounted")
            .expect("it lives");
        assert!(!line.has_ended(), "{line:?}");
    }
    for it in held {
        let orphan = it.process.line().ok().flatten().map(|line| line.parent) != Some(own_pid());
        let exit = it.end();
        assert!(orphan || exit == Some(Exit::Code(1)), "{exit:?}");
    }
}

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

const ASKED: &str = "OUTLIVE_TEST_DEATH_SIGNAL";

#[test]
fn the_callers_death_signal_is_not_the_childs() {
    if env::var_os(ASKED).is_some() {
        let mut signal = -1;
        // SAFETY: the kernel writes one int to the address given.
        unsafe { libc::prctl(libc::PR_GET_PDEATHSIG, &raw mut signal) };
        println!("\nits death signal is {signal}");
        return;
    }
    alone!();
    // SAFETY: plain numbers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) };
    let name = "spawn::state::the_callers_death_signal_is_not_the_childs";
    let asked = this_test(name);
    for start in [as_child, as_orphan] {
        let words = std::iter::once(asked.get_program()).chain(asked.get_args());
        let mut arguments = Strings::default();
        for word in words {
            arguments
                .push(&[outlive_os::bytes(word)])
                .expect("no NUL in it");
        }
        let mut programs = Strings::default();
        programs
            .push(&[outlive_os::bytes(asked.get_program())])
            .expect("no NUL in it");
        let environment = Some(crate::common::strings(&[&format!("{ASKED}=1")]));
        let spawn = Spawn {
            programs,
            arguments,
            environment,
            ..Spawn::default()
        };
        let said = printed(spawn, start);
        assert!(said.contains("its death signal is 0\n"), "{said}");
    }
}

/// Makes this process lead a session with a terminal; the terminal's other side.
fn take_terminal() -> OwnedFd {
    // SAFETY: system calls on numbers, on descriptors made here and on a buffer that is long
    // enough for "/dev/pts/N".
    unsafe {
        assert!(libc::setsid() > 0, "no session of our own");
        let master = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC);
        assert!(master >= 0, "no terminal: {}", io::Error::last_os_error());
        let mut name = [0; 64];
        assert_eq!(libc::grantpt(master), 0);
        assert_eq!(libc::unlockpt(master), 0);
        assert_eq!(libc::ptsname_r(master, name.as_mut_ptr(), name.len()), 0);
        // A session leader without a terminal gets the first that it opens.
        assert!(libc::open(name.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) >= 0);
        OwnedFd::from_raw_fd(master)
    }
}

#[test]
fn a_process_group_of_its_own_is_in_the_callers_session() {
    let own = proc::line(own_pid())
        .expect("/proc is mounted")
        .expect("we live");
    for start in [as_child, as_orphan] {
        let spawn = Spawn {
            new_group: true,
            ..shell(HELD)
        };
        let held = Held::start(spawn, start);
        let line = held
            .process
            .line()
            .expect("/proc is mounted")
            .expect("it lives");
        let pid = held.process.pid();
        assert_eq!((line.session, line.group), (own.session, pid));
    }
}

#[test]
fn a_session_of_its_own_has_no_terminal() {
    alone!();
    // Never closed: this process would be hung up on.
    let _terminal = std::mem::ManuallyDrop::new(take_terminal());
    let own = proc::line(own_pid())
        .expect("/proc is mounted")
        .expect("we live");
    assert_ne!(own.terminal, 0);
    let can_open = "(: </dev/tty) 2>/dev/null && echo terminal || echo none";
    for start in [as_child, as_orphan] {
        let held = Held::start(
            Spawn {
                new_session: true,
                ..shell(HELD)
            },
            start,
        );
        let line = held
            .process
            .line()
            .expect("/proc is mounted")
            .expect("it lives");
        let pid = held.process.pid();
        assert_eq!((line.session, line.group, line.terminal), (pid, pid, 0));
        let spawn = Spawn {
            new_session: true,
            ..shell(can_open)
        };
        assert_eq!(printed(spawn, start), "none\n");

        let held = Held::start(shell(HELD), start);
        let line = held
            .process
            .line()
            .expect("/proc is mounted")
            .expect("it lives");
        let (session, group) = (own.session, own.group);
        assert_eq!(
            (line.session, line.group, line.terminal),
            (session, group, own.terminal)
        );
        assert_eq!(printed(shell(can_open), start), "terminal\n");
    }
}
