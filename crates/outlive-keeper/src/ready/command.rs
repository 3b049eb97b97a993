//! Asking a command whether the job is ready: one of the job's own tree, and one at a time.

use crate::escape::cgroup_paths;
use crate::shell::{Means, Shell, kill, take_ended};
use outlive_os::Exit;
use outlive_os::cgroup::Cgroup;
use outlive_os::process::Process;
use outlive_record::{CgroupFolder, Record, Text};
use std::io;

/// What is run, and what has come of it.
pub(super) struct Command {
    shell: Shell,
    cgroups: Vec<CgroupFolder>,
    running: Option<Process>,
    exit: Option<Exit>,
}

impl Command {
    pub(super) fn new(line: &Text, record: &Record, means: Means) -> Command {
        Command {
            shell: Shell::new(line, &record.spec, means),
            cgroups: record.cgroups.clone(),
            running: None,
            exit: None,
        }
    }

    /// Whether it has ended just now: it is reaped then, so that how it ended is known here.
    pub(super) fn has_ended(&mut self) -> bool {
        let Some(exit) = take_ended(&mut self.running) else {
            return false;
        };
        self.exit = exit;
        true
    }

    /// Whether it has said that the job is ready; runs it if it does not run and has said nothing.
    pub(super) fn look(&mut self) -> bool {
        self.has_ended();
        match self.exit.take() {
            Some(exit) => exit == Exit::Code(0),
            None => {
                if self.running.is_none() {
                    // What hinders it now may not the next time.
                    self.running = self.start().ok();
                }
                false
            }
        }
    }

    fn start(&self) -> io::Result<Process> {
        let paths = cgroup_paths(&self.cgroups).into_iter();
        let folders = paths.zip(self.cgroups.iter().map(|it| it.unified));
        let cgroups: Vec<Cgroup> = folders
            .flat_map(|(path, unified)| Cgroup::open(&path, unified))
            .collect();
        self.shell.start([None, None], &cgroups)
    }
}

impl Drop for Command {
    /// Nobody will hear it any more.
    fn drop(&mut self) {
        if let Some(process) = &self.running {
            kill(process);
        }
    }
}
