//! Taking a process that runs already out of its surroundings.

use super::{Barred, Leaving, PATIENCE, PROCESSES, cgroups, of};
use crate::child::scope_name;
use crate::error::Result;
use outlive_os::process::Process;
use outlive_record::Way;
use outlive_systemd::move_into_scope;

impl Leaving {
    /// Takes this process, or a child of it, out of its cgroup on the way that the surroundings call
    /// for, or on the next best one. `description` is what a manager shows of its scope.
    pub(crate) fn take_out(&mut self, process: &Process, description: &str) -> Result<()> {
        let pid = process.pid();
        loop {
            let route = self.route()?;
            if let Way::Scoped(manager) = route.way {
                let (asked, name) = (of(manager), scope_name(pid));
                let user = self.survey.user;
                match move_into_scope(asked, user, &name, description, pid, PATIENCE) {
                    Ok(()) => return Ok(()),
                    Err(failure) => self.without(manager, failure.to_string()),
                }
                continue;
            }
            let moved = cgroups(&route.bases, PROCESSES)
                .and_then(|cgroups| cgroups.iter().try_for_each(|it| it.admit(process)));
            match moved {
                Ok(()) => return Ok(()),
                Err(error) => self.heed(Barred::Cgroup(error)),
            }
        }
    }
}
