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
    /// A login without a terminal (without systemd: a session).
    Session,
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
    /// Nothing.
    Nothing,
}

/// What the harness does before the script starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// The folder `mount` of the cell is mounted.
    Mount,
    /// The user's systemd manager runs, and goes on doing so after log-outs.
    Manager,
    /// The same, and it is halted: it answers nobody.
    HaltedManager,
}

/// Whose clean-up it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    Jenkins,
    GitHub,
}

/// What is to be true of a job that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// It has got rid of what its caller had.
    SoftLimits,
    Nice,
    Policy,
    IoPriority,
    TimerSlack,
    Affinity,
    OomScore,
    Umask,
    Signals,
    LimitedCgroup,
    /// It has all that its caller had, also its environment.
    Kept,
    /// The folder `mount` of the cell can be unmounted.
    Unmounts,
    /// It was started without the manager, in bounded time, and that was said.
    FellBack,
    /// It has the files that it was given as its descriptors.
    Streams,
    /// A manager has started it, and nobody can read its environment there.
    Secret,
    /// It is in a scope of its own with all that it has started, and its parent waits for it.
    OwnScope,
    /// A stop of its unit asks it to end, and its end is known.
    Polite,
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
    /// Words in front of those that run the script; `{F}` stands for the cell's folder.
    pub(crate) wrap: &'static [&'static str],
    /// Properties of the caller's service.
    pub(crate) properties: &'static [&'static str],
    pub(crate) before: Option<Before>,
    pub(crate) strike: Strike,
    pub(crate) check: Option<Check>,
    pub(crate) launch: Launch,
    /// Lines of the script that come first.
    pub(crate) prelude: &'static str,
    /// Options of `outlive run`.
    pub(crate) options: &'static [&'static str],
    /// What is to be in the words that doctor and show have for its hazards.
    pub(crate) said: &'static [&'static str],
    /// Only trying tells what will remain: doctor does not know it beforehand.
    pub(crate) only_tried: bool,
    /// The launchers that it is for; all, if none is named.
    pub(crate) rows: &'static [&'static str],
}

impl Situation {
    pub(crate) fn named(id: &str) -> Option<&'static Situation> {
        super::situations::all().find(|situation| situation.id == id)
    }

    /// Whether its user may not have processes linger.
    pub(crate) fn linger_refused(&self) -> bool {
        self.id == "K6r"
    }

    /// Whether its user's processes linger from the beginning.
    pub(crate) fn lingers(&self) -> bool {
        self.id == "K6L"
            || self.around == Around::UserService
            || matches!(self.before, Some(Before::Manager | Before::HaltedManager))
    }

    /// Whether even a job that was started with `&` alone comes out of it.
    pub(crate) fn spares_plain(&self, _init: Init, _root: bool) -> bool {
        // A fork clears the wish to die with a parent (prctl(2)).
        matches!(self.id, "K9" | "K12d" | "K5p")
    }

    /// Whether the job must still have what protects others from it.
    pub(crate) fn keeps_sandbox(&self) -> bool {
        self.hazards.contains(&"sandbox") && !self.options.contains(&"--leave-sandbox")
    }
}
