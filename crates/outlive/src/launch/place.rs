//! Finding the way on which a job is started, and trying the next one if that is barred.

use super::Order;
use super::hand::Keeper;
use crate::command;
use crate::environment::Environment;
use crate::error::{Error, Kind, Result};
use crate::leave::{self, Begun, Leaving};
use crate::stop;
use outlive_escape::cookies::is_cookie;
use outlive_escape::plan::{Breakaway, Plan};
use outlive_os::{KERNEL, Kernel, bytes, os_string, proc, settings, spawn};
use outlive_record::{
    Answer, Delegated, InputPlan, Launch, Leftover, OutputMode, OutputPlan, RestartPolicy, Setting,
    Text, Way,
};
use std::ffi::OsStr;
use std::path::PathBuf;

impl Order {
    /// Starts a keeper and waits for its answer: what was planned for the job, or `None` if the
    /// job's id is taken. The job's environment is asked for while a keeper comes up.
    pub(super) fn place(
        &mut self,
        environment: impl Fn() -> Result<Environment>,
    ) -> Result<Option<Plan>> {
        self.check()?;
        let begun = Begun::new()?;
        let mut ahead = self.ahead(&begun)?;
        let placed = self.place_beside(begun, &mut ahead, environment);
        if let Some(keeper) = ahead {
            // It was not needed: nothing of a job that is refused is left.
            keeper.dismiss();
        }
        placed
    }

    /// The same, beside a keeper that comes up, and is taken if it will do.
    fn place_beside(
        &mut self,
        begun: Begun,
        ahead: &mut Option<Keeper>,
        environment: impl Fn() -> Result<Environment>,
    ) -> Result<Option<Plan>> {
        self.environment = environment()?;
        self.complete_environment();
        self.environment.check()?;
        if self.wish.breakaway == Breakaway::Require {
            self.require_no_cookies()?;
        }
        let orphans_parent = ahead.as_ref().and_then(Keeper::parent);
        let mut leaving = Leaving::from(begun, orphans_parent, &self.wish)?;
        loop {
            let route = leaving.route()?;
            let mut plan = leaving.plan();
            if let Some(keeper) = ahead.take_if(|_| !leave::is_ours(&route)) {
                keeper.dismiss();
            }
            let answer = if let Way::Delegated(manager) = route.way {
                let launch = self.launch(&plan, &leaving);
                self.delegated += 1;
                match self.delegate(launch, leave::of(manager))? {
                    Ok(Answer::OutsideSandbox { beyond }) => {
                        leaving.outside(manager, &beyond);
                        continue;
                    }
                    Ok(answer) => answer,
                    Err(why) => {
                        leaving.without(manager, why);
                        continue;
                    }
                }
            } else if let Some(via) = leave::starter(&route) {
                let launch = self.launch(&plan, &leaving);
                match self.delegate_by(via, &launch)? {
                    Ok(answer) => answer,
                    Err(barred) => {
                        leaving.heed(barred);
                        continue;
                    }
                }
            } else {
                match self.keeper(&route, &leaving, ahead.take())? {
                    Ok(keeper) if leaving.is_in_outer_job(keeper.process(), &route) => {
                        *ahead = Some(keeper);
                        continue;
                    }
                    Ok(keeper) => self.hand(&self.launch(&plan, &leaving), keeper)?,
                    Err(barred) => {
                        leaving.heed(barred);
                        continue;
                    }
                }
            };
            if let Answer::NotLimited(which) = &answer {
                if leaving.is_limited_elsewhere(&route, which) {
                    continue;
                }
                if self.spec.limits.prefer {
                    self.unlimited = true;
                    leaving.limits_are_lost();
                    continue;
                }
            }
            return Ok(self.heed(answer)?.map(|unlimited| {
                let notes = unlimited.iter().map(|it| format!("not limited: {it}"));
                plan.report.notes.extend(notes);
                plan
            }));
        }
    }

    fn check(&self) -> Result<()> {
        let mode = self.spec.output.mode;
        let own_streams = (self.stdin, self.stdout, self.stderr);
        if mode == OutputMode::Pty
            && own_streams != (InputPlan::Null, OutputPlan::Job, OutputPlan::Job)
        {
            let what = "failed to combine a terminal with another standard stream";
            let hint = "the terminal is all three of them: Job::stdin writes to it";
            return Err(Error::new(Kind::Invalid, what).hint_at(hint));
        }
        if self.spec.terminal.is_some() && mode != OutputMode::Pty {
            let what = "failed to combine a terminal with an output mode of another kind";
            let hint =
                "what is printed on a terminal has no lines that could bear times or streams";
            return Err(Error::new(Kind::Invalid, what).hint_at(hint));
        }
        if self.spec.leftover == Leftover::Leave && mode != OutputMode::File {
            let what = match mode {
                OutputMode::Pty => "failed to combine leaving processes with a terminal",
                _ => "failed to combine leaving processes with output through a pipe",
            };
            let hint = "without its keeper they would have nobody to print to";
            return Err(Error::new(Kind::Invalid, what).hint_at(hint));
        }
        self.spec.limits.check().map_err(|what| {
            let what = format!("failed to limit the job to {what}");
            Error::new(Kind::Invalid, what).hint_at("leave a limit away to have none")
        })?;
        self.check_life()?;
        // A NUL can't be passed on, and would end a string early.
        let arguments = self.spec.command.iter().map(|it| it.0.as_slice());
        command::argument_strings(arguments).map(drop)
    }

    fn check_life(&self) -> Result<()> {
        let life = &self.spec.life;
        if self.spec.leftover == Leftover::Leave && life.restart != RestartPolicy::No {
            let what = "failed to combine leaving processes with starting the job again";
            let hint = "with each run there would be more of them";
            return Err(Error::new(Kind::Invalid, what).hint_at(hint));
        }
        match life.stop_signal {
            Some(signal) => stop::require_signal(signal, "have the job asked to end by"),
            None => Ok(()),
        }
    }

    /// What was set on purpose is in the environment whatever it is, and would be hunted by.
    fn require_no_cookies(&self) -> Result<()> {
        let names = self.environment.iter().map(|(name, _)| name);
        let mut found = names.filter_map(|name| Some((name, is_cookie(name)?)));
        let Some((key, entry)) = found.next() else {
            return Ok(());
        };
        let (key, runner) = (key.display(), entry.runner);
        let what = format!(
            "failed to leave what could end it: cookies: {runner} hunts by {key}, which was set for it"
        );
        Err(Error::new(Kind::Remains, what))
    }

    fn complete_environment(&mut self) {
        let id = self.spec.id.as_str().into();
        self.environment
            .set(outlive_keeper::JOB_VARIABLE.into(), id);
        // A job that bore a keeper's mark would be taken for one.
        self.environment.remove(OsStr::new(outlive_keeper::MARK.0));
        if self.spec.ready.listens() {
            // Those of whoever starts it: it would tell them, and not its keeper.
            for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
                self.environment.remove(OsStr::new(name));
            }
        }
        let terminal = self.spec.output.mode == OutputMode::Pty;
        if terminal && self.environment.get(OsStr::new("TERM")).is_none() {
            // What every terminal of today understands (xterm's terminfo).
            self.environment.set("TERM".into(), "xterm-256color".into());
        }
    }

    /// What the keeper is told, for a job that is started as planned.
    fn launch(&self, plan: &Plan, leaving: &Leaving) -> Launch {
        let program = os_string(self.spec.command[0].0.clone());
        let path = self.environment.get(OsStr::new("PATH"));
        let programs = spawn::candidates(&program, path);
        // To look for it here, while the keeper starts, is less than to try to execute it there. A
        // relative path is looked for there, since the job may start in another folder; and so is
        // what may mean `foo.exe` as well as `foo`.
        let is_missing = |program: &Vec<u8>| {
            let path = PathBuf::from(os_string(program.clone()));
            KERNEL != Kernel::Windows
                && path.is_absolute()
                && path.try_exists().is_ok_and(|there| !there)
        };
        let (missing, found): (Vec<_>, Vec<_>) = programs.into_iter().partition(is_missing);
        let programs = if found.is_empty() { missing } else { found };
        let mut launch = Launch::new(
            Text(bytes(self.home.as_os_str()).to_vec()),
            self.purpose,
            self.spec.clone(),
            programs.into_iter().map(Text).collect(),
        );
        (launch.stdin, launch.stdout, launch.stderr) = (self.stdin, self.stdout, self.stderr);
        launch.output_start = self.output_start;
        launch.kept.clone_from(&self.kept);
        launch.cgroups = leave::cgroup_folders(&plan.route.bases);
        launch.credentials.clone_from(&self.credentials);
        launch.require_limits = !self.unlimited;
        launch.require = self.wish.breakaway == Breakaway::Require;
        launch.report = plan.report.clone().brief();
        launch.caller = leaving.caller();
        let usual = leaving.usual(plan.route.reset);
        launch.settings = match leave::is_ours(&plan.route) {
            false => {
                launch.delegated = Some(self.strangers());
                let mut settings = settings::current();
                if leaving.survey().sandbox.no_new_privs && !self.wish.leave_sandbox {
                    settings.push(Setting::NoNewPrivs);
                }
                settings::instead(settings, usual)
            }
            true => usual,
        };
        if self.spec.limits.nice.is_some() {
            launch.settings.retain(|it| !matches!(it, Setting::Nice(_)));
        }
        launch
    }

    /// What a keeper that somebody else starts does not have from this process.
    fn strangers(&self) -> Delegated {
        Delegated {
            descriptors: 1 + self.slots.len(),
            umask: self.spec.umask.unwrap_or_else(settings::umask),
            bounds: (!self.wish.leave_sandbox).then(|| proc::bounds(None)),
        }
    }
}
