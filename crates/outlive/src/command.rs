//! A program to be started.

use crate::environment::{Environment, Taken};
use crate::error::{Error, Kind, Result};
use crate::stdio::Stdio;
use outlive_escape::plan::{Breakaway, Level, Reset, Via, Wish};
use outlive_os::spawn::Strings;
use outlive_os::{Descriptor, KERNEL, Kernel};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// A program to be started: [`std::process::Command`]'s verbs.
///
/// By default it leads a session and a process group of its own and has no controlling terminal;
/// its standard input is `/dev/null`; it inherits no descriptor but its standard streams; all its
/// signals have their default dispositions and none is blocked; and no parent-death signal is set.
///
/// There is no conversion from [`std::process::Command`]: that type does not show its `env_clear`,
/// its standard streams and its `pre_exec`, which would be lost silently.
///
/// ```
/// use outlive::{Command, Stdio};
///
/// let child = Command::new("echo").arg("hello").stdout(Stdio::piped()).spawn()?;
/// let output = child.wait_with_output()?;
/// assert!(output.status.success());
/// assert_eq!(output.stdout, b"hello\n");
/// # Ok::<(), outlive::Error>(())
/// ```
#[derive(Debug)]
pub struct Command {
    pub(crate) program: OsString,
    /// Its own name as it sees it, if not `program`.
    pub(crate) arg0: Option<OsString>,
    pub(crate) args: Vec<OsString>,
    /// The caller's environment, if that was taken before the start.
    pub(crate) env_taken: Option<Taken>,
    pub(crate) env_clear: bool,
    /// Set, or taken away.
    pub(crate) env: BTreeMap<OsString, Option<OsString>>,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) stdin: Option<Stdio>,
    pub(crate) stdout: Option<Stdio>,
    pub(crate) stderr: Option<Stdio>,
    pub(crate) umask: Option<u32>,
    pub(crate) kept: Vec<(Descriptor, i32)>,
    pub(crate) detach: bool,
    pub(crate) own_group: bool,
    pub(crate) breakaway: Breakaway,
    pub(crate) reset: Reset,
    pub(crate) leave_sandbox: bool,
    pub(crate) linger: bool,
    pub(crate) via: Option<Via>,
}

impl Command {
    /// A command to run `program`: a path, or, without a `/` in it, the name of a program that is
    /// looked for in the `PATH` of the environment that it will have.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        Command {
            program: program.as_ref().to_owned(),
            arg0: None,
            args: Vec::new(),
            env_taken: None,
            env_clear: false,
            env: BTreeMap::new(),
            folder: None,
            stdin: None,
            stdout: None,
            stderr: None,
            umask: None,
            kept: Vec::new(),
            detach: true,
            own_group: false,
            breakaway: Breakaway::default(),
            reset: Reset::default(),
            leave_sandbox: false,
            linger: true,
            via: None,
        }
    }

    /// The name that the program sees as its own (`argv[0]`), instead of what it was found by.
    pub fn arg0(&mut self, name: impl AsRef<OsStr>) -> &mut Command {
        self.arg0 = Some(name.as_ref().to_owned());
        self
    }

    /// Adds an argument.
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Command {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Command {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable of its environment. A job's are stored in its record, so that a restart
    /// has them again.
    pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Command {
        self.env
            .insert(key.as_ref().to_owned(), Some(value.as_ref().to_owned()));
        self
    }

    /// Takes a variable out of its environment.
    pub fn env_remove(&mut self, key: impl AsRef<OsStr>) -> &mut Command {
        self.env.insert(key.as_ref().to_owned(), None);
        self
    }

    /// Lets its environment be empty but for what is set from here on.
    pub fn env_clear(&mut self) -> &mut Command {
        self.env_clear = true;
        self.env.clear();
        self
    }

    /// Takes the caller's environment now and not at the start: for a program that may change its
    /// own meanwhile, as an interpreter can whose lock the start does not hold.
    pub fn env_take(&mut self) -> &mut Command {
        self.env_taken = Some(Taken::now());
        self
    }

    /// The folder it starts in, instead of the caller's. A relative program path is then taken from
    /// there, as execve(2) does.
    pub fn current_dir(&mut self, folder: impl AsRef<Path>) -> &mut Command {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// Its standard input; [`Stdio::null`] by default.
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Command {
        self.stdin = Some(stdin.into());
        self
    }

    /// Its standard output; inherited by default by a [`Child`](crate::Child), null for a
    /// [`Process`](crate::Process), the job's output for a [`Job`](crate::Job).
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Command {
        self.stdout = Some(stdout.into());
        self
    }

    /// Its standard error; by default as with [`stdout`](Command::stdout).
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Command {
        self.stderr = Some(stderr.into());
        self
    }

    /// Its file mode creation mask, such as `0o022`, instead of the caller's; see umask(2).
    pub fn umask(&mut self, mask: u32) -> &mut Command {
        self.umask = Some(mask);
        self
    }

    /// Lets it inherit `descriptor` under `number`, 3 or more. Nothing else above 2 is inherited.
    pub fn keep_descriptor(
        &mut self,
        descriptor: impl Into<Descriptor>,
        number: i32,
    ) -> &mut Command {
        self.kept.push((descriptor.into(), number));
        self
    }

    /// Whether it leaves the caller's session, process group and terminal; it does by default. A
    /// job always does.
    pub fn detach(&mut self, detach: bool) -> &mut Command {
        self.detach = detach;
        self
    }

    /// Whether it leads a process group of its own (setpgid(2)) although it does not
    /// [detach](Command::detach); it does not by default.
    pub fn own_group(&mut self, own: bool) -> &mut Command {
        self.own_group = own;
        self
    }

    /// Whether it leaves what could end it from further outside: the caller's cgroup, a subreaper
    /// above, the log-out. With [`Require`](Breakaway::Require) nothing is started if any of that
    /// would remain.
    pub fn breakaway(&mut self, breakaway: Breakaway) -> &mut Command {
        self.breakaway = breakaway;
        self
    }

    /// What is set back to what a process usually starts with, as far as this user may: a soft
    /// limit can be raised to the hard one, niceness not be lowered, and so on (setrlimit(2),
    /// setpriority(2)). Without it all of that is kept, since it may have been set on purpose.
    pub fn reset(&mut self, reset: Reset) -> &mut Command {
        self.reset = reset;
        self
    }

    /// Whether it may leave a sandbox (a pid namespace, a seccomp filter, a user namespace,
    /// NO_NEW_PRIVS) where that is the only way to outlive it; it may not by default.
    pub fn leave_sandbox(&mut self, leave: bool) -> &mut Command {
        self.leave_sandbox = leave;
        self
    }

    /// Whether lingering may be enabled for this user where a job would otherwise end at the
    /// log-out (loginctl(1), enable-linger); it may by default. So too says the variable
    /// `OUTLIVE_NO_LINGER`, if it is set and not empty.
    pub fn linger(&mut self, linger: bool) -> &mut Command {
        self.linger = linger;
        self
    }

    /// The way out of a job object (Windows) that lets nobody go. None is taken unasked: each has
    /// somebody else start the program, which security products may take for an attack, and handles,
    /// token and quotas then come from that one. Elsewhere there are no job objects, and it is
    /// refused.
    pub fn via(&mut self, via: Via) -> &mut Command {
        self.via = Some(via);
        self
    }

    pub(crate) fn wish(&self, level: Level) -> Wish {
        Wish {
            level,
            detach: self.detach,
            breakaway: self.breakaway,
            leave_sandbox: self.leave_sandbox,
            linger: self.linger,
            reset: self.reset,
            via: self.via,
        }
    }

    /// Its umask, if that is not the caller's.
    pub(crate) fn own_umask(&self) -> Option<u32> {
        self.umask.or(self.reset.umask.then_some(0o022))
    }

    pub(crate) fn check(&self) -> Result<()> {
        if let Some((_, number)) = self.kept.iter().find(|(_, number)| *number < 3) {
            let what =
                format!("failed to keep a descriptor as number {number}: it must be 3 or more");
            return Err(Error::new(Kind::Invalid, what));
        }
        if self.umask.is_some_and(|mask| mask > 0o777) {
            let what = "failed to set a umask above 0777";
            return Err(Error::new(Kind::Invalid, what));
        }
        if let (Some(via), Kernel::Linux | Kernel::Darwin) = (self.via, KERNEL) {
            let what = format!("failed to start it by a {via}: that is a way out of job objects");
            let hint = "there are none but on Windows; a service's cgroup is left without it";
            return Err(Error::new(Kind::Unsupported, what).hint_at(hint));
        }
        if let (Some(via), Breakaway::Off) = (self.via, self.breakaway) {
            let what = format!("failed to combine a way out (via {via}) with staying in");
            return Err(Error::new(Kind::Invalid, what));
        }
        if self.program.is_empty() {
            let cause = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(Error::exec("", cause));
        }
        Ok(())
    }

    /// Whether its environment differs from the caller's, but for what it would be hunted by.
    pub(crate) fn has_own_environment(&self) -> bool {
        self.env_clear || !self.env.is_empty()
    }

    /// Its environment: the caller's without what it would be hunted by, with its own changes.
    pub(crate) fn environment(&self) -> Environment {
        let mut environment = match self.env_clear {
            true => Environment::default(),
            false => match &self.env_taken {
                Some(taken) => Environment::of(taken),
                None => Environment::inherited(),
            },
        };
        for (name, value) in &self.env {
            match value {
                Some(value) => environment.set(name.clone(), value.clone()),
                None => environment.remove(name),
            };
        }
        environment
    }
}

/// The arguments, the program's own name first; one that can't be passed on is named.
pub(crate) fn argument_strings<'a>(arguments: impl Iterator<Item = &'a [u8]>) -> Result<Strings> {
    let mut strings = Strings::default();
    for argument in arguments {
        strings.push(&[argument]).map_err(|cause| {
            let shown = String::from_utf8_lossy(argument);
            Error::new(
                Kind::Invalid,
                format!("failed to pass on the argument `{shown}`"),
            )
            .because(cause)
        })?;
    }
    Ok(strings)
}
