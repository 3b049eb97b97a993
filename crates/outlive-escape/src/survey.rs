//! What surrounds this process.

use crate::cookies::Cookie;
use crate::kernel::cgroup::Hierarchy;
use outlive_os::Kernel;
use outlive_record::ProcessLine;
use std::path::PathBuf;

mod adopter;
mod linux;
mod place;
mod read;
mod windows;

pub use place::{cgroup_limits, controller};
pub use read::Glance;

/// What surrounds this process, as far as the kernel tells it without any privilege. It is plain
/// data: a plan is made of it without looking at anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// What this process runs on: what that lacks is not there below.
    pub kernel: Kernel,
    /// The effective user; 0 on Windows.
    pub user: u32,
    /// Whether this process may raise hard limits (CAP_SYS_RESOURCE, capabilities(7)).
    pub may_raise_limits: bool,
    /// The kernel's line about this process: session, group, parent. On Windows the session is that
    /// of the log-on, and 0 is the services'.
    pub process: ProcessLine,
    /// The controlling terminal, such as `/dev/pts/3`, or its device numbers (`136:3`) where no
    /// name can be told.
    pub terminal: Option<String>,
    /// Whether this process is attached to a console (Windows).
    pub console: bool,
    /// Descriptors 0, 1 and 2.
    pub streams: [Stream; 3],
    /// The signal that this process gets when its parent's thread ends (PR_GET_PDEATHSIG, prctl(2)).
    pub parent_death: Option<i32>,
    /// Who inherits orphans that are made here: nothing tells of it, so it is inferred by making one.
    pub adoption: Adoption,
    /// The cgroup in each hierarchy: the unified one, systemd's own, and of the others those in
    /// which it is not the root.
    pub cgroups: Vec<Hierarchy>,
    /// Whether those paths are not the whole ones (cgroup_namespaces(7)), so that what looks like a
    /// root may be in anything.
    pub cgroup_namespace: bool,
    /// Whether process 1 of this container is in the same cgroups: they are the container's.
    pub containers_cgroups: bool,
    /// Limits set by those cgroups or by ones above them, as `memory.max=1073741824`. Left empty by
    /// [`Survey::read`], since starting a process does not depend on them: [`cgroup_limits`] reads
    /// them.
    pub cgroup_limits: Vec<String>,
    /// The job object that this process is in (Windows), the innermost if they are nested: of the
    /// outer ones nothing tells.
    pub job: Option<JobObject>,
    /// Whether systemd runs this machine or container (`/run/systemd/system`, sd_booted(3)).
    pub systemd: bool,
    /// Variables in the environment by which somebody would hunt the process.
    pub cookies: Vec<Cookie>,
    /// What a process may use, and how it is scheduled.
    pub limits: Limits,
    /// Signals that are ignored, a bit for each (1 << (signal - 1)).
    pub ignored_signals: u64,
    /// Signals that are blocked, likewise.
    pub blocked_signals: u64,
    /// The working folder.
    pub folder: Folder,
    /// The pid namespace, if it is not the machine's first one.
    pub namespace: Option<Namespace>,
    /// What keeps this process from gaining privileges.
    pub sandbox: Sandbox,
    /// Variables that name a socket or a credential that goes with the log-out, such as
    /// `SSH_AUTH_SOCK`.
    pub credentials: Vec<String>,
    /// The file mode creation mask (`Umask` of proc_pid_status(5), Linux 4.7).
    pub umask: u32,
}

impl Survey {
    /// Whether what looks like the root of a cgroup hierarchy is one: the machine's, or that of a
    /// container, which is a machine of its own.
    #[must_use]
    pub fn has_whole_paths(&self) -> bool {
        let in_container = self.namespace.as_ref().is_some_and(Namespace::is_container);
        !self.cgroup_namespace || in_container
    }
}

/// A job object: its processes can be ended, and are limited, as one ("Job Objects", Win32).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobObject {
    /// A new process may leave it (JOB_OBJECT_LIMIT_BREAKAWAY_OK).
    pub breakaway_ok: bool,
    /// A new process is never in it (JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK).
    pub silent_breakaway: bool,
    /// Its processes end when its last handle is closed (JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE).
    pub kill_on_close: bool,
    /// What it limits its processes to, in words.
    pub limits: Vec<String>,
    /// Who may have made it: the nearest process above that is in none. Nothing tells of it for
    /// sure, and it is looked for only where the job object lets nobody go.
    pub maker: Option<i32>,
}

/// What a standard descriptor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stream {
    /// Closed.
    Closed,
    /// A terminal.
    Terminal,
    /// A pipe or a socket: its other end is held by somebody, who waits for its end.
    Pipe,
    /// Something else: a file, `/dev/null`.
    Other,
}

/// What becomes of orphans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adoption {
    /// Process 1 of the pid namespace inherits them, where they belong.
    First,
    /// Somebody else does.
    By(Adopter),
    /// It could not be told, and why.
    Unknown(String),
}

/// Who inherits orphans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopter {
    /// Its process id.
    pub pid: i32,
    /// Its name (`comm`).
    pub name: String,
    /// Whether it is known to do no harm: a systemd manager, or a keeper.
    pub harmless: bool,
}

/// What a process may use, and how it is scheduled. What differs from what processes start with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Resource limits, those alone that are lower than process 1's (and than what everybody has,
    /// where process 1 has raised its own).
    pub resources: Vec<Resource>,
    /// Niceness, -20 to 19.
    pub nice: i32,
    /// The processors it may use, if not all that are online (`Cpus_allowed_list`).
    pub affinity: Option<String>,
    /// The scheduling policy, if not the usual one: `batch`, `idle`, `fifo`, `rr`, `deadline`.
    pub scheduler: Option<String>,
    /// The priority of input and output, if one was set: `idle`, `best-effort 7`, `realtime 0`.
    pub io_priority: Option<String>,
    /// Timer slack in nanoseconds, if not the usual 50,000.
    pub timer_slack: Option<u64>,
    /// The adjustment of the out-of-memory score, -1000 to 1000.
    pub oom_score_adj: i32,
}

/// A resource limit (getrlimit(2)) that is lower than process 1's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its name as in `ulimit`'s manual: `nofile`, `nproc`, `core`, …
    pub name: &'static str,
    /// The soft limit; none is unlimited.
    pub soft: Option<u64>,
    /// The hard limit.
    pub hard: Option<u64>,
    /// What process 1 has, or what processes are usually given where that is less.
    pub usual: (Option<u64>, Option<u64>),
}

/// The working folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its path.
    pub path: PathBuf,
    /// Whether it has been deleted.
    pub deleted: bool,
    /// The mount point that a process in it keeps busy, if that is not the root.
    pub mount: Option<PathBuf>,
}

impl Folder {
    pub(crate) fn at(path: PathBuf) -> Folder {
        Folder {
            path,
            deleted: false,
            mount: None,
        }
    }

    /// What can't be told.
    pub(crate) fn unknown() -> Folder {
        Folder::at("?".into())
    }
}

/// A pid namespace (pid_namespaces(7)): all its processes are killed when its process 1 ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// What kind of container it is, if it says so (`docker`, `podman`, `systemd-nspawn`, …) or
    /// systemd runs in it: it is then like a machine of its own.
    pub container: Option<String>,
}

impl Namespace {
    /// Whether it is a container: a machine of its own, and no sandbox.
    #[must_use]
    pub fn is_container(&self) -> bool {
        self.container.is_some()
    }
}

/// What keeps a process from gaining privileges, and does not keep process 1 from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// `NoNewPrivs` of proc_pid_status(5).
    pub no_new_privs: bool,
    /// There are seccomp filters that process 1 does not have (`Seccomp_filters` of
    /// proc_pid_status(5), Linux 5.9; before it, any).
    pub seccomp: bool,
    /// Whether it is in a user namespace that is neither the machine's first one nor, as far as its
    /// map of users tells (`uid_map`, user_namespaces(7)), process 1's.
    pub user_namespace: bool,
}

/// The cgroups of this process, alone of all that surrounds it.
pub fn cgroups() -> Vec<Hierarchy> {
    Glance::take().cgroups
}
