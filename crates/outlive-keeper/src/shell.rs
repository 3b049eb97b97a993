//! Running a line with the shell as the job is run: as its user, with its environment, in its folder.

use crate::account;
use crate::arrive::Heritage;
use outlive_os::cgroup::Cgroup;
use outlive_os::process::Process;
use outlive_os::spawn::{Spawn, Step, Strings, candidates};
use outlive_os::{Borrowed, Exit, KERNEL, Kernel, os_string, proc, role, signal};
use outlive_record::{Credentials, Launch, Setting, Spec, Text};
use std::ffi::OsStr;
use std::io;
use std::time::Duration;

/// What something is run with that is run as the job is.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) environment: Vec<u8>,
    heritage: Heritage,
    settings: Vec<Setting>,
    credentials: Option<Credentials>,
}

impl Means {
    pub(crate) fn new(launch: &Launch, environment: Vec<u8>, heritage: Heritage) -> Means {
        Means {
            environment,
            heritage,
            settings: launch.settings.clone(),
            credentials: launch.credentials.clone(),
        }
    }
}

/// A line for the shell, and all that it is run with.
pub(crate) struct Shell {
    line: Vec<u8>,
    folder: Vec<u8>,
    nice: Option<i32>,
    means: Means,
    /// Whether the job is another user's than its keeper.
    is_anothers: bool,
}

impl Shell {
    pub(crate) fn new(line: &Text, spec: &Spec, means: Means) -> Shell {
        Shell {
            line: line.0.clone(),
            folder: spec.cwd.0.clone(),
            nice: spec.limits.nice,
            means,
            is_anothers: !spec.account.is_none(),
        }
    }

    /// Sets a variable, in the place of any that it was.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        let block = std::mem::take(&mut self.means.environment);
        let start = [name.as_bytes(), b"="].concat();
        let all = block.split_inclusive(|byte| *byte == 0);
        let others = all.filter(|it| !it.starts_with(&start)).flatten().copied();
        let ours = start.iter().chain(value.as_bytes()).chain(b"\0").copied();
        self.means.environment = others.chain(ours).collect();
    }

    /// Starts it in a session of its own, in these cgroups if they can be had, reading nothing and
    /// printing here.
    pub(crate) fn start(
        &self,
        [stdout, stderr]: [Option<Borrowed<'_>>; 2],
        cgroups: &[Cgroup],
    ) -> io::Result<Process> {
        if self.is_anothers && self.means.credentials.is_none() {
            return Err(io::Error::other("the job's user is not known any more"));
        }
        let (programs, arguments, raw_argument) = self.words()?;
        let mut folder = Strings::default();
        folder.push(&[&self.folder])?;
        let null = role::standard_input();
        let mut spawn = Spawn {
            programs,
            arguments,
            raw_argument,
            environment: Some(Strings::from_block(self.means.environment.clone())),
            folder: Some(folder),
            umask: Some(self.means.heritage.umask),
            descriptor_limit: self.means.heritage.descriptor_limit,
            new_session: true,
            descriptors: vec![
                (null, 0),
                (stdout.unwrap_or(null), 1),
                (stderr.unwrap_or(null), 2),
            ],
            cgroups,
            settings: &self.means.settings,
            nice: self.nice,
            identity: self.means.credentials.as_ref().map(account::identity),
            ..Spawn::default()
        };
        loop {
            match spawn.spawn() {
                // What the job could not be given it can't be given either.
                Err(error) if error.step == Step::Cgroup && !spawn.cgroups.is_empty() => {
                    spawn.cgroups = &[];
                }
                Err(error) if error.step == Step::Nice && spawn.nice.is_some() => spawn.nice = None,
                Err(error) => return Err(io::Error::other(format!("{error}: {}", error.cause))),
                Ok(process) => return Ok(process),
            }
        }
    }

    /// The shell, its arguments, and what it takes as it stands.
    fn words(&self) -> io::Result<(Strings, Strings, Option<Vec<u8>>)> {
        let strings = |words: &[&[u8]]| {
            let mut strings = Strings::default();
            let pushed = words.iter().try_for_each(|word| strings.push(&[word]));
            pushed.map(|()| strings)
        };
        if KERNEL != Kernel::Windows {
            let arguments = strings(&[b"sh", b"-c", &self.line])?;
            return Ok((strings(&[b"/bin/sh"])?, arguments, None));
        }
        let path = proc::variable(&self.means.environment, "PATH");
        let path = path.map(|path| os_string(path.to_vec()));
        let found = candidates(OsStr::new("cmd.exe"), path.as_deref());
        let found: Vec<&[u8]> = found.iter().map(Vec::as_slice).collect();
        // With /s it takes the first and the last quotation mark away, and nothing else.
        let arguments = strings(&[b"cmd.exe", b"/d", b"/s", b"/c"])?;
        let line = [b"\"", &*self.line, b"\""].concat();
        Ok((strings(&found)?, arguments, Some(line)))
    }
}

/// If the shell has ended: how, as far as that can be told. It is reaped then.
pub(crate) fn take_ended(running: &mut Option<Process>) -> Option<Option<Exit>> {
    let ended = |it: &mut Process| it.wait_end(Some(Duration::ZERO)).unwrap_or(true);
    let process = running.take_if(ended)?;
    Some(process.reap().unwrap_or(None))
}

/// Ends the shell by force, and what it has started and is still in its group.
pub(crate) fn kill(process: &Process) {
    // It leads a group, and is not reaped: the id means that group. Where there are no groups, it is
    // ended itself.
    signal::kill_group(process.pid());
    let _ = process.signal(signal::KILL);
}
