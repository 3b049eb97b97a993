//! A machine of its own: a Debian root in a container, with a real systemd or with none.

use super::cgroups::Entrance;
use super::fault::{Context, Fault, Result};
use super::guard::console;
use super::lines::Lines;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a boot and a power-off may take: both take less than a second on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What process 1 is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Init {
    /// systemd, with Debian's setting: a log-out kills no processes.
    Systemd,
    /// systemd with `KillUserProcesses=yes`.
    SystemdKills,
    /// systemd with Debian's own time-outs.
    Patient,
    /// A process that does nothing but reap.
    Bare,
}

impl Init {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Init::Systemd => "systemd",
            Init::SystemdKills => "systemd-kills",
            Init::Patient => "systemd-patient",
            Init::Bare => "bare",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Init> {
        use Init::{Bare, Patient, Systemd, SystemdKills};
        [Systemd, SystemdKills, Patient, Bare]
            .into_iter()
            .find(|init| init.name() == name)
    }
}

/// What a machine is made of.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    /// Debian's root; nothing is written to it.
    pub(crate) root: PathBuf,
    /// A folder for configuration and logs.
    pub(crate) scratch: PathBuf,
    /// The outlive under test; it is `outlive` in the machine's PATH.
    pub(crate) outlive: PathBuf,
    /// What else can be seen in the machine, and where.
    pub(crate) extra: Vec<(PathBuf, &'static str)>,
}

/// A machine that runs; it is powered off when this goes.
#[derive(Debug)]
pub(crate) struct Machine {
    guardian: Child,
    lifeline: Option<ChildStdin>,
    leader: i32,
    init: Init,
}

impl Machine {
    /// Boots one, and waits until it has started everything.
    pub(crate) fn boot(parts: &Parts, init: Init) -> Result<Machine> {
        let mut guardian = Command::new("/proc/self/exe");
        guardian.arg("guard").arg(init.name());
        guardian.args([&parts.root, &parts.scratch, &parts.outlive]);
        for (from, to) in &parts.extra {
            guardian.arg(from).arg(to);
        }
        guardian.stdin(Stdio::piped()).stdout(Stdio::piped());
        // SAFETY: setsid is allowed after a fork.
        unsafe { guardian.pre_exec(|| Ok(rustix::process::setsid().map(|_| ())?)) };
        let mut guardian = guardian
            .spawn()
            .context(|| "failed to start the guardian of a machine".to_owned())?;
        let lifeline = guardian.stdin.take();
        let said = guardian.stdout.take().map(Lines::new);
        let line = said.and_then(|mut said| said.next_within(PATIENCE * 2)?);
        let leader = line.as_deref().and_then(|line| line.parse().ok());
        match leader {
            Some(leader) => Ok(Machine {
                guardian,
                lifeline,
                leader,
                init,
            }),
            None => {
                drop(lifeline);
                let _ = guardian.wait();
                Err(Fault::new(format!(
                    "failed to boot a machine ({}); its console is in `{}`",
                    init.name(),
                    console(&parts.scratch, guardian.id()).display()
                )))
            }
        }
    }

    /// A command for `words` as root in the machine: with systemd a service of its own, with the
    /// standard streams that the command is given.
    pub(crate) fn command<W: AsRef<OsStr>>(&self, terminal: bool, words: &[W]) -> Result<Command> {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.leader.to_string(), "--all", "--"]);
        if self.init == Init::Bare {
            // nsenter joins every namespace, but no cgroup.
            let mut entering = Entrance::beside(self.leader)?;
            // SAFETY: writing to open descriptors is allowed after a fork.
            unsafe { command.pre_exec(move || entering.enter()) };
            command.args(["sh", "-c", "cd /root; exec \"$@\"", "sh"]);
        } else {
            command.args(["systemd-run", "--quiet", "--wait", "--collect"]);
            command.arg(if terminal { "--pty" } else { "--pipe" });
            command.args(["--property=Delegate=yes", "--property=TasksMax=infinity"]);
            command.args(["--working-directory=/root", "--setenv=HOME=/root", "--"]);
        }
        command.args(words);
        command.env("PATH", PATH).env_remove("LD_LIBRARY_PATH");
        Ok(command)
    }
}

impl Machine {
    /// Powers it off; how long that takes.
    pub(crate) fn off(self) -> Duration {
        let began = Instant::now();
        drop(self);
        began.elapsed()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let _ = self.guardian.wait();
    }
}

/// The search path in a machine.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Parts {
    /// The first three words are the parts of a machine.
    pub(crate) fn taken(words: &[std::ffi::OsString]) -> Result<(Parts, &[std::ffi::OsString])> {
        let [root, scratch, outlive, rest @ ..] = words else {
            return Err(Fault::new("wanted: ROOT SCRATCH OUTLIVE …"));
        };
        let parts = Parts {
            root: root.into(),
            scratch: scratch.into(),
            outlive: outlive.into(),
            extra: Vec::new(),
        };
        Ok((parts, rest))
    }
}
