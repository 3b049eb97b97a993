//! How the caller's job object is left.

use super::words::OFF;
use super::{Breakaway, Case, JobExit, Kernel, Level, Passage, Route, Via, Way, Words};
use crate::survey::JobObject;

impl Case<'_> {
    pub(super) fn job_exit(&self) -> JobExit {
        match self.via() {
            Some(Via::Parent) => return JobExit::Parent,
            Some(Via::Service | Via::Task) => return JobExit::Inherit,
            None => {}
        }
        let opens = |job: &JobObject| {
            // What lets new processes go silently does not have to be asked.
            job.breakaway_ok && !job.silent_breakaway && self.helpers.breakaway_refused.is_none()
        };
        match &self.survey.job {
            Some(job) if opens(job) && self.wish.breakaway != Breakaway::Off => JobExit::Breakaway,
            _ => JobExit::Inherit,
        }
    }

    /// The way out that was asked for, if it can be taken as far as that is known.
    pub(super) fn via(&self) -> Option<Via> {
        let via = self.wish.via?;
        let shut = self.survey.kernel != Kernel::Windows
            || self.wish.breakaway == Breakaway::Off
            || self.why_not(via).is_some();
        (!shut).then_some(via)
    }

    /// Why a way out can't be taken.
    fn why_not(&self, via: Via) -> Option<&str> {
        if self.wish.level == Level::Child && via != Via::Parent {
            return Some("nobody else can start a child of this process");
        }
        match &self.helpers.via {
            Passage::Failed(why) if self.wish.via == Some(via) => Some(why),
            _ => None,
        }
    }

    /// What is said of the way out that was asked for and is not taken.
    pub(super) fn said_of_via(&self, how: &str) -> String {
        let asked = self
            .wish
            .via
            .filter(|_| self.wish.breakaway != Breakaway::Off);
        match asked.and_then(|via| Some((via, self.why_not(via)?))) {
            Some((via, why)) => format!("{how}; not by --via {via}: {why}"),
            None => how.to_owned(),
        }
    }

    /// The ways out that are left to be asked for, those of `among`.
    pub(super) fn other_ways(&self, among: &[Via]) -> Option<String> {
        let open = among.iter().filter(|via| self.why_not(**via).is_none());
        let named: Vec<String> = open
            .map(|via| match via {
                Via::Service => format!("--via {via} (elevated)"),
                _ => format!("--via {via}"),
            })
            .collect();
        (!named.is_empty()).then(|| format!("outlive run {}", named.join(", or ")))
    }

    /// Whether the process is outside of the innermost job object.
    fn leaves_job(&self, route: &Route) -> bool {
        let silently = self
            .survey
            .job
            .as_ref()
            .is_some_and(|it| it.silent_breakaway);
        route.way != Way::Direct || route.exit != JobExit::Inherit || silently
    }

    pub(super) fn job_object(&self, route: &Route) -> Words {
        let Some(job) = &self.survey.job else {
            return Words::absent("");
        };
        let mut detail = match job.kill_on_close {
            true => "all that is in this job object ends when its last handle is closed",
            false => "all that is in this job object may be ended as one",
        }
        .to_owned();
        if let Some(maker) = job.maker {
            detail = format!("{detail} (it may be of process {maker})");
        }
        let left = |how: &str| Words::left(detail.clone(), how);
        match (route.way, route.exit) {
            (Way::Service, _) => left("the service control manager starts it, as a service"),
            (Way::Task, _) => left("the Task Scheduler starts it"),
            (_, JobExit::Parent) => match &self.helpers.via {
                Passage::By(who) => left(&format!(
                    "{who} is made its parent, and gives it its token and quotas"
                )),
                _ => left("another process is made its parent, and gives it its token and quotas"),
            },
            _ if self.leaves_job(route) && !self.helpers.outer_job => {
                left(&self.said_of_via(match route.exit {
                    JobExit::Breakaway => "it breaks away; what limits the job object stays there",
                    _ => "new processes are outside of it (SILENT_BREAKAWAY_OK)",
                }))
            }
            _ if self.wish.breakaway == Breakaway::Off => Words::kept(detail, OFF),
            _ => self.stays_in_job(detail, job, route),
        }
    }

    fn stays_in_job(&self, detail: String, job: &JobObject, route: &Route) -> Words {
        let why = match &self.helpers.breakaway_refused {
            _ if self.helpers.outer_job && self.leaves_job(route) => {
                "it leaves this one for one around it, which does not let it go".to_owned()
            }
            Some(why) if job.breakaway_ok => {
                format!("a job object around this one does not let it go: {why}")
            }
            _ => "it lets nobody go (without BREAKAWAY_OK: access denied, error 5)".to_owned(),
        };
        let mut words = Words::remains(detail, self.said_of_via(&why));
        words.hint = self.other_ways(&[Via::Parent, Via::Service, Via::Task]);
        words
    }

    /// Of what a process may use, Windows limits what a job object limits.
    pub(super) fn job_limits(&self, route: &Route) -> Words {
        let limits = match &self.survey.job {
            Some(job) if !job.limits.is_empty() => job.limits.join(", "),
            _ => return Words::absent(""),
        };
        match self.leaves_job(route) {
            true => Words::left(limits, "they are the job object's, and stay there"),
            false => Words::kept(limits, "they are the job object's, and go with it"),
        }
    }
}
