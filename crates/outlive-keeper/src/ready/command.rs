//! Asking a command whether the job is ready: one of the job's own tree, and one at a time.

use super::probe::Means;
use outlive_os::cgroup::Cgroup;
use outlive_os::process::Process;
use outlive_os::spawn::{Spawn, SpawnError, Step, Strings, candidates};
use outlive_os::{AsDescriptor, Exit, KERNEL, Kernel, os_string, proc, role, signal};
use outlive_record::{CgroupFolder, Record, Text};
use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The variable that holds the line for cmd.exe, which has no quotation in which it could be passed
/// as an argument.
const LINE_VARIABLE: &str = "OUTLIVE_READY";

/// A line for the shell, and all that it is run with.
pub(super) struct Command {
    line: Vec<u8>,
    folder: Vec<u8>,
    cgroups: Vec<CgroupFolder>,
    means: Means,
    running: Option<Process>,
    exit: Option<Exit>,
}

impl Command {
    pub(super) fn new(line: &Text, record: &Record, means: Means) -> Command {
        Command {
            line: line.0.clone(),
            folder: record.spec.cwd.0.clone(),
            cgroups: record.cgroups.clone(),
            means,
            running: None,
            exit: None,
        }
    }

    /// Whether it has ended just now: it is reaped then, so that how it ended is known here.
    pub(super) fn has_ended(&mut self) -> bool {
        let ended = |it: &mut Process| it.wait_end(Some(Duration::ZERO)).unwrap_or(true);
        let Some(process) = self.running.take_if(ended) else {
            return false;
        };
        self.exit = process.reap().unwrap_or(None);
        true
    }

    /// Whether it has said that the job is ready; runs it if it does not run and has said nothing.
    pub(super) fn look(&mut self) -> bool {
        self.has_ended();
        match self.exit.take() {
            Some(exit) => exit == Exit::Code(0),
            None => {
                if self.running.is_none() {
                    // What hinders it now may not the next time.
                    self.running = self.start().ok();
                }
                false
            }
        }
    }

    fn start(&self) -> Result<Process, SpawnError> {
        let prepared = |cause| SpawnError {
            step: Step::Exec,
            cause,
        };
        let (programs, arguments, environment) = self.words().map_err(prepared)?;
        let mut folder = Strings::default();
        folder.push(&[&self.folder]).map_err(prepared)?;
        let null = role::standard_input();
        let cgroups = self.cgroups.iter().flat_map(|it| {
            let path = PathBuf::from(os_string(it.path.0.clone()));
            Cgroup::open(&path, it.unified)
        });
        let cgroups: Vec<Cgroup> = cgroups.collect();
        let spawn = Spawn {
            programs,
            arguments,
            environment: Some(environment),
            folder: Some(folder),
            umask: Some(self.means.heritage.umask),
            descriptor_limit: self.means.heritage.descriptor_limit,
            new_session: true,
            descriptors: vec![(null.as_fd(), 0), (null.as_fd(), 1), (null.as_fd(), 2)],
            cgroups: &cgroups,
            settings: &self.means.settings,
            ..Spawn::default()
        };
        spawn.spawn()
    }

    /// The shell, its arguments and its environment.
    fn words(&self) -> io::Result<(Strings, Strings, Strings)> {
        let strings = |words: &[&[u8]]| {
            let mut strings = Strings::default();
            let pushed = words.iter().try_for_each(|word| strings.push(&[word]));
            pushed.map(|()| strings)
        };
        let mut environment = Strings::from_block(self.means.environment.clone());
        if KERNEL != Kernel::Windows {
            let arguments = strings(&[b"sh", b"-c", &self.line])?;
            return Ok((strings(&[b"/bin/sh"])?, arguments, environment));
        }
        environment.push(&[LINE_VARIABLE.as_bytes(), b"=", &self.line])?;
        let path = proc::variable(&self.means.environment, "PATH");
        let path = path.map(|path| os_string(path.to_vec()));
        let found = candidates(OsStr::new("cmd.exe"), path.as_deref());
        let found: Vec<&[u8]> = found.iter().map(Vec::as_slice).collect();
        let expanded = format!("%{LINE_VARIABLE}%");
        let arguments = strings(&[b"cmd.exe", b"/d", b"/c", expanded.as_bytes()])?;
        Ok((strings(&found)?, arguments, environment))
    }
}

impl Drop for Command {
    /// Nobody will hear it any more.
    fn drop(&mut self) {
        if let Some(process) = &self.running {
            // It leads a group, and is not reaped: the id means that group. Where there are no groups,
            // it is ended itself.
            signal::kill_group(process.pid());
            let _ = process.signal(signal::KILL);
        }
    }
}
