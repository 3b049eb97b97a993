//! What could have ended, stalled or limited a job, and how it was left.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Something around the one who starts a process that could end, stall or limit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hazard {
    /// The controlling terminal: its hang-up sends SIGHUP, and a process in its background that
    /// reads it is stopped. On Windows the console.
    Terminal,
    /// The process group, which shells and runners kill as one.
    ProcessGroup,
    /// The session, all processes of which some kill at a log-out.
    Session,
    /// Pipes to somebody who waits for their end, or whose end breaks them.
    Pipes,
    /// A signal that is sent when the parent ends (PR_SET_PDEATHSIG).
    ParentDeath,
    /// A process above that inherits orphans, and so finds every descendant to end it.
    Subreaper,
    /// The cgroup, all of which a service manager kills.
    Cgroup,
    /// A job object (Windows), whose processes are ended and limited as one.
    JobObject,
    /// The log-out: login sessions' processes may be killed, a user's manager ends.
    LogOut,
    /// Variables in the environment by which runners find processes to kill.
    Cookies,
    /// Ignored and blocked signals.
    Signals,
    /// Limits of resources, niceness, affinity and the like.
    Limits,
    /// The working folder: deleted, or on a mount that it keeps busy.
    WorkingDirectory,
    /// A pid namespace: all that is in it ends with it.
    PidNamespace,
    /// What keeps a process from gaining privileges: NO_NEW_PRIVS, seccomp, a user namespace.
    Sandbox,
    /// Sockets and credentials named in the environment that go with the log-out.
    Credentials,
}

/// What kind of hazard it is, which decides what is done about it unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HazardKind {
    /// It would end or stall the process: left.
    Lifetime,
    /// Somebody may have set it on purpose: kept, unless its reset is asked for.
    Resource,
    /// It protects others from the process: kept, unless leaving it is asked for.
    Protective,
}

impl Hazard {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Hazard; 16] = [
        Hazard::Terminal,
        Hazard::ProcessGroup,
        Hazard::Session,
        Hazard::Pipes,
        Hazard::ParentDeath,
        Hazard::Subreaper,
        Hazard::Cgroup,
        Hazard::JobObject,
        Hazard::LogOut,
        Hazard::Cookies,
        Hazard::Signals,
        Hazard::PidNamespace,
        Hazard::Limits,
        Hazard::WorkingDirectory,
        Hazard::Sandbox,
        Hazard::Credentials,
    ];

    /// Its kind.
    pub fn kind(self) -> HazardKind {
        match self {
            Hazard::Limits | Hazard::WorkingDirectory | Hazard::Credentials => HazardKind::Resource,
            Hazard::Sandbox => HazardKind::Protective,
            _ => HazardKind::Lifetime,
        }
    }
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Hazard::Terminal => "terminal",
            Hazard::ProcessGroup => "process group",
            Hazard::Session => "session",
            Hazard::Pipes => "pipes",
            Hazard::ParentDeath => "parent death",
            Hazard::Subreaper => "subreaper",
            Hazard::Cgroup => "cgroup",
            Hazard::JobObject => "job object",
            Hazard::LogOut => "log-out",
            Hazard::Cookies => "cookies",
            Hazard::Signals => "signals",
            Hazard::Limits => "limits",
            Hazard::WorkingDirectory => "working folder",
            Hazard::PidNamespace => "pid namespace",
            Hazard::Sandbox => "sandbox",
            Hazard::Credentials => "credentials",
        })
    }
}

/// What becomes of a hazard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// There is none.
    NotPresent,
    /// It is left.
    Left,
    /// It is there, does not end the process by itself, and is kept since nobody asked for more.
    Kept,
    /// It is there, and can't or may not be left.
    Remains,
}

/// One hazard, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escape {
    /// Which one.
    pub hazard: Hazard,
    /// What becomes of it.
    pub state: State,
    /// What is there, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// How it is left; or why it is kept or remains.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub how: String,
    /// What would change that: a command, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Who starts the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Whoever asks for it.
    #[default]
    Direct,
    /// Whoever asks for it; a systemd manager moves it to a scope of its own before its exec.
    Scoped(Manager),
    /// A systemd manager: it is nobody's descendant.
    Delegated(Manager),
    /// Windows' service control manager, as a service of its own.
    Service,
    /// Windows' Task Scheduler.
    Task,
}

/// A systemd manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Manager {
    /// The user's own, `systemd --user`.
    User,
    /// The system's, process 1.
    System,
}

impl Way {
    /// The word for it in JSON and the like, and that for the manager.
    pub fn words(self) -> (&'static str, Option<&'static str>) {
        let name = |manager| match manager {
            Manager::User => "user",
            Manager::System => "system",
        };
        match self {
            Way::Direct => ("direct", None),
            Way::Scoped(manager) => ("scoped", Some(name(manager))),
            Way::Delegated(manager) => ("delegated", Some(name(manager))),
            Way::Service => ("service", None),
            Way::Task => ("task", None),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Direct => f.write_str("direct"),
            Way::Scoped(manager) => write!(f, "scoped by {manager}"),
            Way::Delegated(manager) => write!(f, "delegated to {manager}"),
            Way::Service => f.write_str("by the service control manager"),
            Way::Task => f.write_str("by the Task Scheduler"),
        }
    }
}

impl fmt::Display for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Manager::User => "the user's systemd manager",
            Manager::System => "the system's systemd manager",
        })
    }
}

/// What became of each hazard around a job, as seen on the running job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Who started it.
    pub way: Way,
    /// Each hazard once.
    pub escapes: Vec<Escape>,
    /// What else is to be said: a manager that did not answer, lingering that was enabled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Report {
    /// What becomes of this hazard.
    pub fn escape(&self, hazard: Hazard) -> Option<&Escape> {
        self.escapes.iter().find(|escape| escape.hazard == hazard)
    }

    /// The same, without the hazards that are not there and of which nothing is to be said.
    #[must_use]
    pub fn brief(mut self) -> Report {
        self.escapes
            .retain(|it| it.state != State::NotPresent || !it.detail.is_empty());
        self
    }

    /// The hazards that could end or stall the process and remain.
    pub fn dangers(&self) -> impl Iterator<Item = &Escape> {
        self.escapes.iter().filter(|escape| {
            escape.state == State::Remains && escape.hazard.kind() == HazardKind::Lifetime
        })
    }
}
