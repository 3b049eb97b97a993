//! Whatever state the caller is in.

use crate::common::{
    HELD, Held, alone, as_child, as_orphan, at, limit_descriptors, open_descriptors, place,
    printed, shell, this_test,
};
use outlive_os::pidfd::Exit;
use outlive_os::spawn::{Spawn, Strings};
use outlive_os::{events, proc, role};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::{env, fs, thread};

/// This process's standard descriptors, out of the way; put back when this goes.
struct Standard([OwnedFd; 3]);

impl Standard {
    fn set_aside() -> Standard {
        // SAFETY: a copy of an open descriptor, owned by nobody else.
        Standard([0, 1, 2].map(|number| unsafe {
            OwnedFd::from_raw_fd(libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 10))
        }))
    }
}

impl Drop for Standard {
    fn drop(&mut self) {
        for (saved, number) in self.0.iter().zip(0..) {
            // SAFETY: nobody owns what is at 0 to 2 now.
            unsafe { libc::dup2(saved.as_raw_fd(), number) };
        }
    }
}

/// A program's descriptors, which it prints to the descriptor `to`: number and link.
fn reported(to: i32) -> io::Result<Vec<String>> {
    // Lands on what is closed.
    let (read, write) = events::pipe()?;
    // In a process of its own, where a shell moves descriptors about.
    let script = format!("(exec find /proc/$$/fd -mindepth 1 -printf '%f %l\\n' >&{to}); :");
    let spawn = Spawn {
        descriptors: vec![(write.as_fd(), to)],
        ..shell(&script)
    };
    let process = spawn.spawn().map_err(|error| error.cause)?;
    drop(spawn);
    drop(write);
    let mut said = String::new();
    File::from(read).read_to_string(&mut said)?;
    process.reap()?;
    let mut lines: Vec<String> = said.lines().map(str::to_owned).collect();
    lines.sort();
    Ok(lines)
}

#[test]
fn any_of_0_to_2_may_be_closed() {
    alone!();
    let file = tempfile::NamedTempFile::new().expect("a file can be made");
    let standard = Standard::set_aside();
    let mut seen = Vec::new();
    for closed in 0..8 {
        for to in [0, 1, 2, 5] {
            for number in 0..3 {
                // SAFETY: nobody owns what is at 0 to 2 now.
                unsafe {
                    libc::dup2(file.as_raw_fd(), number);
                    if closed & 1 << number != 0 {
                        libc::close(number);
                    }
                }
            }
            seen.push((closed, to, reported(to)));
        }
    }
    drop(standard);
    for (closed, to, lines) in seen {
        let lines = lines.unwrap_or_else(|error| panic!("closed {closed:03b}, to {to}: {error}"));
        let expected = |number: i32| match number {
            _ if closed & 1 << number != 0 => "/dev/null".to_owned(),
            _ => file.path().display().to_string(),
        };
        let rest = lines
            .iter()
            .filter(|line| !line.starts_with(&format!("{to} pipe:")));
        let rest: Vec<String> = rest.cloned().collect();
        let expected: Vec<String> = (0..3)
            .filter(|number| *number != to)
            .map(|number| format!("{number} {}", expected(number)))
            .collect();
        assert_eq!(rest, expected, "closed {closed:03b}, to {to}: {lines:?}");
        assert_eq!(
            lines.len(),
            rest.len() + 1,
            "closed {closed:03b}, to {to}: {lines:?}"
        );
    }
}

#[test]
fn an_orphan_may_be_started_with_0_to_2_closed() {
    alone!();
    let standard = Standard::set_aside();
    (0..3).for_each(close);
    let held = Held::start(shell(HELD), as_orphan);
    let descriptors = held.descriptors();
    drop(held);
    drop(standard);
    assert_eq!(descriptors.keys().copied().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(descriptors[&2], std::path::Path::new("/dev/null"));
}

fn close(number: i32) {
    // SAFETY: nobody owns what is at 0 to 2 now.
    unsafe { libc::close(number) };
}

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
        let environment = crate::common::strings(&[&format!("{ASKED}=1")]);
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

/// All of it at once: nothing depends on anything else being in order.
#[test]
fn everything_may_be_wrong_at_once() {
    alone!();
    let out = tempfile::tempfile().expect("a file can be made");
    place(out, 9);
    let standard = Standard::set_aside();
    (0..3).for_each(close);
    limit_descriptors(16);
    let blocked = u64::MAX;
    // SAFETY: exchanges a number; the kernel's set is 8 bytes.
    unsafe {
        libc::umask(0o777);
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const blocked,
            0usize,
            8,
        );
    }
    let script = "grep -E 'SigBlk|SigIgn|Umask' /proc/self/status; ls /proc/$$/fd; :";
    let starts = [as_child, as_orphan].map(|start| {
        let mut spawn = shell(script);
        spawn.descriptors.push((at(9), 1));
        let process = start(spawn).map_err(|error| (error.step, error.cause))?;
        process
            .wait_end(None)
            .map_err(|cause| (outlive_os::spawn::Step::Process, cause))?;
        Ok::<_, (outlive_os::spawn::Step, io::Error)>(())
    });
    drop(standard);
    starts
        .into_iter()
        .for_each(|start| start.expect("it starts"));
    let said = fs::read_to_string("/proc/self/fd/9").expect("our own file");
    let once = "Umask:\t0777\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n0\n1\n2\n";
    assert_eq!(said, once.repeat(2));
    assert!(!open_descriptors().is_empty());
}
