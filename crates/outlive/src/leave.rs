//! What surrounds this process, and what is done about it at a launch.

mod job_object;
mod running;
mod seen;
mod simple;

pub(crate) use job_object::{is_ours, job_exit, starter};
pub(crate) use seen::Begun;
pub use seen::survey;
pub(crate) use simple::is_simple;

use crate::error::{Error, Kind, Result};
use outlive_escape::kernel::cgroup::{self, Hierarchy, Owner};
use outlive_escape::plan::{
    self, Breakaway, Helpers, LogOut, Plan, Reach, Reset, Route, Wish, depends_on_log_out,
};
use outlive_escape::survey::{Adoption, Glance, Survey};
use outlive_os::cgroup::Cgroup;
use outlive_os::proc;
use outlive_os::process::Process;
use outlive_os::settings::{self, Which};
use outlive_record::{
    Caller, CgroupFolder, Escape, Hazard, Manager, Report, Setting, Text, Unlimited, Way,
};
use outlive_systemd as systemd;
use seen::{complete, looked};
use std::borrow::Cow;
use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long a manager may take for one thing that it is asked for: starting a service takes it some
/// ten milliseconds, and a user's manager that has to come up first a second.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// The folder of a cgroup hierarchy in which outlive keeps cgroups.
const FOLDER: &str = "outlive";
/// In there, the cgroup of all keepers, which stays.
pub(crate) const KEEPERS: &str = "keepers";
/// In there, the cgroup of programs without a keeper: nobody is left to remove one of their own.
pub(crate) const PROCESSES: &str = "processes";

/// A wish, with a person's or an administrator's word against lingering.
fn heeding(wish: &Wish) -> Wish {
    Wish {
        linger: wish.linger && std::env::var_os("OUTLIVE_NO_LINGER").is_none_or(|it| it.is_empty()),
        ..*wish
    }
}

/// What kept a process from being started as planned, and why.
#[derive(Debug)]
pub(crate) enum Barred {
    /// Its cgroup.
    Cgroup(io::Error),
    /// The job object that it was to break away from.
    Breakaway(io::Error),
    /// The way out that was asked for.
    Via(io::Error),
}

/// Folders in which cgroups are made.
pub(crate) type Bases = Vec<(cgroup::Kind, PathBuf)>;

/// What would be done about each hazard for a program that is started from here, with this wish,
/// and what would remain. Managers are asked, but nothing is started or changed.
///
/// ```
/// use outlive::{Wish, plan};
///
/// for danger in plan(&Wish::default())?.dangers() {
///     println!("{}: {}", danger.hazard, danger.how);
/// }
/// # Ok::<(), outlive::Error>(())
/// ```
///
/// # Errors
///
/// If `/proc` can't be read.
pub fn plan(wish: &Wish) -> Result<Plan> {
    let mut survey = survey()?.clone();
    survey.cgroup_limits = outlive_escape::survey::cgroup_limits(&survey.cgroups);
    let mut leaving = Leaving::of(Cow::Owned(survey), wish);
    if let Way::Delegated(manager) = leaving.next().way {
        leaving.look_at(manager);
    }
    leaving.ask_whether_to_linger();
    Ok(leaving.plan())
}

/// One program's way out, as it is tried.
#[derive(Debug)]
pub(crate) struct Leaving {
    survey: Cow<'static, Survey>,
    helpers: Helpers,
    wish: Wish,
    /// What came of asking others.
    notes: Vec<String>,
    /// Who is to be its parent in place of this process, once that was looked for.
    parent: Option<Arc<Process>>,
}

impl Leaving {
    pub(crate) fn new(wish: &Wish) -> Result<Leaving> {
        Leaving::from(Begun::new()?, None, wish)
    }

    /// The same, on a survey that was begun, and with the parent of an orphan that was made since.
    pub(crate) fn from(begun: Begun, orphans_parent: Option<i32>, wish: &Wish) -> Result<Leaving> {
        let survey = match begun {
            Begun::Whole(survey) => survey,
            Begun::Glance(glance) => complete(glance, orphans_parent)?,
        };
        Ok(Leaving::of(Cow::Borrowed(survey), &heeding(wish)))
    }

    /// The same, on a survey that is forgotten afterwards: of a process that is about to change what
    /// surrounds it.
    pub(crate) fn once(wish: &Wish) -> Result<Leaving> {
        let survey = looked(Glance::take(), None)?;
        Ok(Leaving::of(Cow::Owned(survey), &heeding(wish)))
    }

    fn of(survey: Cow<'static, Survey>, wish: &Wish) -> Leaving {
        let mut helpers = Helpers::default();
        // Each user is served by one of them.
        let (manager, reach) = match survey.user {
            0 => (systemd::Manager::System, &mut helpers.system),
            _ => (systemd::Manager::User, &mut helpers.user),
        };
        if manager.is_there(survey.user) {
            *reach = Reach::There;
        }
        Leaving {
            survey,
            helpers,
            wish: *wish,
            notes: Vec::new(),
            parent: None,
        }
    }

    fn ask(&mut self) {
        if self.helpers.kill_mode.is_none()
            && let Some((manager, unit)) =
                plan::depends_on_unit(&self.survey, &self.helpers, &self.wish)
        {
            // A unit that can't be asked about is taken to end with all that is in it.
            let mode = systemd::kill_mode(of(manager), self.survey.user, &unit, PATIENCE);
            match &mode {
                // Whoever would be asked for more would not answer that either.
                Err(failure) if failure.is_timed_out() => {
                    self.without(manager, failure.to_string())
                }
                _ => {}
            }
            self.helpers.kill_mode = Some(mode.unwrap_or_default());
        }
        if self.helpers.log_out == LogOut::NotAsked
            && depends_on_log_out(&self.survey, &self.helpers, &self.wish)
        {
            self.helpers.log_out = match self.log_out() {
                Ok(log_out) => log_out,
                Err(failure) => LogOut::Failed(failure.to_string()),
            };
        }
    }

    /// What a log-out does: of the session, which may be another user's (su(1)), and of this user.
    fn log_out(&self) -> std::result::Result<LogOut, systemd::Failure> {
        let user = self.survey.user;
        let own = systemd::logind(user, PATIENCE)?;
        let mut paths = self.survey.cgroups.iter().map(|it| it.path.as_str());
        let kills = match paths.find_map(cgroup::slice_user) {
            Some(other) if other != user => systemd::logind(other, PATIENCE)?.kills_user_processes,
            _ => own.kills_user_processes,
        };
        Ok(LogOut::Known {
            kills,
            lingers: own.lingers,
        })
    }

    /// Looks whether the manager would start the process outside of this sandbox, as far as that can
    /// be seen from here: a launch hears of namespaces from the keeper that it has started.
    ///
    /// Whoever is under Landlock may not look at processes outside (landlock(7), "Ptrace
    /// restrictions"), and nothing else tells of it. It takes NO_NEW_PRIVS or a privilege to be put
    /// there, so in such a case a manager that can't be looked at is outside of a sandbox.
    fn look_at(&mut self, manager: Manager) {
        if self.wish.leave_sandbox {
            return;
        }
        let process = systemd::process(of(manager), self.survey.user, PATIENCE);
        let Ok(Some(pid)) = process else {
            return;
        };
        let theirs = proc::bounds(Some(pid));
        let beyond = theirs.beyond(&proc::bounds(None));
        if !beyond.is_empty() {
            self.outside(manager, &beyond);
        } else if self.may_be_confined() && theirs.namespaces.is_empty() {
            let why = format!("{manager} can't be looked at, as from under Landlock");
            self.without(manager, why);
        }
    }

    fn may_be_confined(&self) -> bool {
        self.survey.sandbox.no_new_privs || self.survey.user == 0
    }

    /// A manager is not confined as this process is, and may not take the program out of that.
    pub(crate) fn outside(&mut self, manager: Manager, beyond: &[String]) {
        let beyond = beyond.join(", ");
        let why = format!("{manager} is outside of this sandbox ({beyond})");
        self.without(manager, why);
    }

    /// Asks whether lingering could be enabled, which a launch finds out by doing it.
    fn ask_whether_to_linger(&mut self) {
        if !self.next().enable_linger {
            return;
        }
        self.helpers.linger_refused = match systemd::may_enable_linger(PATIENCE) {
            Ok(true) => None,
            Ok(false) => Some("polkit does not allow it to this user".to_owned()),
            Err(failure) => Some(failure.to_string()),
        };
    }

    /// What is to be done next, once those have been asked on whom it depends.
    fn next(&mut self) -> Route {
        self.ask();
        if let Some(via) = plan::depends_on_via(&self.survey, &self.helpers, &self.wish) {
            self.helpers.via = self.passage(via);
        }
        plan::route(&self.survey, &self.helpers, &self.wish)
    }

    /// The plan with what is known so far.
    pub(crate) fn plan(&self) -> Plan {
        let mut plan = plan::plan(&self.survey, &self.helpers, &self.wish);
        plan.report.notes.clone_from(&self.notes);
        plan
    }

    /// What is to be done, once those have been asked on whom it depends, and the user lingers if
    /// that is part of it.
    pub(crate) fn route(&mut self) -> Result<Route> {
        let mut looked = !self.may_be_confined();
        loop {
            let route = self.next();
            if let (Way::Delegated(manager), false) = (route.way, looked) {
                looked = true;
                self.look_at(manager);
                continue;
            }
            self.require()?;
            if !route.enable_linger {
                return Ok(route);
            }
            let user = self.survey.user;
            match systemd::enable_linger(user, PATIENCE) {
                Ok(()) => {
                    if let LogOut::Known { lingers, .. } = &mut self.helpers.log_out {
                        *lingers = true;
                    }
                    self.helpers.user = Reach::There;
                    let undo = format!("loginctl disable-linger {user}");
                    self.notes.push(format!(
                        "lingering is on from here: this user's jobs outlive the log-out; \
                         to undo it: {undo}"
                    ));
                }
                Err(failure) => self.helpers.linger_refused = Some(failure.to_string()),
            }
        }
    }

    /// Refuses what would not leave all that it is required to leave.
    fn require(&self) -> Result<()> {
        match self.requires(Hazard::Cgroup) {
            true => self.check(&self.plan().report),
            false => Ok(()),
        }
    }

    /// The same, of what is seen to be true of the program.
    pub(crate) fn check(&self, report: &Report) -> Result<()> {
        let danger = report.dangers().find(|danger| self.requires(danger.hazard));
        danger.map_or(Ok(()), remains)
    }

    fn requires(&self, hazard: Hazard) -> bool {
        match self.wish.breakaway {
            Breakaway::Require => true,
            Breakaway::RequireContainer => matches!(hazard, Hazard::Cgroup | Hazard::JobObject),
            Breakaway::Prefer | Breakaway::Off => false,
        }
    }

    /// A manager has not done what it was asked for: the next plan does without it.
    pub(crate) fn without(&mut self, manager: Manager, why: String) {
        self.notes.push(why.clone());
        match manager {
            Manager::User => self.helpers.user = Reach::Failed(why),
            Manager::System => self.helpers.system = Reach::Failed(why),
        }
    }

    /// The limits of a job could not be set on this route. Whether they are left to a manager then,
    /// which has not tried.
    pub(crate) fn is_limited_elsewhere(&mut self, route: &Route, which: &[Unlimited]) -> bool {
        if matches!(route.way, Way::Delegated(_)) {
            return false;
        }
        let which: Vec<String> = which.iter().map(ToString::to_string).collect();
        let is_first = self.helpers.unlimited.replace(which.join(", ")).is_none();
        is_first && matches!(self.next().way, Way::Delegated(_))
    }

    /// Nobody can set them: the next plan does without.
    pub(crate) fn limits_are_lost(&mut self) {
        self.helpers.unlimited = None;
    }

    /// A way has turned out to be barred: the next plan does without it.
    pub(crate) fn heed(&mut self, barred: Barred) {
        match barred {
            Barred::Cgroup(why) => self.without_cgroups(&why.to_string()),
            Barred::Breakaway(why) => self.without_breakaway(&why),
            Barred::Via(why) => self.without_via(&why),
        }
    }

    /// No cgroup could be made or joined after all: the next plan does without.
    fn without_cgroups(&mut self, why: &str) {
        let mut mattered = false;
        for hierarchy in &mut self.survey.to_mut().cgroups {
            mattered |= hierarchy.base.take().is_some() && owner_kills(hierarchy);
        }
        if mattered {
            self.notes.push(format!("no cgroup could be made: {why}"));
        }
    }

    /// What is true here, and is not to be true of the program.
    pub(crate) fn caller(&self) -> Caller {
        Caller {
            session: self.survey.process.session,
            group: self.survey.process.group,
            cgroups: self.survey.cgroups.iter().filter_map(unit_line).collect(),
            in_job: self.survey.job.is_some(),
            adopter: match &self.survey.adoption {
                Adoption::By(adopter) if !adopter.harmless => Some(adopter.pid),
                _ => None,
            },
            cookies: self
                .survey
                .cookies
                .iter()
                .map(|it| it.variable.clone())
                .collect(),
        }
    }

    /// What is set back, as settings.
    pub(crate) fn usual(&self, reset: Reset) -> Vec<Setting> {
        let lower = self.survey.limits.resources.iter();
        let lower: Vec<_> = lower.map(|it| (it.name, it.usual.0, it.usual.1)).collect();
        let which = Which {
            limits: reset.limits,
            hard_limits: self.survey.may_raise_limits,
            nice: reset.nice,
            affinity: reset.affinity,
            oom: reset.oom,
        };
        settings::usual(which, &lower)
    }

    /// As with [`Begun::may_stay`].
    pub(crate) fn may_stay(&self) -> bool {
        plan::may_stay(&self.survey.cgroups)
    }

    pub(crate) fn survey(&self) -> &Survey {
        &self.survey
    }
}

fn remains(danger: &Escape) -> Result<()> {
    let what = format!(
        "failed to leave what could end it: {}: {}: {}",
        danger.hazard, danger.detail, danger.how
    );
    Err(Error::new(Kind::Remains, what).hint_if_known(danger.hint.clone()))
}

fn owner_kills(hierarchy: &Hierarchy) -> bool {
    !matches!(cgroup::owner(&hierarchy.path), Owner::Root | Owner::Ours)
}

/// The cgroup that ends as one, as a line of `/proc/PID/cgroup`; nothing if there is none.
fn unit_line(hierarchy: &Hierarchy) -> Option<String> {
    if !hierarchy.kind.tracks() {
        return None;
    }
    let name = hierarchy.kind.name();
    let path = hierarchy.path.as_str();
    let end = match cgroup::owner(path) {
        Owner::Root | Owner::Ours => return None,
        Owner::SystemUnit(unit) | Owner::Session(unit) | Owner::UserUnit(unit) => {
            let above = path.split('/').take_while(|name| *name != unit);
            above.map(|name| name.len() + 1).sum::<usize>() + unit.len()
        }
        Owner::Plain => path.len(),
    };
    Some(format!("0:{name}:{}", &path[..end]))
}

/// A cgroup of outlive's in each of these folders, made if it is not there.
pub(crate) fn cgroups(bases: &Bases, name: &str) -> io::Result<Vec<Cgroup>> {
    bases
        .iter()
        .map(|(kind, base)| {
            let unified = *kind == cgroup::Kind::Unified;
            let folder = base.join(FOLDER).join(name);
            let there = Cgroup::open(&folder, unified);
            there.or_else(|_| Cgroup::make(&folder, unified))
        })
        .collect()
}

/// Where keepers make their jobs' cgroups.
pub(crate) fn cgroup_folders(bases: &Bases) -> Vec<CgroupFolder> {
    let folder = |base: &PathBuf| base.join(FOLDER);
    let bases = bases.iter();
    bases
        .map(|(kind, base)| CgroupFolder {
            path: Text(outlive_os::bytes(folder(base).as_os_str()).to_vec()),
            unified: *kind == cgroup::Kind::Unified,
        })
        .collect()
}

/// A systemd manager, as it is asked.
pub(crate) fn of(manager: Manager) -> systemd::Manager {
    match manager {
        Manager::User => systemd::Manager::User,
        Manager::System => systemd::Manager::System,
    }
}

/// Removes the cgroups of keepers that were killed and could not do it. Each bears its keeper's pid,
/// and nobody's is removed that still lives or has a process in it.
pub(crate) fn sweep_cgroups() {
    let Ok(survey) = survey() else {
        return;
    };
    let bases = survey.cgroups.iter().filter_map(|it| it.base.as_ref());
    let folders = bases.filter_map(|base| std::fs::read_dir(base.join(FOLDER)).ok());
    let paths = folders.flatten().flatten().map(|entry| entry.path());
    for path in paths.chain(outlive_keeper::limiting_cgroups()) {
        let name = path.file_name().and_then(OsStr::to_str);
        let pid = name.and_then(|name| name.rsplit_once('.')?.1.parse().ok());
        let gone = |pid| proc::line(pid).is_ok_and(|line| line.is_none_or(|it| it.has_ended()));
        if pid.is_some_and(gone) {
            // One that is in use stays, and one that is gone is gone.
            let _ = outlive_os::cgroup::remove_abandoned(&path);
        }
    }
}
