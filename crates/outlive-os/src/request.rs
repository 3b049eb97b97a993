//! What is to be started, and what could fail: the same on every platform.

use crate::cgroup::Cgroup;
use crate::pty::Pty;
use crate::{Borrowed, Identity, Leave};
use outlive_record::Setting;
use std::{fmt, io};

/// Strings as exec wants them, one behind the other, each ended by a NUL.
#[derive(Debug, Clone, Default)]
pub struct Strings(pub(crate) Vec<u8>);

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
}

/// A program to be started.
#[derive(Default)]
pub struct Spawn<'a> {
    /// Paths to try, in this order, until one is there.
    pub programs: Strings,
    /// Its arguments, its own name first.
    pub arguments: Strings,
    /// What stands behind them in its command line, with no quotation marks added: for cmd.exe, which
    /// takes a line apart in its own way. Of no effect on Unix, where there are no command lines.
    pub raw_argument: Option<Vec<u8>>,
    /// Its environment, `KEY=value`, if not the caller's as it stands.
    pub environment: Option<Strings>,
    /// The folder to start in (one string), if not the caller's.
    pub folder: Option<Strings>,
    /// Its file mode creation mask, if not the caller's.
    pub umask: Option<u32>,
    /// Whether it leads a session and a process group of its own and so has no terminal.
    pub new_session: bool,
    /// The terminal that controls its new session, and is its standard input, output and error where
    /// none of `descriptors` is.
    pub terminal: Option<&'a Pty>,
    /// Whether it leads a process group of its own, in the caller's session. A new session's leader
    /// does in any case.
    pub new_group: bool,
    /// Descriptors it gets, each under a number; of 0, 1 and 2 it keeps the caller's where none is
    /// named and it has no `terminal`. Nothing else is inherited.
    pub descriptors: Vec<(Borrowed<'a>, i32)>,
    /// How many descriptors it may have (the soft limit, setrlimit(2)), if not as many as the caller.
    pub descriptor_limit: Option<u64>,
    /// A file to which it writes its own line of `/proc/self/stat` just before the exec.
    pub announce: Option<Borrowed<'a>>,
    /// Where it halts just before the exec, until [`GO`] is written to the other end; it ends if
    /// anything else is, or if whoever would write it has ended.
    pub gate: Option<Gate<'a>>,
    /// Cgroups that it is in from its start, or at least from before its exec.
    pub cgroups: &'a [Cgroup],
    /// How it is limited and scheduled, where that differs from the caller; what the system refuses
    /// is left out.
    pub settings: &'a [Setting],
    /// Its niceness, -20 to 19, if not the caller's. Unlike the settings it is an error if this is
    /// refused.
    pub nice: Option<i32>,
    /// Who it becomes just before its exec, for good, and with no capability unless that is root; its
    /// folder must then be one that this user may enter. An error of kind `Unsupported` on Windows
    /// and macOS.
    pub identity: Option<Identity>,
    /// How it relates to the job objects that its starter is in: of no effect on Unix, which has
    /// none.
    pub leave: Leave<'a>,
}

/// What is written to a gate to let the child go on.
pub const GO: u8 = b'g';

/// More than the line has with which a child announces itself, in bytes: at most 52 numbers of 20 digits,
/// a name of 16 bytes, and spaces (proc_pid_stat(5)).
pub const ANNOUNCED: usize = 1200;

/// Where a child halts.
#[derive(Debug, Clone, Copy)]
pub struct Gate<'a> {
    /// The end of a pipe that it reads from.
    pub wait: Borrowed<'a>,
    /// A pidfd of the process that will write to the other end: it ends with that one. (That the
    /// other end is closed it would not see, since any child has copies of it before its exec.)
    pub keeper: Borrowed<'a>,
}

/// What the child was doing when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Making the process (clone(2)).
    Process,
    /// Leading a session or process group of its own (setsid(2), setpgid(2)).
    Session,
    /// Changing its folder (chdir(2)).
    Folder,
    /// Joining its cgroup (clone3(2), cgroups(7)).
    Cgroup,
    /// Setting up its descriptors (dup2(2), close_range(2), setrlimit(2)).
    Descriptors,
    /// Taking its terminal (TIOCSCTTY, ioctl_tty(2)).
    Terminal,
    /// Writing down who it is.
    Announce,
    /// Setting its niceness (setpriority(2)).
    Nice,
    /// Becoming another user (setgroups(2), setresgid(2), setresuid(2)).
    Identity,
    /// Waiting at its gate.
    Gate,
    /// Leaving its starter's job objects (CREATE_BREAKAWAY_FROM_JOB).
    Breakaway,
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
            Step::Cgroup => "failed to join the cgroup",
            Step::Descriptors => "failed to set up descriptors",
            Step::Nice => "failed to set its niceness",
            Step::Identity => "failed to become the user",
            Step::Terminal => "failed to take its terminal",
            Step::Gate => "failed to wait for its start",
            Step::Breakaway => "failed to leave the job object",
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
