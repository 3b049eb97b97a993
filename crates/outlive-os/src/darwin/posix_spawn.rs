//! Starting a program: posix_spawn(2) with what macOS adds to it. The kernel makes the new process
//! from nothing, so that the caller's size does not matter.
//!
//! What it has no attribute for (the mask for new files, the limit on descriptors) the starter has
//! itself for that moment, one spawn at a time: a file that another thread makes just then gets the
//! mode of the job's.

pub use super::candidates::candidates;
pub use crate::request::{ANNOUNCED, GO, Gate, Spawn, SpawnError, Step, Strings};

use super::file_actions::{Actions, Attributes};
use super::kqueue::Kqueue;
use super::process::Process;
use super::pty::Pty;
use super::{fork, own, proc, settings, signal};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::ffi::{OsStr, c_char};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Mutex, PoisonError};

impl Spawn<'_> {
    /// Starts it as a child of this process; returns once it has been exec'ed.
    pub fn spawn(&self) -> Result<Process, SpawnError> {
        let mut plan = Plan::new(self)?;
        let queue = Kqueue::new().map_err(at(Step::Process))?;
        let pid = {
            static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
            let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
            let before = plan.assume();
            let pid = plan.start();
            before.assume();
            pid
        };
        self.begin(pid.map_err(|error| self.failure(error))?, queue)
    }

    /// Starts it as nobody's child: launchd(8) reaps it.
    pub fn spawn_orphan(self) -> Result<Process, SpawnError> {
        let mut plan = Plan::new(&self)?;
        let queue = Kqueue::new().map_err(at(Step::Process))?;
        let pid = fork::run(|| {
            plan.assume();
            plan.start()
        });
        match pid {
            Ok(started) => self.begin(started.map_err(|error| self.failure(error))?, queue),
            Err(cause) => Err(at(Step::Process)(cause)),
        }
    }

    /// Lets it run, once all that has to be done from outside is done.
    fn begin(&self, pid: i32, queue: Kqueue) -> Result<Process, SpawnError> {
        let process = Process::started(pid, queue).map_err(at(Step::Process));
        let begun = process.and_then(|process| {
            if self.is_halted() {
                settings::apply(pid, self.settings);
                self.nice
                    .map_or(Ok(()), |nice| settings::set_nice(pid, nice))
                    .map_err(at(Step::Nice))?;
                self.announce_it(pid).map_err(at(Step::Announce))?;
                let gone_on = process.signal(signal::CONTINUE);
                gone_on.map_err(at(Step::Process))?;
            }
            Ok(process)
        });
        if begun.is_err() {
            // SAFETY: takes numbers. Where it stands still or is our child the id means it.
            unsafe { libc::kill(pid, signal::KILL) };
            // SAFETY: takes a number. Fails where it is not our child.
            unsafe { libc::waitpid(pid, ptr::null_mut(), 0) };
        }
        begun
    }

    /// Whether it stands still before its first instruction (POSIX_SPAWN_START_SUSPENDED).
    fn is_halted(&self) -> bool {
        self.announce.is_some() || !self.settings.is_empty() || self.nice.is_some()
    }

    /// Writes who it is to the file that wants to know, in one write.
    fn announce_it(&self, pid: i32) -> io::Result<()> {
        let Some(to) = self.announce else {
            return Ok(());
        };
        File::from(to.try_clone_to_owned()?).write_all(&proc::text(pid)?)
    }

    /// What has failed: posix_spawn(2) gives one number for all that it does.
    fn failure(&self, error: i32) -> SpawnError {
        let cause = io::Error::from_raw_os_error(error);
        if let Some(Err(cause)) = folder(self).map(|folder| enterable(&folder)) {
            return at(Step::Folder)(cause);
        }
        at(match error {
            libc::EAGAIN | libc::ENOMEM | libc::EINTR => Step::Process,
            libc::EBADF | libc::EMFILE | libc::ENFILE => Step::Descriptors,
            _ => Step::Exec,
        })(cause)
    }
}

fn at(step: Step) -> impl Fn(io::Error) -> SpawnError {
    move |cause| SpawnError { step, cause }
}

/// The folder that it starts in.
fn folder(spawn: &Spawn<'_>) -> Option<PathBuf> {
    let folder = spawn.folder.as_ref()?.iter().next()?;
    Some(PathBuf::from(OsStr::from_bytes(folder)))
}

/// Whether this process could make a folder its own.
fn enterable(folder: &Path) -> io::Result<()> {
    use rustix::fs::{Access, access};
    if !std::fs::metadata(folder)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok(access(folder, Access::EXEC_OK)?)
}

/// What this process has itself while it starts another one.
#[derive(Clone, Copy, Default)]
struct Own {
    umask: Option<u32>,
    descriptor_limit: Option<u64>,
}

impl Own {
    /// Makes it this process's own; what was so before comes back.
    fn assume(self) -> Own {
        let before = getrlimit(Resource::Nofile);
        let limit = self.descriptor_limit.filter(|limit| {
            let limit = Rlimit {
                current: Some(*limit),
                ..before
            };
            setrlimit(Resource::Nofile, limit).is_ok()
        });
        Own {
            umask: self.umask.map(own::exchange_umask),
            descriptor_limit: limit.map(|_| before.current.unwrap_or(libc::RLIM_INFINITY)),
        }
    }
}

/// All that posix_spawn(2) takes, ready: strings end with a NUL, arrays of them with a null pointer.
struct Plan {
    programs: Vec<Vec<u8>>,
    arguments: Vec<*mut c_char>,
    /// `sh`, a place for the script's path, the arguments: for a script without a `#!` line, which
    /// execvp(3) and shells run with `sh`.
    script: Vec<*mut c_char>,
    /// The caller's, as it stands, if none.
    environment: Option<Vec<*mut c_char>>,
    attributes: Attributes,
    actions: Actions,
    own: Own,
    /// What has stepped aside, so that another descriptor could get its number.
    #[expect(dead_code, reason = "they are to stay open until the spawn")]
    aside: Vec<OwnedFd>,
}

/// As posix_spawn wants them; they live as long as the strings.
fn pointers(strings: &Strings) -> Vec<*mut c_char> {
    let each = strings
        .iter()
        .map(|string| string.as_ptr().cast_mut().cast());
    each.chain([ptr::null_mut()]).collect()
}

impl Plan {
    fn new(spawn: &Spawn<'_>) -> Result<Plan, SpawnError> {
        if spawn.gate.is_some() {
            return Err(at(Step::Gate)(io::ErrorKind::Unsupported.into()));
        }
        if spawn.identity.is_some() {
            return Err(at(Step::Identity)(io::ErrorKind::Unsupported.into()));
        }
        let folder = folder(spawn).map(std::path::absolute).transpose();
        let folder = folder.map_err(at(Step::Folder))?;
        let mut actions = Actions::new().map_err(at(Step::Process))?;
        if let Some(folder) = &folder {
            actions.enter(folder).map_err(at(Step::Folder))?;
        }
        let descriptors = spawn.terminal.into_iter().flat_map(Pty::streams);
        let descriptors: Vec<_> = descriptors
            .chain(spawn.descriptors.iter().copied())
            .collect();
        let aside = actions
            .set_descriptors(&descriptors)
            .map_err(at(Step::Descriptors))?;
        if let Some(terminal) = spawn.terminal {
            let opened = actions.open_terminal(terminal.peer());
            opened.map_err(at(Step::Terminal))?;
        }
        // Whether a relative path is looked up before or after the folder is changed has not always
        // been the same: it is made to mean the latter.
        let place = |program: &[u8]| match &folder {
            Some(folder) => folder.join(OsStr::from_bytes(program)).into_os_string(),
            None => OsStr::from_bytes(program).to_owned(),
        };
        let ended = |program: &[u8]| [place(program).as_bytes(), b"\0"].concat();
        let arguments = pointers(&spawn.arguments);
        let mut script = vec![c"/bin/sh".as_ptr().cast_mut(), ptr::null_mut()];
        script.extend(arguments.iter().skip(1));
        Ok(Plan {
            programs: spawn.programs.iter().map(ended).collect(),
            arguments,
            script,
            environment: spawn.environment.as_ref().map(pointers),
            attributes: Attributes::new(spawn.new_session, spawn.new_group, spawn.is_halted())
                .map_err(at(Step::Process))?,
            actions,
            own: Own {
                umask: spawn.umask,
                descriptor_limit: spawn.descriptor_limit,
            },
            aside,
        })
    }

    fn assume(&self) -> Own {
        self.own.assume()
    }

    /// Tries the programs in turn as execvp(3) does: the first that is there is taken; one that may
    /// not be executed is passed over, but is the reason given if no other is found. Allocates
    /// nothing, since it may run in a forked child.
    fn start(&mut self) -> Result<i32, i32> {
        let mut reason = libc::ENOENT;
        let path_has_more = self.programs.len() > 1;
        for place in 0..self.programs.len() {
            let program = self.programs[place].as_ptr().cast::<c_char>();
            // SAFETY: a string of the plan.
            let is_there = || unsafe { libc::access(program, libc::F_OK) } == 0;
            match self.spawn(program, &self.arguments) {
                Err(libc::ENOENT | libc::ENOTDIR) => {}
                // A folder of PATH that may not be searched has no program in it for this user.
                Err(libc::EACCES) if path_has_more && !is_there() => {}
                Err(libc::EACCES) => reason = libc::EACCES,
                Err(libc::ENOEXEC) => {
                    self.script[1] = program.cast_mut();
                    return self.spawn(c"/bin/sh".as_ptr(), &self.script);
                }
                other => return other,
            }
        }
        Err(reason)
    }

    fn spawn(&self, program: *const c_char, arguments: &[*mut c_char]) -> Result<i32, i32> {
        let environment = match &self.environment {
            Some(own) => own.as_ptr(),
            // SAFETY: what changes the environment (std::env::set_var, setenv(3)) may only be called
            // where no other thread reads it, by its own contract: it stands still here.
            None => unsafe { (*libc::_NSGetEnviron()).cast_const() },
        };
        let mut pid = 0;
        // SAFETY: a string, arrays that end with a null pointer, and structures that were made by
        // their own functions; all of them are only read, and live as long as the plan.
        let result = unsafe {
            libc::posix_spawn(
                &raw mut pid,
                program,
                &raw const self.actions.0,
                &raw const self.attributes.0,
                arguments.as_ptr(),
                environment,
            )
        };
        match result {
            0 => Ok(pid),
            error => Err(error),
        }
    }
}
