//! Reading the survey: what is looked at in the same way everywhere. What can't be read (a `/proc`
//! that hides others' processes, a file that a container masks) is left out.

use super::place::Mounts;
use super::{Adoption, Folder, Limits, Sandbox, Stream, Survey, linux, windows};
use crate::cookies::{self, Cookie};
use crate::kernel::cgroup::Hierarchy;
use outlive_os::surroundings::{self as os, Open};
use outlive_os::{KERNEL, Kernel, proc, role};
use outlive_record::ProcessLine;
use std::ffi::OsString;
use std::{env, io, process};

/// Variables whose sockets and credentials go with the session: pam_systemd(8) makes and removes
/// what is below `XDG_RUNTIME_DIR`, sshd(8) its agent's and display's sockets, Kerberos its cache.
const CREDENTIALS: [&str; 10] = [
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "KRB5CCNAME",
    "GPG_AGENT_INFO",
    "GNOME_KEYRING_CONTROL",
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_RUNTIME_DIR",
    "XAUTHORITY",
    "WAYLAND_DISPLAY",
    "DISPLAY",
];

/// The part of a survey that is looked at first: where cgroups can be made. A launch begins with
/// that, and looks at the rest while its keeper starts.
#[derive(Default)]
pub struct Glance {
    /// As in the [`Survey`].
    pub cgroups: Vec<Hierarchy>,
    pub(super) whole_paths: bool,
    pub(super) mounts: Mounts,
}

impl Survey {
    /// Surveys the surroundings of this thread, and of a process that would be started from it with
    /// this environment. [`Survey::cgroup_limits`] stays empty, see
    /// [`cgroup_limits`](super::cgroup_limits).
    ///
    /// # Errors
    ///
    /// Only if the kernel does not tell of this very process: on Linux if there is no `/proc`.
    pub fn read(environment: impl Iterator<Item = (OsString, OsString)>) -> io::Result<Survey> {
        Glance::take().complete(environment, None)
    }

    /// What is there everywhere, and nothing else.
    pub(super) fn bare(process: ProcessLine) -> Survey {
        Survey {
            kernel: KERNEL,
            user: role::user(),
            may_raise_limits: false,
            process,
            terminal: None,
            console: false,
            streams: [0, 1, 2].map(stream),
            parent_death: None,
            adoption: Adoption::First,
            cgroups: Vec::new(),
            cgroup_namespace: false,
            containers_cgroups: false,
            cgroup_limits: Vec::new(),
            job: None,
            systemd: false,
            cookies: Vec::new(),
            limits: Limits::default(),
            ignored_signals: 0,
            blocked_signals: 0,
            folder: Folder::unknown(),
            namespace: None,
            sandbox: Sandbox::default(),
            credentials: Vec::new(),
            umask: 0o022,
        }
    }
}

impl Glance {
    /// Looks.
    #[must_use]
    pub fn take() -> Glance {
        match KERNEL {
            Kernel::Linux => linux::glance(),
            Kernel::Windows | Kernel::Darwin => Glance::default(),
        }
    }

    /// Looks at all the rest, see [`Survey::read`]. Of an orphan that was made here anyway the parent
    /// is known: no other one is made then.
    ///
    /// # Errors
    ///
    /// Only if the kernel does not tell of this very process: on Linux if there is no `/proc`.
    pub fn complete(
        self,
        environment: impl Iterator<Item = (OsString, OsString)>,
        orphans_parent: Option<i32>,
    ) -> io::Result<Survey> {
        let mut cookies = Vec::new();
        let mut credentials = Vec::new();
        let mut container = None;
        for (variable, value) in environment {
            if let Some(entry) = cookies::is_cookie(&variable) {
                cookies.push(Cookie {
                    variable: variable.to_string_lossy().into_owned(),
                    runner: entry.runner,
                });
            } else if let Some(known) = CREDENTIALS.iter().find(|it| variable == **it) {
                credentials.push((*known).to_owned());
            } else if variable == "container" {
                container = Some(value);
            }
        }
        let survey = match KERNEL {
            Kernel::Linux => linux::read(self, container.as_deref(), orphans_parent)?,
            Kernel::Windows => windows::read(own_line()?),
            Kernel::Darwin => plain(own_line()?),
        };
        Ok(Survey {
            cookies,
            credentials,
            ..survey
        })
    }
}

/// The kernel's line about this process.
fn own_line() -> io::Result<ProcessLine> {
    let line = proc::line(process::id().cast_signed())?;
    line.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it is not among the processes"))
}

/// What every Unix has: sessions, and terminals that hang up.
fn plain(process: ProcessLine) -> Survey {
    Survey {
        terminal: (process.terminal != 0).then(|| "the terminal".to_owned()),
        folder: env::current_dir().map_or_else(|_| Folder::unknown(), Folder::at),
        ..Survey::bare(process)
    }
}

fn stream(number: i32) -> Stream {
    match os::open_at(number) {
        Open::Nothing => Stream::Closed,
        Open::Terminal => Stream::Terminal,
        Open::Pipe => Stream::Pipe,
        Open::Other => Stream::Other,
    }
}
