//! What makes a situation: what surrounds a launch, and what strikes afterwards.

use super::machine::Init;

/// Where a situation can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// With systemd (whose log-outs kill nothing), and without.
    Anywhere,
    /// Only with systemd.
    Systemd,
    /// Only with a systemd whose log-outs kill.
    SystemdKills,
}

/// What surrounds the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Around {
    /// A login at a terminal, as getty makes it; the script is sourced by its interactive shell.
    Login,
    /// The same, the script being a program of its own, in a process group of its own.
    LoginProgram,
    /// A login without a terminal (without systemd: a session); the words wrap the script, `{F}`
    /// stands for the cell's folder.
    Session(&'static [&'static str]),
    /// A transient service of the system's manager.
    Service,
    /// A service of the user's own manager.
    UserService,
    /// A real ssh login through PAM; with a terminal or without.
    Ssh(bool),
    /// A cgroup that has nothing to do with systemd; delegated to its user or not.
    Cgroup(bool),
    /// A cgroup with a limit: the file and its content.
    Limited(&'static str, &'static str),
}

/// What happens after the launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strike {
    /// The terminal's other side is closed.
    HangUp,
    /// `exit` is typed, and then the other side is closed.
    Exit,
    /// The script's process group is killed.
    Group,
    /// Every process of the script's session is killed.
    Session,
    /// The job reads its standard input and writes to the terminal, which has `tostop` set.
    Terminal,
    /// `systemctl stop`, of the user's manager or the system's.
    Stop,
    /// The script ends, and with it the service, or the ssh login.
    Ends,
    /// Nothing: the caller's end of file is what counts.
    Returns,
    /// `cgroup.kill`.
    CgroupKill,
    /// What wraps the script is told to strike.
    Wrapper,
    /// What wraps the script is killed.
    WrapperKilled,
    /// A CI runner's clean-up by environment.
    Cookies(Runner),
    /// Nothing: what the job says of itself is what counts.
    Check(Check),
}

/// Whose clean-up it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    Jenkins,
    GitHub,
}

/// What the job is to have got rid of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    SoftLimits,
    Nice,
    Affinity,
    OomScore,
    Signals,
    LimitedCgroup,
}

/// How the script launches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Launch {
    /// And waits for a word before it ends.
    Stay,
    /// And ends at once.
    Leave,
    /// By becoming the launcher.
    Exec,
    /// As `Stay`, with descriptors 0 to 2 closed.
    Closed,
}

/// One situation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation {
    pub(crate) id: &'static str,
    pub(crate) what: &'static str,
    /// The hazards that strike in it, as doctor calls them.
    pub(crate) hazards: &'static [&'static str],
    pub(crate) place: Place,
    pub(crate) around: Around,
    pub(crate) strike: Strike,
    pub(crate) launch: Launch,
    /// Lines of the script that come first.
    pub(crate) prelude: &'static str,
    /// Options of `outlive run`.
    pub(crate) options: &'static [&'static str],
}

impl Situation {
    pub(crate) fn named(id: &str) -> Option<&'static Situation> {
        super::situations::SITUATIONS
            .iter()
            .find(|situation| situation.id == id)
    }

    /// Whether its user may not have processes linger.
    pub(crate) fn linger_refused(&self) -> bool {
        self.id == "K6r"
    }

    /// Whether its user's processes linger from the beginning.
    pub(crate) fn lingers(&self) -> bool {
        self.id == "K6L" || self.around == Around::UserService
    }

    /// Whether even a job that was started with `&` alone comes out of it.
    pub(crate) fn spares_plain(&self, _init: Init, _root: bool) -> bool {
        // A fork clears the wish to die with a parent (prctl(2)).
        matches!(self.id, "K9" | "K12d")
    }

    /// Whether the job must still have what protects others from it.
    pub(crate) fn keeps_sandbox(&self) -> bool {
        self.hazards.contains(&"sandbox") && !self.options.contains(&"--leave-sandbox")
    }
}
