//! Leaving the caller's job object (Windows).

use super::Leaving;
use outlive_escape::plan::{JobExit, Passage, Route, Via};
use outlive_os::process::Process;
use outlive_os::{Leave, proc, surroundings};
use outlive_record::Way;
use std::io;
use std::sync::Arc;

/// How what is started on this route relates to the caller's job objects.
pub(crate) fn job_exit<'a>(route: &Route, parent: Option<&'a Process>) -> Leave<'a> {
    match (route.exit, parent) {
        (JobExit::Parent, Some(parent)) => Leave::Parent(parent),
        (JobExit::Breakaway, _) => Leave::Breakaway,
        _ => Leave::Inherit,
    }
}

/// Who starts the keeper on this route, if that is neither this process nor a manager.
pub(crate) fn starter(route: &Route) -> Option<Via> {
    match route.way {
        Way::Service => Some(Via::Service),
        Way::Task => Some(Via::Task),
        Way::Direct | Way::Scoped(_) | Way::Delegated(_) => None,
    }
}

/// Whether this process starts the keeper on this route.
pub(crate) fn is_ours(route: &Route) -> bool {
    matches!(route.way, Way::Direct | Way::Scoped(_))
}

impl Leaving {
    /// Looks for the way out that was asked for.
    pub(super) fn passage(&mut self, via: Via) -> Passage {
        match via {
            Via::Parent => match surroundings::foster_parent() {
                Ok((parent, name)) => {
                    let pid = parent.pid();
                    self.parent = Some(Arc::new(parent));
                    Passage::By(format!("{name} (process {pid})"))
                }
                Err(why) => self.shut(&why),
            },
            Via::Service | Via::Task => match surroundings::may_start_by(via) {
                Ok(()) => Passage::By(via.to_string()),
                Err(why) => self.shut(&why),
            },
        }
    }

    fn shut(&mut self, why: &io::Error) -> Passage {
        self.notes.push(why.to_string());
        Passage::Failed(why.to_string())
    }

    /// The way out that was asked for has turned out to be barred: the next plan does without it.
    pub(crate) fn without_via(&mut self, why: &io::Error) {
        self.helpers.via = self.shut(why);
    }

    /// Who is to be its parent in place of this process.
    pub(crate) fn parent(&self) -> Option<Arc<Process>> {
        self.parent.clone()
    }

    /// A job object around the innermost one has let nobody go: the next plan does without.
    pub(crate) fn without_breakaway(&mut self, why: &io::Error) {
        self.notes.push(format!("no process may break away: {why}"));
        self.helpers.breakaway_refused = Some(why.to_string());
    }

    /// Whether what was started turns out to be in a job object around the one that it has left,
    /// which nothing tells of before: the next plan knows it.
    pub(crate) fn is_in_outer_job(&mut self, process: &Process, route: &Route) -> bool {
        let job = self.survey.job.as_ref();
        let leaves = job.is_some_and(|job| job.silent_breakaway || route.exit != JobExit::Inherit);
        // What can't be told is compared with the plan once the job runs.
        let found = leaves
            && !self.helpers.outer_job
            && proc::in_job(Some(process)).is_ok_and(|is_in_one| is_in_one);
        self.helpers.outer_job |= found;
        found
    }
}
