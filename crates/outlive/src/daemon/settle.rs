//! What a process does to become a daemon once it runs apart from its starter.

use super::pid_file::PidFile;
use super::{Closed, cgroup, rights};
use crate::error::{During, Result};
use crate::leave::Leaving;
use outlive_escape::cookies::is_cookie;
use outlive_os::identity::Identity;
use outlive_os::{Borrowed, Descriptor, daemon};
use outlive_record::Report;
use std::path::{Path, PathBuf};

/// All that was asked for, looked up and opened.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) folder: PathBuf,
    pub(super) umask: u32,
    pub(super) root: Option<PathBuf>,
    pub(super) identity: Option<Identity>,
    pub(super) pid_file: Option<PidFile>,
    /// Those that are not to stay what they are.
    pub(super) streams: Vec<(Descriptor, i32)>,
    pub(super) kept: Vec<i32>,
    pub(super) leaving: Option<Leaving>,
}

/// What has become of it.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// It is removed when this goes.
    _pid_file: Option<PidFile>,
    pub(super) closed: Vec<Closed>,
    pub(super) report: Option<Report>,
    /// Whether it is a service manager's process.
    pub(super) supervised: bool,
}

impl Prepared {
    /// In a process that no service manager has made as it is to be, and that has left its starter's
    /// session if it was to: `held` are descriptors that it goes on using. Rights go last, since all else may need them.
    pub(super) fn settle_apart(mut self, held: &[Borrowed<'_>]) -> Result<Settled> {
        daemon::reset_signals();
        daemon::remove_variables(|name| is_cookie(name).is_some())
            .during(|| "failed to take the variables of CI runners away".to_owned())?;
        let report = self.leaving.take().map(cgroup::leave).transpose()?;
        self.write_pid()?;
        self.set_streams()?;
        let closed = self.release(held)?;
        self.settle(closed, report, false)
    }

    /// In a process that a service manager has started as it is to be.
    pub(super) fn settle_in_place(mut self) -> Result<Settled> {
        self.write_pid()?;
        self.set_streams()?;
        self.settle(Vec::new(), None, true)
    }

    fn write_pid(&mut self) -> Result<()> {
        daemon::set_umask(self.umask);
        match &mut self.pid_file {
            Some(file) => file.write(),
            None => Ok(()),
        }
    }

    fn set_streams(&mut self) -> Result<()> {
        daemon::set_streams(std::mem::take(&mut self.streams))
            .during(|| "failed to set the daemon's standard streams".to_owned())
    }

    fn release(&mut self, held: &[Borrowed<'_>]) -> Result<Vec<Closed>> {
        let file = self.pid_file.iter().map(PidFile::descriptor);
        let held: Vec<_> = file.chain(held.iter().copied()).collect();
        let released = daemon::release_descriptors(&self.kept, &held)
            .during(|| "failed to close the descriptors of its starter".to_owned())?;
        Ok(released.into_iter().map(Closed::of).collect())
    }

    fn settle(
        self,
        closed: Vec<Closed>,
        report: Option<Report>,
        supervised: bool,
    ) -> Result<Settled> {
        if let Some(root) = &self.root {
            daemon::change_root(root)
                .during(|| format!("failed to make `{}` the root folder", root.display()))?;
        }
        enter(&self.folder)?;
        if let Some(identity) = &self.identity {
            rights::assume(identity)?;
        }
        Ok(Settled {
            _pid_file: self.pid_file,
            closed,
            report,
            supervised,
        })
    }
}

fn enter(folder: &Path) -> Result<()> {
    std::env::set_current_dir(folder)
        .during(|| format!("failed to change folder to `{}`", folder.display()))
}
