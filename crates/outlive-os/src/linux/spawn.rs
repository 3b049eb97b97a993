//! Starting a program. The caller is never forked: the child shares its memory until exec, so all
//! that the child needs is prepared here beforehand and it does system calls only.

use super::clone::{Kind, Stack, vfork};
use super::pidfd::Process;
use std::ffi::{c_char, c_void};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::{fmt, io, ptr};

/// Strings as exec wants them, one behind the other, each ended by a NUL.
#[derive(Debug, Clone, Default)]
pub struct Strings(Vec<u8>);

impl Strings {
    /// Strings that are already in this form; what follows the last NUL is dropped.
    pub fn from_block(mut block: Vec<u8>) -> Strings {
        block.truncate(
            block
                .iter()
                .rposition(|&b| b == 0)
                .map_or(0, |last| last + 1),
        );
        Strings(block)
    }

    /// Adds a string; one that contains a NUL can't be passed to a program (execve(2)).
    pub fn push(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        if parts.iter().any(|part| part.contains(&0)) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it contains a NUL byte",
            ));
        }
        parts.iter().for_each(|part| self.0.extend_from_slice(part));
        self.0.push(0);
        Ok(())
    }

    /// The strings, without their NULs.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0
            .split_inclusive(|&b| b == 0)
            .map(|string| &string[..string.len() - 1])
    }

    fn pointers(&self) -> Vec<*const c_char> {
        let null = [ptr::null()];
        self.iter()
            .map(|string| string.as_ptr().cast())
            .chain(null)
            .collect()
    }
}

/// A program to be started.
#[derive(Default)]
pub struct Spawn<'a> {
    /// Paths to try, in this order, until one is there.
    pub programs: Strings,
    /// Its arguments, its own name first.
    pub arguments: Strings,
    /// Its environment, `KEY=value`.
    pub environment: Strings,
    /// The folder to start in (one string), if not the caller's.
    pub folder: Option<Strings>,
    /// Its file mode creation mask, if not the caller's.
    pub umask: Option<u32>,
    /// Whether it leads a session and a process group of its own and so has no terminal.
    pub new_session: bool,
    /// Descriptors it gets, each under a number; of 0, 1 and 2 it keeps the caller's where none is
    /// named. Nothing else is inherited.
    pub descriptors: Vec<(BorrowedFd<'a>, i32)>,
    /// A file to which it writes its own line of `/proc/self/stat` just before the exec.
    pub announce: Option<BorrowedFd<'a>>,
}

/// What the child was doing when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Making the process (clone(2)).
    Process,
    /// Leading a session of its own (setsid(2)).
    Session,
    /// Changing its folder (chdir(2)).
    Folder,
    /// Setting up its descriptors (dup2(2), close_range(2)).
    Descriptors,
    /// Writing down who it is.
    Announce,
    /// Running the program (execve(2)).
    Exec,
}

/// Why a program was not started. Nothing of it is left.
#[derive(Debug)]
pub struct SpawnError {
    /// What failed.
    pub step: Step,
    /// Why.
    pub cause: io::Error,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.step {
            Step::Process => "failed to make a process",
            Step::Session => "failed to leave the session",
            Step::Folder => "failed to change folder",
            Step::Descriptors => "failed to set up descriptors",
            Step::Announce => "failed to write down its process id",
            Step::Exec => "failed to run the program",
        })
    }
}

impl std::error::Error for SpawnError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

impl Spawn<'_> {
    /// Starts it as a child of this process; returns once it has been exec'ed.
    pub fn spawn(&self) -> Result<Process, SpawnError> {
        let mut plan = Plan::new(self);
        let mut stack = Stack::new();
        let argument = ptr::from_mut(&mut plan).cast();
        // SAFETY: `exec` keeps to system calls on the plan; plan, stack and the strings of `self`
        // live past the call, which returns only when the child no longer uses our memory.
        let child =
            unsafe { vfork(Kind::Program, true, &mut stack, exec, argument) }.map_err(|cause| {
                SpawnError {
                    step: Step::Process,
                    cause,
                }
            })?;
        let pidfd = child.pidfd.expect("a pidfd was asked for");
        let process = Process::new(child.pid, pidfd);
        match plan.failure {
            None => Ok(process),
            Some((step, error)) => {
                // Already reaped if the caller ignores SIGCHLD or reaps whatever comes.
                let _ = process.reap();
                Err(SpawnError {
                    step,
                    cause: io::Error::from_raw_os_error(error),
                })
            }
        }
    }

    /// Starts it as nobody's child: whoever inherits orphans reaps it.
    pub fn spawn_orphan(self) -> Result<Process, SpawnError> {
        // On the heap and owned from here on, since on one path below they must outlive us.
        let spawn = ManuallyDrop::new(self);
        let plan = ManuallyDrop::new(Box::new(Plan::new(&spawn)));
        let relay = Relay {
            plan,
            stack: Stack::new(),
            result: Err(libc::EINTR),
        };
        let mut relay = ManuallyDrop::new(Box::new(relay));
        let mut stack = ManuallyDrop::new(Box::new(Stack::new()));
        let argument = ptr::from_mut(&mut **relay).cast();
        // SAFETY: `pass_on` keeps to system calls on the relay. All that it and its child use is on
        // the heap and is freed only once both are known not to use it any more.
        let go = unsafe { vfork(Kind::Go, false, &mut stack, pass_on, argument) };
        let ended_itself = match &go {
            Ok(go) => matches!(reap_go(go.pid), Ok(0)),
            Err(_) => true,
        };
        if !ended_itself {
            // Somebody killed the go-between; its child may still be on its way to exec, in our
            // memory, so that memory is never freed.
            let cause = io::Error::from_raw_os_error(libc::EINTR);
            return Err(SpawnError {
                step: Step::Process,
                cause,
            });
        }
        drop(ManuallyDrop::into_inner(stack));
        let mut relay = ManuallyDrop::into_inner(relay);
        let failure = relay.plan.failure;
        // SAFETY: both are taken out once, here, and the relay is dropped without dropping it.
        unsafe { ManuallyDrop::drop(&mut relay.plan) };
        drop(ManuallyDrop::into_inner(spawn));
        let fail = |step, cause| Err(SpawnError { step, cause });
        match (go, std::mem::replace(&mut relay.result, Err(0)), failure) {
            (Err(cause), ..) => fail(Step::Process, cause),
            (_, Err(error), _) => fail(Step::Process, io::Error::from_raw_os_error(error)),
            (_, _, Some((step, error))) => fail(step, io::Error::from_raw_os_error(error)),
            (_, Ok(process), None) => Ok(process),
        }
    }
}

/// Reaps the go-between. It was made without an exit signal, so only a wait that asks for such
/// children (`__WALL`, see waitpid(2)) finds it, whatever the caller does about SIGCHLD.
fn reap_go(pid: i32) -> io::Result<i32> {
    loop {
        let mut status = 0;
        // SAFETY: `status` is written by the call.
        let result = unsafe { libc::waitpid(pid, &mut status, libc::__WALL) };
        match result {
            -1 => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
            _ => return Ok(status),
        }
    }
}

/// All that the child needs, in the form in which system calls take it.
struct Plan {
    programs: Vec<*const c_char>,
    arguments: Vec<*const c_char>,
    /// `sh`, a place for the script's path, the arguments: for a script without a `#!` line, which
    /// execvp(3) and shells run with `sh`.
    script: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    folder: *const c_char,
    umask: Option<u32>,
    new_session: bool,
    moves: Vec<Move>,
    announce: Option<i32>,
    /// What the child reports: it shares our memory.
    failure: Option<(Step, i32)>,
}

/// A descriptor on its way to its number.
struct Move {
    from: i32,
    to: i32,
    /// Whether another move would overwrite it first, so that it must step aside.
    aside: bool,
}

impl Plan {
    fn new(spawn: &Spawn<'_>) -> Plan {
        let arguments = spawn.arguments.pointers();
        let mut script = vec![c"/bin/sh".as_ptr(), ptr::null()];
        script.extend(arguments.iter().skip(1));
        let pairs = spawn
            .descriptors
            .iter()
            .map(|(from, to)| (from.as_raw_fd(), *to));
        let pairs: Vec<_> = pairs.collect();
        let taken = |from: i32, to: i32| {
            from != to && pairs.iter().any(|other| other.1 == from && other.0 != from)
        };
        Plan {
            programs: spawn.programs.pointers(),
            script,
            environment: spawn.environment.pointers(),
            folder: spawn
                .folder
                .as_ref()
                .map_or(ptr::null(), |folder| folder.0.as_ptr().cast()),
            umask: spawn.umask,
            new_session: spawn.new_session,
            moves: pairs
                .iter()
                .map(|&(from, to)| Move {
                    from,
                    to,
                    aside: taken(from, to),
                })
                .collect(),
            announce: spawn.announce.map(|fd| fd.as_raw_fd()),
            failure: None,
            arguments,
        }
    }
}

/// The child that becomes the program.
extern "C" fn exec(plan: *mut c_void) -> ! {
    // SAFETY: the argument is the plan that the parent, which stands still, prepared for us alone.
    let plan = unsafe { &mut *plan.cast::<Plan>() };
    plan.failure = Some(become_program(plan));
    // SAFETY: ends the child without running anything of the parent's.
    unsafe { libc::_exit(127) }
}

fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// Everything from clone to exec; comes back only if it failed.
fn become_program(plan: &mut Plan) -> (Step, i32) {
    reset_signals();
    // SAFETY (here and below): plain system calls on numbers and on strings and arrays that the
    // parent prepared and that end with a NUL or a null pointer.
    if plan.new_session && unsafe { libc::setsid() } < 0 {
        return (Step::Session, errno());
    }
    if let Some(mask) = plan.umask {
        // SAFETY: see above.
        unsafe { libc::umask(mask) };
    }
    // SAFETY: see above.
    if !plan.folder.is_null() && unsafe { libc::chdir(plan.folder) } < 0 {
        return (Step::Folder, errno());
    }
    let set = set_descriptors(&mut plan.moves, &mut plan.announce).and_then(|()| fill_standard());
    if let Err(error) = set {
        return (Step::Descriptors, error);
    }
    if let Some(to) = plan.announce {
        if let Err(error) = announce(to) {
            return (Step::Announce, error);
        }
    }
    let nothing_blocked = 0u64;
    // SAFETY: the kernel's signal set is 8 bytes; the raw call, since libc's hides two signals.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const nothing_blocked,
            ptr::null::<u64>(),
            8,
        )
    };
    (Step::Exec, exec_first(plan))
}

/// Default dispositions for all signals. The kernel has reset the handlers (CLONE_CLEAR_SIGHAND),
/// but what the caller ignores stays ignored: Rust programs ignore SIGPIPE, nohup SIGHUP.
fn reset_signals() {
    // The kernel's own struct sigaction: all zero is SIG_DFL, no flags, an empty mask.
    let default = [0u64; 4];
    for signal in 1..=64 {
        // SAFETY: the raw call, since libc's refuses the two signals it keeps for itself. SIGKILL
        // and SIGSTOP are refused by the kernel, which does no harm.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                ptr::null::<u64>(),
                8,
            )
        };
    }
}

/// Puts every descriptor under its number; all others above 2 close at exec.
fn set_descriptors(moves: &mut [Move], announce: &mut Option<i32>) -> Result<(), i32> {
    const CLOSE_RANGE_CLOEXEC: i32 = 4;
    // SAFETY (all of this function): system calls on numbers; the child's table is its own.
    if unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, CLOSE_RANGE_CLOEXEC) } < 0 {
        return Err(errno());
    }
    // Above every number in use as a target: nothing overwrites what has stepped aside.
    let above = moves.iter().map(|it| it.to).max().unwrap_or(2).max(2) + 1;
    let aside = |from: i32| match unsafe { libc::fcntl(from, libc::F_DUPFD_CLOEXEC, above) } {
        -1 => Err(errno()),
        new => Ok(new),
    };
    if let Some(fd) = announce {
        if moves.iter().any(|it| it.to == *fd) {
            *fd = aside(*fd)?;
        }
    }
    for it in moves.iter_mut().filter(|it| it.aside) {
        it.from = aside(it.from)?;
    }
    for it in moves {
        // dup2 clears close-on-exec, but does nothing at all if both numbers are the same.
        let result = if it.from == it.to {
            unsafe { libc::fcntl(it.to, libc::F_SETFD, 0) }
        } else {
            unsafe { libc::dup2(it.from, it.to) }
        };
        if result < 0 {
            return Err(errno());
        }
    }
    Ok(())
}

/// Of 0, 1 and 2 those that are closed become `/dev/null`: otherwise a file that the program opens
/// would get one of these numbers and whatever is printed would land in it.
fn fill_standard() -> Result<(), i32> {
    for number in 0..3 {
        // SAFETY: system calls on a number and on a constant path. All numbers below are open, so
        // that the new descriptor gets just this one.
        let open = unsafe { libc::fcntl(number, libc::F_GETFD) } >= 0
            || unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) } == number;
        if !open {
            return Err(errno());
        }
    }
    Ok(())
}

/// Writes the kernel's line about this process to a file, in one write.
fn announce(to: i32) -> Result<(), i32> {
    // One line is at most 52 numbers of 20 digits, a name of 16 bytes and spaces.
    let mut line = [0u8; 1200];
    // SAFETY (all of this function): system calls on a constant path and on our own buffer.
    let stat = unsafe {
        libc::open(
            c"/proc/self/stat".as_ptr(),
            libc::O_RDONLY | libc::O_CLOEXEC,
        )
    };
    if stat < 0 {
        return Err(errno());
    }
    let length = unsafe { libc::read(stat, line.as_mut_ptr().cast(), line.len()) };
    let error = errno();
    unsafe { libc::close(stat) };
    if length <= 0 {
        return Err(error);
    }
    match unsafe { libc::write(to, line.as_ptr().cast(), length.cast_unsigned()) } {
        -1 => Err(errno()),
        written if written == length => Ok(()),
        _ => Err(libc::ENOSPC),
    }
}

/// Tries the programs in turn as execvp(3) does: the first that is there is taken; one that may
/// not be executed is passed over, but is the reason given if no other is found.
fn exec_first(plan: &mut Plan) -> i32 {
    let mut reason = libc::ENOENT;
    for program in plan
        .programs
        .iter()
        .take_while(|program| !program.is_null())
    {
        // SAFETY: arrays of strings that end with a null pointer, strings that end with a NUL.
        unsafe { libc::execve(*program, plan.arguments.as_ptr(), plan.environment.as_ptr()) };
        match errno() {
            libc::ENOENT | libc::ENOTDIR => {}
            libc::EACCES => reason = libc::EACCES,
            libc::ENOEXEC => {
                plan.script[1] = *program;
                // SAFETY: as above; `script` has the place for the path since `Plan::new`.
                unsafe {
                    libc::execve(
                        plan.script[0],
                        plan.script.as_ptr(),
                        plan.environment.as_ptr(),
                    )
                };
                return libc::ENOEXEC;
            }
            error => return error,
        }
    }
    reason
}

/// The go-between's share of an orphan's start.
struct Relay {
    plan: ManuallyDrop<Box<Plan>>,
    stack: Stack,
    result: Result<Process, i32>,
}

/// The child whose end makes the program an orphan.
extern "C" fn pass_on(relay: *mut c_void) -> ! {
    // SAFETY: the argument is the relay that the parent, which stands still, prepared for us alone.
    let relay = unsafe { &mut *relay.cast::<Relay>() };
    let argument = ptr::from_mut(&mut **relay.plan).cast();
    // SAFETY: as for a plain spawn; what it uses is on the heap and outlives both of us.
    let child = unsafe { vfork(Kind::Program, true, &mut relay.stack, exec, argument) };
    relay.result = match child {
        Ok(child) => child
            .pidfd
            .map(|pidfd| Process::new(child.pid, pidfd))
            .ok_or(libc::EBADF),
        Err(error) => Err(error.raw_os_error().unwrap_or(libc::EAGAIN)),
    };
    // SAFETY: ends the go-between without running anything of the parent's.
    unsafe { libc::_exit(0) }
}
