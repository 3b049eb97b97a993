//! What a spawned child does between clone and exec. It shares its parent's memory, and the parent
//! stands still: it does system calls only, on what was prepared for it, and allocates nothing.

use super::dispositions::Dispositions;
use super::identity::Alone;
use super::settings;
use super::spawn::{ANNOUNCED, GO, Step};
use outlive_record::Setting;
use std::ffi::{CStr, CString, c_char, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{io, ptr};

/// All that the child needs, in the form in which system calls take it: strings end with a NUL,
/// arrays of them with a null pointer.
pub(super) struct Plan {
    pub(super) programs: Vec<*const c_char>,
    pub(super) arguments: Vec<*const c_char>,
    /// `sh`, a place for the script's path, the arguments: for a script without a `#!` line, which
    /// execvp(3) and shells run with `sh`.
    pub(super) script: Vec<*const c_char>,
    /// The caller's, as it stands, if none.
    pub(super) environment: Option<Vec<*const c_char>>,
    pub(super) folder: *const c_char,
    pub(super) umask: Option<u32>,
    pub(super) new_session: bool,
    pub(super) new_group: bool,
    pub(super) controlling_terminal: bool,
    pub(super) moves: Vec<Move>,
    pub(super) joins: Vec<Join>,
    pub(super) settings: Vec<Setting>,
    pub(super) nice: Option<i32>,
    pub(super) identity: Option<Alone>,
    pub(super) descriptor_limit: Option<u64>,
    pub(super) announce: Option<i32>,
    /// The pipe that it waits at, and a pidfd of whoever opens the gate.
    pub(super) gate: Option<i32>,
    pub(super) gate_keeper: Option<i32>,
    /// What its parent does about signals, if nobody can have changed that since.
    pub(super) dispositions: Option<Dispositions>,
    /// What the child reports.
    pub(super) failure: Option<(Step, i32)>,
}

impl Plan {
    fn environment_pointer(&self) -> *const *const c_char {
        unsafe extern "C" {
            static environ: *const *const c_char;
        }
        match &self.environment {
            Some(own) => own.as_ptr(),
            // SAFETY: what changes the environment (std::env::set_var, setenv(3)) may only be called
            // where no other thread reads it, by its own contract: it stands still here.
            None => unsafe { environ },
        }
    }
}

/// A cgroup to be joined.
pub(super) struct Join {
    /// The path of its `cgroup.procs`; the plan's own, which may outlive the spawn.
    pub(super) processes: CString,
    /// If a clone was to start in it: whether it did not.
    pub(super) missed: Option<Arc<AtomicBool>>,
}

/// A descriptor on its way to its number.
pub(super) struct Move {
    pub(super) from: i32,
    pub(super) to: i32,
    /// Whether another move would overwrite it first, so that it must step aside.
    pub(super) aside: bool,
}

/// The child that becomes the program.
pub(super) extern "C" fn exec(plan: *mut c_void) -> ! {
    // SAFETY: the argument is the plan that the parent, which stands still, prepared for us alone.
    let plan = unsafe { &mut *plan.cast::<Plan>() };
    if let Err(failure) = become_program(plan) {
        plan.failure = Some(failure);
    }
    // SAFETY: ends the child without running anything of the parent's.
    unsafe { libc::_exit(127) }
}

/// What a system call gave, or its error number.
fn checked(result: impl Into<i64>) -> Result<i64, i32> {
    match result.into() {
        -1 => Err(io::Error::last_os_error().raw_os_error().unwrap_or(0)),
        fine => Ok(fine),
    }
}

/// Everything from clone to exec; comes back only if it failed.
fn become_program(plan: &mut Plan) -> Result<(), (Step, i32)> {
    let at = |step| move |error| (step, error);
    // What a terminal sends concerns a child that stays in its session: nohup, and a shell's `&`,
    // have it ignored for all that is started under them (nohup(1), POSIX sh 2.11).
    let kept = if plan.new_session { 0 } else { OF_A_TERMINAL };
    reset_dispositions(plan.dispositions, kept);
    if plan.new_session {
        // SAFETY: takes no argument.
        checked(unsafe { libc::setsid() }).map_err(at(Step::Session))?;
    } else if plan.new_group {
        // SAFETY: takes numbers; zeros mean this process and its own id.
        checked(unsafe { libc::setpgid(0, 0) }).map_err(at(Step::Session))?;
    }
    if let Some(mask) = plan.umask {
        // SAFETY: exchanges a number of this process's own.
        unsafe { libc::umask(mask) };
    }
    if !plan.folder.is_null() {
        // SAFETY: a string of the plan.
        checked(unsafe { libc::chdir(plan.folder) }).map_err(at(Step::Folder))?;
    }
    // Before anything is moved to the number of one of these.
    join(&plan.joins).map_err(at(Step::Cgroup))?;
    let used = [&mut plan.announce, &mut plan.gate, &mut plan.gate_keeper];
    set_descriptors(&mut plan.moves, used).map_err(at(Step::Descriptors))?;
    fill_standard().map_err(at(Step::Descriptors))?;
    if plan.controlling_terminal {
        // SAFETY: takes numbers: the last one, that no other session's terminal is taken away.
        checked(unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) }).map_err(at(Step::Terminal))?;
    }
    if let Some(to) = plan.announce {
        announce(to).map_err(at(Step::Announce))?;
    }
    if let (Some(gate), Some(keeper)) = (plan.gate, plan.gate_keeper) {
        wait_at(gate, keeper).map_err(at(Step::Gate))?;
    }
    settings::apply(&plan.settings);
    if let Some(nice) = plan.nice {
        set_nice(nice).map_err(at(Step::Nice))?;
    }
    if let Some(identity) = &plan.identity {
        // All of the above may need rights that this gives away.
        let assumed = identity.assume();
        assumed.map_err(|error| (Step::Identity, error.raw_os_error().unwrap_or(0)))?;
        // SAFETY: a constant string. The folder is where it is, whoever may enter it.
        checked(unsafe { libc::access(c".".as_ptr(), libc::X_OK) }).map_err(at(Step::Folder))?;
    }
    // Last, since all of the above needs descriptors.
    if let Some(limit) = plan.descriptor_limit {
        limit_descriptors(limit).map_err(at(Step::Descriptors))?;
    }
    unblock_signals();
    Err((Step::Exec, exec_first(plan)))
}

/// Moves this process into cgroups: 0 is whoever writes it (cgroups(7)).
fn join(cgroups: &[Join]) -> Result<(), i32> {
    for cgroup in cgroups {
        let started_in_it = cgroup
            .missed
            .as_ref()
            .is_some_and(|missed| !missed.load(Ordering::Relaxed));
        if !started_in_it {
            let flags = libc::O_WRONLY | libc::O_CLOEXEC;
            // SAFETY: a string of the plan.
            let file = checked(unsafe { libc::open(cgroup.processes.as_ptr(), flags) })?;
            let file = file as i32;
            // SAFETY: one byte of a constant.
            let joined = checked(unsafe { libc::write(file, c"0".as_ptr().cast(), 1) } as i64);
            // SAFETY: opened here.
            unsafe { libc::close(file) };
            joined?;
        }
    }
    Ok(())
}

/// The signals that a terminal sends to end what runs on it, a bit for each.
const OF_A_TERMINAL: u64 =
    1 << (libc::SIGHUP - 1) | 1 << (libc::SIGINT - 1) | 1 << (libc::SIGQUIT - 1);

/// Default dispositions for all signals but those that stay ignored. The kernel has reset the
/// handlers (CLONE_CLEAR_SIGHAND), but what the caller ignores stays ignored: Rust programs ignore
/// SIGPIPE, nohup SIGHUP. Where it is not known what that is, all are reset.
fn reset_dispositions(known: Option<Dispositions>, kept: u64) {
    let changed = known.map_or(u64::MAX, |it| it.ignored | it.caught);
    for signal in 1..=64 {
        let is_in = |set: u64| set >> (signal - 1) & 1 == 1;
        if is_in(changed) && !(is_in(kept) && is_ignored(signal)) {
            // The kernel's own struct sigaction: all zero is SIG_DFL, no flags, an empty mask.
            let (new, old) = ([0u64; 4], ptr::null::<u64>());
            // SAFETY: the structure is complete; SIGKILL and SIGSTOP are refused, which does no harm.
            // The raw call, since libc's refuses the two signals that it keeps for itself.
            unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, new.as_ptr(), old, 8) };
        }
    }
}

fn is_ignored(signal: i32) -> bool {
    let (new, mut old) = (ptr::null::<u64>(), [0u64; 4]);
    // SAFETY: the kernel fills its own struct sigaction, of which the handler comes first.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, new, old.as_mut_ptr(), 8) };
    old[0] == libc::SIG_IGN as u64
}

/// Reads a file of the kernel's, in one read.
fn read_file(path: &CStr, into: &mut [u8]) -> Result<usize, i32> {
    let flags = libc::O_RDONLY | libc::O_CLOEXEC;
    // SAFETY: a string that ends with a NUL.
    let file = checked(unsafe { libc::open(path.as_ptr(), flags) })? as i32;
    // SAFETY: a buffer of ours and its size.
    let length = checked(unsafe { libc::read(file, into.as_mut_ptr().cast(), into.len()) } as i64);
    // SAFETY: a descriptor that was opened here.
    unsafe { libc::close(file) };
    length.map(|length| length as usize)
}

fn unblock_signals() {
    let nothing = 0u64;
    let (how, old) = (libc::SIG_SETMASK, ptr::null::<u64>());
    // SAFETY: the kernel's signal set has 8 bytes. The raw call, since libc's hides two signals.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, &raw const nothing, old, 8) };
}

/// Puts every descriptor under its number; all others above 2 close at exec.
fn set_descriptors(moves: &mut [Move], used: [&mut Option<i32>; 3]) -> Result<(), i32> {
    const CLOEXEC: i32 = 4;
    // SAFETY: changes descriptors of the child's own table; its result fits into 64 bits.
    checked(unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, CLOEXEC) })?;
    // Above every number in use as a target: nothing overwrites what has stepped aside.
    let above = moves.iter().map(|it| it.to).max().unwrap_or(2).max(2);
    // A number too high for any descriptor is refused below.
    let above = above.saturating_add(1);
    let aside = |from: i32| {
        // SAFETY: takes numbers, gives a number.
        checked(unsafe { libc::fcntl(from, libc::F_DUPFD_CLOEXEC, above) }).map(|new| new as i32)
    };
    let in_the_way = |fd: i32| fd < 3 || moves.iter().any(|it| it.to == fd);
    for fd in used.into_iter().flatten().filter(|fd| in_the_way(**fd)) {
        *fd = aside(*fd)?;
    }
    for it in moves.iter_mut().filter(|it| it.aside) {
        it.from = aside(it.from)?;
    }
    for it in moves {
        // dup2 clears close-on-exec, but does nothing at all if both numbers are the same.
        checked(if it.from == it.to {
            // SAFETY: takes numbers.
            unsafe { libc::fcntl(it.to, libc::F_SETFD, 0) }
        } else {
            // SAFETY: takes numbers of the child's own table.
            unsafe { libc::dup2(it.from, it.to) }
        })?;
    }
    Ok(())
}

/// Of 0, 1 and 2 those that are closed become `/dev/null`, and those that exec would close: where
/// the caller started with them closed, a pipe of its own may have got such a number. Otherwise a
/// file that the program opens would get it and whatever is printed would land in that.
fn fill_standard() -> Result<(), i32> {
    for number in 0..3 {
        // SAFETY: takes numbers.
        let flags = checked(unsafe { libc::fcntl(number, libc::F_GETFD) });
        if flags.is_ok_and(|flags| flags & i64::from(libc::FD_CLOEXEC) == 0) {
            continue;
        }
        // SAFETY: a number of the child's own table; it may be closed already.
        unsafe { libc::close(number) };
        // All numbers below it are open, so it is this number that is given out.
        // SAFETY: a constant path.
        checked(unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) })?;
    }
    Ok(())
}

/// Sets this process's niceness, and that of its session: where the kernel groups processes by their
/// sessions (sched(7), "The autogroup feature") the first only counts within that group.
fn set_nice(nice: i32) -> Result<(), i32> {
    // SAFETY: takes numbers.
    checked(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) })?;
    for _ in 0..AUTOGROUP_TRIES {
        match settings::write_number(c"/proc/self/autogroup", nice) {
            Err(libc::EAGAIN) => {
                // SAFETY: no descriptors are looked at: it only lets the time pass.
                unsafe { libc::poll(ptr::null_mut(), 0, AUTOGROUP_PAUSE) };
            }
            // There is none, or it is not what counts here.
            _ => return Ok(()),
        }
    }
    Err(libc::EAGAIN)
}

/// The kernel changes a session's niceness ten times a second for all unprivileged users together
/// (kernel/sched/autogroup.c); how often it is asked, and after how many milliseconds again.
const AUTOGROUP_TRIES: usize = 10;
const AUTOGROUP_PAUSE: i32 = 100;

fn limit_descriptors(soft: u64) -> Result<(), i32> {
    // SAFETY: all zero is a valid structure, which the next call fills.
    let mut limit: libc::rlimit64 = unsafe { std::mem::zeroed() };
    // SAFETY: a structure of ours. Limits are the child's own from its clone on.
    checked(unsafe { libc::getrlimit64(libc::RLIMIT_NOFILE, &mut limit) })?;
    limit.rlim_cur = soft;
    // SAFETY: as above; it is only read.
    checked(unsafe { libc::setrlimit64(libc::RLIMIT_NOFILE, &limit) })?;
    Ok(())
}

/// Waits for the word to go on; any other one, or that nobody is left to say it, is an error.
fn wait_at(gate: i32, keeper: i32) -> Result<(), i32> {
    let poll = |fd| libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    let mut watched = [poll(gate), poll(keeper)];
    // SAFETY: an array of ours and its length.
    while let Err(error) = checked(unsafe { libc::poll(watched.as_mut_ptr(), 2, -1) }) {
        if error != libc::EINTR {
            return Err(error);
        }
    }
    if watched[0].revents & libc::POLLIN == 0 {
        return Err(libc::ECANCELED);
    }
    let mut byte = 0u8;
    // SAFETY: one byte of ours. There is one to be read.
    match checked(unsafe { libc::read(gate, (&raw mut byte).cast(), 1) } as i64)? {
        1 if byte == GO => Ok(()),
        _ => Err(libc::ECANCELED),
    }
}

/// Writes the kernel's line about this process to a file, in one write.
fn announce(to: i32) -> Result<(), i32> {
    let mut line = [0u8; ANNOUNCED];
    let length = read_file(c"/proc/self/stat", &mut line)?;
    // SAFETY: as many bytes of a buffer of ours as were read into it.
    match checked(unsafe { libc::write(to, line.as_ptr().cast(), length) } as i64)? {
        written if written == length as i64 => Ok(()),
        _ => Err(libc::ENOSPC),
    }
}

fn is_there(path: *const c_char) -> bool {
    // SAFETY: a string of the plan.
    checked(unsafe { libc::access(path, libc::F_OK) }).is_ok()
}

/// Tries the programs in turn as execvp(3) does: the first that is there is taken; one that may
/// not be executed is passed over, but is the reason given if no other is found.
fn exec_first(plan: &mut Plan) -> i32 {
    let (arguments, environment) = (plan.arguments.as_ptr(), plan.environment_pointer());
    let mut reason = libc::ENOENT;
    let path_has_more = plan.programs.len() > 2;
    for program in plan
        .programs
        .iter()
        .take_while(|program| !program.is_null())
    {
        // SAFETY: a string and two arrays of the plan.
        match checked(unsafe { libc::execve(*program, arguments, environment) }) {
            Ok(_) | Err(libc::ENOENT | libc::ENOTDIR) => {}
            // A folder of PATH that may not be searched has no program in it for this user.
            Err(libc::EACCES) if path_has_more && !is_there(*program) => {}
            Err(libc::EACCES) => reason = libc::EACCES,
            Err(libc::ENOEXEC) => {
                plan.script[1] = *program;
                // SAFETY: as above; the place for the path is there.
                unsafe { libc::execve(plan.script[0], plan.script.as_ptr(), environment) };
                return libc::ENOEXEC;
            }
            Err(error) => return error,
        }
    }
    reason
}
