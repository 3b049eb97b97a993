//! What is the same on every platform: the contract's own types.

use crate::process::Process;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What the programs run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// Linux.
    Linux,
    /// Windows 10 or later.
    Windows,
    /// macOS.
    Darwin,
}

/// How a new process relates to the job objects (Windows) that its starter is in.
#[derive(Debug, Clone, Copy, Default)]
pub enum Leave<'a> {
    /// It is in the same ones, unless they let their processes' children go.
    #[default]
    Inherit,
    /// It leaves them (CREATE_BREAKAWAY_FROM_JOB), as far as each of them allows that.
    Breakaway,
    /// It has another parent (PROC_THREAD_ATTRIBUTE_PARENT_PROCESS), and so that one's job objects.
    Parent(&'a Process),
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this code: 0 to 255 on Unix, all 32 bits on Windows.
    Code(u32),
    /// By this signal.
    Signal(i32),
}

/// What came of looking for a process of a job that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaped {
    /// The main process had, and how, where that can be told: it need not be a child.
    Main(Option<Exit>),
    /// Another one had.
    Other,
    /// There are some, none of which has ended.
    NoneEnded,
    /// There are none.
    NoneLeft,
}

/// A datagram by which a job tells how it fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// What was sent.
    pub bytes: Vec<u8>,
    /// Who has sent it, as the kernel says; none if that can't be seen from this pid namespace.
    pub sender: Option<i32>,
}

/// What a keeper is told of its job's processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// One of them has ended, or more.
    Ended,
    /// A service manager asks the keeper to end.
    StopAsked,
    /// Something has been printed, see [`Activity`](crate::output::Activity).
    Activity,
}

/// What processes have used, as far as it can be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time, in user and in kernel mode.
    pub cpu: Option<Duration>,
    /// Memory now, in bytes.
    pub memory: Option<u64>,
    /// The most memory that it ever was.
    pub memory_peak: Option<u64>,
    /// Processes and threads now; on Windows processes.
    pub tasks: Option<u64>,
    /// Bytes read from disks; on Windows from anything.
    pub read: Option<u64>,
    /// Bytes written to disks; on Windows to anything.
    pub written: Option<u64>,
}

impl Usage {
    /// This, and where it tells nothing the other one.
    #[must_use]
    pub fn or(self, other: Usage) -> Usage {
        Usage {
            cpu: self.cpu.or(other.cpu),
            memory: self.memory.or(other.memory),
            memory_peak: self.memory_peak.or(other.memory_peak),
            tasks: self.tasks.or(other.tasks),
            read: self.read.or(other.read),
            written: self.written.or(other.written),
        }
    }

    /// What both have used together; the most that they ever did can't be told of two.
    #[must_use]
    pub fn plus(self, other: Usage) -> Usage {
        fn sum<T>(one: Option<T>, other: Option<T>, add: impl Fn(T, T) -> T) -> Option<T> {
            match (one, other) {
                (Some(one), Some(other)) => Some(add(one, other)),
                (one, other) => one.or(other),
            }
        }
        Usage {
            cpu: sum(self.cpu, other.cpu, Duration::saturating_add),
            memory: sum(self.memory, other.memory, u64::saturating_add),
            memory_peak: None,
            tasks: sum(self.tasks, other.tasks, u64::saturating_add),
            read: sum(self.read, other.read, u64::saturating_add),
            written: sum(self.written, other.written, u64::saturating_add),
        }
    }
}

/// By what processes are told to be of one job or of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// The variable that all processes of a job have in their environment.
    pub variable: &'static str,
    /// Its value: the job's id.
    pub id: String,
    /// The variable that keepers alone have.
    pub keeper: &'static str,
}

/// A job object (Windows) that this process is in: the innermost, if they are nested.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Job {
    /// Whether a child may leave it when it is started (JOB_OBJECT_LIMIT_BREAKAWAY_OK).
    pub breakaway_ok: bool,
    /// Whether children are never in it (JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK).
    pub silent_breakaway: bool,
    /// Whether all its processes end with its last handle (JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE).
    pub kill_on_close: bool,
    /// What it limits its processes to, in words.
    pub limits: Vec<String>,
}

/// What has happened in a folder.
#[derive(Debug, Default)]
pub struct Changed {
    /// More than could be told: all of it is to be looked at.
    pub all: bool,
    /// The entries that came, went, or changed.
    pub names: BTreeSet<OsString>,
}

/// On which side of a fork this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forked {
    /// The process that has forked; its child's id.
    Parent(i32),
    /// The child.
    Child,
}

/// A descriptor that was let go of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// Its number.
    pub number: i32,
    /// What was open there, as the kernel calls it: a path, `pipe:[4026]`.
    pub what: String,
}

/// A user, as the system knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub id: u32,
    /// The number of its own group.
    pub group: u32,
    /// Its name; none if no user has the number.
    pub name: Option<std::ffi::CString>,
    /// The home folder, if it has one.
    pub home: Option<PathBuf>,
    /// The log-in shell, if it has one.
    pub shell: Option<PathBuf>,
}

/// Who a process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its user: the real, the effective and the saved one.
    pub user: u32,
    /// Its group: the same.
    pub group: u32,
    /// Its supplementary groups.
    pub groups: Vec<u32>,
}

/// How this thread is scheduled, and what it is told: what its children begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Niceness (getpriority(2)).
    pub nice: i32,
    /// The policy's number, 0 for the usual one (sched_getscheduler(2)). 0 also if children begin
    /// with the usual one (SCHED_RESET_ON_FORK, sched(7)).
    pub policy: i32,
    /// Class and level of input and output, (0, _) if none was set (ioprio_get(2)).
    pub io: (i32, i32),
    /// Timer slack in nanoseconds (PR_GET_TIMERSLACK, prctl(2)).
    pub timer_slack: u64,
    /// The signal at the end of the parent's thread, 0 if none (PR_GET_PDEATHSIG, prctl(2)).
    pub parent_death: i32,
}

/// A resource limit: its name, the soft and the hard one; none is unlimited.
pub type Limit = (&'static str, Option<u64>, Option<u64>);

/// Which of this thread's namespaces are the machine's first ones; unknown ones count as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct First {
    /// The pid namespace.
    pub pid: bool,
    /// The user namespace.
    pub user: bool,
    /// Whether children are put into this thread's own pid namespace, and not into one that was made
    /// for them (unshare(2), CLONE_NEWPID).
    pub children: bool,
}

/// This process's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its path, or what it was when it has been deleted.
    pub path: PathBuf,
    /// Whether it has been deleted.
    pub deleted: bool,
    /// The mount that it is on, if that is not the root's.
    pub mount: Option<Mount>,
}

/// A mount, as far as it can be told without reading the list of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mount {
    /// It is mounted here.
    At(PathBuf),
    /// It has this id in `/proc/self/mountinfo` (statx(2), STATX_MNT_ID, Linux 5.8).
    Id(u64),
}
