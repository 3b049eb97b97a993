//! Who inherits the orphans of this process: nothing tells of it, so one is made.

use super::clone::{BlockAll, Kind, Stack, vfork};
use super::events;
use rustix::event::{PollFd, PollFlags};
use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

/// In place of a pid: the orphan could not wait until it was one.
const NOT_WAITED: i32 = -1;

/// What an orphan and its first parent share with the caller, and their stacks. On the heap, since
/// on one path below it must outlive the caller.
struct Probe {
    stack: Stack,
    orphans_stack: Stack,
    /// A pidfd of the orphan's first parent, which that opens itself.
    first_parent: i32,
    /// A pidfd of the orphan.
    orphan: i32,
    /// What came of it; none if the first parent was killed before it knew.
    made: Option<Result<(), i32>>,
    /// Whose child the orphan is, once it is one; 0 if that can't be seen from here.
    second_parent: AtomicI32,
}

/// Who becomes the parent of an orphan among this process's descendants, by its pid: process 1 of
/// the pid namespace, or a subreaper (PR_SET_CHILD_SUBREAPER, prctl(2)). Our own pid if it is we;
/// 0 if it can't be seen from here.
///
/// A child makes a grandchild and ends, and the grandchild, which waits for that, says whose child
/// it is now and ends too. Both share our memory, as with vfork(2), and our descriptors, and do
/// system calls only. Neither outlives this call, also if the caller is killed in the midst of it:
/// the child waits for nothing, and the grandchild for the child alone.
///
/// Not to be asked where children are put into a new pid namespace ([`First::children`]): the first
/// child is that one's process 1, and with its end nothing more could be started.
///
/// [`First::children`]: super::surroundings::First
pub fn orphans_parent() -> io::Result<i32> {
    let probe = Box::into_raw(Box::<Probe>::new_uninit()).cast::<Probe>();
    // Not made and then moved: the pages of the stacks would all be written to.
    // SAFETY: memory of the right size, nobody else's; all of a stack may be left as it is.
    unsafe {
        (&raw mut (*probe).first_parent).write(-1);
        (&raw mut (*probe).orphan).write(-1);
        (&raw mut (*probe).made).write(None);
        (&raw mut (*probe).second_parent).write(AtomicI32::new(0));
    }
    let blocked = BlockAll::new();
    // SAFETY: signals are blocked. The child keeps to system calls on the probe, which is freed below
    // only once neither it nor its child uses it any more. Nobody else has a reference to any of it.
    let child = unsafe {
        let stack = &mut (*probe).stack;
        vfork(Kind::Go, false, None, stack, make_orphan, probe.cast())
    };
    drop(blocked);
    if let Ok(child) = &child {
        reap(child.pid);
    }
    // SAFETY: written by the child, which has ended; the orphan has no business with it.
    let made = match (child, unsafe { (*probe).made }) {
        (Err(cause), _) => Err(cause),
        (Ok(_), Some(made)) => made.map_err(io::Error::from_raw_os_error),
        // Somebody killed the child; there may be an orphan in our memory, which is never freed.
        (Ok(_), None) => return Err(io::Error::from_raw_os_error(libc::EINTR)),
    };
    if made.is_ok() {
        // SAFETY: the kernel made it for us, before either the child or the orphan went on.
        let orphan = unsafe { OwnedFd::from_raw_fd((*probe).orphan) };
        // If it can't be waited for, its memory and the descriptor that it waits by stay with it.
        wait_until_gone(&orphan)?;
    }
    // SAFETY: made by a box above, and neither the child nor the orphan is there any more.
    let probe = unsafe { Box::from_raw(probe) };
    if probe.first_parent >= 0 {
        // SAFETY: the child opened it for us.
        drop(unsafe { OwnedFd::from_raw_fd(probe.first_parent) });
    }
    made?;
    match probe.second_parent.load(Ordering::Relaxed) {
        NOT_WAITED => Err(io::Error::other("the orphan could not wait")),
        parent => Ok(parent),
    }
}

/// Waits for the orphan's end, and reaps it where it is ours: a process that inherits orphans
/// itself must not be left with one that it does not know.
fn wait_until_gone(orphan: &OwnedFd) -> io::Result<()> {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    // A pidfd is readable once the process has given up its memory.
    while events::wait(&[orphan.as_fd()], None)?.is_empty() {}
    let reap = || waitid(WaitId::PidFd(orphan.as_fd()), WaitIdOptions::EXITED);
    // Refused where it is somebody else's, and where SIGCHLD is ignored.
    while matches!(reap(), Err(rustix::io::Errno::INTR)) {}
    Ok(())
}

/// Reaps the child. It was made without an exit signal, so only a wait that asks for such children
/// (`__WALL`, waitpid(2)) finds it, whatever the caller does about SIGCHLD.
fn reap(pid: i32) {
    loop {
        // SAFETY: takes numbers; the status is not asked for.
        let result = unsafe { libc::waitpid(pid, ptr::null_mut(), libc::__WALL) };
        let error = io::Error::last_os_error();
        if result >= 0 || error.kind() != io::ErrorKind::Interrupted {
            return;
        }
    }
}

/// The child: makes the orphan, by ending.
extern "C" fn make_orphan(probe: *mut c_void) -> ! {
    let probe = probe.cast::<Probe>();
    let failed = || {
        io::Error::last_os_error()
            .raw_os_error()
            .unwrap_or(libc::EAGAIN)
    };
    // SAFETY: the caller stands still, and until the orphan is there it is ours alone. All signals
    // are blocked, so that none of the caller's handlers runs in the orphan, which has no exec to
    // reset them by. glibc and musl declare clone as taking the same kind of function; the orphan's
    // stack is its own, and the variadic argument is where CLONE_PIDFD stores the descriptor.
    unsafe {
        let me = libc::syscall(libc::SYS_getpid);
        let pidfd = libc::syscall(libc::SYS_pidfd_open, me, 0);
        if pidfd < 0 {
            (*probe).made = Some(Err(failed()));
            libc::_exit(0);
        }
        (*probe).first_parent = pidfd as i32;
        let flags = libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_PIDFD | libc::SIGCHLD;
        let top = (&raw mut (*probe).orphans_stack).add(1).cast();
        let at = &raw mut (*probe).orphan;
        let made = libc::clone(tell_parent, top, flags, probe.cast(), at);
        (*probe).made = Some(if made < 0 { Err(failed()) } else { Ok(()) });
        libc::_exit(0)
    }
}

/// The orphan: waits until it is one, and tells whose child it is. It runs beside the caller's
/// thread and shares its thread-local storage: it does nothing that could set `errno`, which
/// rustix's own system calls don't.
extern "C" fn tell_parent(probe: *mut c_void) -> i32 {
    let probe = probe.cast::<Probe>();
    // SAFETY: the descriptor is open until we have ended. Only we write the one field, and nobody
    // writes the other any more.
    let (first, second) = unsafe { ((*probe).first_parent, &(*probe).second_parent) };
    // SAFETY: as above.
    let first = unsafe { BorrowedFd::borrow_raw(first) };
    let mut ended = [PollFd::from_borrowed_fd(first, PollFlags::IN)];
    let waited = loop {
        match rustix::event::poll(&mut ended, None) {
            Err(rustix::io::Errno::INTR) => {}
            waited => break waited,
        }
    };
    // A pidfd is readable once the children have been passed on: both are done under one lock.
    let parent = match waited {
        Ok(_) => rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get()),
        Err(_) => NOT_WAITED,
    };
    second.store(parent, Ordering::Relaxed);
    // SAFETY: ends the orphan without running anything of the caller's.
    unsafe { libc::_exit(0) }
}
