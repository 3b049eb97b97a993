//! Starting a program. The caller is never forked: the child shares its memory until exec, so all
//! that the child needs is prepared here beforehand and it does system calls only.

pub use super::candidates::candidates;
pub use crate::request::{ANNOUNCED, GO, Gate, Spawn, SpawnError, Step, Strings};

use super::cgroup::Cgroup;
use super::child::{Join, Move, Plan, exec};
use super::clone::{BlockAll, Entry, Kind, Stack, vfork};
use super::dispositions::Dispositions;
use super::identity::Alone;
use super::process::Process;
use super::pty::Pty;
use std::ffi::{c_char, c_void};
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::{io, ptr};

impl Spawn<'_> {
    /// Starts it as a child of this process; returns once it has been exec'ed.
    pub fn spawn(&self) -> Result<Process, SpawnError> {
        let entry = self.entry();
        let blocked = BlockAll::new();
        let mut plan = Plan::new(self, entry.as_ref(), &blocked);
        let mut stack = Stack::new();
        let argument = ptr::from_mut(&mut plan).cast();
        // SAFETY: signals are blocked. `exec` keeps to system calls on the plan; plan, stack and the
        // strings of `self` live past the call, which returns only when the child no longer uses our
        // memory.
        let child = unsafe {
            vfork(
                Kind::Program,
                true,
                entry.as_ref(),
                &mut stack,
                exec,
                argument,
            )
        }
        .map_err(|cause| SpawnError::of_clone(cause, entry.is_some()))?;
        drop(blocked);
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

    /// The cgroup that a clone can start in.
    fn entry(&self) -> Option<Entry> {
        let folder = self.cgroups.iter().find_map(Cgroup::folder)?;
        Some(Entry {
            folder: folder.as_raw_fd(),
            missed: Arc::default(),
        })
    }

    /// Starts it as nobody's child: whoever inherits orphans reaps it.
    pub fn spawn_orphan(self) -> Result<Process, SpawnError> {
        // On the heap and owned from here on, since on one path below they must outlive us.
        let spawn = ManuallyDrop::new(self);
        let entry = spawn.entry();
        let blocked = BlockAll::new();
        let plan = Plan::new(&spawn, entry.as_ref(), &blocked);
        let plan = ManuallyDrop::new(Box::new(plan));
        let into_cgroup = entry.is_some();
        let relay = Relay {
            plan,
            entry,
            stack: Stack::new(),
            result: None,
        };
        let mut relay = ManuallyDrop::new(Box::new(relay));
        let mut stack = ManuallyDrop::new(Box::new(Stack::new()));
        let argument = ptr::from_mut(&mut **relay).cast();
        // SAFETY: signals are blocked. `pass_on` keeps to system calls on the relay. All that it and
        // its child use is on the heap and is freed only once both are known not to use it any more.
        let go = unsafe { vfork(Kind::Go, false, None, &mut stack, pass_on, argument) };
        drop(blocked);
        if let Ok(go) = &go {
            // Somebody else may have waited for it, whatever it was made without.
            let _ = reap_go(go.pid);
        }
        if go.is_ok() && relay.result.is_none() {
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
        let result = relay.result.take().unwrap_or(Err(libc::EINTR));
        match (go, result, failure) {
            (Err(cause), ..) => fail(Step::Process, cause),
            (_, Err(error), _) => {
                let cause = io::Error::from_raw_os_error(error);
                Err(SpawnError::of_clone(cause, into_cgroup))
            }
            (_, Ok(process), Some((step, error))) => {
                // Ours to reap where orphans come back to us.
                let _ = process.reap();
                fail(step, io::Error::from_raw_os_error(error))
            }
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

impl SpawnError {
    /// Cloning into a cgroup has errors of its own (clone3(2)): none of them is of a plain clone.
    fn of_clone(cause: io::Error, into_cgroup: bool) -> SpawnError {
        let cgroups = [
            libc::EACCES,
            libc::EBUSY,
            libc::EOPNOTSUPP,
            libc::ENOENT,
            libc::ENODEV,
            libc::EBADF,
        ];
        let step = match cause.raw_os_error() {
            Some(error) if into_cgroup && cgroups.contains(&error) => Step::Cgroup,
            _ => Step::Process,
        };
        SpawnError { step, cause }
    }
}

/// As exec wants them; they live as long as the strings.
fn pointers(strings: &Strings) -> Vec<*const c_char> {
    let null = [ptr::null()];
    let each = strings.iter().map(|string| string.as_ptr().cast());
    each.chain(null).collect()
}

impl Plan {
    fn new(spawn: &Spawn<'_>, entry: Option<&Entry>, blocked: &BlockAll) -> Plan {
        let arguments = pointers(&spawn.arguments);
        let mut script = vec![c"/bin/sh".as_ptr(), ptr::null()];
        script.extend(arguments.iter().skip(1));
        let pairs = spawn.terminal.into_iter().flat_map(Pty::streams);
        let pairs = pairs.chain(spawn.descriptors.iter().copied());
        let pairs: Vec<_> = pairs.map(|(from, to)| (from.as_raw_fd(), to)).collect();
        let taken = |from: i32| pairs.iter().any(|other| other.1 == from && other.0 != from);
        Plan {
            programs: pointers(&spawn.programs),
            script,
            environment: spawn.environment.as_ref().map(pointers),
            folder: spawn
                .folder
                .as_ref()
                .map_or(ptr::null(), |folder| folder.0.as_ptr().cast()),
            umask: spawn.umask,
            new_session: spawn.new_session,
            new_group: spawn.new_group,
            controlling_terminal: spawn.terminal.is_some(),
            moves: pairs
                .iter()
                .map(|&(from, to)| Move {
                    from,
                    to,
                    aside: taken(from),
                })
                .collect(),
            joins: spawn
                .cgroups
                .iter()
                .map(|cgroup| {
                    let folder = cgroup.folder().map(|folder| folder.as_raw_fd());
                    let entered = entry.filter(|entry| Some(entry.folder) == folder);
                    Join {
                        processes: cgroup.processes().to_owned(),
                        missed: entered.map(|entry| Arc::clone(&entry.missed)),
                    }
                })
                .collect(),
            settings: spawn.settings.to_vec(),
            nice: spawn.nice,
            identity: spawn.identity.as_ref().map(Alone::new),
            descriptor_limit: spawn.descriptor_limit,
            announce: spawn.announce.map(|fd| fd.as_raw_fd()),
            gate: spawn.gate.map(|gate| gate.wait.as_raw_fd()),
            gate_keeper: spawn.gate.map(|gate| gate.keeper.as_raw_fd()),
            dispositions: Dispositions::settled(blocked),
            failure: None,
            arguments,
        }
    }
}

/// The go-between's share of an orphan's start.
struct Relay {
    plan: ManuallyDrop<Box<Plan>>,
    entry: Option<Entry>,
    stack: Stack,
    /// What came of it; none if the go-between was killed before it knew.
    result: Option<Result<Process, i32>>,
}

/// The child whose end makes the program an orphan.
extern "C" fn pass_on(relay: *mut c_void) -> ! {
    // SAFETY: the argument is the relay that the parent, which stands still, prepared for us alone.
    let relay = unsafe { &mut *relay.cast::<Relay>() };
    let argument = ptr::from_mut(&mut **relay.plan).cast();
    let entry = relay.entry.as_ref();
    // SAFETY: as for a plain spawn, with our parent's mask; what it uses is on the heap and outlives
    // both of us.
    let child = unsafe { vfork(Kind::Program, true, entry, &mut relay.stack, exec, argument) };
    relay.result = Some(match child {
        Ok(child) => child
            .pidfd
            .map(|pidfd| Process::new(child.pid, pidfd))
            .ok_or(libc::EBADF),
        Err(error) => Err(error.raw_os_error().unwrap_or(libc::EAGAIN)),
    });
    // SAFETY: ends the go-between without running anything of the parent's.
    unsafe { libc::_exit(0) }
}
