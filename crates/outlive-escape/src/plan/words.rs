//! What is done about each hazard, in words.

use super::cgroup::Exit;
use super::{Breakaway, Case, Level, LogOut, Reach, Route, Words};
use crate::kernel::cgroup::Owner;
use crate::survey::{Adoption, Stream};
use outlive_os::signal;
use outlive_record::{Manager, Way};

pub(super) const OFF: &str = "kept, since breakaway is off";
const PURPOSE: &str = "kept, since it may have been set on purpose";

impl Case<'_> {
    /// What setsid(2) leaves, unless that is not wanted.
    fn by_session(&self, detail: impl Into<String>) -> Words {
        match self.wish.detach {
            true => Words::left(detail, "it leads a session of its own"),
            false => Words::kept(detail, "kept, since it is not detached"),
        }
    }

    pub(super) fn terminal(&self) -> Words {
        match &self.survey.terminal {
            Some(terminal) => self.by_session(format!("{terminal} sends SIGHUP when it is closed")),
            None => Words::absent(""),
        }
    }

    pub(super) fn group(&self) -> Words {
        self.by_session(format!(
            "group {} may be killed as one",
            self.survey.process.group
        ))
    }

    pub(super) fn session(&self) -> Words {
        self.by_session(format!(
            "session {} may be killed as one",
            self.survey.process.session
        ))
    }

    pub(super) fn pipes(&self) -> Words {
        let names = ["input", "output", "error"];
        let held: Vec<&str> = names
            .into_iter()
            .zip(&self.survey.streams)
            .filter(|(_, stream)| **stream == Stream::Pipe)
            .map(|(name, _)| name)
            .collect();
        if held.is_empty() {
            return Words::absent("");
        }
        let detail = format!("somebody waits at the end of standard {}", held.join(", "));
        match self.wish.level {
            Level::Job => Words::left(detail, "it prints to a file and inherits nothing"),
            Level::Child => Words::kept(detail, "a child has the streams that it is given"),
        }
    }

    pub(super) fn parent_death(&self) -> Words {
        match self.survey.parent_death {
            Some(number) => Words::left(
                format!("{} when the parent ends", signal::name(number)),
                "a new process has none (prctl(2))",
            ),
            None => Words::absent(""),
        }
    }

    pub(super) fn subreaper(&self, way: Way) -> Words {
        let adopter = match &self.survey.adoption {
            Adoption::First => return Words::absent(""),
            Adoption::By(adopter) => adopter,
            Adoption::Unknown(why) => {
                let detail = "somebody above may inherit orphans, and so find them to end them";
                return match (way, self.wish.breakaway) {
                    (Way::Delegated(manager), _) => {
                        Words::left(detail, format!("started by {manager}"))
                    }
                    (_, Breakaway::Off) => Words::kept(detail, OFF),
                    _ => Words::kept(detail, format!("it can't be told: {why}")),
                };
            }
        };
        let who = format!("{} (process {})", adopter.name, adopter.pid);
        if adopter.harmless {
            return Words::absent(format!("{who} inherits orphans and harms none"));
        }
        let detail = format!("{who} inherits orphans, so that it can find them to end them");
        match way {
            Way::Delegated(manager) => Words::left(detail, format!("started by {manager}")),
            _ if self.wish.breakaway == Breakaway::Off => Words::kept(detail, OFF),
            _ => self.without_manager(detail),
        }
    }

    pub(super) fn cgroup(&self, route: &Route) -> Words {
        let detail = match &self.owner {
            Owner::Root => return Words::absent(""),
            Owner::Ours => return Words::absent("it is outlive's own"),
            Owner::SystemUnit(unit) | Owner::UserUnit(unit) => {
                format!("what is in {unit} may end when that is stopped")
            }
            Owner::Session(scope) => format!("all that is in {scope} may end at the log-out"),
            Owner::Plain => format!("all that is in {} may be killed as one", self.path),
        };
        match route.way {
            Way::Delegated(manager) => Words::left(
                detail,
                format!("started by {manager} as a service of its own"),
            ),
            Way::Scoped(manager) => {
                Words::left(detail, format!("moved by {manager} to a scope of its own"))
            }
            Way::Direct if self.wish.breakaway == Breakaway::Off => Words::kept(detail, OFF),
            Way::Direct if self.opens(route) => match &self.exit {
                Exit::Beside(_, below) => Words::remains(
                    detail,
                    format!("it gets a cgroup of its own, but within {below}"),
                ),
                _ => Words::left(
                    detail,
                    "it gets a cgroup of its own; what limits and filters the old one stays there",
                ),
            },
            _ if !self.cgroup_kills() => {
                let why = match &self.helpers.kill_mode {
                    Some(mode) if self.unit_spares() => format!("KillMode={mode}"),
                    _ => "KillUserProcesses=no".to_owned(),
                };
                Words::kept(detail, format!("kept: {why}, so that nothing ends it"))
            }
            _ => self.without_manager(detail),
        }
    }

    /// Whether the process is started in a cgroup outside of what ends the caller's.
    fn opens(&self, route: &Route) -> bool {
        !route.bases.is_empty() && matches!(self.exit, Exit::Open(_) | Exit::Beside(..))
    }

    pub(super) fn log_out(&self, route: &Route) -> Words {
        let user = self.survey.user;
        let in_session = matches!(self.owner, Owner::Session(_));
        let by_user_manager = matches!(
            route.way,
            Way::Delegated(Manager::User) | Way::Scoped(Manager::User)
        );
        let with_user_manager = by_user_manager || (user != 0 && self.by_user_manager);
        if with_user_manager {
            let detail = "the user's systemd manager ends at the last log-out";
            let undo = format!("to undo it: loginctl disable-linger {user}");
            return match &self.helpers.log_out {
                LogOut::Known { lingers: true, .. } => {
                    Words::absent("the user lingers: their manager stays after the log-out")
                }
                _ if self.wish.breakaway == Breakaway::Off => Words::kept(detail, OFF),
                _ if route.enable_linger => {
                    Words::left(detail, format!("the user lingers; {undo}"))
                }
                other => Words::remains(detail, self.why_no_linger(other))
                    .hint(format!("sudo loginctl enable-linger {user}")),
            };
        }
        if !in_session {
            return Words::absent("");
        }
        let detail = "the processes of the session may be ended";
        if route.way != Way::Direct || self.opens(route) {
            return Words::left(detail, "it is no process of the session");
        }
        match self.kills_at_log_out() {
            _ if self.wish.breakaway == Breakaway::Off => Words::kept(detail, OFF),
            Some(false) => Words::absent("KillUserProcesses=no"),
            Some(true) => self.without_manager("KillUserProcesses=yes".to_owned()),
            None => {
                let why = match &self.helpers.log_out {
                    LogOut::Failed(why) => why.clone(),
                    _ => "logind was not asked".to_owned(),
                };
                Words::remains(detail, why)
            }
        }
    }

    fn why_no_linger(&self, log_out: &LogOut) -> String {
        if let Some(why) = &self.helpers.linger_refused {
            return format!("lingering can't be enabled: {why}");
        }
        match log_out {
            LogOut::Failed(why) => why.clone(),
            LogOut::NotAsked => "logind was not asked".to_owned(),
            LogOut::Known { .. } => "lingering may not be enabled (--no-linger)".to_owned(),
        }
    }

    /// A hazard that only a manager could leave, where none does.
    fn without_manager(&self, detail: String) -> Words {
        let (manager, reach) = self.manager();
        if self.wish.level == Level::Child && self.hunted() && !self.cgroup_kills() {
            let why = "a child of this process is its descendant";
            return Words::remains(detail, why).hint("start it as a job: outlive run");
        }
        if self.wish.level == Level::Child && self.boxed() {
            return Words::remains(detail, "a manager knows it by another process id")
                .hint("start it as a job: outlive run");
        }
        match reach {
            Reach::Failed(why) => Words::remains(detail, why.clone()),
            Reach::There if self.walled() && !self.wish.leave_sandbox => {
                let why = format!("{manager} would start it outside of this sandbox");
                Words::remains(detail, why).hint("outlive run --leave-sandbox")
            }
            Reach::Absent | Reach::There => {
                let words = Words::remains(detail, format!("{manager} can't be asked from here"));
                match (manager, self.survey.systemd) {
                    (Manager::User, true) => {
                        words.hint(format!("sudo loginctl enable-linger {}", self.survey.user))
                    }
                    _ => words,
                }
            }
        }
    }

    pub(super) fn cookies(&self) -> Words {
        let mut runners: Vec<&str> = self.survey.cookies.iter().map(|it| it.runner).collect();
        runners.dedup();
        let mut names: Vec<&str> = self
            .survey
            .cookies
            .iter()
            .map(|it| it.variable.as_str())
            .collect();
        names.dedup();
        match runners[..] {
            [] => Words::absent(""),
            _ => Words::left(
                format!("{} hunts by {}", runners.join(", "), names.join(", ")),
                "they are not in its environment",
            ),
        }
    }

    pub(super) fn signals(&self) -> Words {
        // What a runtime ignores to be told of by an error instead: it says nothing of the caller.
        // 32 and 33 are the C library's own.
        let by_runtime = |number: i32| {
            matches!(number, 32 | 33) || ["SIGPIPE", "SIGXFSZ"].contains(&&*signal::name(number))
        };
        let names = |mask: u64| -> Vec<String> {
            (1..=64)
                .filter(|number| mask >> (number - 1) & 1 == 1 && !by_runtime(*number))
                .map(signal::name)
                .collect()
        };
        let parts = [
            ("ignored", names(self.survey.ignored_signals)),
            ("blocked", names(self.survey.blocked_signals)),
        ];
        let said: Vec<String> = parts
            .iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(what, names)| format!("{what}: {}", names.join(", ")))
            .collect();
        match said[..] {
            [] => Words::absent(""),
            _ => Words::left(
                said.join("; "),
                "it starts with none ignored and none blocked",
            ),
        }
    }

    pub(super) fn pid_namespace(&self, way: Way) -> Words {
        let Some(namespace) = &self.survey.namespace else {
            return Words::absent("");
        };
        if let Some(container) = &namespace.container {
            return Words::absent(format!("{container}: a machine of its own"));
        }
        let detail = "all that is in this pid namespace ends when its first process does";
        match way {
            Way::Delegated(manager) => {
                Words::left(detail, format!("started by {manager}, outside of it"))
            }
            _ if self.wish.breakaway == Breakaway::Off => Words::kept(detail, OFF),
            _ => self.without_manager(detail.to_owned()),
        }
    }

    pub(super) fn limits(&self, route: &Route) -> Words {
        let limits = &self.survey.limits;
        let reset = self.reset();
        let shown = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |it| it.to_string());
        let mut kept: Vec<String> = Vec::new();
        let mut back: Vec<String> = Vec::new();
        let mut say = |is_reset: bool, what: String| match is_reset {
            true => back.push(what),
            false => kept.push(what),
        };
        for it in &limits.resources {
            let (soft, hard) = (shown(it.soft), shown(it.hard));
            say(reset.limits, format!("{} {soft} (at most {hard})", it.name));
        }
        if limits.nice != 0 {
            say(reset.nice, format!("nice {}", limits.nice));
        }
        let scheduling = [
            ("scheduling", &limits.scheduler),
            ("input and output", &limits.io_priority),
        ];
        for (what, value) in scheduling {
            if let Some(value) = value {
                say(reset.nice, format!("{what} {value}"));
            }
        }
        if let Some(slack) = limits.timer_slack {
            say(reset.nice, format!("timer slack {slack} ns"));
        }
        if let Some(processors) = &limits.affinity {
            say(reset.affinity, format!("processors {processors}"));
        }
        if limits.oom_score_adj != 0 {
            say(reset.oom, format!("oom_score_adj {}", limits.oom_score_adj));
        }
        if self.survey.umask & 0o700 != 0 {
            say(reset.umask, format!("umask {:04o}", self.survey.umask));
        }
        let leaves_cgroup = route.way != Way::Direct || self.opens(route);
        for limit in &self.survey.cgroup_limits {
            say(leaves_cgroup, limit.clone());
        }
        let how = match back.is_empty() {
            true => String::new(),
            false => format!("no longer in force: {}", back.join(", ")),
        };
        match (kept.is_empty(), back.is_empty()) {
            (true, true) => Words::absent(""),
            (true, false) => Words::left(back.join(", "), "set back as far as this user may"),
            (false, true) => Words::kept(kept.join(", "), PURPOSE).hint("outlive run --reset all"),
            (false, false) => {
                let how = format!("{PURPOSE}; {how}");
                Words::kept(kept.join(", "), how).hint("outlive run --reset all")
            }
        }
    }

    pub(super) fn folder(&self) -> Words {
        let folder = &self.survey.folder;
        let path = folder.path.display();
        let detail = match &folder.mount {
            _ if folder.deleted => format!("{path} has been deleted"),
            Some(mount) => format!("{} can't be unmounted while it runs", mount.display()),
            None => return Words::absent(""),
        };
        match self.wish.reset.cwd {
            true => Words::left(detail, "it starts elsewhere"),
            false => Words::kept(detail, PURPOSE).hint("outlive run --cwd /"),
        }
    }

    pub(super) fn sandbox(&self, way: Way) -> Words {
        let sandbox = self.survey.sandbox;
        let parts = [
            (sandbox.no_new_privs, "NO_NEW_PRIVS"),
            (sandbox.seccomp, "a seccomp filter"),
            (sandbox.user_namespace, "a user namespace"),
        ];
        let found: Vec<&str> = parts.iter().filter(|it| it.0).map(|it| it.1).collect();
        if found.is_empty() {
            return Words::absent("");
        }
        let detail = found.join(", ");
        match way {
            Way::Delegated(manager) if self.wish.leave_sandbox => {
                Words::left(detail, format!("left as asked: started by {manager}"))
            }
            _ => Words::kept(detail, "kept, since it protects others"),
        }
    }

    pub(super) fn credentials(&self) -> Words {
        match self.survey.credentials[..] {
            [] => Words::absent(""),
            _ => Words::kept(
                self.survey.credentials.join(", "),
                "passed on, though what they name may go at the log-out",
            ),
        }
    }
}
