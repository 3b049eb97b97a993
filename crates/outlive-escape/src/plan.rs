//! For each hazard, how it is left or why it stays. Pure: it looks at nothing but what it is given,
//! and so every rule of it is tested without a process.

mod cgroup;
mod job_object;
mod windows;
mod words;

use crate::kernel::cgroup::{Hierarchy, Kind, Owner};
use crate::survey::{Adoption, Survey};
use cgroup::Exit;
use outlive_os::Kernel;
pub use outlive_record::{Breakaway, Reset, Via};
use outlive_record::{Escape, Hazard, Manager, Report, State, Way};
use std::path::PathBuf;

/// What is to be started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Level {
    /// A child of this process: nobody else can start it.
    Child,
    /// A job with a keeper.
    #[default]
    Job,
}

/// What is wished for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Wish {
    /// What is to be started.
    pub level: Level,
    /// Whether it leaves the session, process group and terminal.
    pub detach: bool,
    /// Whether it leaves what would end it from further outside.
    pub breakaway: Breakaway,
    /// Whether it may leave a sandbox on its way.
    pub leave_sandbox: bool,
    /// Whether lingering may be enabled for the user.
    pub linger: bool,
    /// What is set back.
    pub reset: Reset,
    /// The way out of a job object (Windows) that is asked for: none of these is taken unasked.
    pub via: Option<Via>,
}

impl Default for Wish {
    fn default() -> Wish {
        Wish {
            level: Level::Job,
            detach: true,
            breakaway: Breakaway::Prefer,
            leave_sandbox: false,
            linger: true,
            reset: Reset::default(),
            via: None,
        }
    }
}

/// Whether a systemd manager can be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reach {
    /// There is none.
    #[default]
    Absent,
    /// It has a socket here.
    There,
    /// It was asked, and did not do it.
    Failed(String),
}

/// What logind says of the user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LogOut {
    /// It was not asked, or there is none.
    #[default]
    NotAsked,
    /// It was asked.
    Known {
        /// It ends the session's processes at the log-out (KillUserProcesses=, logind.conf(5)).
        kills: bool,
        /// The user's manager stays when the user has logged out (loginctl(1), enable-linger).
        lingers: bool,
    },
    /// It could not be asked.
    Failed(String),
}

/// What came of trying the way out that was asked for ([`Wish::via`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Passage {
    /// It was not tried.
    #[default]
    NotTried,
    /// It is open, and who is on it: `explorer.exe (process 812)`.
    By(String),
    /// It can't be taken.
    Failed(String),
}

/// Those who could help, as far as they have been asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Helpers {
    /// The user's systemd manager.
    pub user: Reach,
    /// The system's; only root is served by it.
    pub system: Reach,
    /// logind.
    pub log_out: LogOut,
    /// What the manager of the caller's unit ends with it (`KillMode=`, systemd.kill(5)), if it was
    /// asked and has told.
    pub kill_mode: Option<String>,
    /// Why lingering can't be enabled, if that was tried.
    pub linger_refused: Option<String>,
    /// Why no process may break away from the job objects, if that was tried: the innermost allows
    /// it, so that it is one around that which does not.
    pub breakaway_refused: Option<String>,
    /// Whether a process that has left the innermost job object was seen to be in another one.
    pub outer_job: bool,
    /// The way out that was asked for.
    pub via: Passage,
    /// Why a job that is started by this process can't be given its limits, if that was tried: a
    /// manager may be able to.
    pub unlimited: Option<String>,
}

/// How a process is started out of the caller's job object (Windows).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum JobExit {
    /// As any other: it is in it, unless that lets new processes go silently.
    #[default]
    Inherit,
    /// With CREATE_BREAKAWAY_FROM_JOB.
    Breakaway,
    /// With another parent (PROC_THREAD_ATTRIBUTE_PARENT_PROCESS), in whose job objects it is.
    Parent,
}

/// What is done at a launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Who starts the process.
    pub way: Way,
    /// Folders of the cgroup hierarchies in which it gets a cgroup outside of the caller's.
    pub bases: Vec<(Kind, PathBuf)>,
    /// Lingering is to be enabled first.
    pub enable_linger: bool,
    /// How it is started out of the caller's job object.
    pub exit: JobExit,
    /// What is set back: what was asked for, and what runners are known to set.
    pub reset: Reset,
}

/// What is done at a launch, and what comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What is done.
    pub route: Route,
    /// Each hazard, and what will become of it.
    pub report: Report,
}

impl Plan {
    /// What would remain although it could end or stall the process.
    pub fn dangers(&self) -> impl Iterator<Item = &Escape> {
        self.report.dangers()
    }
}

/// Whether the plan depends on what logind says: if not, it need not be asked.
pub fn depends_on_log_out(survey: &Survey, helpers: &Helpers, wish: &Wish) -> bool {
    let case = Case::new(survey, helpers, wish);
    let of_session = case.by_user_manager || matches!(case.owner, Owner::Session(_));
    survey.user != 0
        && wish.breakaway != Breakaway::Off
        && (of_session
            || (case.wants_manager() && (survey.systemd || helpers.user == Reach::There)))
}

/// Where a job gets its cgroups if it turns out that whoever asks for it starts it; none if the
/// cgroups alone speak against that.
pub fn direct_bases(cgroups: &[Hierarchy], breakaway: Breakaway) -> Option<Vec<(Kind, PathBuf)>> {
    if breakaway == Breakaway::Off {
        return Some(Vec::new());
    }
    let look = cgroup::look(cgroups, true);
    let leaves = matches!(look.exit, Exit::Open(_) | Exit::Beside(..))
        || matches!(look.owner, Owner::Root | Owner::Ours);
    leaves.then(|| look.exit.bases())
}

/// Whether a process can stay where the caller is: in the root, which nobody ends as a whole.
pub fn may_stay(cgroups: &[Hierarchy]) -> bool {
    cgroup::look(cgroups, true).owner == Owner::Root
}

/// The unit that the caller is in, and its manager, if the plan depends on what ends with it.
pub fn depends_on_unit(
    survey: &Survey,
    helpers: &Helpers,
    wish: &Wish,
) -> Option<(Manager, String)> {
    let case = Case::new(survey, helpers, wish);
    match &case.owner {
        Owner::SystemUnit(unit) if case.wants_manager() => Some((Manager::System, unit.clone())),
        Owner::UserUnit(unit) if case.wants_manager() => Some((Manager::User, unit.clone())),
        _ => None,
    }
}

/// The way out that is to be tried before the plan can say what comes of it.
pub fn depends_on_via(survey: &Survey, helpers: &Helpers, wish: &Wish) -> Option<Via> {
    let via = Case::new(survey, helpers, wish).via();
    via.filter(|_| helpers.via == Passage::NotTried)
}

/// What is to be done, without a word about it.
pub fn route(survey: &Survey, helpers: &Helpers, wish: &Wish) -> Route {
    Case::new(survey, helpers, wish).route()
}

/// Makes the plan.
pub fn plan(survey: &Survey, helpers: &Helpers, wish: &Wish) -> Plan {
    let case = Case::new(survey, helpers, wish);
    let route = case.route();
    let escapes = Hazard::ALL
        .iter()
        .map(|hazard| case.escape(*hazard, &route))
        .collect();
    let report = Report {
        way: route.way,
        escapes,
        notes: Vec::new(),
    };
    Plan { route, report }
}

/// What is asked, with what follows from it at once.
struct Case<'a> {
    survey: &'a Survey,
    helpers: &'a Helpers,
    wish: &'a Wish,
    owner: Owner,
    /// The path of the cgroup that is somebody's.
    path: String,
    exit: Exit,
    /// Whether the caller's cgroup ends with a user's manager.
    by_user_manager: bool,
}

impl<'a> Case<'a> {
    fn new(survey: &'a Survey, helpers: &'a Helpers, wish: &'a Wish) -> Case<'a> {
        let cgroup::Look { owner, path, exit } =
            cgroup::look(&survey.cgroups, survey.has_whole_paths());
        Case {
            survey,
            helpers,
            wish,
            owner: match survey.containers_cgroups {
                true => Owner::Root,
                false => owner,
            },
            path,
            exit,
            by_user_manager: cgroup::of_user_manager(&survey.cgroups),
        }
    }

    /// Whether the caller's cgroup ends with something.
    fn cgroup_kills(&self) -> bool {
        match &self.owner {
            Owner::Root | Owner::Ours => false,
            // As long as logind does not say that it leaves them alone.
            Owner::Session(_) => self.kills_at_log_out() != Some(false),
            Owner::SystemUnit(_) | Owner::UserUnit(_) => !self.unit_spares(),
            Owner::Plain => true,
        }
    }

    /// Whether the end of the caller's unit ends its main process alone, or nothing.
    fn unit_spares(&self) -> bool {
        let mode = self.helpers.kill_mode.as_deref();
        matches!(mode, Some("process" | "none"))
    }

    fn kills_at_log_out(&self) -> Option<bool> {
        match self.helpers.log_out {
            LogOut::Known { kills, .. } => Some(kills),
            _ => None,
        }
    }

    fn hunted(&self) -> bool {
        matches!(&self.survey.adoption, Adoption::By(adopter) if !adopter.harmless)
    }

    /// Whether it is in a pid namespace that is no machine of its own.
    fn boxed(&self) -> bool {
        self.survey
            .namespace
            .as_ref()
            .is_some_and(|it| !it.is_container())
    }

    /// Whether a manager that starts the process would take it out of a sandbox. NO_NEW_PRIVS does
    /// not count: it is set again on the other side.
    fn walled(&self) -> bool {
        let sandbox = self.survey.sandbox;
        self.boxed() || sandbox.seccomp || sandbox.user_namespace
    }

    /// Whether it can't leave without a manager.
    fn wants_manager(&self) -> bool {
        if self.wish.breakaway == Breakaway::Off {
            return false;
        }
        let out = match self.exit {
            Exit::Open(_) => true,
            // Better than nothing, and worse than what a manager can do.
            Exit::Beside(..) => *self.manager().1 != Reach::There,
            _ => false,
        };
        let cgroup = self.cgroup_kills() && !out;
        match self.wish.level {
            Level::Child => cgroup,
            Level::Job => {
                let limits = self.helpers.unlimited.is_some();
                let boxed = self.boxed() && self.wish.leave_sandbox;
                cgroup || limits || self.hunted() || boxed
            }
        }
    }

    /// The manager that would serve this user: what it is called, and whether it can be asked.
    fn manager(&self) -> (Manager, &Reach) {
        match self.survey.user {
            0 => (Manager::System, &self.helpers.system),
            _ => (Manager::User, &self.helpers.user),
        }
    }

    /// What is set back. GitHub's runner gives its jobs 500, so that they are killed before itself.
    fn reset(&self) -> Reset {
        let by_runner = self.survey.limits.oom_score_adj == 500
            && self
                .survey
                .cookies
                .iter()
                .any(|it| it.runner == crate::cookies::GITHUB);
        Reset {
            oom: self.wish.reset.oom || by_runner,
            ..self.wish.reset
        }
    }

    /// Whether lingering would help and may be tried.
    fn may_linger(&self) -> bool {
        self.wish.linger
            && self.survey.user != 0
            && self.helpers.linger_refused.is_none()
            && matches!(self.helpers.log_out, LogOut::Known { lingers: false, .. })
    }

    /// Who starts the process, and whether lingering is enabled for it.
    fn way(&self) -> (Way, bool) {
        match self.via() {
            Some(Via::Service) => return (Way::Service, false),
            Some(Via::Task) => return (Way::Task, false),
            Some(Via::Parent) | None => {}
        }
        let stays_in_users_manager =
            self.by_user_manager && self.survey.user != 0 && self.wish.breakaway != Breakaway::Off;
        let direct = (Way::Direct, stays_in_users_manager && self.may_linger());
        if !self.wants_manager() {
            return direct;
        }
        let through = match self.wish.level {
            // A process is named to the manager by its id, which means another one there.
            Level::Child if self.boxed() => return direct,
            Level::Child => Way::Scoped,
            Level::Job if self.walled() && !self.wish.leave_sandbox => return direct,
            Level::Job => Way::Delegated,
        };
        let (manager, reach) = self.manager();
        match (manager, reach) {
            (Manager::User, Reach::There) => (through(manager), self.may_linger()),
            // Lingering brings the manager up, and its socket where it can be seen.
            (Manager::User, Reach::Absent) if self.survey.systemd && self.may_linger() => {
                (through(manager), true)
            }
            (Manager::System, Reach::There) => (through(manager), false),
            _ => direct,
        }
    }

    fn route(&self) -> Route {
        let (way, enable_linger) = self.way();
        // A child goes where nobody cleans up after it, and so only where it must.
        let needed = match self.wish.level {
            Level::Job => true,
            Level::Child => self.cgroup_kills(),
        };
        let leaves = needed && self.wish.breakaway != Breakaway::Off && way == Way::Direct;
        Route {
            way,
            bases: if leaves {
                self.exit.bases()
            } else {
                Vec::new()
            },
            enable_linger,
            exit: self.job_exit(),
            reset: self.reset(),
        }
    }

    fn escape(&self, hazard: Hazard, route: &Route) -> Escape {
        if let Some(words) = self.on_windows(hazard, route) {
            return words.escape(hazard);
        }
        let way = route.way;
        let words = match hazard {
            Hazard::Terminal => self.terminal(),
            Hazard::ProcessGroup => self.group(),
            Hazard::Session => self.session(),
            Hazard::Pipes => self.pipes(),
            Hazard::ParentDeath => self.parent_death(),
            Hazard::Subreaper => self.subreaper(way),
            Hazard::Cgroup => self.cgroup(route),
            Hazard::JobObject => self.job_object(route),
            Hazard::LogOut => self.log_out(route),
            Hazard::Cookies => self.cookies(),
            Hazard::Signals => self.signals(),
            Hazard::PidNamespace => self.pid_namespace(way),
            Hazard::Limits => self.limits(route),
            Hazard::WorkingDirectory => self.folder(),
            Hazard::Sandbox => self.sandbox(way),
            Hazard::Credentials => self.credentials(),
        };
        words.escape(hazard)
    }
}

/// What is said of one hazard.
struct Words {
    state: State,
    detail: String,
    how: String,
    hint: Option<String>,
}

impl Words {
    fn absent(detail: impl Into<String>) -> Words {
        Words::new(State::NotPresent, detail, "")
    }

    fn left(detail: impl Into<String>, how: impl Into<String>) -> Words {
        Words::new(State::Left, detail, how)
    }

    fn kept(detail: impl Into<String>, how: impl Into<String>) -> Words {
        Words::new(State::Kept, detail, how)
    }

    fn remains(detail: impl Into<String>, how: impl Into<String>) -> Words {
        Words::new(State::Remains, detail, how)
    }

    fn new(state: State, detail: impl Into<String>, how: impl Into<String>) -> Words {
        Words {
            state,
            detail: detail.into(),
            how: how.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Words {
        self.hint = Some(hint.into());
        self
    }

    fn escape(self, hazard: Hazard) -> Escape {
        Escape {
            hazard,
            state: self.state,
            detail: self.detail,
            how: self.how,
            hint: self.hint,
        }
    }
}
