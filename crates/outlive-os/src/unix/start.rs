//! What a process was given at its start, and what takes the place of Rust's runtime there.

use rustix::fs::FileType;
use std::ffi::{CStr, OsString, c_char};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// The socket that this process was started with as its standard input, which is `/dev/null` from
/// here on; nothing if it is no socket.
pub fn take_standard_input_socket() -> Option<OwnedFd> {
    let input = standard_input();
    let kind = FileType::from_raw_mode(rustix::fs::fstat(input).ok()?.st_mode);
    if kind != FileType::Socket {
        return None;
    }
    let socket = rustix::io::fcntl_dupfd_cloexec(input, 3).ok()?;
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC;
    let null = rustix::fs::open(c"/dev/null", flags, rustix::fs::Mode::empty()).ok()?;
    // SAFETY: takes two numbers that are open; the old standard input is held under another one.
    let moved = unsafe { libc::dup2(null.as_raw_fd(), input.as_raw_fd()) };
    (moved >= 0).then_some(socket)
}

/// What is open at a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// Nothing.
    Nothing,
    /// A terminal.
    Terminal,
    /// A pipe or a socket.
    Pipe,
    /// Something else.
    Other,
}

/// What is open at a descriptor's number: a standard one's, which nobody owns.
pub fn open_at(number: i32) -> Open {
    // SAFETY: it is only asked what it is open on, which a closed one answers with an error.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    let Ok(found) = rustix::fs::fstat(fd) else {
        return Open::Nothing;
    };
    match FileType::from_raw_mode(found.st_mode) {
        FileType::Fifo | FileType::Socket => Open::Pipe,
        // SAFETY: takes a number.
        FileType::CharacterDevice if unsafe { libc::isatty(number) } == 1 => Open::Terminal,
        _ => Open::Other,
    }
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
/// start-up so: on Linux the runtime reads `/proc/self/maps` to be able to name a stack overflow.
#[macro_export]
macro_rules! program {
    ($main:path) => {
        /// What the C library calls.
        ///
        /// # Safety
        ///
        /// `arguments` is what the C library gives to `main`.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn main(_: i32, arguments: *const *const std::ffi::c_char) -> i32 {
            // SAFETY: as this function's own caller has it.
            unsafe { $crate::role::begin(arguments, $main) }
        }
        $crate::allocator!();
    };
}

/// What [`begin`] was given: a list of C strings that a null pointer ends.
static ARGUMENTS: AtomicPtr<*const c_char> = AtomicPtr::new(std::ptr::null_mut());

/// What Rust's runtime does before `main`, as far as it is needed: standard descriptors that are
/// closed become `/dev/null`, so that no file gets their numbers, and a closed pipe is an error
/// and not a signal. Does not return.
///
/// # Safety
///
/// `arguments` is what the C library gives to `main`.
pub unsafe fn begin(arguments: *const *const c_char, main: fn() -> i32) -> ! {
    ARGUMENTS.store(arguments.cast_mut(), Ordering::Relaxed);
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

/// The arguments of this process, the program's name first.
pub fn arguments() -> Vec<OsString> {
    let mut next = ARGUMENTS.load(Ordering::Relaxed).cast_const();
    if next.is_null() {
        return std::env::args_os().collect();
    }
    let mut all = Vec::new();
    // SAFETY: within the list, which stays as it is for the life of the process: a null pointer ends it.
    while let Some(argument) = unsafe { next.as_ref() }.filter(|it| !it.is_null()) {
        // SAFETY: a C string, which stays as well.
        let argument = unsafe { CStr::from_ptr(*argument) };
        all.push(crate::os_string(argument.to_bytes().to_vec()));
        // SAFETY: what ends the list was not reached.
        next = unsafe { next.add(1) };
    }
    all
}

/// This process's standard input.
pub fn standard_input() -> BorrowedFd<'static> {
    // SAFETY: `begin` and Rust's runtime see to it that it is open, and nothing closes it.
    unsafe { BorrowedFd::borrow_raw(0) }
}
