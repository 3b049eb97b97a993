//! Level 1: a child that has left everything but us.

mod apart;
mod forked;

pub(crate) use apart::scope_name;

use crate::command::{self, Command};
use crate::error::{Error, Kind, Result};
use crate::launch::root_folder;
use crate::leave::{self, Leaving};
use crate::stdio;
use outlive_escape::plan::{Level, Wish};
use outlive_escape::report::{Running, Seen, verify};
use outlive_os::process;
use outlive_os::spawn::{self, Spawn, SpawnError, Strings};
use outlive_os::{AsDescriptor, Descriptor, Exit, bytes, events, proc};
use outlive_record::Report;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::time::Duration;

/// A program that was started, and is still this process's child.
///
/// Dropping it neither ends the program nor waits for it; a child that has ended and was not waited
/// for stays a zombie until this process ends, as with [`std::process::Child`]. For a program that
/// is not to be waited for, see [`Command::disown`].
#[derive(Debug)]
pub struct Child {
    /// The other end of its standard input, if that is a pipe.
    pub stdin: Option<ChildStdin>,
    /// The other end of its standard output, if that is a pipe.
    pub stdout: Option<ChildStdout>,
    /// The other end of its standard error, if that is a pipe.
    pub stderr: Option<ChildStderr>,
    process: process::Process,
    status: Option<ExitStatus>,
    program: String,
    wish: Wish,
    /// How it left what every spawn does not leave.
    left: Option<Box<Leaving>>,
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitStatus(Exit);

impl ExitStatus {
    /// Whether it exited with code 0.
    pub fn success(&self) -> bool {
        self.0 == Exit::Code(0)
    }

    /// Its exit code; none if a signal ended it.
    pub fn code(&self) -> Option<u32> {
        match self.0 {
            Exit::Code(code) => Some(code),
            Exit::Signal(_) => None,
        }
    }

    /// The signal that ended it; none if it exited.
    pub fn signal(&self) -> Option<i32> {
        match self.0 {
            Exit::Code(_) => None,
            Exit::Signal(signal) => Some(signal),
        }
    }
}

impl From<Exit> for ExitStatus {
    fn from(exit: Exit) -> ExitStatus {
        ExitStatus(exit)
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(signal) => f.write_str(&outlive_os::signal::name(signal)),
        }
    }
}

/// What a child printed, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output, if that was a pipe.
    pub stdout: Vec<u8>,
    /// Its standard error, if that was a pipe.
    pub stderr: Vec<u8>,
}

macro_rules! pipe_end {
    ($(#[$doc:meta])* $name:ident $($trait:ident { $($method:item)* })+) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(File);
        $(impl $trait for $name { $($method)* })+
        impl From<$name> for Descriptor {
            fn from(end: $name) -> Descriptor {
                end.0.into()
            }
        }
        impl From<$name> for crate::Stdio {
            fn from(end: $name) -> crate::Stdio {
                end.0.into()
            }
        }
    };
}

pipe_end! {
    /// The end that a child's standard input is written to.
    ChildStdin Write {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }
}
pipe_end! {
    /// The end that a child's standard output is read from.
    ChildStdout Read {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            self.0.read(bytes)
        }
    }
}
pipe_end! {
    /// The end that a child's standard error is read from.
    ChildStderr Read {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            self.0.read(bytes)
        }
    }
}

/// What one standard stream is made of.
#[derive(Default)]
struct Stream<'a> {
    /// The child's end, where it was given: it is not copied, since a program that starts many
    /// children may have few descriptors left.
    given: Option<&'a Descriptor>,
    /// The child's end, where it was made for it.
    made: Option<Descriptor>,
    /// Ours, if it is a pipe.
    ours: Option<File>,
}

impl<'a> Stream<'a> {
    /// The child's end is the pipe's first, which is read from, or its second.
    fn new(kind: &'a stdio::Kind, child_reads: bool) -> io::Result<Stream<'a>> {
        let mut stream = Stream::default();
        match kind {
            stdio::Kind::Inherit => {}
            stdio::Kind::Null => stream.made = Some(events::null()?),
            stdio::Kind::Given(descriptor) => stream.given = Some(descriptor),
            stdio::Kind::Piped => {
                let (reads, writes) = events::pipe()?;
                let (child, ours) = if child_reads {
                    (reads, writes)
                } else {
                    (writes, reads)
                };
                stream.made = Some(child);
                stream.ours = Some(ours.into());
            }
        }
        Ok(stream)
    }

    /// The child's end; without one it has ours.
    fn child(&self) -> Option<&Descriptor> {
        self.given.or(self.made.as_ref())
    }
}

impl Command {
    /// Starts the program as a child of this process, which is not forked for it: the cost does not
    /// depend on the size of this process. Returns once the program has been exec'ed; if that, or
    /// anything before it, fails, the error says what and nothing is left.
    ///
    /// It works in any thread, under any signal mask and dispositions, and with any of the
    /// descriptors 0 to 2 closed. If SIGCHLD is ignored the exit status can be had on Linux from
    /// 6.15 on (PIDFD_GET_INFO); before that, [`Child::wait`] reports that it is not known.
    pub fn spawn(&mut self) -> Result<Child> {
        self.spawn_with(&stdio::Kind::Inherit, |spawn| spawn.spawn())
    }

    /// Looks at what surrounds this process as far as the start depends on it and it is not known
    /// yet, which reads its environment: for a program that may change its own meanwhile, as with
    /// [`env_take`](Command::env_take).
    ///
    /// # Errors
    ///
    /// If `/proc` can't be read.
    pub fn look_around(&self) -> Result<()> {
        match leave::is_simple(&self.wish(Level::Child))? {
            true => Ok(()),
            false => leave::survey().map(drop),
        }
    }

    pub(crate) fn spawn_with(
        &mut self,
        default_output: &stdio::Kind,
        start: impl Fn(Spawn<'_>) -> Result<process::Process, SpawnError> + Sync,
    ) -> Result<Child> {
        self.check()?;
        let program = self.program.display().to_string();
        let streams = [
            (&self.stdin, true),
            (&self.stdout, false),
            (&self.stderr, false),
        ];
        let mut made = Vec::with_capacity(3);
        for (stdio, child_reads) in streams {
            let default = if child_reads {
                &stdio::Kind::Null
            } else {
                default_output
            };
            let kind = stdio.as_ref().map_or(default, |stdio| &stdio.0);
            let stream = Stream::new(kind, child_reads).map_err(|cause| {
                Error::io(
                    format!("failed to set up the standard streams of `{program}`"),
                    cause,
                )
            })?;
            made.push(stream);
        }
        let wish = self.wish(Level::Child);
        let (process, left) = match leave::is_simple(&wish)? {
            true => (start(self.prepare(&made, true)?), None),
            false => {
                let mut leaving = Leaving::new(&wish)?;
                let prepare = || self.prepare(&made, false);
                let process = apart::start(&mut leaving, prepare, &start)?;
                (process, Some(Box::new(leaving)))
            }
        };
        let folder = self
            .folder
            .as_ref()
            .map(|folder| folder.display().to_string());
        let process = process.map_err(|error| Error::spawn(&program, folder.as_deref(), error))?;
        let mut ours = made.into_iter().map(|stream| stream.ours);
        let mut next = || ours.next().flatten();
        let child = Child {
            stdin: next().map(ChildStdin),
            stdout: next().map(ChildStdout),
            stderr: next().map(ChildStderr),
            process,
            status: None,
            program,
            wish,
            left,
        };
        Ok(child)
    }

    /// What is to be spawned; in surroundings without cookies its environment may be the caller's
    /// as it stands.
    fn prepare<'a>(&'a self, streams: &'a [Stream<'_>], no_cookies: bool) -> Result<Spawn<'a>> {
        let path = OsStr::new("PATH");
        let (path, environment) = match (self.has_own_environment(), &self.env_taken) {
            (false, Some(taken)) => (taken.get(path), Some(taken.strings().clone())),
            (false, None) if no_cookies => (std::env::var_os(path), None),
            _ => {
                let own = self.environment();
                (own.get(path).map(OsStr::to_owned), Some(own.strings()?))
            }
        };
        let candidates = spawn::candidates(&self.program, path.as_deref());
        let arguments = std::iter::once(self.arg0.as_ref().unwrap_or(&self.program))
            .chain(&self.args)
            .map(|arg| bytes(arg));
        let root = self.reset.cwd.then(root_folder);
        let mut folder_string = None;
        if let Some(folder) = self.folder.as_ref().or(root.as_ref()) {
            let mut string = Strings::default();
            string.push(&[bytes(folder.as_os_str())]).map_err(|cause| {
                Error::new(
                    Kind::Invalid,
                    format!("failed to change folder to `{}`", folder.display()),
                )
                .because(cause)
            })?;
            folder_string = Some(string);
        }
        let standard = streams.iter().zip(0..);
        let standard = standard.filter_map(|(it, number)| Some((it.child()?.as_fd(), number)));
        let kept = self
            .kept
            .iter()
            .map(|(descriptor, number)| (descriptor.as_fd(), *number));
        Ok(Spawn {
            // Before the places where the program may be: what can't be passed on is named as it
            // was given.
            arguments: command::argument_strings(arguments)?,
            programs: command::argument_strings(candidates.iter().map(Vec::as_slice))?,
            environment,
            folder: folder_string,
            umask: self.own_umask(),
            new_session: self.detach,
            new_group: self.own_group,
            descriptors: standard.chain(kept).collect(),
            ..Spawn::default()
        })
    }
}

impl Child {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.pid().cast_unsigned()
    }

    /// What could have ended it, and how that was left, as seen on the child now: what a
    /// [job](crate::Job) has in its [status](crate::Status::report).
    ///
    /// ```
    /// let child = outlive::Command::new("sleep").arg("60").spawn()?;
    /// for escape in child.escapes()?.escapes {
    ///     println!("{}: {:?} {}", escape.hazard, escape.state, escape.how);
    /// }
    /// # let mut child = child;
    /// # child.kill()?;
    /// # child.wait()?;
    /// # Ok::<(), outlive::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If it has been waited for, or `/proc` can't be read.
    pub fn escapes(&self) -> Result<Report> {
        let made;
        let leaving = match &self.left {
            Some(leaving) => leaving,
            None => {
                made = Leaving::new(&self.wish)?;
                &made
            }
        };
        let look = || -> io::Result<Option<Seen>> {
            let pid = self.process.pid();
            let Some(line) = self.process.line()? else {
                return Ok(None);
            };
            let running = (!line.has_ended()).then(|| -> io::Result<Running> {
                Ok(Running {
                    cgroups: proc::cgroups(pid)?,
                    environment: proc::environment(pid),
                    refused: Vec::new(),
                })
            });
            Ok(Some(Seen {
                line,
                leads: true,
                own_terminal: 0,
                running: running.transpose()?,
                keepers_parent: 0,
                in_job: proc::in_job(Some(&self.process)).ok(),
            }))
        };
        match look().map_err(|cause| self.failed("look at", cause))? {
            Some(seen) => Ok(verify(&leaving.plan().report, &leaving.caller(), &seen)),
            None => {
                let what = format!("failed to look at `{}`: it has ended", self.program);
                Err(Error::new(Kind::NotRunning, what))
            }
        }
    }

    pub(crate) fn into_process(self) -> process::Process {
        self.process
    }

    fn failed(&self, what: &str, cause: io::Error) -> Error {
        Error::io(
            format!(
                "failed to {what} `{}` (process {})",
                self.program,
                self.id()
            ),
            cause,
        )
    }

    fn reap(&mut self) -> Result<ExitStatus> {
        let exit = self
            .process
            .reap()
            .map_err(|cause| self.failed("wait for", cause))?;
        let Some(exit) = exit else {
            let what = format!("failed to learn how `{}` ended", self.program);
            let hint = "somebody else has waited for it, or this process ignores SIGCHLD";
            return Err(Error::new(Kind::Unsupported, what).hint_at(hint));
        };
        Ok(*self.status.insert(ExitStatus(exit)))
    }

    /// Closes its standard input, if that is a pipe, and waits until it has ended.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        drop(self.stdin.take());
        match self.status {
            Some(status) => Ok(status),
            None => self.reap(),
        }
    }

    /// How it ended, if it has.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        self.wait_for(Duration::ZERO)
    }

    /// Waits until it has ended, at most this long; `None` if it still runs then, unharmed: its
    /// standard input is not closed, as [`wait`](Child::wait) does. If it reads that to its end,
    /// drop [`stdin`](Child::stdin) first.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Option<ExitStatus>> {
        self.wait_for(timeout)
    }

    fn wait_for(&mut self, timeout: Duration) -> Result<Option<ExitStatus>> {
        if self.status.is_some() {
            return Ok(self.status);
        }
        let ended = self.process.wait_end(Some(timeout));
        match ended.map_err(|cause| self.failed("wait for", cause))? {
            true => self.reap().map(Some),
            false => Ok(None),
        }
    }

    /// Ends it at once (SIGKILL). Nothing happens if it has ended.
    pub fn kill(&mut self) -> Result<()> {
        self.signal(outlive_os::signal::KILL)
    }

    /// Sends it a signal, by number. Nothing happens if it has ended.
    pub fn signal(&mut self, signal: i32) -> Result<()> {
        if self.status.is_some() {
            return Ok(());
        }
        let cause = match self.process.signal(signal) {
            Err(cause) => cause,
            Ok(()) => return Ok(()),
        };
        // A child nobody has waited for is there to be signalled; this one was reaped elsewhere.
        match self.process.wait_end(Some(Duration::ZERO)) {
            Ok(true) => Ok(()),
            _ => Err(self.failed("send a signal to", cause)),
        }
    }

    /// Reads all that it prints into pipes, and waits until it has ended.
    pub fn wait_with_output(mut self) -> Result<Output> {
        drop(self.stdin.take());
        let pipes = [
            self.stdout.take().map(|it| it.0),
            self.stderr.take().map(|it| it.0),
        ];
        let [stdout, stderr] =
            events::read_both(pipes).map_err(|cause| self.failed("read the output of", cause))?;
        Ok(Output {
            status: self.wait()?,
            stdout,
            stderr,
        })
    }
}
