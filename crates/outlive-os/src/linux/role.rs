//! What a keeper makes of its own process, and what it was given at its start.

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Inherits the orphans among this process's descendants (PR_SET_CHILD_SUBREAPER, prctl(2)) and
/// is no longer ended by what ends others: the keeper goes when its job has gone. It is called
/// `name` in lists of processes. To be called while there is one thread.
pub fn become_keeper(name: &str) -> io::Result<()> {
    rustix::thread::set_name(&std::ffi::CString::new(name)?)?;
    // SAFETY: prctl with plain numbers.
    if unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let everything = u64::MAX;
    let (how, old) = (libc::SIG_SETMASK, std::ptr::null::<u64>());
    // One call, where ignoring each would be one for each, and the job would have to undo them. A
    // program has an empty mask before its exec, and a fault ends us all the same.
    // SAFETY: the kernel's signal set has 8 bytes, and it is only read.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, &raw const everything, old, 8) };
    Ok(())
}

/// Whether orphans among this process's descendants become its children: it is process 1 of its
/// pid namespace or a subreaper.
pub fn inherits_orphans() -> bool {
    let mut subreaper = 0i32;
    // SAFETY: the kernel writes one int to the address given.
    let result = unsafe { libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut subreaper) };
    std::process::id() == 1 || (result == 0 && subreaper != 0)
}

/// Leaves the orphans among this process's descendants to whoever is above it: an exec keeps what an
/// earlier program of this process asked for (PR_SET_CHILD_SUBREAPER, prctl(2)).
pub fn inherit_no_orphans() {
    // SAFETY: prctl with plain numbers.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) };
}

/// Makes files for this user alone from here on; the mask that was in force before.
pub fn private_umask() -> u32 {
    // SAFETY: umask only exchanges a number.
    unsafe { libc::umask(0o077) }
}

/// Lets this process have `count` descriptors, or as many as its hard limit allows (getrlimit(2)):
/// it may have been started where there are to be few. The soft limit that was in force, if it was
/// changed: what this process starts is to have it again.
pub fn allow_descriptors(count: u64) -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let before = current.filter(|current| *current < count)?;
    let current = Some(maximum.map_or(count, |maximum| maximum.min(count)));
    let raised = setrlimit(Resource::Nofile, Rlimit { current, maximum });
    raised.is_ok().then_some(before)
}

/// The socket that this process was started with as its standard input, which is `/dev/null` from
/// here on; nothing if it is no socket.
pub fn take_standard_input_socket() -> Option<OwnedFd> {
    let input = standard_input();
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(input).ok()?.st_mode);
    if kind != rustix::fs::FileType::Socket {
        return None;
    }
    let socket = rustix::io::fcntl_dupfd_cloexec(input, 3).ok()?;
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC;
    let null = rustix::fs::open(c"/dev/null", flags, rustix::fs::Mode::empty()).ok()?;
    // SAFETY: takes two numbers that are open; the old standard input is held under another one.
    let moved = unsafe { libc::dup2(null.as_raw_fd(), input.as_raw_fd()) };
    (moved >= 0).then_some(socket)
}

/// Makes the folder behind a descriptor this process's own.
pub fn enter_folder(folder: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::process::fchdir(folder)?)
}

/// Gives back to the system what is no longer used: freed memory, which the C library otherwise
/// keeps for the next allocation (malloc_trim(3)), and the part of the stack that calls before this
/// one went down to.
#[inline(never)]
pub fn give_memory_back() {
    /// Further down than any call has gone.
    const DEPTH: usize = 256 << 10;
    /// Room for the calls that are made here, and what a signal's handler may use below them.
    const NEAR: usize = 8 << 10;
    #[cfg(target_env = "gnu")]
    // SAFETY: takes a number, and touches what is free alone.
    unsafe {
        libc::malloc_trim(0)
    };
    let here = 0u8;
    let page = rustix::param::page_size();
    let end = (&raw const here as usize - NEAR) / page * page;
    let start = end.saturating_sub(DEPTH);
    // SAFETY: the main thread's stack lies there and grows down (proc_pid_maps(5), `[stack]`): what
    // is below the innermost call is dead. What is not mapped is passed over (madvise(2), ENOMEM).
    unsafe { libc::madvise(start as *mut c_void, end - start, libc::MADV_DONTNEED) };
}

/// Keeps no folder busy.
pub fn leave_folder() -> io::Result<()> {
    std::env::set_current_dir("/")
}

/// The descriptors that this process was started with, from 3 on without a gap. They can be taken
/// once, and only before the process has opened anything.
pub fn inherited() -> io::Result<Vec<OwnedFd>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Err(io::Error::other(
            "the inherited descriptors were taken before",
        ));
    }
    // SAFETY: fcntl on a number, which may well be closed.
    let is_open = |fd: &i32| unsafe { libc::fcntl(*fd, libc::F_SETFD, libc::FD_CLOEXEC) } >= 0;
    // SAFETY: it is open, was so at exec (nothing has been opened since), and is taken once.
    let take = |fd| unsafe { OwnedFd::from_raw_fd(fd) };
    Ok((3..).take_while(is_open).map(take).collect())
}

/// Makes `$main`, a `fn() -> i32`, what this program begins with, in place of a `main` that Rust's
/// runtime calls. A program that is started as often as others call functions saves a fifth of its
/// start-up so: the runtime reads `/proc/self/maps` to be able to name a stack overflow.
#[macro_export]
macro_rules! program {
    ($main:path) => {
        /// What the C library calls.
        #[unsafe(no_mangle)]
        pub extern "C" fn main(_: i32, _: *const *const std::ffi::c_char) -> i32 {
            $crate::role::begin($main)
        }
    };
}

/// What Rust's runtime does before `main`, as far as it is needed: standard descriptors that are
/// closed become `/dev/null`, so that no file gets their numbers, and a closed pipe is an error
/// and not a signal. Does not return.
pub fn begin(main: fn() -> i32) -> ! {
    for number in 0..3 {
        // SAFETY: fcntl on a number, which may well be closed.
        if unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
            // SAFETY: a constant path. All numbers below are open, so that it gets this one.
            unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) };
        }
    }
    // SAFETY: ignoring a signal runs no code of ours.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    // SAFETY: as above: a file that would become too large is an error, too (setrlimit(2)).
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    // Not a plain return: this also writes out what standard output holds back.
    std::process::exit(main())
}

/// This process's standard input.
pub fn standard_input() -> BorrowedFd<'static> {
    // SAFETY: `begin` and Rust's runtime see to it that it is open, and nothing closes it.
    unsafe { BorrowedFd::borrow_raw(0) }
}

/// This process's user.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The program by which a keeper is started that may run for as long as `program` is installed:
/// itself, since a running program can be replaced here. (`home` is the state folder.)
pub fn steady_program(program: &Path, _home: &Path) -> io::Result<PathBuf> {
    Ok(program.to_owned())
}
