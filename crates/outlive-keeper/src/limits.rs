//! What the job may use: limits of its own cgroups, or of its job object.
//!
//! Where the controllers of version 2 can be had its cgroup there is limited. For one that is in a
//! hierarchy of version 1 the job gets another cgroup there, below its keeper's: what is limited
//! above stays so.

use crate::escape::{Own, cgroup_paths, of_own_unit, own_name};
use crate::start::Refusal;
use outlive_escape::survey;
use outlive_os::cgroup::Cgroup;
use outlive_os::process::Process;
use outlive_os::{limits as os, usage};
use outlive_record::{Answer, CgroupFolder, Launch, Limit, Unlimited};
use std::fmt::Display;
use std::fs::DirEntry;
use std::io;
use std::path::{Path, PathBuf};

/// The cgroup that a keeper moves to, within that of its own unit: one that divides its controllers
/// among others has no processes itself ("no internal processes", cgroups(7)).
const KEEPER: &str = "keeper";
/// What the names of cgroups of version 1 begin with.
const BESIDE: &str = "outlive-";

impl Own {
    /// Sets the limits that were asked for, as far as they can be had.
    pub(crate) fn limit(&mut self, launch: &Launch) {
        let limits = &launch.spec.limits;
        if limits.is_none() {
            return;
        }
        let delegated = launch.delegated.is_some();
        if delegated && limits.of_cgroup().next().is_some() {
            // Where it can't step aside no controller can be enabled, and that is told.
            let _ = step_aside(&of_own_unit());
        }
        let name = own_name(&launch.spec.id);
        for limit in limits.of_cgroup() {
            if let Err(why) = self.set(limit, delegated, &name) {
                self.unlimited.push(without(limit, why));
            }
        }
        for (cgroup, nice) in self.cgroups.iter().zip(limits.nice.iter().cycle()) {
            if let Err(why) = os::set_nice(cgroup, *nice) {
                self.unlimited.push(without("niceness", why));
            }
        }
    }

    /// Sets a limit on the first cgroup that can have it; or why none can.
    fn set(&mut self, limit: Limit, delegated: bool, name: &str) -> Result<(), String> {
        let mut why = None;
        for (cgroup, path) in self.cgroups.iter().zip(cgroup_paths(&self.folders)) {
            match os::set(cgroup, &top_of(&path, delegated), limit) {
                Ok(()) => return Ok(()),
                Err(error) => _ = why.get_or_insert_with(|| error.to_string()),
            }
        }
        let none = || "it gets no cgroup of its own here".to_owned();
        match survey::controller(limit.controllers().1) {
            Some(folder) => {
                let folder = folder.join(format!("{BESIDE}{name}"));
                self.set_beside(limit, &folder)
                    .map_err(|error| error.to_string())
            }
            None => Err(why.unwrap_or_else(none)),
        }
    }

    /// Sets a limit on a cgroup of version 1, which may be there for another limit's sake.
    fn set_beside(&mut self, limit: Limit, folder: &Path) -> io::Result<()> {
        let place = |own: &Own| {
            cgroup_paths(&own.folders)
                .iter()
                .position(|it| it == folder)
        };
        if place(self).is_none() {
            self.add(folder, false)?;
        }
        let at = place(self).ok_or(io::ErrorKind::NotFound)?;
        os::set(&self.cgroups[at], folder, limit)
    }
}

/// Refuses a job that can't be limited as it was required to be.
pub(crate) fn heed(launch: &Launch, unlimited: &[Unlimited]) -> Result<(), Refusal> {
    match launch.require_limits && !unlimited.is_empty() {
        true => Err(Answer::NotLimited(unlimited.to_vec()).into()),
        false => Ok(()),
    }
}

/// What is not limited if the job can't be put into its cgroups.
pub(crate) fn without_cgroups(launch: &Launch, why: &io::Error) -> Vec<Unlimited> {
    let asked = launch.spec.limits.of_cgroup();
    let why = format!("it can't join its cgroup: {why}");
    asked.map(|limit| without(limit, &why)).collect()
}

/// What is not limited if the job can't be made as nice as it is to be.
pub(crate) fn without_niceness(why: &io::Error) -> Unlimited {
    without("niceness", why)
}

fn without(what: impl Display, why: impl Display) -> Unlimited {
    Unlimited {
        what: what.to_string(),
        why: why.to_string(),
    }
}

/// The cgroups of version 1 that keepers have made below those of this process.
pub fn limiting_cgroups() -> Vec<PathBuf> {
    let folders = Limit::CONTROLLERS
        .iter()
        .filter_map(|(_, it)| survey::controller(it));
    let entries = folders.filter_map(|folder| std::fs::read_dir(folder).ok());
    let is_ours = |entry: &DirEntry| entry.file_name().to_string_lossy().starts_with(BESIDE);
    let ours = entries.flatten().flatten().filter(is_ours);
    ours.map(|entry| entry.path()).collect()
}

/// How many processes of the job the kernel has ended for lack of memory, as far as its cgroups tell.
pub(crate) fn oom_kills(folders: &[CgroupFolder]) -> u64 {
    let paths = cgroup_paths(folders);
    let mut told = paths.iter().filter_map(|path| usage::oom_kills(path));
    told.find(|kills| *kills > 0).unwrap_or(0)
}

/// The topmost cgroup that is ours to divide: that of the manager's unit, or the one in which
/// outlive's are.
fn top_of(path: &Path, delegated: bool) -> PathBuf {
    let levels = if delegated { 1 } else { 2 };
    path.ancestors().nth(levels).unwrap_or(path).to_owned()
}

/// The cgroup of the unit that a keeper is in, which may have stepped aside within it.
pub(crate) fn unit_of(mut folder: PathBuf) -> PathBuf {
    if folder.ends_with(KEEPER) {
        folder.pop();
    }
    folder
}

/// Moves this keeper out of the way, within the unit that a manager has given it.
fn step_aside(unit: &[CgroupFolder]) -> io::Result<()> {
    let this = Process::open(std::process::id().cast_signed())?;
    let mut folders = cgroup_paths(unit).into_iter().zip(unit);
    folders.try_for_each(|(path, folder)| {
        Cgroup::make(&path.join(KEEPER), folder.unified)?.admit(&this)
    })
}
