//! The job's own cgroups, and the report on what it has left.

use crate::limits;
use crate::start::Refusal;
use crate::watch::end_by_force;
use outlive_escape::kernel::cgroup::Kind;
use outlive_escape::report::{Running, Seen, verify};
use outlive_escape::survey;
use outlive_os::cgroup::Cgroup;
use outlive_os::folder::Folder;
use outlive_os::process::Process;
use outlive_os::pty::Pty;
use outlive_os::tree::Tree;
use outlive_os::{KERNEL, Kernel, bytes, os_string, proc, settings};
use outlive_record::{
    Answer, Caller, CgroupFolder, JobId, Launch, Report, Setting, Text, Unlimited,
};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a program may take to have its environment, and how long to look away meanwhile.
const EXEC: Duration = Duration::from_millis(100);
const GLANCE: Duration = Duration::from_millis(1);

/// What is to be compared once the job runs.
pub(crate) struct Expected {
    report: Report,
    caller: Caller,
    settings: Vec<Setting>,
    /// The number of the job's own terminal, 0 if it has none.
    terminal: i32,
}

impl Expected {
    pub(crate) fn of(launch: &Launch, terminal: Option<&Pty>) -> Expected {
        Expected {
            terminal: terminal.map_or(0, |it| it.number().unwrap_or(0)),
            report: launch.report.clone(),
            caller: launch.caller.clone(),
            settings: launch.settings.clone(),
        }
    }

    /// What could not be had is told with it.
    pub(crate) fn note(&mut self, unlimited: &[Unlimited]) {
        let notes = unlimited.iter().map(|it| format!("not limited: {it}"));
        self.report.notes.extend(notes);
    }

    /// Ends a job that has not left what it was required to leave.
    pub(crate) fn require(
        &self,
        tree: &mut Tree,
        main: &Process,
        folder: &Folder,
    ) -> Result<(), Refusal> {
        let report = self.compare(main, folder);
        let Some(danger) = report.dangers().next() else {
            return Ok(());
        };
        let what = format!("{}: {}", danger.hazard, danger.how);
        end_by_force(tree, |_| ());
        Err(Answer::Remained { what }.into())
    }

    /// The report on a job that runs.
    pub(crate) fn compare(&self, main: &Process, folder: &Folder) -> Report {
        let pid = main.pid();
        let parent = proc::line(std::process::id().cast_signed());
        let line = folder.read(crate::store::LOCK, 1 << 16);
        let line = line
            .ok()
            .and_then(|lines| crate::store::lock_lines(&lines).1);
        let Some(line) = line else {
            return self.report.clone();
        };
        let environment = environment_of(main);
        let now = proc::line(pid).ok().flatten();
        let running = now.filter(|now| !now.has_ended()).map(|_| Running {
            cgroups: proc::cgroups(pid).unwrap_or_default(),
            // Of one that has become another user's it can't be read, and is what it was given.
            environment,
            refused: settings::refused(pid, &self.settings),
        });
        let seen = Seen {
            line,
            leads: true,
            own_terminal: self.terminal,
            running,
            keepers_parent: parent.ok().flatten().map_or(0, |line| line.parent),
            in_job: proc::in_job(None).ok(),
        };
        verify(&self.report, &self.caller, &seen)
    }
}

/// The environment that a program has which was executed just now.
///
/// Its parent goes on when the new program's memory is there, which is before that has an environment
/// (`mm->env_end`, set by create_elf_tables in the kernel's fs/binfmt_elf.c), and nothing tells when it
/// has. That is within microseconds, unless the machine is busy. Of one that has become another user's
/// it can't be read at all.
fn environment_of(main: &Process) -> Vec<u8> {
    let begun = Instant::now();
    loop {
        let environment = proc::environment(main.pid());
        let is_late = begun.elapsed() > EXEC;
        if is_late || !environment.is_empty() || main.wait_end(Some(GLANCE)).unwrap_or(true) {
            return environment;
        }
    }
}

/// Cgroups of a job's own. They are removed again unless the job was started in them.
pub(crate) struct Own {
    pub(crate) folders: Vec<CgroupFolder>,
    pub(crate) cgroups: Vec<Cgroup>,
    /// Limits that the job can't be given.
    pub(crate) unlimited: Vec<Unlimited>,
}

impl Drop for Own {
    fn drop(&mut self) {
        remove(&self.folders);
    }
}

impl Own {
    /// Makes those of a job that is launched, without limits.
    pub(crate) fn of(launch: &Launch) -> Own {
        match launch.delegated {
            None => Own::within(&launch.cgroups, &launch.spec.id),
            Some(_) => Own::within(&of_own_unit(), &launch.spec.id),
        }
    }

    /// Makes one in each of these folders, as far as that is allowed: where it is not the job is where
    /// its keeper is.
    pub(crate) fn within(folders: &[CgroupFolder], id: &JobId) -> Own {
        let mut own = Own {
            folders: Vec::new(),
            cgroups: Vec::new(),
            unlimited: Vec::new(),
        };
        let name = own_name(id);
        if KERNEL == Kernel::Windows {
            // A job object, in the namespace that all sessions share ("Kernel object namespaces").
            let name = format!("outlive-{name}");
            let _ = own.add(&Path::new("Global").join(name), false);
        }
        for (base, folder) in cgroup_paths(folders).iter().zip(folders) {
            let _ = own.add(&base.join(&name), folder.unified);
        }
        own
    }

    /// Those of another run, in place of `before`. `cgroup.kill` ends what is cloned into a cgroup later
    /// on, too (seen of Linux 6.18), and what a run has used is counted for it alone, so that they are
    /// made anew; a job object is the same for all.
    pub(crate) fn renew(launch: &Launch, before: &[CgroupFolder]) -> Option<Own> {
        if KERNEL == Kernel::Windows {
            return None;
        }
        remove(before);
        let mut own = Own::of(launch);
        own.limit(launch);
        Some(own)
    }

    /// Makes one more.
    pub(crate) fn add(&mut self, folder: &Path, unified: bool) -> io::Result<()> {
        self.cgroups.push(Cgroup::make(folder, unified)?);
        self.folders.push(CgroupFolder {
            path: Text(bytes(folder.as_os_str()).to_vec()),
            unified,
        });
        Ok(())
    }

    /// From here on they go with the job; what it is not limited to.
    pub(crate) fn keep(mut self) -> Vec<Unlimited> {
        self.folders.clear();
        std::mem::take(&mut self.unlimited)
    }
}

/// What cgroups of a job are called. Whoever finds one knows by the keeper's id whether it is in use.
pub(crate) fn own_name(id: &JobId) -> String {
    format!("{id}.{}", std::process::id())
}

/// The cgroup that a manager has given this keeper, with the right to divide it (Delegate=).
pub(crate) fn of_own_unit() -> Vec<CgroupFolder> {
    if KERNEL == Kernel::Windows {
        return Vec::new();
    }
    let hierarchies = survey::cgroups().into_iter();
    let unified = hierarchies.filter(|it| it.kind == Kind::Unified);
    let folders = unified.filter_map(|it| Some(limits::unit_of(it.folder?)));
    let folders = folders.map(|folder| CgroupFolder {
        path: Text(bytes(folder.as_os_str()).to_vec()),
        unified: true,
    });
    folders.collect()
}

/// Removes a job's cgroups, as far as nobody is in them.
pub fn remove(folders: &[CgroupFolder]) {
    for path in cgroup_paths(folders) {
        // One that somebody is in is of use to them, and one that is gone is gone.
        let _ = outlive_os::cgroup::remove(&path);
    }
}

/// Where cgroups are.
pub fn cgroup_paths(folders: &[CgroupFolder]) -> Vec<PathBuf> {
    let paths = folders.iter().map(|it| os_string(it.path.0.clone()));
    paths.map(PathBuf::from).collect()
}
