//! Callers whose descriptors 0 to 2 are closed: whatever they open lands there.

use crate::common::{HELD, Held, alone, as_child, as_orphan, at, limit_descriptors, place, shell};
use outlive_os::events;
use outlive_os::spawn::{Spawn, Step};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

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
    assert_eq!(descriptors[&2], Path::new("/dev/null"));
}

fn close(number: i32) {
    // SAFETY: nobody owns what is at 0 to 2 now.
    unsafe { libc::close(number) };
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
            .map_err(|cause| (Step::Process, cause))?;
        Ok::<_, (Step, io::Error)>(())
    });
    drop(standard);
    starts
        .into_iter()
        .for_each(|start| start.expect("it starts"));
    let said = fs::read_to_string("/proc/self/fd/9").expect("our own file");
    let once = "Umask:\t0777\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n0\n1\n2\n";
    assert_eq!(said, once.repeat(2));
}
